#!/usr/bin/env bash
# rrnetd under power cuts: it serves from the disk of a guest whose power is cut amid accounting load, several times. At the end every
# record that it acknowledged must be in its database, once, and the sums by hour must be those of the sessions.
#
#   tests/power/run.sh BINARIES           the folder with the binaries rrnetd and rrnetd-load; about 15 s a cut
#
# TEST_POWER_CUTS (default 2) says how often. Cuts of an odd number lose every write that was not flushed, the others lose half of
# them by chance.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
repository=$(realpath "$here/../..")
if [[ ${1:-} != --within ]]; then
    for binary in rrnetd rrnetd-load; do
        [[ -x ${1:-}/$binary ]] || { echo "run.sh: no $binary in '${1:-}'" >&2; exit 2; }
    done
    exec "$repository/tests/sandbox.sh" --tap power0=192.0.2.1/24 "$(realpath "$0")" --within "$(realpath "$1")"
fi
binaries=$2
CUTS=${TEST_POWER_CUTS:-2}
SECRET="power-secret"
SUBSCRIBERS=2000
SESSIONS=400
START_SECONDS=60
# The power is cut once so many records are acknowledged; the load would go on.
CUT_AFTER_RECORDS=3000
LOAD_SECONDS=60

work=$(mktemp -d)
give_up() {
    echo "FAIL $1"
    tail -n 40 "$work"/*.log "$work"/output.* "$work"/load.* 2>/dev/null || true
    exit 1
}

# acknowledged CUT: how many records its ledger has by now.
acknowledged() { if [[ -e $work/ledger.$1 ]]; then wc -l <"$work/ledger.$1"; else echo 0; fi; }

python3 "$repository/tests/demo.py" "$binaries/rrnetd" "$work/data" --router 192.0.2.1 --secret "$SECRET" \
    --numbered "$SUBSCRIBERS" >/dev/null 2>"$work/demo.log" || give_up "the data is not made"
"$here/power.sh" make-disk "$work/disk" 256

for ((cut = 1; cut <= CUTS; cut++)); do
    POWER_KEEP=$((cut % 2 ? 0 : 50)) POWER_SEED=$cut "$here/power.sh" run --disk "$work/disk" --tap power0 --guest 192.0.2.2/24 \
        --up "$work/up.$cut" -- /bin/bash "$here/daemon.sh" serve "$binaries" "$work" >"$work/output.$cut" 2>"$work/power.$cut.log" &
    power=$!
    deadline=$((SECONDS + START_SECONDS))
    until grep -q '"ready"' "$work/output.$cut" 2>/dev/null; do
        if ! kill -0 "$power" 2>/dev/null || ((SECONDS > deadline)); then give_up "start $cut: rrnetd does not serve"; fi
        sleep 0.1
    done
    "$binaries/rrnetd-load" run accounting --auth 192.0.2.2:1812 --acct 192.0.2.2:1813 --secret "$SECRET" --router 192.0.2.1 \
        --numbered "$SUBSCRIBERS" --sessions "$SESSIONS" --window "$SESSIONS" --first-session $((cut * 1000000)) --boot "$cut" \
        --duration "$LOAD_SECONDS" --patience 1000 --ledger "$work/ledger.$cut" >"$work/load.$cut" 2>&1 &
    load=$!
    deadline=$((SECONDS + LOAD_SECONDS))
    until (($(acknowledged "$cut") >= CUT_AFTER_RECORDS)); do
        if ! kill -0 "$load" 2>/dev/null || ((SECONDS > deadline)); then give_up "cut $cut: too little is acknowledged"; fi
        sleep 0.05
    done
    kill -TERM "$power"
    status=0
    wait "$power" || status=$?
    ((status == 137)) || give_up "cut $cut: the guest ended by itself, with $status"
    # What it could not write down any more counts as not acknowledged.
    kill -TERM "$load" 2>/dev/null || true
    wait "$load" || true
done

"$here/power.sh" run --disk "$work/disk" --up "$work/up.end" -- /bin/bash "$here/daemon.sh" verify "$binaries" "$work" "$CUTS" \
    >"$work/output.end" 2>"$work/power.end.log" || give_up "the last start"
python3 "$here/judge.py" "$CUTS" <"$work/output.end" || give_up "a promise was broken"
for ((cut = 2; cut <= CUTS; cut++)); do
    [[ $(<"$work/up.$cut") == recovered ]] || give_up "start $cut: no journal to replay, so the power was not cut"
done
echo "power: all passed in $SECONDS s"
