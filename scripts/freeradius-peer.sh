#!/usr/bin/env bash
# FreeRADIUS as a counterpart for tests and benches: a lean server with subscribers of one's choice, or a listener for CoA and
# Disconnect that poses as a router. A private instance, run by an unprivileged user, configuration and logs in a folder that goes
# with it.
#
#   scripts/freeradius-peer.sh users --subscribers CSV --secret S [--address A] [--auth-port P] [--acct-port P] [OPTIONS]
#       subscribers in a users file; accounting is answered and forgotten: the fastest that FreeRADIUS can be
#   scripts/freeradius-peer.sh sql   ... the same ... --database postgres://...
#       subscribers in radcheck and radreply, accounting in radacct: the packaged schema (with its indexes) and queries, made and
#       filled in that database (which should be an empty one); no groups, no detail files
#   scripts/freeradius-peer.sh coa --log FILE --secret S [--address A] [--port P] [--answer ack|nak|silence] [--error-cause N]
#       logs every CoA- and Disconnect-Request whose signature holds, one line each, and answers:
#       SECONDS MICROSECONDS KIND SOURCE-ADDRESS SOURCE-PORT Attribute = value, Attribute = value, ...
#
# CSV: a line per subscriber: NAME,PASSWORD[,Attribute=Value[;Attribute=Value]...]; no quotes, no header. `#` starts a comment line.
# OPTIONS  --threads N              worker threads (default: the number of processors)
#          --reject-delay SECONDS   default 0
#          --accounting-log FILE    users only: a line per Accounting-Request, as of `coa`
#
# Prints `ready pid=PID` once its ports are open, PID being FreeRADIUS itself, and stays until it ends or is told to (SIGTERM), then
# removes its folder. Needs Debian's packages freeradius, for `sql` freeradius-postgresql and postgresql's psql.
set -euo pipefail

CONFIGURATION=/etc/freeradius/3.0
READY_SECONDS=60

die() {
    echo "freeradius-peer: $*" >&2
    exit 2
}

kind=${1:-}
[[ $kind == users || $kind == sql || $kind == coa ]] || die "users, sql or coa (see the head of this file)"
shift
subscribers='' secret='' address=127.0.0.1 auth_port=1812 acct_port=1813 port=3799 database='' log='' answer=ack error_cause=''
threads=$(nproc) reject_delay=0 accounting_log=''
while (($#)); do
    [[ $# -gt 1 ]] || die "$1 needs a value"
    case $1 in
    --subscribers) subscribers=$2 ;;
    --secret) secret=$2 ;;
    --address) address=$2 ;;
    --auth-port) auth_port=$2 ;;
    --acct-port) acct_port=$2 ;;
    --port) port=$2 ;;
    --database) database=$2 ;;
    --log) log=$(realpath "$2") ;;
    --answer) answer=$2 ;;
    --error-cause) error_cause=$2 ;;
    --threads) threads=$2 ;;
    --reject-delay) reject_delay=$2 ;;
    --accounting-log) accounting_log=$(realpath "$2") ;;
    *) die "unknown option $1" ;;
    esac
    shift 2
done
[[ $secret ]] || die "--secret is needed"
if [[ $kind == coa ]]; then [[ $log ]] || die "--log is needed"; else [[ -r $subscribers ]] || die "--subscribers is needed"; fi
if [[ $kind == sql ]]; then [[ $database ]] || die "--database is needed"; fi
server=$(command -v freeradius || command -v radiusd || echo /usr/sbin/freeradius)
[[ -x $server ]] || die "FreeRADIUS is not installed"

directory=$(mktemp -d "${TMPDIR:-/tmp}/rrnetd-freeradius.XXXXXXXX")
server_pid=
finish() {
    local status=$?
    trap - EXIT
    if [[ $server_pid ]]; then
        kill -TERM "$server_pid" 2>/dev/null || true
        wait "$server_pid" 2>/dev/null || true
    fi
    rm -rf "$directory"
    exit "$status"
}
trap finish EXIT
trap 'exit 0' TERM INT HUP

