#!/usr/bin/env bash
# Compares, in one run on loopback: the floor, rrnetd on SQLite and on PostgreSQL, FreeRADIUS with a users file, FreeRADIUS with
# PostgreSQL. Rounds are interleaved, figures are medians, ratios are medians of each round's own. Prints tables in Markdown with
# the machine that they were taken on.
#
#   scripts/bench.sh             the whole: five rounds, a quarter of an hour
#   scripts/bench.sh --smoke     under 90 s without the build: does every part work? The benches of events and jobs as well.
#                                Never fails for being slow
#
# OPTIONS  --rounds N --seconds S   rounds, and seconds of each measurement
#          --subscribers N          how many there are (default 10000; the smoke 500)
#          --only NAME,...          of floor path sqlite postgres users sql (path: rrnetd's packet path without a database)
#          --modes MODE,...         of pap chap mschap2 accounting
#          --directory D            where databases, journals and logs lie: their disk is measured (default $TMPDIR)
#          --profile P              cargo profile to build with (default release; the smoke takes what the tests have built,
#                                   dev, unless a release is there already)
#          --programs D             the programs rrnetd and rrnetd-load that are in D, without a build (and so without the
#                                   benches of events and jobs)
# A peer is charged with its database's processor time as well. Accounting is durable on both sides: PostgreSQL with fsync.
set -euo pipefail
cd "$(dirname "$0")/.."

SECRET=bench-secret
# Of the super admin of a daemon that lives as long as this script.
PASSWORD=measured-on-loopback
READY_SECONDS=120

die() {
    echo "bench: $*" >&2
    exit 1
}
say() { echo "bench: $*" >&2; }

