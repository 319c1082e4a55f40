#!/bin/bash
# Connections by the hundred thousand, with resets and source ports used again: each one that reached the far side has its record, and the record names the
# process that the far side was told of.  FEW and MANY say how many with an accept queue of 1 and of 512.
. "$(dirname -- "$0")/../lab/lab.sh"
. "$LAB_TOP/tests/lab/storm.sh"
FEW=${FEW:-20000} MANY=${MANY:-200000}
storm_net
check "an ungoverned desk lets alice out directly" lab_as alice bash -c ': </dev/tcp/10.9.9.9/8080'
check "and the counter sees it" test "$(storm_direct)" -gt 0
lab_daemon '{"users":["alice","bob"],"scope":"users"}' || exit 1
direct0=$(storm_direct)

judge() { # WHAT BASE COUNT CLIENTS' COUNTS
	local found tried
	found=$(storm_check "$2" "$3")
	tried=$(of "$4" tried)
	echo "# $1: clients $4"
	echo "# $1: far side and records $found"
	check "$1: all were tried" test "$tried" -ge $(($3 * 95 / 100))
	check "$1: nearly all that did not hang up themselves were answered" test "$(of "$4" ok)" -ge $(((tried - $(of "$4" reset)) * 99 / 100))
	check "$1: the far side saw every answered one" test "$(of "$found" upstream)" -ge "$(of "$4" ok)"
	check "$1: no record is missing" test "$(of "$found" missing)" = 0
	check "$1: no record is swapped" test "$(of "$found" swapped)" = 0
	check "$1: none is there twice" test "$(of "$found" twice)" = 0
	check "$1: the far side was told the truth" test "$(of "$found" lied)" = 0
	: >"$LAB/seen"
}

overflows() { awk '$1 == "TcpExt:" && !n { n = split($0, name); next } $1 == "TcpExt:" { for (i = 2; i <= n; i++) if (name[i] == "ListenOverflows") print $i }' /proc/net/netstat; }

if [ "$FEW" != 0 ]; then
	check "the accept queues hold one" "$BUILD/aids/storm" backlog "$LAB_DAEMON" 1
	# The worker stands still for a moment now and then, so that the queue of one overflows.
	worker=$(storm_worker)
	(for _ in $(seq 20); do sleep 0.2; kill -STOP "$worker"; sleep 0.1; kill -CONT "$worker"; done) &
	judge "queue of 1" 0 "$FEW" "$(storm_dial alice 0 "$FEW" -c 8 -b 250 -r 10 -p 40)"
	check "the queue did overflow" test "$(overflows)" -gt 0
	echo "# queue of 1: overflowed $(overflows) times"
	check "the accept queues hold 512" "$BUILD/aids/storm" backlog "$LAB_DAEMON" 512
fi
# In pieces: the far side's notes and the audit are read again for each.
piece=200000 base=1000000
while [ "$MANY" -gt 0 ]; do
	[ "$MANY" -ge $piece ] || piece=$MANY
	judge "queue of 512, from $base" $base $piece "$(storm_dial bob $base $piece -c 8 -b 500 -r 10 -p 400)"
	base=$((base + piece)) MANY=$((MANY - piece))
done
echo "# kernel: $(storm_status kernel)"
kernel=$(storm_status kernel)
check "nobody found the hand-off full" test "$(of "$kernel" '["handoff-full"]')" = 0
check "no storage was lacking" test "$(of "$kernel" '["denied-no-storage"]')" = 0
check "not one packet left directly" test "$(storm_direct)" = "$direct0"
lab_end