# What all three share. Every source is a client: what is measured or listened to is on loopback or in a namespace.
common() {
    cat <<END
prefix = /usr
name = radiusd
confdir = $directory
modconfdir = $directory/mods-config
logdir = $directory
run_dir = $directory
libdir = /usr/lib/freeradius
pidfile = $directory/pid
max_request_time = 30
cleanup_delay = 2
max_requests = 65536
hostname_lookups = no
log {
    destination = files
    file = $directory/radius.log
    auth = no
}
security {
    max_attributes = 200
    reject_delay = $reject_delay
    status_server = no
}
proxy_requests = no
thread pool {
    start_servers = $threads
    max_servers = $threads
    min_spare_servers = $threads
    max_spare_servers = $threads
    max_requests_per_server = 0
    auto_limit_acct = no
}
instantiate {
    expr
}
client everyone {
    ipaddr = 0.0.0.0/0
    secret = "$secret"
    require_message_authenticator = no
}
END
}

# A line per packet: the whole list of attributes last.
line_log() {
    cat <<END
linelog $1 {
    filename = "$2"
    permissions = 0644
    format = "%c %C %{Packet-Type} %{Packet-Src-IP-Address} %{Packet-Src-Port} %{pairs:&request:}"
}
END
}

subscriber_server() {
    local store=$1 account=$2
    cat <<END
server default {
    listen {
        type = auth
        ipaddr = $address
        port = $auth_port
    }
    listen {
        type = acct
        ipaddr = $address
        port = $acct_port
    }
    authorize {
        $store
        chap
        mschap
        pap
    }
    authenticate {
        Auth-Type PAP {
            pap
        }
        Auth-Type CHAP {
            chap
        }
        Auth-Type MS-CHAP {
            mschap
        }
    }
    accounting {
        $account
    }
}
END
}

# The module expr gives %{pairs:}, %{tolower:} and %{md5:}; others use those when they are loaded, so it comes before them.
expressions='
    expr {
        safe_characters = "@abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_: /"
    }'
modules_for_passwords='
    pap {
    }
    chap {
    }
    mschap {
        use_mppe = yes
        require_encryption = no
        require_strong = no
    }
    always ok {
        rcode = ok
    }
    always noop {
        rcode = noop
    }'

configure_users() {
    # name Cleartext-Password := "word" <newline, tab> reply attributes, comma-separated
    awk -F, '!/^#/ && NF >= 2 {
        printf "%s Cleartext-Password := \"%s\"\n", $1, $2
        n = split($3, attribute, ";")
        for (i = 1; i <= n; i++) {
            at = index(attribute[i], "=")
            printf "\t%s += \"%s\"%s\n", substr(attribute[i], 1, at - 1), substr(attribute[i], at + 1), i < n ? "," : ""
        }
    }' "$subscribers" >"$directory/users"
    common
    echo "modules {
    $expressions
    files {
        usersfile = $directory/users
    }
    $modules_for_passwords"
    local account=ok
    if [[ $accounting_log ]]; then
        line_log accounting_log "$accounting_log"
        account=accounting_log
    fi
    echo "}"
    subscriber_server files "$account"
}

fill_database() {
    psql -q -v ON_ERROR_STOP=1 "$database" <"$CONFIGURATION/mods-config/sql/main/postgresql/schema.sql" 2>"$directory/psql.log" ||
        die "the schema fails: $(tail -n 3 "$directory/psql.log")"
    # COPY takes a tab-separated line; names, passwords and attributes hold no tab or backslash.
    {
        echo 'COPY radcheck (username, attribute, op, value) FROM stdin;'
        awk -F, -v OFS='\t' '!/^#/ && NF >= 2 { print $1, "Cleartext-Password", ":=", $2 }' "$subscribers"
        echo '\.'
        echo 'COPY radreply (username, attribute, op, value) FROM stdin;'
        awk -F, -v OFS='\t' '!/^#/ && NF >= 3 {
            n = split($3, attribute, ";")
            for (i = 1; i <= n; i++) {
                at = index(attribute[i], "=")
                print $1, substr(attribute[i], 1, at - 1), "+=", substr(attribute[i], at + 1)
            }
        }' "$subscribers"
        echo '\.'
        echo 'ANALYZE radcheck; ANALYZE radreply;'
    } | psql -q -v ON_ERROR_STOP=1 "$database"
}

