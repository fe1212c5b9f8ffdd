#!/usr/bin/env bash
# A computer whose power can be cut: a User-Mode Linux guest that runs a command with its data on an ext4 disk of its own. Killing the
# guest loses what its kernel still held in memory, as a power cut does; a command killed alone would not, because the page cache
# outlives it, and a guest on the host's file system would not either, because the host's page cache does.
#
#   tests/power/power.sh make-disk DISK MEGABYTES
#   tests/power/power.sh run --disk DISK [--tap TAP --guest ADDRESS/LENGTH] [--memory MEGABYTES] [--up FILE] -- COMMAND [ARGUMENT]...
#
# COMMAND runs as root in the guest, which sees the host's files read-only, with the disk mounted on /run/disk, its working folder; its
# output is this script's, its exit status too: the guest then unmounts and switches itself off.
#   SIGTERM   cuts the power: the guest is gone at once, whatever it was doing; this script ends with 137 when nothing of it runs any
#             more and DISK can be used again. Its violent death, or its parent's in a sandbox, does the same to the guest.
#   --tap     the guest's network: a tap device of tests/sandbox.sh
#   --up      FILE is written when the disk is mounted and COMMAND starts: `recovered` when the file system had to replay its journal,
#             `clean` otherwise
# Exit status 125: the guest did not start, or its disk did not mount.
#
# The disk: writes that were not followed by a flush (what fsync and fdatasync end with) are lost with the power, up to what
# POWER_KEEP (0 to 100, percent, default 0) lets survive, each block by chance of the seed POWER_SEED: a disk's own cache keeps no
# order. See disk-cache.c.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
KERNEL=linux.uml
BOOT_SECONDS=60
# ext4's own periodic commit is put off, like the kernel's write-back in guest.sh. Only the self-test has use for other options.
POWER_MOUNT=${POWER_MOUNT:-commit=300}

die() {
    echo "power.sh: $*" >&2
    exit 125
}

action=${1:-}
if (($#)); then shift; fi
case $action in
make-disk)
    [[ $# -eq 2 ]] || die "make-disk DISK MEGABYTES"
    rm -f "$1"
    truncate -s "$2M" "$1"
    # The tables are written now, not by a background thread while the command runs.
    mke2fs -q -t ext4 -b 4096 -E lazy_itable_init=0,lazy_journal_init=0 "$1"
    exit
    ;;
run) ;;
*) die "make-disk or run (see the head of this file)" ;;
esac

disk='' tap='' guest=192.0.2.2/24 memory=512 up=''
while (($#)) && [[ $1 != -- ]]; do
    [[ $# -gt 1 ]] || die "$1 needs a value"
    case $1 in
    --disk) disk=$(realpath "$2") ;;
    --tap) tap=$2 ;;
    --guest) guest=$2 ;;
    --memory) memory=$2 ;;
    --up) up=$(realpath "$2") ;;
    *) die "unknown option $1" ;;
    esac
    shift 2
done
[[ ${1:-} == -- && $# -gt 1 ]] || die "-- COMMAND is needed"
shift
[[ -w $disk ]] || die "no disk"
command -v "$KERNEL" >/dev/null || die "user-mode-linux is not installed"

work=$(mktemp -d "${TMPDIR:-/tmp}/rrnetd-power.XXXXXXXX")
kernel_pid=
# The guest is a session of its own; with its leader its helper processes (disk thread, user space) are killed, then awaited: their
# standard output is the pipe that `output` reads to its end.
cut_power() {
    if [[ $kernel_pid ]]; then
        kill -KILL -- "-$kernel_pid" || true
        while pgrep -s "$kernel_pid" >/dev/null; do sleep 0.02; done
        wait "$kernel_pid" || true
        kernel_pid=
    fi
    # The shell's own word about a killed job goes with it.
} 2>/dev/null
# shellcheck disable=SC2317
finish() {
    local status=$?
    trap - EXIT
    cut_power
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 137' TERM
trap 'exit 143' HUP INT

mkdir "$work/uml"
printf '%s\0' "$@" >"$work/command"
network=()
if [[ $tap ]]; then network=("vec0:transport=tap,ifname=$tap"); fi
# Output: the guest's serial line is our standard output; its kernel's own messages go to a file, for when it fails.
cc -O2 -shared -fPIC -o "$work/disk-cache.so" "$here/disk-cache.c" -ldl
cc -O2 -shared -fPIC -o "$work/guest-registers.so" "$here/../guest-registers.c" -ldl
exec 3>&1
setsid setpriv --pdeathsig KILL \
    env "POWER_DISK=$disk" "POWER_FLUSHED=$work/flushed" "LD_PRELOAD=$work/disk-cache.so $work/guest-registers.so" \
    "$KERNEL" "mem=${memory}M" root=/dev/root rootfstype=hostfs rootflags=/ ro quiet "init=$here/guest.sh" "ubd0=$disk" \
    "${network[@]}" con=null con0=null,fd:1 ssl0=null,fd:3 umid=power "uml_dir=$work/uml" \
    "POWER_WORK=$work" "POWER_GUEST=$guest" "POWER_MOUNT=$POWER_MOUNT" </dev/null >"$work/console.log" 2>&1 &
kernel_pid=$!

deadline=$((SECONDS + BOOT_SECONDS))
until [[ -e $work/up ]]; do
    if ! kill -0 "$kernel_pid" 2>/dev/null || ((SECONDS > deadline)); then
        die "the guest does not start: $(cat "$work/status" 2>/dev/null) $(tail -n 5 "$work/console.log")"
    fi
    sleep 0.05
done
[[ -e $work/flushed ]] || die "the disk's flushes are not seen: this version of User-Mode Linux hands them over in another way"
if [[ $up ]]; then
    if [[ -e $work/journal ]]; then echo recovered >"$up"; else echo clean >"$up"; fi
fi
wait "$kernel_pid" || true
status=$(cat "$work/status" 2>/dev/null || echo none)
cut_power
[[ $status =~ ^[0-9]+$ ]] || die "the guest ended without a result ($status): $(tail -n 5 "$work/console.log")"
exit "$status"
