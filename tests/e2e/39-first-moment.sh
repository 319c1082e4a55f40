#!/bin/bash
# What an agent opens before it is known as one.  callgate-ident stands still meanwhile, which makes the moment as long as it takes: a connection that the
# gate would have taken is ended when the agent is recognised, another lives on, datagrams to an address that it connected to are refused; so are those of a
# thread that has files of its own, and those of a process whose first thread has ended.
. "$(dirname -- "$0")/../lab/lab.sh"
. "$LAB_TOP/tests/lab/storm.sh"
storm_net
lab_net "$BUILD/aids/storm" serve 2222 "$LAB/seen2" &
lab_wait 5 lab_net bash -c ': </dev/tcp/10.0.0.1/2222'
lab_daemon '{"users":["alice"],"scope":"agents"}' || exit 1
cp "$BUILD/aids/early" "$LAB/home/alice/claude" && chown alice "$LAB/home/alice/claude"
claude=$LAB/home/alice/claude
# After its start the service looks at all sockets now and then.
lab_wait 20 bash -c "[ \$($BUILD/callgate --json status | jq .service.up_seconds) -gt 16 ]"
ident=$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-ident") | .pid')
worker=$(storm_worker)
check "who marks agents is more urgent than who serves them" test "$(ps -o ni= -p "$ident")" -lt "$(ps -o ni= -p "$worker")"
check "but for the thread that reads executables" test "$(ps -L -o ni= -p "$ident" | sort -n | tail -1)" -ge "$(ps -o ni= -p "$worker")"
kill -STOP "$ident"
for how in plain thread orphan; do
	for port in 8080 2222; do lab_as alice "$claude" tcp $port $how >"$LAB/$how.$port" 2>&1 & done
	lab_as alice "$claude" udp 443 $how >"$LAB/$how.udp" 2>&1 &
done
lab_as carol "$LAB/bin/aids/early" tcp 8080 plain >"$LAB/carol" 2>&1 &
for f in plain.8080 plain.2222 plain.udp thread.8080 thread.2222 thread.udp orphan.8080 orphan.2222 orphan.udp carol; do
	lab_wait 5 grep -q went "$LAB/$f" || not_ok "$f: goes on while nobody knows"
done
kill -CONT "$ident"
check "a connection that the gate would have taken is ended" lab_wait 5 grep -q ended "$LAB/plain.8080"
for how in plain thread orphan; do check "connected datagrams are refused, $how" lab_wait 5 grep -q 'ended 1$' "$LAB/$how.udp"; done
a=$(grep -c went "$LAB/plain.2222") b=$(grep -c went "$LAB/carol")
sleep 1
check "a connection to a port that is not redirected lives on" test "$(grep -c went "$LAB/plain.2222")" -gt "$a"
check "another user's lives on" test "$(grep -c went "$LAB/carol")" -gt "$b"
for how in thread orphan; do
	a=$(grep -c went "$LAB/$how.8080") b=$(grep -c went "$LAB/$how.2222")
	sleep 1
	check "what no other process can look at sends no more, $how" test "$(grep -c went "$LAB/$how.8080") $(grep -c went "$LAB/$how.2222")" = "$a $b"
done
check "it is counted" test "$(storm_status sockets_before_start.ended)" -ge 1
lab_end
