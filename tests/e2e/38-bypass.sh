#!/bin/bash
# The 48 ways around, as an unprivileged governed user.  `make bypass` prints the table; docs/THREATS.md has it in words.
# A row is closed when not one packet of a governed user's own left the workstation.  A counter outside tells, not the program that tried; and where an
# ungoverned user can go the same way, he goes it first and must be counted, so that no row is closed by chance.
. "$(dirname -- "$0")/../lab/lab.sh"
. "$LAB_TOP/tests/lab/storm.sh"
storm_net
mcp=203.0.113.10 other=203.0.113.11
# Everything that the users' own sockets send leaves by direct0; what the gate sends, by desk0.
ip route add default via 198.51.101.1 dev direct0 src 198.51.101.2 table 77
sysctl -qw net.ipv6.conf.direct0.disable_ipv6=0 net.ipv6.conf.direct0.accept_ra=0 net.ipv6.conf.direct0.router_solicitations=0
lab_net sysctl -qw net.ipv6.conf.away0.disable_ipv6=0
ip -6 addr add 2001:db8:2::2/64 dev direct0 nodad && lab_net ip -6 addr add 2001:db8:2::1/64 dev away0 nodad
ip -6 neigh replace 2001:db8:2::1 lladdr "$(lab_net ip -j link show away0 | jq -r '.[0].address')" dev direct0 nud permanent
lab_net ip -6 neigh replace 2001:db8:2::2 lladdr "$(ip -j link show direct0 | jq -r '.[0].address')" dev away0 nud permanent
ip -6 route add default via 2001:db8:2::1 dev direct0 src 2001:db8:2::2 table 77
ip -6 rule add uidrange 12001-12003 lookup 77
ip rule add ipproto 132 lookup 77 # SCTP, whose packets do not say whose they are
sysctl -qw net.ipv4.ping_group_range="0 2147483647" # anybody may ping
for n in mcp other shared; do lab_server $n good || exit 1; done
lab_net "$BUILD/aids/mock_mcp" --listen $mcp --port 80 --log "$LAB/plain.log" 2>/dev/null &
lab_net ip -6 addr add 2001:db8:99::1/128 dev lo
try() { # USER COMMAND...: the words of the program; its status
	LAB_ENV="V6=2001:db8:99::1 DEVICE=direct0 WORKER=940 SERVICE=$LAB_DAEMON PIN=${pin:-} FILE_OF=$LAB_CGROUP/user-bob/cgroup.procs ${MORE:-}" lab_as "$@" 2>&1
}
for n in claude pasta; do cp /bin/bash "$LAB/home/alice/$n" && chown alice "$LAB/home/alice/$n"; done # agents by the names of their executables
bypass=$LAB/bin/aids/bypass
# The agent is recognised a moment after its start; what it starts is of its tree from the beginning.
in_agent() { try alice "$LAB/home/alice/${NAME:-claude}" -c "sleep 0.2; $1"; }
agent() { in_agent "$bypass $1 ${2:-$mcp} ${3:-443}; exit \$?"; }
person() { try alice "$bypass" "$1" "${2:-$mcp}" "${3:-443}"; }
free() { try carol "$bypass" "$1" "${2:-$mcp}" "${3:-443}"; }
rows=0 closed=0 limit=0 skipped=0 open=0
row() { # NUMBER WHAT SCOPE RESULT
	printf '%s · %s · %s · %s\n' "$@"
	rows=$((rows + 1))
	case $4 in closed*) closed=$((closed + 1)) ;; limit*) limit=$((limit + 1)) ;; skipped*) skipped=$((skipped + 1)) ;; *) open=$((open + 1)) ;; esac
}
LAB_DAEMON=0
# Row 20 begins before there is a gate.
MORE="FILE_OF=$LAB/m/go" agent before $mcp 443 >"$LAB/m/before.out" &
# Agents that wait do so without starting programs: a machine under emulation has no time for that.
mkfifo "$LAB/m/later" "$LAB/m/down" && chmod 644 "$LAB/m/later" "$LAB/m/down"
in_agent "read -r _ <$LAB/m/later; $bypass tcp $other 443; true" >"$LAB/m/later.out" 2>&1 &
later=$!
sleep 0.5
lab_daemon '{"users":["alice","bob"],"scope":"agents"}' || exit 1
callgate ca install >/dev/null
callgate server add mcp --host mcp.lab.test --path /mcp >/dev/null || { not_ok "the server is registered"; lab_end; }
lab_wait 10 bash -c '[ "$('"$BUILD"'/callgate --json status | jq .service.known_addresses.resolved)" -ge 1 ]'
pin=$(echo /sys/fs/bpf/callgate/v*/link_cg_connect4)
test -e "$pin" || { echo "no pin of the connect hook"; exit 1; }

