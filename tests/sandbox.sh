#!/usr/bin/env bash
# Runs a command in network, process and mount namespaces of its own, so that a rig of many parts (guests, servers, taps, mounts)
# cannot leave anything behind and touches no network but its own: when the command ends, or this script is killed in whatever
# way, the kernel ends every process within and the namespaces with their interfaces and mounts go.
#
#   tests/sandbox.sh [--tap NAME=ADDRESS/LENGTH]... COMMAND [ARGUMENT]...
#   tests/sandbox.sh [--tap NAME=ADDRESS/LENGTH]... --hold
#
# --tap NAME=ADDRESS/LENGTH  makes a tap device for a guest and gives the host's side of it this address; needs /dev/net/tun
# --hold                     in place of a command: prints `ready` and holds the namespaces until standard input ends. With PID the
#                            process id of this script, others enter by `nsenter --net=/proc/PID/ns/net
#                            --pid=/proc/PID/ns/pid_for_children COMMAND`, and a thread of a test by setns(2) on the first.
#
# The loopback interface is up. $TMPDIR names a folder in memory that is the sandbox's own (whoever enters needs `--mount=/proc/PID/
# ns/mnt` as well to see it), so temporary files go too. As root nothing more is needed; an ordinary user gets a user namespace as well.
set -euo pipefail

if [[ ${1:-} != --within ]]; then
    options=(--net --pid --mount --fork --mount-proc --kill-child=KILL)
    if ((EUID != 0)); then options+=(--user --map-root-user); fi
    # A command dies with whoever started it; a hold ends with its standard input, whichever thread started it.
    tie=(setpriv --pdeathsig KILL)
    if [[ ${*: -1} == --hold ]]; then tie=(); fi
    exec "${tie[@]}" unshare "${options[@]}" "$(realpath "$0")" --within "$@"
fi
shift

ip link set lo up
# Over this folder, because it is everywhere, holds nothing that anyone looks for, and guests keep their memory there.
mount -t tmpfs -o mode=1777 sandbox /dev/shm
export TMPDIR=/dev/shm
while [[ ${1:-} == --tap ]]; do
    name=${2%%=*} address=${2#*=}
    ip tuntap add dev "$name" mode tap
    ip address add "$address" dev "$name"
    ip link set "$name" up
    shift 2
done
if [[ ${1:-} == --hold ]]; then
    echo ready
    exec cat >/dev/null
fi
# Not exec: this shell stays process 1 of the namespace, reaps orphans, and passes the command's exit status on.
"$@"