smoke='' rounds=5 seconds=4 subscribers='' only='' parent=${TMPDIR:-/tmp} profile='' programs='' modes=pap,chap,mschap2,accounting
while (($#)); do
    case $1 in
    --smoke) smoke=1 ;;
    --rounds | --seconds | --subscribers | --only | --modes | --directory | --profile | --programs)
        [[ $# -gt 1 ]] || die "$1 needs a value"
        declare "${1#--}=$2"
        if [[ $1 == --directory ]]; then parent=$2; fi
        shift
        ;;
    *) die "unknown option $1 (see the head of this file)" ;;
    esac
    shift
done
if [[ $smoke ]]; then rounds=1 seconds=0.7; fi
subscribers=${subscribers:-$([[ $smoke ]] && echo 500 || echo 10000)}
only=${only:-floor,path,sqlite,postgres,users,sql}
wanted() { [[ ,$only, == *,$1,* ]]; }

target=${CARGO_TARGET_DIR:-target}
if [[ ! $profile ]]; then
    profile=release
    if [[ $smoke && ! -x $target/release/rrnetd ]]; then profile=dev; fi
fi
build=''
if [[ ! $programs ]]; then
    build=1
    say "building with profile $profile"
    cargo build --quiet --locked --profile "$profile" --bin rrnetd --bin rrnetd-load -p rrnetd -p rrnetd-load
    programs=$target/$([[ $profile == dev ]] && echo debug || echo "$profile")
fi
load=$programs/rrnetd-load
daemon=$programs/rrnetd

folder=$(mktemp -d "$parent/rrnetd-bench.XXXXXXXX")
# FreeRADIUS and PostgreSQL run as users of their own and pass through here.
chmod 711 "$folder"
pids=()
finish() {
    local status=$? pid
    trap - EXIT
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [[ ${TEST_SERVERS_DIR:-} ]]; then scripts/test-servers.sh stop || true; fi
    if ((status)); then
        tail -n 20 "$folder"/*.log >&2 2>/dev/null || true
    fi
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

# name -> "auth acct pid[,pid...]"
declare -A server secret_of

# start NAME COMMAND...: runs it with its output in NAME.log; its id is in $started.
start() {
    local name=$1
    shift
    "$@" >"$folder/$name.log" 2>&1 </dev/null &
    started=$!
    pids+=("$started")
}

# until_said NAME PATTERN: waits until NAME has said it.
until_said() {
    local deadline=$((SECONDS + READY_SECONDS))
    until grep -qs -- "$2" "$folder/$1.log"; do
        kill -0 "$started" 2>/dev/null || die "$1 does not start"
        ((SECONDS < deadline)) || die "$1 is not ready in time"
        sleep 0.05
    done
}

free_port() {
    local port
    while :; do
        port=$((20000 + ($(od -An -N2 -tu2 /dev/urandom) % 10000)))
        if ! grep -q ":$(printf %04X $port) " /proc/net/udp /proc/net/tcp; then break; fi
    done
    echo "$port"
}

# What both sides give to a subscriber, as far as FreeRADIUS has it.
peer_subscribers() {
    awk -v count="$subscribers" 'BEGIN {
        split("10 20 50 100", speed, " ")
        for (i = 0; i < count; i++) {
            down = speed[i % 4 + 1]; up = down / 4
            printf "subscriber-%09d,pass%08d,Service-Type=Framed-User;Framed-Protocol=PPP;", i, i
            printf "Mikrotik-Rate-Limit=%dk/%dM;Acct-Interim-Interval=300;", up * 1000, down
            printf "Class=rrnetd-load-class-of-the-same-length-as-ours-%s\n", "1234567"
        }
    }'
}

import_subscribers() {
    awk -v count="$1" 'BEGIN {
        split("10 20 50 100", speed, " ")
        print "username,password,plan,name"
        for (i = 0; i < count; i++)
            printf "subscriber-%09d,pass%08d,Home %d Mbit/s,Subscriber %d\n", i, i, speed[i % 4 + 1], i
    }'
}

json() { python3 -c "import json, sys; print(eval('d' + sys.argv[1], {'d': json.load(sys.stdin)}))" "$1"; }

# sign_in API PASSWORD: a token.
sign_in() {
    curl -sS --fail-with-body "$1/login" -H 'content-type: application/json' -d "{\"login\":\"admin\",\"password\":\"$2\"}" |
        json "['token']"
}

# start_daemon NAME DATABASE-URL DATABASE-PIDS
start_daemon() {
    local name=$1 url=$2 pids_of_database=$3 auth acct http password token tenant api answer
    auth=$(free_port) acct=$(free_port) http=$(free_port)
    start "$name" "$daemon" quickstart --data "$folder/$name" --set "database.url=$url" --set "http.listen=127.0.0.1:$http" \
        --set "radius.authentication=[\"127.0.0.1:$auth\"]" --set "radius.accounting=[\"127.0.0.1:$acct\"]" --set log.filter=warn
    until_said "$name" radclient
    api=http://127.0.0.1:$http/api/v1
    password=$(sed -n 's/^Sign in  admin \/ \([^ ]*\) .*/\1/p' "$folder/$name.log")
    secret_of[$name]=$(sed -n "s/.* auth '\(.*\)'\$/\1/p" "$folder/$name.log" | head -n 1)
    # The password that was shown once has to be replaced before anything else.
    token=$(sign_in "$api" "$password")
    curl -sS --fail-with-body "$api/me/password" -H "authorization: Bearer $token" -H 'content-type: application/json' \
        -d "{\"current\":\"$password\",\"new\":\"$PASSWORD\"}" >&2
    token=$(sign_in "$api" "$PASSWORD")
    tenant=$(curl -sS --fail-with-body "$api/tenants" -H "authorization: Bearer $token" | json "['rows'][0]['id']")
    # The demo tenant's plan allows a small provider's subscribers; an older daemon knows no limits.
    answer=$(curl -sS -o /dev/null -w '%{http_code}' "$api/tenants/$tenant/limits" -H "authorization: Bearer $token" \
        -H 'content-type: application/json' -d '{"limit":"radius.max_users","unlimited":true,"reason":"measuring"}')
    [[ $answer == 200 || $answer == 404 ]] || die "$name: lifting the limit of subscribers is answered with $answer"
    import_subscribers "$subscribers" >"$folder/$name.csv"
    answer=$(curl -sS --fail-with-body -X POST "$api/subscribers/import?apply=true" -H "authorization: Bearer $token" \
        -H "rrnetd-tenant: $tenant" -H 'content-type: text/csv' -H "idempotency-key: bench" --data-binary "@$folder/$name.csv")
    (($(echo "$answer" | json "['report']['ready']") == subscribers)) || die "$name: the import says ${answer:0:400}"
    server[$name]="127.0.0.1:$auth 127.0.0.1:$acct $started${pids_of_database:+,$pids_of_database} http://127.0.0.1:$http/metrics"
    # So many changes at once take the directory a moment.
    local deadline=$((SECONDS + READY_SECONDS))
    until (($(curl -sS "http://127.0.0.1:$http/metrics" |
        awk '/^rrnetd_directory_entries\{kind="subscriber"\}/ { print $2 }') >= subscribers)); do
        ((SECONDS < deadline)) || die "$name: the directory does not follow"
        sleep 0.1
    done
    measure "$name" pap 0.2 >/dev/null || die "$name does not answer its subscribers"
}

# start_peer NAME KIND DATABASE-PID [OPTIONS]
start_peer() {
    local name=$1 kind=$2 pid_of_database=$3 auth acct pid
    shift 3
    auth=$(free_port) acct=$(free_port)
    start "$name" scripts/freeradius-peer.sh "$kind" --subscribers "$folder/peer.csv" --secret "$SECRET" \
        --auth-port "$auth" --acct-port "$acct" "$@"
    until_said "$name" '^ready pid='
    pid=$(sed -n 's/^ready pid=//p' "$folder/$name.log")
    server[$name]="127.0.0.1:$auth 127.0.0.1:$acct $pid${pid_of_database:+,$pid_of_database} -"
}

start_responder() {
    local name=$1 auth acct pid
    shift
    start "$name" "$load" "$@" --secret "$SECRET"
    until_said "$name" '^ready pid='
    read -r _ pid auth acct < <(grep '^ready' "$folder/$name.log")
    server[$name]="${auth#auth=} ${acct#acct=} ${pid#pid=} -"
}

# Each measurement needs sessions that no other has.
session=0
# measure NAME MODE SECONDS [OPTIONS]: one line of JSON.
measure() {
    local name=$1 mode=$2 duration=$3 auth acct charged charge=() pid
    shift 3
    read -r auth acct charged _ <<<"${server[$name]}"
    for pid in ${charged//,/ }; do charge+=(--pid "$pid"); done
    # FreeRADIUS of Debian 12 does not sign its replies.
    if [[ $name == users || $name == sql ]]; then charge+=(--unsigned-replies); fi
    "$load" run "$mode" --secret "${secret_of[$name]:-$SECRET}" --auth "$auth" --acct "$acct" --numbered "$subscribers" \
        --duration "$duration" --warm-up 0.3 --first-session "$session" --json "${charge[@]}" "$@"
}

say "starting the servers in $folder"
peer_subscribers >"$folder/peer.csv"
postgres_pid=''
if wanted postgres || wanted sql; then
    variables=$(scripts/test-servers.sh start --durable --no-redis --directory "$folder")
    eval "$variables"
    postgres_pid=$(<"$TEST_SERVERS_DIR/postgres.pid")
    PGOPTIONS='' psql -q "$TEST_DATABASE_URL" -c 'CREATE DATABASE rrnetd_bench' -c 'CREATE DATABASE freeradius_bench'
    base_url=${TEST_DATABASE_URL%/*}
fi
names=()
if wanted floor; then
    start_responder floor floor
    names+=(floor)
fi
if wanted path; then
    start_responder path serve --numbered "$subscribers" --journal "$folder/path"
    names+=(path)
fi
if wanted sqlite; then
    start_daemon sqlite sqlite:rrnetd.db ''
    names+=(sqlite)
fi
if wanted postgres; then
    start_daemon postgres "$base_url/rrnetd_bench" "$postgres_pid"
    names+=(postgres)
fi
if wanted users; then
    start_peer users users ''
    names+=(users)
fi
if wanted sql; then
    start_peer sql sql "$postgres_pid" --database "$base_url/freeradius_bench"
    names+=(sql)
fi

# drained NAME MODE: the option by which accounting waits for the database, and charges it.
drained() {
    local metrics
    read -r _ _ _ metrics <<<"${server[$1]}"
    if [[ $2 == accounting && $metrics != - ]]; then echo "--drained=$metrics"; fi
}

say "measuring: $rounds rounds of $seconds s"
results=$folder/results
for ((round = 0; round < rounds; round++)); do
    for mode in ${modes//,/ }; do
        for name in "${names[@]}"; do
            # The floor looks nobody up, and so cannot prove that it knows a password.
            if [[ $name == floor && $mode == mschap2 ]]; then continue; fi
            # FreeRADIUS with a users file keeps no accounting.
            if [[ $name == users && $mode == accounting ]]; then continue; fi
            session=$((session + 5000000))
            # shellcheck disable=SC2046  # one option or none
            figures=$(measure "$name" "$mode" "$seconds" $(drained "$name" "$mode")) || die "$name, $mode: ${figures:-no figures}"
            echo "$round $mode $name $figures" >>"$results"
        done
    done
    say "round $((round + 1)) of $rounds done"
done

# Half of the highest rate, for the latency of accounting; and a ledger against the database.
for name in sqlite postgres path; do
    if ! wanted "$name" || [[ ,$modes, != *,accounting,* ]]; then continue; fi
    rate=$(awk -v name="$name" '$2 == "accounting" && $3 == name { match($0, /"rate":[0-9.]+/); print substr($0, RSTART + 7, RLENGTH - 7) }' \
        "$results" | sort -g | awk '{ rates[NR] = $1 } END { printf "%d", rates[int((NR + 1) / 2)] / 2 }')
    for ((round = 0; round < rounds; round++)); do
        session=$((session + 5000000))
        # shellcheck disable=SC2046  # one option or none
        echo "$round half $name $(measure "$name" accounting "$seconds" --rate "$rate" $(drained "$name" accounting))" >>"$results"
    done
done

if [[ $smoke ]]; then
    # The rest of what the generator does, on as many servers as there are.
    for name in sqlite postgres path; do
        wanted "$name" || continue
        session=$((session + 5000000))
        measure "$name" mix "$seconds" >/dev/null || die "$name: whole sessions fail"
    done
    if wanted sqlite; then
        read -r auth acct _ metrics <<<"${server[sqlite]}"
        "$load" malformed --secret "${secret_of[sqlite]}" --auth "$auth" --acct "$acct" --numbered "$subscribers" --count 20000 \
            --metrics "$metrics" >"$folder/malformed.log" || die "mutated packets: $(<"$folder/malformed.log")"
    fi
    # In the profile and with the features of the tests, whatever the programs have: then nothing but the benches is built.
    if [[ $build && $postgres_pid ]]; then
        for subject in event job codec; do
            say "the bench of ${subject}s"
            cargo bench --quiet --locked --profile dev --workspace --bench "$subject" -- --smoke >"$folder/$subject.log" ||
                die "the bench of ${subject}s fails"
            echo "The bench of ${subject}s, in the profile of the tests:"
            cat "$folder/$subject.log"
        done
        echo
    fi
fi

python3 scripts/bench-table.py "$results" "$rounds" "$seconds" "$subscribers"