# What only makes sense when it is refused: nothing to count.
refused() { # NUMBER WHAT SCOPE WAY
	local words status
	words=$(agent "$4")
	status=$?
	if [ $status = 1 ]; then row "$1" "$2" "$3" closed
	elif [ $status = 77 ]; then row "$1" "$2" "$3" "skipped: $words"
	else row "$1" "$2" "$3" "open: $words"; fi
}
# The ungoverned user first, then the agent (or with PERSON=1 another program of the governed user).
counted() { # NUMBER WHAT SCOPE WAY [ADDRESS PORT]
	local number=$1 what=$2 scope=$3 way=$4 from words status
	shift 4
	from=$(storm_direct)
	words=$(free "$way" "$@")
	status=$?
	sleep 0.1
	if [ $status = 77 ]; then row "$number" "$what" "$scope" "skipped: $words"; return; fi
	if [ "$(storm_direct)" = "$from" ]; then row "$number" "$what" "$scope" "skipped: it leads nowhere for an ungoverned user either ($words)"; return; fi
	sleep 0.3
	from=$(storm_direct)
	if [ -n "${PERSON:-}" ]; then words=$(person "$way" "$@"); else words=$(agent "$way" "$@"); fi
	sleep 0.2
	local left=$(($(storm_direct) - from))
	if [ $left = 0 ]; then row "$number" "$what" "$scope" closed
	elif [ -n "${STATED:-}" ]; then row "$number" "$what" "$scope" "limit: $STATED"
	else row "$number" "$what" "$scope" "open: $left packets left ($words)"; fi
}

counted 1 "QUIC, HTTP/3: UDP 443" agents quic
counted 2 "datagram with family AF_UNSPEC" agents udp-unspec
counted 3 "TCP Fast Open" agents fast-open $other 443
counted 4 "MPTCP" agents mptcp
counted 5 "connect by io_uring" agents ring $other 443
counted 6 "io_uring with its own kernel thread" agents ring-sqpoll $other 443
counted 7 "UDP-Lite" agents udp-lite
counted 8 "SCTP" agents sctp
counted 9 "DCCP" agents dccp
counted 9 "ICMP" agents ping
counted 10 "AF_SMC" agents smc
if [ "$(callgate --json status | jq '.service.hooks[] | select(.hook == "deny/socket_create").attached')" = true ]; then
	words=$(free families)
	if [ $? = 0 ]; then refused 11 "AF_VSOCK, AF_TIPC, AF_RDS and others" agents families
	else row 11 "AF_VSOCK, AF_TIPC, AF_RDS and others" agents "skipped: nobody can have one here ($words)"; fi
else
	row 11 "AF_VSOCK, AF_TIPC, AF_RDS and others" agents "skipped: refusing them needs programs that this kernel does not take"
