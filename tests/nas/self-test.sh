#!/usr/bin/env bash
# Proves the PPPoE rig itself against a server known to be right: FreeRADIUS with a users file. When the same orders fail against
# rrnetd and this passes, rrnetd is at fault, not the rig.
#
#   tests/nas/self-test.sh            about 80 s, because pppd sends its first interim after 60 s
set -euo pipefail

here=$(dirname "$(realpath "$0")")
repository=$(realpath "$here/../..")
if [[ ${1:-} != --within ]]; then
    exec "$repository/tests/sandbox.sh" --tap nas0=192.0.2.1/24 "$(realpath "$0")" --within
fi

work=$(mktemp -d)
# FreeRADIUS is not root and writes its log there.
chmod 755 "$work"
cat >"$work/subscribers.csv" <<'END'
budi,rahasia,Framed-IP-Address=10.64.0.9;Mikrotik-Rate-Limit=5M/5M 10M/10M 4M/4M 10/10
siti,sandi,Acct-Interim-Interval=60
END
: >"$work/accounting.log"
"$repository/scripts/freeradius-peer.sh" users --address 192.0.2.1 --secret nas-secret --subscribers "$work/subscribers.csv" \
    --accounting-log "$work/accounting.log" >"$work/peer" &
until grep -q ready "$work/peer"; do sleep 0.1; done

"$here/pppoe.sh" --auth 192.0.2.1:1812 --acct 192.0.2.1:1813 --secret nas-secret <<'END' | tee "$work/events"
name=long user=siti password=sandi method=chap hold=62 together=yes
name=pap user=budi password=rahasia method=pap upload=20000
name=chap user=budi password=rahasia method=chap
name=mschap user=budi password=rahasia method=mschap
name=mschap-v2 user=budi password=rahasia method=mschap-v2
name=wrong-pap user=budi password=wrong method=pap
name=wrong-chap user=budi password=wrong method=chap
name=wrong-mschap-v2 user=budi password=wrong method=mschap-v2
name=stranger user=nobody password=rahasia method=pap
END

failed=0
# expect FILE COUNT PATTERN: as many lines of FILE match.
expect() {
    local count
    count=$(grep -cE "$3" "$work/$1" || true)
    if ((count != $2)); then
        echo "expected $2, found $count: $3"
        failed=$((failed + 1))
    fi
}
for case in pap chap mschap mschap-v2; do
    expect events 1 "^event=up case=$case address=10\.64\.0\.9 "
    expect events 1 "^event=attribute case=$case name=Mikrotik-Rate-Limit value=5M/5M 10M/10M 4M/4M 10/10$"
    expect events 1 "^event=end case=$case connected=yes cause=hung-up "
done
for case in wrong-pap wrong-chap wrong-mschap-v2 stranger; do
    expect events 1 "^event=end case=$case connected=no cause=refused "
done
expect events 1 '^event=up case=long address=10\.64\.1\.'
expect events 1 '^event=off unanswered=0$'
expect accounting.log 5 'Acct-Status-Type = Start'
expect accounting.log 5 'Acct-Status-Type = Stop'
expect accounting.log 1 '"siti".*Acct-Status-Type = Interim-Update'
# The client's upload (20 datagrams of 1000 octets and their headers, and a few octets of IPCP) is the server's input.
expect accounting.log 1 'Acct-Status-Type = Stop.*Acct-Input-Octets = 205[67][0-9],'
if ((failed)); then
    cat "$work/accounting.log"
    exit 1
fi
echo "the rig is sound"
