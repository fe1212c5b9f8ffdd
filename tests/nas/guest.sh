#!/bin/bash
# The first process of the User-Mode Linux guest of pppoe.sh: a PPPoE server whose sessions are authenticated and accounted over
# RADIUS by pppd's plugin, and beside it, in a network namespace of its own, the PPPoE clients that the cases ask for.
#
# The root file system is the host's, read-only. What must be written lies in memory, or in the work folder of pppoe.sh, which is
# mounted on /run/work and also carries the cases in (order.N) and the events out (events). Kernel parameters NAS_… say the rest.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

power_off() {
    sync
    echo o >/proc/sysrq-trigger
    sleep 60
}

event() { echo "$*" >>/run/work/events; }

give_up() {
    event "event=broken reason=${1// /_}"
    power_off
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /etc/ppp
mkdir -p /dev/pts /run/modules/lib /run/work
mount -t devpts devpts /dev/pts
# Process 1 gets the kernel parameters that the kernel does not know as variables.
: "${NAS_WORK:?}" "${NAS_HOST:?}" "${NAS_GUEST:?}" "${NAS_AUTH_PORT:?}" "${NAS_ACCT_PORT:?}"
mount -t hostfs -o "$NAS_WORK" work /run/work
exec 2>>/run/work/log/guest.log

# One modprobe, not one insmod each: starting a process is what is slow here.
ln -s /usr/lib/uml/modules /run/modules/lib/modules
modprobe -d /run/modules -a ppp_generic pppox pppoe ppp_async ppp_mppe veth || give_up "modules"
[[ -e /dev/ppp ]] || mknod /dev/ppp c 108 0

ip link set lo up
ip address add "$NAS_GUEST/24" dev vec0
ip link set vec0 up
ip netns add client
ip link add server0 type veth peer name client0 netns client
ip link set server0 up
ip -n client link set client0 up
ip -n client link set lo up
# Where clients upload to. Each session sends to an address of its own there, because all have the same gateway.
ip route add local 10.65.0.0/16 dev lo

# The plugin finds its own address by the host name.
hostname pppoe-nas
echo "$NAS_GUEST pppoe-nas" >/run/hosts
mount --bind /run/hosts /etc/hosts

: >/run/port-id-map
: >/run/work/log/server.log
echo "$NAS_HOST $(</run/work/secret)" >/run/servers
cat >/run/radiusclient.conf <<END
auth_order radius
login_tries 4
login_timeout 60
nologin /run/nologin
issue /run/issue
authserver $NAS_HOST:$NAS_AUTH_PORT
acctserver $NAS_HOST:$NAS_ACCT_PORT
servers /run/servers
dictionary /run/work/dictionary
login_radius /bin/true
seqfile /run/radius.seq
mapfile /run/port-id-map
default_realm
radius_timeout 1
radius_retries 3
nas_identifier pppoe-nas
bindaddr $NAS_GUEST
END

# Every method is offered, as RouterOS does by default; the client of a case refuses all but its own.
cat >/etc/ppp/pppoe-server-options <<END
auth
plugin radius.so
plugin radattr.so
radius-config-file /run/radiusclient.conf
noccp
lcp-restart 1
lcp-echo-interval 10
lcp-echo-failure 3
debug
logfile /run/work/log/server.log
END
# Arguments: interface, tty, speed, local address, remote address, ipparam; a `case:` there tells the client's side. On the server's
# side radattr has listed the answer's attributes. Files appear complete.
cat >/etc/ppp/ip-up <<'END'
#!/bin/bash
if [[ $6 == case:* ]]; then
    ip route add "10.65.${4#*.*.}" dev "$1"
    echo "address=$4 gateway=$5" >"/run/up.new.$$" && mv "/run/up.new.$$" "/run/up.${6#case:}"
else
    cp "/run/radattr.$1" "/run/attributes.new.$$" && mv "/run/attributes.new.$$" "/run/attributes.$5"
fi
END
cat >/etc/ppp/ip-down <<'END'
#!/bin/bash
[[ $6 == case:* ]] || exit 0
echo "sent=$BYTES_SENT received=$BYTES_RCVD seconds=$CONNECT_TIME" >"/run/down.${6#case:}"
END
chmod +x /etc/ppp/ip-up /etc/ppp/ip-down

# Sessions beyond what Framed-IP-Address gives get an address from this range.
pppoe-server -I server0 -C access -S '' -L 10.64.0.1 -R 10.64.1.1 -N 200 -O /etc/ppp/pppoe-server-options \
    >>/run/work/log/guest.log || give_up "pppoe-server"

read -r uptime _ </proc/uptime
event "event=ready boot_seconds=$uptime"

# Orders are files that appear complete, one after the other; `end` is the last.
order=1
while :; do
    until [[ -e /run/work/order.$order ]]; do sleep 0.1; done
    line=$(<"/run/work/order.$order")
    order=$((order + 1))
    case $line in
    end) break ;;
    hangup=*) : >"/run/hangup.${line#hangup=}" ;;
    *together=yes*) ip netns exec client /bin/bash "${0%/*}/session.sh" "$line" & ;;
    *) ip netns exec client /bin/bash "${0%/*}/session.sh" "$line" ;;
    esac
done
wait
# The server's pppd processes outlive the client's by their accounting Stop.
for ((tries = 0; tries < 100; tries++)); do
    pgrep -x pppd >/dev/null || break
    sleep 0.1
done
event "event=off unanswered=$(grep -c 'no reply from RADIUS server' /run/work/log/server.log)"
power_off