fi
refused 12 "raw sockets" agents raw
refused 13 "source route by a socket option" agents source-route
counted 13 "source route for one datagram" agents source-route-cmsg
counted 14 "socket bound to a device" agents bound-device $other 443
counted 15 "IPv4-mapped IPv6" agents mapped $other 443
counted 15 "IPv6" agents tcp6
refused 16 "a network namespace of one's own" agents own-namespace
NAME=pasta counted 17 "rootless containers: the outer connection, by the name of who makes it" agents tcp $other 443
row 18 "virtual machines" agents "skipped: no guest here; user-mode networking is an ordinary process of the user"
row 19 "rootful containers" - "skipped: no engine here; its group is root"
from=$(storm_direct)
touch "$LAB/m/go"
sleep 0.5
left=$(($(storm_direct) - from))
if [ $left -gt 0 ]; then row 20 "connected before the gate was there" agents "open: $left packets left"
elif grep -q . "$LAB/m/before.out"; then row 20 "connected before the gate was there" agents closed
else row 20 "connected before the gate was there" agents "open: it was never tried"; fi
from=$(storm_direct)
echo >"$LAB/m/later"
wait $later
if [ "$(storm_direct)" = "$from" ] && grep -q . "$LAB/m/later.out"; then row 20 "an agent that was there before the gate connects again" agents closed
else row 20 "an agent that was there before the gate connects again" agents "open: $(cat "$LAB/m/later.out")"; fi
from=$(storm_direct)
lab_as alice bash -c "exec 5<>/dev/tcp/$mcp/443; exec $LAB/home/alice/claude -c 'sleep 0.2; $bypass inherited $mcp 443; true'" >/dev/null 2>&1
sleep 0.2
if [ "$(storm_direct)" = "$from" ]; then row 21 "a connected socket from another process" "known addresses" closed; else row 21 "a connected socket from another process" "known addresses" open; fi
inbound() { # WHO: what the far side hears from him
	rm -f "$LAB/m/heard"
	MORE="FILE_OF=$LAB/m/heard" "$1" inbound >/dev/null 2>&1 &
	local peer=$!
	lab_wait 10 grep -q ':1B6E 0*:0000 0A' /proc/net/tcp # the port of bypass.c, and somebody listens
	lab_net timeout 1.5 bash -c "exec 3<>/dev/tcp/198.51.101.2/7022; timeout 1 head -c 3 <&3" 2>/dev/null
	echo "($(($(storm_direct) - from)) packets)"
	touch "$LAB/m/heard"
	wait $peer
}
from=$(storm_direct)
heard=$(inbound free)
# The end of that connection, with what is sent again of it.
for _ in $(seq 8); do
	from=$(storm_direct)
	sleep 1
	[ "$(storm_direct)" != "$from" ] || break
done
from=$(storm_direct)
got=$(inbound agent)
case $heard in
way*) if [ "$got" = "(0 packets)" ]; then row 22 "the far side connects to the agent" agents closed; else row 22 "the far side connects to the agent" agents "open: $got"; fi ;;
*) row 22 "the far side connects to the agent" agents "skipped: nobody can be reached from outside here: $heard" ;;
esac
PERSON=1 counted 23 "a proxy of the user's, outside the agent's tree" "known addresses" tcp
PERSON=1 counted 24 "a proxy behind a unix socket" "known addresses" tcp
row 25 "daemons of root that download" - "skipped: none of them runs here; they are root"
counted 26 "an address that no name was asked for" agents tcp $other 443
counted 27 "a resolver of one's own" agents dns
row 28 "answers to one's own questions" agents "skipped: an agent's unknown addresses are redirected whatever it was answered"
cp "$BUILD/aids/bypass" "$LAB/m/setuid" && chmod 4755 "$LAB/m/setuid" && chmod 755 "$LAB/m"
from=$(storm_direct)
in_agent "$LAB/m/setuid tcp $other 443; true" >/dev/null
sleep 0.2
if [ "$(storm_direct)" = "$from" ]; then row 29 "a setuid program" agents closed; else row 29 "a setuid program" agents open; fi
counted 30 "double fork, setsid, an orphan" agents daemonised $other 443
PERSON=1 counted 31 "code inside another program of the user" "known addresses" tcp
counted 32 "a copy in memory under another name" agents renamed $other 443
refused 33 "a worker's port, dialled" all worker-port
refused 34 "a worker's port, taken" all steal-port
refused 35 "killing the service" all kill
refused 36 "detaching the programs" all detach
counted 37 "another cgroup" agents other-cgroup $other 443
refused 38 "programs of one's own on the same hooks" all attach
refused 39 "a program before or behind ours" all attach
mkdir "$LAB/m/net_cls"
if mount -t cgroup -o net_cls net_cls "$LAB/m/net_cls" 2>/dev/null; then
	mkdir "$LAB/m/net_cls/callgate-$$" && chmod a+w "$LAB/m/net_cls/callgate-$$/cgroup.procs" && echo 0x10001 >"$LAB/m/net_cls/callgate-$$/net_cls.classid"
	MORE="FILE_OF=$LAB/m/net_cls/callgate-$$/cgroup.procs" counted 40 "net_cls and net_prio" agents other-cgroup $other 443
	rmdir "$LAB/m/net_cls/callgate-$$" && umount "$LAB/m/net_cls"
