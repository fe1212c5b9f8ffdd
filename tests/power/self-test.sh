#!/usr/bin/env bash
# Proves the power rig itself: it must pass a writer that syncs before it acknowledges, and catch one that does not, and one whose
# syncs do not reach the disk (a mount without barriers: the data is written but never flushed). About 30 s.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
if [[ ${1:-} != --within ]]; then
    exec "$here/../sandbox.sh" --tap power0=192.0.2.1/24 "$(realpath "$0")" --within
fi

work=$(mktemp -d)
failed=0

# cut_amid_load WAY MOUNT-OPTIONS: a load, a power cut in its midst, a second boot. Prints `acknowledged lost journal`.
cut_amid_load() {
    local power load
    "$here/power.sh" make-disk "$work/disk" 64
    rm -f "$work/output"
    POWER_MOUNT=$2 "$here/power.sh" run --disk "$work/disk" --tap power0 --guest 192.0.2.2/24 -- \
        python3 "$here/stand-in.py" serve 9999 numbers "$1" >"$work/output" &
    power=$!
    until grep -q serving "$work/output" 2>/dev/null; do
        kill -0 "$power" || return 1
        sleep 0.05
    done
    python3 "$here/stand-in.py" load 192.0.2.2 9999 2 >"$work/acknowledged" &
    load=$!
    sleep 1.5
    kill -TERM "$power"
    if wait "$power"; then return 1; fi
    wait "$load"
    "$here/power.sh" run --disk "$work/disk" --up "$work/up" -- python3 "$here/stand-in.py" numbers numbers >"$work/kept"
    sort "$work/acknowledged" >"$work/acknowledged.sorted"
    sort "$work/kept" >"$work/kept.sorted"
    echo "$(wc -l <"$work/acknowledged") $(comm -23 "$work/acknowledged.sorted" "$work/kept.sorted" | wc -l) $(<"$work/up")"
}

# check NAME none|some WAY MOUNT-OPTIONS
check() {
    local acknowledged=0 lost=0 journal=none right=
    read -r acknowledged lost journal < <(cut_amid_load "$3" "$4") || true
    case $2 in
    # A journal to replay shows that the power was cut, rather than the guest shut down.
    none) ((acknowledged > 0 && lost == 0)) && [[ $journal == recovered ]] && right=1 ;;
    some) ((acknowledged > 0 && lost > 0)) && right=1 ;;
    esac
    echo "$1: acknowledged $acknowledged, lost $lost, journal $journal"
    if [[ ! $right ]]; then failed=1; fi
}

check "a writer that syncs" none fdatasync commit=300
check "a writer that does not" some forget commit=300
check "a writer whose syncs stop before the disk" some fdatasync commit=300,nobarrier
POWER_KEEP=50 POWER_SEED=1 check "a writer that syncs, on a disk that drains at random" none fdatasync commit=300
if ((failed)); then
    echo "the rig is not sound"
    exit 1
fi
echo "the rig is sound"
