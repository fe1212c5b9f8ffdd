#!/usr/bin/env bash
# A real NAS against a RADIUS server: boots a User-Mode Linux guest with a Linux PPPoE server (rp-pppoe, pppd and its RADIUS plugin)
# and PPPoE clients, lets the clients dial as the cases say, and reports what became of each. One boot serves all cases.
#
#   tests/sandbox.sh --tap nas0=192.0.2.1/24 ...          (the namespace; the server under test listens there on 192.0.2.1)
#   tests/nas/pppoe.sh --auth 192.0.2.1:1812 --acct 192.0.2.1:1813 --secret SECRET [--tap nas0] [--guest 192.0.2.2] [--logs DIR]
#                      <ORDERS >EVENTS
#
# Run it inside the sandbox. It needs root there (the guest writes no file of the host but in its work folder) and Debian's packages
# user-mode-linux, ppp, pppoe, kmod. --logs DIR keeps the logs of both ends.
#
# ORDERS, one a line; they may be written one by one, as events come. At the end of the input the guest is switched off.
#   name=NAME user=USER password=WORD [method=pap|chap|mschap|mschap-v2] [hold=SECONDS] [upload=OCTETS] [service=NAME] [together=yes]
#       dials; once up sends OCTETS upstream, holds the link SECONDS, hangs up. Sessions run one after the other; with together=yes
#       the next order does not wait for this one's end. pppd raises an Acct-Interim-Interval below 60 s to 60 s.
#   hangup=NAME
#       ends the hold of a session that runs together with others.
# No value holds a space.
#
# EVENTS, one a line:
#   event=ready boot_seconds=S
#   event=up case=NAME address=A gateway=G milliseconds=M        the link is up, M after the dial
#   event=attribute case=NAME name=ATTRIBUTE value=REST OF LINE  one of the Access-Accept
#   event=end case=NAME connected=yes|no cause=hung-up|refused|line-lost|peer-silent|negotiation-failed|idle|session-timeout|other
#             exit=N [address=A gateway=G sent=OCTETS received=OCTETS seconds=S]     pppd's exit status; the client's counters
#   event=off unanswered=N                 every Accounting-Stop was answered or given up; N requests to the server were given up
# The exit status is 0 when the last was reached.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
KERNEL=linux.uml
GUEST_MEMORY=192M
# A guest that says nothing for this long will say nothing more: longer than any silence of pppd's own, shorter than a CI's patience.
BOOT_SECONDS=60
OFF_SECONDS=60

die() {
    echo "pppoe.sh: $*" >&2
    exit 2
}

auth='' acct='' secret='' tap=nas0 guest=192.0.2.2 logs=''
while (($#)); do
    [[ $# -gt 1 ]] || die "$1 needs a value"
    case $1 in
    --auth) auth=$2 ;;
    --acct) acct=$2 ;;
    --secret) secret=$2 ;;
    --tap) tap=$2 ;;
    --guest) guest=$2 ;;
    --logs) logs=$2 ;;
    *) die "unknown option $1" ;;
    esac
    shift 2
done
[[ $auth == *:* && $acct == *:* && $secret ]] || die "--auth, --acct and --secret are needed"
[[ ${auth%:*} == "${acct%:*}" ]] || die "authentication and accounting go to one address"
command -v "$KERNEL" >/dev/null || die "user-mode-linux is not installed"
[[ -e /sys/class/net/$tap || $(ip -o link show "$tap" 2>/dev/null) ]] || die "no interface $tap here: run within sandbox.sh --tap"

work=$(mktemp -d "${TMPDIR:-/tmp}/rrnetd-nas.XXXXXXXX")
kernel_pid=
# The guest is a session of its own, helper processes and all.
switch_off() {
    if [[ $kernel_pid ]]; then
        kill -KILL -- "-$kernel_pid" || true
        wait "$kernel_pid" || true
        kernel_pid=
    fi
} 2>/dev/null
# shellcheck disable=SC2317
finish() {
    local status=$?
    trap - EXIT
    switch_off
    if [[ $logs ]]; then mkdir -p "$logs" && cp -r "$work/log/." "$work/events" "$logs/"; fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 143' HUP INT TERM

mkdir "$work/log" "$work/uml"
: >"$work/events"
(umask 077 && echo "$secret" >"$work/secret")
cp "$here/radius/dictionary" "$work/dictionary"

cc -O2 -shared -fPIC -o "$work/guest-registers.so" "$here/../guest-registers.c" -ldl
setsid setpriv --pdeathsig KILL env "LD_PRELOAD=$work/guest-registers.so" \
    "$KERNEL" "mem=$GUEST_MEMORY" root=/dev/root rootfstype=hostfs rootflags=/ ro quiet "init=$here/guest.sh" \
    "vec0:transport=tap,ifname=$tap" con=null con0=null,fd:1 "umid=nas" "uml_dir=$work/uml" \
    "NAS_WORK=$work" "NAS_HOST=${auth%:*}" "NAS_GUEST=$guest" "NAS_AUTH_PORT=${auth##*:}" "NAS_ACCT_PORT=${acct##*:}" \
    </dev/null >"$work/log/console.log" 2>&1 &
kernel_pid=$!

# Events flow out as they come; the reader ends with the guest.
tail -n +1 -f -s 0.05 --pid "$kernel_pid" "$work/events" &
events_pid=$!

# has WHAT: an event of that kind was reported.
has() { grep -q "^event=$1\b" "$work/events"; }
# wait_for WHAT SECONDS: false when the guest has gone or time is up without it.
wait_for() {
    local deadline=$((SECONDS + $2))
    until has "$1"; do
        if ! kill -0 "$kernel_pid" 2>/dev/null || ((SECONDS > deadline)); then
            has "$1"
            return
        fi
        sleep 0.05
    done
}

wait_for ready "$BOOT_SECONDS" || die "the guest does not come up: $(tail -n 5 "$work/log/console.log" "$work/log/guest.log" 2>&1)"

number=0
give_order() {
    number=$((number + 1))
    echo "$1" >"$work/order.new"
    mv "$work/order.new" "$work/order.$number"
}
dials=0
while read -r line; do
    case $line in
    '' | '#'*) ;;
    name=*) give_order "$line" && dials=$((dials + 1)) ;;
    hangup=*) give_order "$line" ;;
    *) die "not an order: $line" ;;
    esac
done
give_order end

# Sessions may be held long; only silence after the last one's end is a fault.
while kill -0 "$kernel_pid" 2>/dev/null && (($(grep -c '^event=end' "$work/events") < dials)); do sleep 0.1; done
wait_for off "$OFF_SECONDS" || die "the guest stopped before its end: $(tail -n 5 "$work/log/console.log")"
# Switched off by itself, or stuck in it: nothing of it is needed any more.
for ((tries = 0; tries < 50; tries++)); do
    kill -0 "$kernel_pid" 2>/dev/null || break
    sleep 0.1
done
switch_off
wait "$events_pid" || true
