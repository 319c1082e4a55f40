#!/bin/bash
# Large results stream through in little memory, in each form and under each mode of the audit; slow readers and writers hold no more.
. "$(dirname -- "$0")/setup.sh"
MIB=$((1 << 20)) WHOLE=$((64 << 20))
gate_up '{"users":["alice"],"audit":{"strict":"async"}}'
cat >"$LAB/policy.json" <<'JSON'
{"version": "1", "default": "deny", "tools": {"echo": {}, "big": {}}}
JSON
callgate policy apply lab "$LAB/policy.json" --reason lab >/dev/null || exit 1

worker() { callgate --json status | jq -r '[.. | objects | select(.name? == "callgate-proxy") | .pid][0]'; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$W/status"; }
# begin_peak; ...; grown: by how many KiB was the worker larger than at the start, at the most?
begin_peak() { echo 5 >"/proc/$W/clear_refs"; BASE=$(rss); }
grown() { echo $(($(awk '/^VmHWM/ { print $2 }' "/proc/$W/status") - BASE)); }
big() { # ARGUMENTS [curl options]: how many bytes came
	local args=$1
	shift
	post alice "$(rpc big "$args")" -o - --max-time 60 "$@" | tr -d '\r\n' | wc -c
}
sized() { # BYTES: was that much, and the little around it, the answer?
	[ "$1" -gt $WHOLE ] && [ "$1" -lt $((WHOLE + 1000)) ]
}
whole() { # FORM STRICT
	local n grew
	begin_peak
	n=$(big "{\"bytes\":$WHOLE,\"form\":\"$1\"}")
	grew=$(grown)
	check "$2, $1: 64 MiB came" sized "$n"
	check "$2, $1: the worker grew by less than 1 MiB ($grew KiB)" test "$grew" -lt 1024
}
mode() { # STRICT
	printf '{"users":["alice"],"scope":"users","audit":{"strict":"%s"}}' "$1" >/etc/callgate/callgate.json
	lab_daemon_stop
	"$BUILD/callgated" --cgroup "$LAB_CGROUP" --uids $LAB_UIDS --share "$LAB_TOP/policy" >>"$LAB/callgated.log" 2>&1 &
	LAB_DAEMON=$!
	lab_wait 20 callgate status || { echo "the service does not start"; exit 1; }
	for _ in $(seq 40); do # until the worker has what is in force
		[ "$(big '{"bytes":100000,"form":"chunked"}')" -gt 100000 ] && break
		sleep 0.1
	done
	for form in length chunked events; do big "{\"bytes\":$MIB,\"form\":\"$form\"}" >/dev/null; done # buffers that are kept for the next one
	W=$(worker)
}
for strict in async class; do
	mode $strict
	for form in length chunked events; do whole $form $strict; done
done
settled
check "a result that was too large to be read is recorded as that" test "$(lab_records '.kind == "result" and .status == "unread"' | wc -l)" -ge 12
check "each call has one result" test "$(lab_records '.kind == "result"' | wc -l)" = "$(lab_records '.kind == "call"' | wc -l)"

# A client that reads slowly, a server that writes slowly, four of each at once.
for form in length events; do
	begin_peak
	for i in 1 2 3 4; do
		big "{\"bytes\":$WHOLE,\"form\":\"$form\"}" --limit-rate 1m --max-time 4 >"$LAB/slow.$i" &
		slow[i]=$!
	done
	wait "${slow[@]}"
	grew=$(grown)
	check "$form: four clients that read slowly cost less than 2 MiB each ($grew KiB)" test "$grew" -lt 8192
done
begin_peak
for i in 1 2 3 4; do
	big "{\"bytes\":$MIB,\"form\":\"events\",\"delay_us\":20000}" >"$LAB/slow.$i" &
	slow[i]=$!
done
wait "${slow[@]}"
grew=$(grown)
check "four servers that write slowly: less than 2 MiB each ($grew KiB)" test "$grew" -lt 8192
check "and all of it came" test "$(cat "$LAB"/slow.* | awk '{ n += $1 } END { print (n >= 4 * 1048576) }')" = 1

# Requests: a client that writes slowly, a server that reads slowly.  A request is judged whole, so its body is what may be held, and little more.
{ printf '%s' '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"'; head -c 3145728 /dev/zero | tr '\0' x; printf '%s' '"}}}'; } >"$LAB/upload"
uploads() { # HOW [curl options]
	local how=$1 ok
	shift
	for i in 1 2 3 4; do
		post alice @"$LAB/upload" "$@" >"$LAB/slow.$i" &
		slow[i]=$!
	done
	wait "${slow[@]}"
	ok=$(grep -l '"result"' "$LAB"/slow.* | wc -l)
	check "$how: each of four requests of 3 MiB was answered" test "$ok" = 4
}
begin_peak
uploads "clients that write slowly" --limit-rate 1m
grew=$(grown)
check "four requests of 3 MiB that come slowly cost 6 MiB each at the most ($grew KiB)" test "$grew" -lt 24576
begin_peak
uploads "a server that reads slowly" -H 'X-Read-Delay-Us: 20000'
grew=$(grown)
check "four that leave slowly, too ($grew KiB)" test "$grew" -lt 24576
lab_end