configure_sql() {
    # FreeRADIUS takes libpq's keywords, but no URL.
    [[ $database =~ ^postgres(ql)?://([^:@/]+):([^@/]+)@([^:/]+):([0-9]+)/([^?]+)$ ]] ||
        die "--database postgres://USER:PASSWORD@HOST:PORT/NAME"
    local user=${BASH_REMATCH[2]} password=${BASH_REMATCH[3]} host=${BASH_REMATCH[4]} port=${BASH_REMATCH[5]} name=${BASH_REMATCH[6]}
    mkdir -p "$directory/mods-config/sql/main/postgresql"
    cp "$CONFIGURATION/mods-config/sql/main/postgresql/queries.conf" "$directory/mods-config/sql/main/postgresql/"
    common
    # One connection per thread, so that none waits for another.
    cat <<END
modules {
    $expressions
    sql {
        driver = "rlm_sql_postgresql"
        dialect = "postgresql"
        radius_db = "host=$host port=$port user=$user password=$password dbname=$name"
        acct_table1 = "radacct"
        acct_table2 = "radacct"
        postauth_table = "radpostauth"
        authcheck_table = "radcheck"
        authreply_table = "radreply"
        groupcheck_table = "radgroupcheck"
        groupreply_table = "radgroupreply"
        usergroup_table = "radusergroup"
        client_table = "nas"
        read_groups = no
        read_profiles = no
        read_clients = no
        delete_stale_sessions = yes
        group_attribute = "SQL-Group"
        pool {
            start = $threads
            min = $threads
            max = $threads
            spare = 0
            uses = 0
            retry_delay = 1
            lifetime = 0
            idle_timeout = 0
        }
        \$INCLUDE $directory/mods-config/sql/main/postgresql/queries.conf
    }
    $modules_for_passwords
}
END
    # The queries know a session by this hash; the packaged policy computes the same with more steps.
    subscriber_server sql 'update request {
            &Acct-Unique-Session-Id := "%{md5:%{User-Name},%{Acct-Session-Id},%{NAS-IP-Address},%{NAS-Identifier},%{NAS-Port-Id},%{NAS-Port}}"
        }
        sql'
}

configure_coa() {
    local reply
    case $answer in
    ack) reply=ok ;;
    nak) reply=reject ;;
    silence) reply='update control {
            &Response-Packet-Type := Do-Not-Respond
        }
        handled' ;;
    *) die "--answer ack, nak or silence" ;;
    esac
    if [[ $error_cause ]]; then
        reply="update reply {
            &Error-Cause := $error_cause
        }
        $reply"
    fi
    common
    echo "modules {
    $expressions"
    line_log request_log "$log"
    cat <<END
    always ok {
        rcode = ok
    }
    always reject {
        rcode = reject
    }
    always handled {
        rcode = handled
    }
}
listen {
    type = coa
    ipaddr = $address
    port = $port
    virtual_server = coa
}
server coa {
    recv-coa {
        request_log
        $reply
    }
    send-coa {
        ok
    }
}
END
}

# Configurations hold the secret.
umask 077
"configure_$kind" >"$directory/radiusd.conf"
# The packaged dictionary folder is complete; this one is for local additions, of which there are none.
: >"$directory/dictionary"
if [[ $kind == sql ]]; then fill_database; fi

as_user=()
if ((EUID == 0)); then
    as_user=(setpriv --reuid=freerad --regid=freerad --clear-groups)
    chown -R freerad:freerad "$directory"
    for file in "$log" "$accounting_log"; do
        if [[ $file ]]; then
            touch "$file"
            chown freerad "$file"
            "${as_user[@]}" test -w "$file" || die "the user freerad cannot reach $file"
        fi
    done
fi
(cd "$directory" && exec "${as_user[@]}" setpriv --pdeathsig KILL "$server" -f -d "$directory") \
    </dev/null >"$directory/output.log" 2>&1 &
server_pid=$!

deadline=$((SECONDS + READY_SECONDS))
until grep -q 'Ready to process requests' "$directory/radius.log" 2>/dev/null; do
    if ! kill -0 "$server_pid" 2>/dev/null || ((SECONDS > deadline)); then
        die "it does not start: $(tail -n 8 "$directory/output.log" "$directory/radius.log" 2>&1)"
    fi
    sleep 0.05
done
echo "ready pid=$server_pid"
wait "$server_pid"
