#!/bin/bash
# Many event streams open at once, each with one event a second, direct and through the gate: none lost, disordered or held; what a stream
# costs.  And one user's streams do not shut another user out.  STREAMS (1000; the campaign has 10,000), SECONDS_OPEN.
. "$(dirname -- "$0")/../e2e/setup.sh"
STREAMS=${STREAMS:-1000} SECONDS_OPEN=${SECONDS_OPEN:-6}
ulimit -n "$(ulimit -Hn)" # each side holds an end of every stream
addr=$(awk '$2 == "sdk.lab.test" { print $1 }' /etc/hosts)
sysctl -qw net.ipv4.ip_local_port_range="10000 60999"
lab_net "$BUILD/aids/sse_many" serve --listen "$addr" --port 443 --cert "$LAB_CERTS/good.crt" --key "$LAB_CERTS/good.key" 2>"$LAB/many.err" &
gate_up '{"users":["alice","bob"],"workers":2}' || exit 1
callgate grant add --user bob --server mcp --policy lab --reason lab >/dev/null || exit 1
callgate server add sdk --host sdk.lab.test --path /mcp --credential mcp-key --owner platform >/dev/null || exit 1
callgate grant add --user alice --server sdk --policy lab --reason lab >/dev/null || exit 1
workers=$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-proxy") | .pid')

# All connections of a process go to one worker.  This runs a command as a process whose number leads to worker SLOT (bpf/lib/dest.bpf.h).
to_worker() { # SLOT COMMAND...
	local want=$1
	shift
	while :; do
		(
			weight() { local w=$(((($1 ^ (($2 * 0x9e3779b9) & 0xffffffff)) * 0x85ebca6b) & 0xffffffff)); echo $((w ^ w >> 15)); }
			me=$BASHPID # within $() it would be another
			[ $(($(weight $me 2) >= $(weight $me 1))) = "$want" ] || exit 99
			exec "$@"
		)
		local status=$?
		[ $status = 99 ] || return $status
	done
}
many() { # USER OUT: half of the streams to each worker
	local slot
	for slot in 0 1; do
		LAB_ENV="STREAMS=$STREAMS" lab_as "$1" bash -c "$(declare -f to_worker); to_worker $slot $BUILD/aids/sse_many open --addr $addr --port 443 --name sdk.lab.test --ca /etc/ssl/certs/ca-certificates.crt --streams $((STREAMS / 2)) --seconds $SECONDS_OPEN" >"$2.$slot" 2>"$2.$slot.err" &
		halves[slot]=$!
	done
}
sums() { cat "$1".[01] | jq -s -r "map($2) | add"; }
usage() { # SECONDS of CPU, KiB resident, of all workers
	local w cpu=0 kib=0
	for w in $workers; do
		cpu=$((cpu + $(awk '{ print $14 + $15 }' "/proc/$w/stat")))
		kib=$((kib + $(awk '/^Rss/ { print $2 }' "/proc/$w/smaps_rollup")))
	done
	echo $cpu $kib
}
checks() { # NAME OUT
	local zero
	check "$1: $STREAMS streams are open at once" test "$(sums "$2" .open)" = "$STREAMS"
	for zero in refused cut lost disordered behind; do check "$1: none $zero" test "$(sums "$2" .$zero)" = 0; done
	echo "# $1: $(sums "$2" .events) events, $(sums "$2" .per_s)/s; sent to read, worst half: p50 $(cat "$2".[01] | jq -s 'map(.p50_us) | max') us, p99 $(cat "$2".[01] | jq -s 'map(.p99_us) | max') us, greatest $(cat "$2".[01] | jq -s 'map(.max_us) | max') us"
}
many carol "$LAB/direct"
wait "${halves[@]}"
checks direct "$LAB/direct"
before=($(usage))
many alice "$LAB/gate"
lab_wait 300 bash -c "cat $LAB/gate.0.err | grep -q open && cat $LAB/gate.1.err | grep -q open"
full=($(usage))
out=$(call bob echo '{"message":"bob"}')
has "another user's call passes meanwhile" "$out" '"bob'
wait "${halves[@]}"
after=($(usage))
checks "through the gate" "$LAB/gate"
events=$(sums "$LAB/gate" .events)
each=$(((full[1] - before[1]) / STREAMS))
echo "# $(cat "$LAB"/gate.*.err | tr '\n' ' ')"
echo "# a stream costs $each KiB of the workers' resident memory; an event $(((after[0] - full[0]) * 10000 / (events + 1))) us of their CPU; load $(cut -d' ' -f1-3 /proc/loadavg)"
check "a stream costs less than 80 KiB" test $each -lt 80
lab_end
