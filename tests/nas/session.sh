#!/bin/bash
# One PPPoE client session in the guest of pppoe.sh: dials as the case says, reports when the link is up, holds it, hangs up, and
# reports how it ended. The case's fields and the events are described in pppoe.sh.
set -u

declare -A field=([method]=pap [hold]=0 [upload]=0)
for word in $1; do field[${word%%=*}]=${word#*=}; done
name=${field[name]:?}

event() { echo "$*" >>/run/work/events; }

# The server's pppd is still starting when the first request reaches it: do not wait 3 s (the default) for the next.
options=(plugin rp-pppoe.so nic-client0 user "${field[user]:?}" password "${field[password]-}"
    noauth noipdefault nodefaultroute noccp nodetach maxfail 1 lcp-restart 1 lcp-echo-interval 10 lcp-echo-failure 3
    refuse-eap ipparam "case:$name" debug logfile "/run/work/log/client.$name.log")
refusals=(pap chap mschap mschap-v2)
for method in "${refusals[@]}"; do
    if [[ $method != "${field[method]}" ]]; then options+=("refuse-$method"); fi
done
if [[ ${field[service]-} ]]; then options+=(rp_pppoe_service "${field[service]}"); fi

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }

rm -f "/run/up.$name" "/run/down.$name"
started=$(milliseconds)
pppd "${options[@]}" </dev/null >>"/run/work/log/client.$name.log" 2>&1 &
client=$!

connected=no
# pppd gives up by itself: on a refusal at once, on silence after its own time-outs (under a minute).
while kill -0 "$client" 2>/dev/null; do
    if [[ -e /run/up.$name ]]; then
        connected=yes
        break
    fi
    sleep 0.05
done

facts=
if [[ $connected == yes ]]; then
    facts=$(<"/run/up.$name")
    event "event=up case=$name $facts milliseconds=$(($(milliseconds) - started))"
    # What the Access-Accept held, as the server's pppd understood it; written by the server's own ip-up.
    address=${facts#address=}
    address=${address%% *}
    attributes=/run/attributes.$address
    for ((tries = 0; tries < 40; tries++)); do
        [[ -e $attributes ]] && break
        sleep 0.05
    done
    while read -r attribute value; do
        event "event=attribute case=$name name=$attribute value=$value"
    done <"$attributes"
    rm -f "$attributes"
    # Datagrams to the discard port: the subscriber's upload, answered by nothing but a few ICMP errors. The route is of ip-up.
    for ((sent = 0; sent < field[upload]; sent += 1000)); do
        printf '%01000d' 0 2>/dev/null >"/dev/udp/10.65.${address#*.*.}/9"
    done
    until_second=$((SECONDS + field[hold]))
    while ((SECONDS < until_second)) && [[ ! -e /run/hangup.$name ]] && kill -0 "$client" 2>/dev/null; do sleep 0.1; done
    kill -TERM "$client" 2>/dev/null
fi
wait "$client"
status=$?
# pppd(8), EXIT STATUS.
case $status in
0 | 5) cause=hung-up ;;
10) cause=negotiation-failed ;;
12) cause=idle ;;
13) cause=session-timeout ;;
15) cause=peer-silent ;;
16) cause=line-lost ;;
19) cause=refused ;;
*) cause=other ;;
esac
# A refusal may be overtaken by the end of the line that follows it.
if grep -q 'authentication failed' "/run/work/log/client.$name.log"; then cause=refused; fi
if [[ -e /run/down.$name ]]; then facts+=" $(<"/run/down.$name")"; fi
event "event=end case=$name connected=$connected cause=$cause exit=$status $facts"