else
	row 40 "net_cls and net_prio" agents "skipped: this kernel has no such hierarchy; the programs sit at the root"
fi
counted 41 "one address, another server name" agents tcp 203.0.113.13 443
refused 42 "transparent and repaired sockets" all transparent
STATED="another program of the user, an address that nobody asked for; scope users closes it" PERSON=1 counted 43 "a shared address with the registered name" "scope agents" tcp $other 443
row 44 "encrypted client hello" agents "limit: behind an outer name that is not registered, the inner one cannot be read"
row 45 "domain fronting" agents "limit: behind a name that is not registered, the Host inside cannot be read"
before=$(wc -c <"$LAB/mcp.log")
in_agent "echo | timeout 3 openssl s_client -noservername -connect $mcp:443" >/dev/null 2>&1
row 46 "no server name, at a registered address" agents "$([ "$(wc -c <"$LAB/mcp.log")" = "$before" ] && echo closed || echo open: the server was reached)"
before=$(wc -c <"$LAB/plain.log" 2>/dev/null || echo 0)
in_agent "exec 3<>/dev/tcp/$mcp/80; printf 'GET /mcp HTTP/1.1\r\nHost: mcp.lab.test\r\n\r\n' >&3; timeout 2 head -c 20 <&3" >"$LAB/m/plain.out" 2>&1
row 47 "plain HTTP, the registered Host in a later request" agents "$(grep -q ' 400' "$LAB/m/plain.out" && [ "$(wc -c <"$LAB/plain.log" 2>/dev/null || echo 0)" = "$before" ] && echo closed || echo open: the server was reached)"
refused 34 "a worker's port in a namespace of one's own" all steal-port-namespace
refused 34 "the same, as the port that the kernel gives" all steal-port-given
in_agent "read -r _ <$LAB/m/down; $bypass tcp $other 443; true" >"$LAB/m/down.out" 2>&1 &
peer=$!
sleep 0.5
lab_daemon_stop
sleep 3.5 # the last heartbeats grow stale
from=$(storm_direct)
echo >"$LAB/m/down"
wait $peer
if [ "$(storm_direct)" = "$from" ] && grep -q . "$LAB/m/down.out"; then row 48 "the service is down: an agent that runs" agents closed
else row 48 "the service is down: an agent that runs" agents "open: $(cat "$LAB/m/down.out")"; fi
STATED="the service is down, and this is not known as an agent" PERSON=1 counted 48 "the service is down: another program, elsewhere" "scope agents" tcp $other 443
PERSON=1 counted 48 "the service is down: another program, to a registered server" "known addresses" tcp
# The strict choice: every port of everybody who is governed.
lab_daemon '{"users":["alice","bob"],"scope":"users","redirect":{"all":true}}' || exit 1
PERSON=1 counted 43 "a shared address with the registered name" "scope users" tcp $other 443
counted 26 "a port that is not on the list" "redirect all" tcp $other 9999
PERSON=1 counted 26 "a port that is not on the list" "scope users, redirect all" tcp $other 9999
lab_daemon_stop
sleep 3.5
PERSON=1 counted 48 "the service is down: another program, elsewhere" "scope users" tcp $other 443
echo "$rows rows, $closed closed, $limit limit, $skipped skipped, $open open"
check "no way is open" test $open = 0
check "most ways were tried" test $closed -ge 28
lab_end
