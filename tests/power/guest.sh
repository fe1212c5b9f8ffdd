#!/bin/bash
# The first process of the User-Mode Linux guest of power.sh: mounts the disk, runs the command there, unmounts, switches off.
#
# The root file system is the host's, read-only; what the command keeps must be on the disk, at /run/disk. The work folder of
# power.sh is mounted on /run/work: the command comes from there and its exit status goes there. The first serial line is the
# command's output. Kernel parameters POWER_… say the rest.
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/run/disk TMPDIR=/run

finish() {
    echo "$1" >/run/work/status
    sync
    echo o >/proc/sysrq-trigger
    sleep 60
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir -p /dev/pts /dev/shm /run/work /run/disk
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
: "${POWER_WORK:?}" "${POWER_GUEST:?}" "${POWER_MOUNT:?}"
mount -t hostfs -o "$POWER_WORK" work /run/work
stty -F /dev/ttyS0 raw -echo
exec </dev/null >/dev/ttyS0 2>&1

ip link set lo up
if [[ -e /sys/class/net/vec0 ]]; then
    ip address add "$POWER_GUEST" dev vec0
    ip link set vec0 up
fi

# Nothing reaches the disk by the passing of time: what a program did not sync is in memory when the power goes.
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
mount -t ext4 -o "$POWER_MOUNT" /dev/ubda /run/disk || finish mount-failed
if dmesg | grep -q 'EXT4-fs (ubda): recovery complete'; then echo recovered >/run/work/journal; fi
# A flush of the bare disk, which power.sh looks out for.
sync /dev/ubda
echo up >/run/work/up

mapfile -d '' command </run/work/command
cd /run/disk || finish mount-failed
"${command[@]}"
status=$?
cd /
umount /run/disk || finish busy
finish "$status"
