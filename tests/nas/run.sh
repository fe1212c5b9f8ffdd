#!/usr/bin/env bash
# rrnetd against a real NAS: the PPPoE rig's clients log in with every method of pppd, and what became of them must stand in
# rrnetd's session history. self-test.sh runs the same rig against FreeRADIUS.
#
#   tests/nas/run.sh BINARY           about 80 s, because pppd sends its first interim after 60 s
#
# One subscriber has a static address; an isolated one is the session that lives past an interim.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
repository=$(realpath "$here/../..")
if [[ ${1:-} != --within ]]; then
    [[ -x ${1:-} ]] || { echo "run.sh: give rrnetd's binary" >&2; exit 2; }
    exec "$repository/tests/sandbox.sh" --tap nas0=192.0.2.1/24 "$(realpath "$0")" --within "$(realpath "$1")"
fi
binary=$2
SECRET=nas-secret
INTERIM_SECONDS=60
# rrnetd spreads the interval by a tenth to either side, down to 60 s at the least.
HOLD_SECONDS=68
START_SECONDS=30

work=$(mktemp -d)
data=$work/data
python3 "$repository/tests/demo.py" "$binary" "$data" --router 192.0.2.2 --secret "$SECRET" --interim "$INTERIM_SECONDS" \
    --static-address 10.64.0.9 2>"$work/demo.log" || { cat "$work/demo.log"; exit 1; }
free=rig-free isolated=rig-isolated password=sandi

"$binary" serve --config "$data/rrnetd.toml" >"$work/ready" 2>"$work/rrnetd.log" &
daemon=$!
deadline=$((SECONDS + START_SECONDS))
until grep -q '"ready"' "$work/ready"; do
    if ! kill -0 "$daemon" 2>/dev/null || ((SECONDS > deadline)); then
        echo "rrnetd does not start"
        cat "$work/rrnetd.log"
        exit 1
    fi
    sleep 0.05
done

# Waits for a session that is still open and whose time tells of an interim; prints how many there are, once.
python3 - "$data/rrnetd.db" "$INTERIM_SECONDS" >"$work/interims" <<'END' &
import sqlite3, sys, time
statement = "SELECT COUNT(*) FROM session WHERE ended_at IS NULL AND session_seconds >= ?"
while True:
    with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) as database:
        if found := database.execute(statement, (sys.argv[2],)).fetchone()[0]:
            print(found, flush=True)
            break
    time.sleep(0.5)
END
interims=$!

rig=0
"$here/pppoe.sh" --auth 192.0.2.1:1812 --acct 192.0.2.1:1813 --secret "$SECRET" --logs "$work/logs" <<END >"$work/events" || rig=$?
name=isolated user=$isolated password=$password method=mschap-v2 hold=$HOLD_SECONDS upload=20000 together=yes
name=pap user=$free password=$password method=pap upload=20000
name=chap user=$free password=$password method=chap
name=mschap-v2 user=$free password=$password method=mschap-v2
name=wrong-pap user=$free password=wrong method=pap
name=wrong-chap user=$free password=wrong method=chap
name=wrong-mschap-v2 user=$free password=wrong method=mschap-v2
name=stranger user=nobody password=$password method=pap
END

kill "$interims" 2>/dev/null || true

# field NAME: the value of a field of the JSON on standard input.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
api=$(field http <"$work/ready")
token=$(curl -s --json '{"login":"admin","password":"rigs of a sandbox"}' "http://$api/api/v1/login" | field token)
tenant=$(curl -s -H "Authorization: Bearer $token" "http://$api/api/v1/tenants" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["rows"][0]["id"])')
get() { curl -s -H "Authorization: Bearer $token" -H "Rrnetd-Tenant: $tenant" "http://$api/api/v1/$1"; }
# The last Stop may still be on its way into the history.
for ((tries = 0; tries < 50; tries++)); do
    get 'sessions?state=history' >"$work/history.json"
    if (($(grep -o '"endCause":"stopped"' "$work/history.json" | wc -l) == 4)); then break; fi
    sleep 0.1
done
get authentications >"$work/authentications.json"

# Stopped, it has drained its journal; only then is the history complete.
stopped=0
kill -TERM "$daemon"
wait "$daemon" || stopped=$?

failed=0
# report NAME EXPECTED FOUND
report() {
    if [[ $2 == "$3" ]]; then
        echo "PASS $1"
    else
        echo "FAIL $1: expected $2, found $3"
        failed=$((failed + 1))
    fi
}
# count NAME COUNT PATTERN: as many events match.
count() { report "$1" "$2" "$(grep -cE "$3" "$work/events" || true)"; }
# rows NAME COUNT CONDITION: as many sessions of the history meet it.
rows() {
    report "$1" "$2" "$(python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    print(database.execute(f"SELECT COUNT(*) FROM session WHERE {sys.argv[2]}").fetchone()[0])' "$data/rrnetd.db" "$3")"
}

# listed FILE CONDITION: how many rows of an answer of the API meet it.
listed() {
    python3 -c 'import json, sys
print(sum(bool(eval(sys.argv[2], {}, row)) for row in json.load(open(sys.argv[1]))["rows"]))' "$work/$1.json" "$2" || true
}
report "the rig ran to its end" 0 "$rig"
report "rrnetd stopped in order" 0 "$stopped"
for case in pap chap mschap-v2; do
    count "$case logs in, with the static address" 1 "^event=up case=$case address=10\.64\.0\.9 "
    count "$case gets the plan's rate" 1 "^event=attribute case=$case name=Mikrotik-Rate-Limit value=2500k/10M$"
    count "$case ends by its own will" 1 "^event=end case=$case connected=yes cause=hung-up "
done
for case in wrong-pap wrong-chap wrong-mschap-v2 stranger; do
    count "$case is refused" 1 "^event=end case=$case connected=no cause=refused "
done
count "the isolated subscriber is online, with an address of the NAS" 1 '^event=up case=isolated address=10\.64\.1\.'
count "the isolated subscriber is slow" 1 '^event=attribute case=isolated name=Mikrotik-Rate-Limit value=128k/128k$'
count "the isolated subscriber is on the list" 1 '^event=attribute case=isolated name=Mikrotik-Address-List value=isolir$'
count "the isolated subscriber has its interim interval" 1 \
    "^event=attribute case=isolated name=Acct-Interim-Interval value=6[0-6]$"
count "every request was answered" 1 '^event=off unanswered=0$'

report "the API shows each session, ended" 4 "$(listed history "endCause == 'stopped' and not online")"
report "the API shows the static address" 3 "$(listed history "username == '$free' and framedAddress == '10.64.0.9'")"
report "the API shows the uploads" 2 "$(listed history "20560 <= int(uploadOctets) <= 20900")"
report "the API shows the accepts" 4 "$(listed authentications 'accepted')"
report "the API shows the rejects" 4 "$(listed authentications 'not accepted')"
rows "the history has each session once" 4 "1"
rows "each is over by its Stop, and known by its cookie" 4 \
    "end_cause = 'stopped' AND ended_at IS NOT NULL AND from_cookie = 1 AND subscriber_id IS NOT NULL AND terminate_cause = 1"
rows "sessions of the static address" 3 "username = '$free' AND framed_address = '10.64.0.9'"
rows "the isolated session is marked as such" 1 "username = '$isolated' AND overlay_generation % 2 = 1"
rows "its time is the client's" 1 "username = '$isolated' AND session_seconds BETWEEN $INTERIM_SECONDS AND $((INTERIM_SECONDS + 20))"
# Twenty datagrams of 1000 octets and their headers, and a few octets of IPCP: the server's input is the client's upload.
rows "uploads are counted as uploads" 2 "upload_octets BETWEEN 20560 AND 20900 AND download_octets < 20000"
report "an interim told of the isolated session while it was open" 1 "$(<"$work/interims")"

if ((failed)); then
    echo "--- events" && cat "$work/events"
    echo "--- API" && cat "$work/history.json" "$work/authentications.json"
    echo "--- rrnetd" && cat "$work/rrnetd.log"
    echo "--- NAS" && tail -n 60 "$work/logs/server.log"
    echo "nas: $failed failed"
    exit 1
fi
echo "nas: all passed in $SECONDS s"
