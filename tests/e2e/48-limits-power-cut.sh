#!/bin/bash
# Limits through a power cut: the file of counters goes back to an older copy, loses pages, is gone, or holds something else.
# What the records say was charged stays charged, nothing is charged twice, and nobody counts before that is known.
. "$(dirname -- "$0")/setup.sh"
STATE=/var/lib/callgate
gate_up '{"users":["alice","bob"],"workers":2}'
cat >"$LAB/limits.json" <<'EOF2'
{"version": "1", "default": "deny", "tools": {
   "pay": {"limits": [{"counter": "spent", "window": "day", "max": 100, "increment_from": "args.amount"}]},
   "echo": {}},
 "all_tools": {"limits": [{"counter": "calls", "window": "day", "max": 100}]},
 "x-callgate": {"version": 1, "tools": {"pay": {"limits": [
   {"counter": "often", "window": "month", "max": 40, "scope": "user"},
   {"counter": "hour", "window": "sliding_day", "max": 60, "scope": "server"}]}}}}
EOF2
callgate policy apply lab "$LAB/limits.json" --reason "limits" >/dev/null || exit 1
pay() { call alice pay "{\"amount\":$1}"; }
# A service of which nothing is left: no orderly end, and no ring either.
power_cut() {
	kill -KILL "$LAB_DAEMON"
	wait "$LAB_DAEMON" 2>/dev/null
	rm -f /run/callgate/ring/*
}
up() { lab_daemon '{"users":["alice","bob"],"workers":2}' || exit 1; lab_wait 10 counting; }
answered() { local out; out=$(call alice echo '{}'); [[ $out == *jsonrpc* ]]; } # the worker of the new run accepts
counting() { local out; out=$(call alice echo '{"message":"up"}'); [[ $out == *up* ]]; }
spent() { # what is left, told by trying: prints the amount that is refused and the one that fits
	local left=$1 out
	out=$(pay "$(jq -n "$left + 0.01")")
	has "$2: more than $left is refused" "$out" '/tools/pay/limits/spent'
}

has "a first payment passes" "$(pay 20.5)" "ran pay"
cp $STATE/limits "$LAB/old"
for _ in 1 2 3; do has "so does another" "$(pay 10)" "ran pay"; done
has "and one that is refused counts nowhere" "$(pay 60)" '/tools/pay/limits/spent'
settled
power_cut
cp "$LAB/old" $STATE/limits
up
has "the log says that the counters are compared" "$(cat "$LAB/callgated.log")" "were not put away in order"
spent 49.5 "an older copy"
has "after an older copy exactly the rest fits" "$(pay 40)" "ran pay"

settled
power_cut
dd if=/dev/zero of=$STATE/limits bs=4096 seek=2 count=200 conv=notrunc status=none # pages that never reached the disk
up
spent 9.5 "lost pages"

settled
power_cut
rm $STATE/limits
up
spent 9.5 "no file"
has "with no file exactly the rest fits" "$(pay 9.5)" "ran pay"

# An orderly end is believed, and leaves the audit alone.
lab_daemon_stop
check "an orderly end notes it" test -s $STATE/limits.clean
n=$(grep -c "were not put away" "$LAB/callgated.log")
up
check "and the next start believes the note" test "$(grep -c "were not put away" "$LAB/callgated.log")" = "$n"
check "which is gone while somebody counts" test ! -e $STATE/limits.clean
spent 0 "an orderly end"
lab_daemon_stop
cp "$LAB/old" $STATE/limits # the note speaks of another file
up
check "a note does not speak for an older copy" test "$(grep -c "were not put away" "$LAB/callgated.log")" = $((n + 1))
spent 0 "an older copy with a note"

# A file that is something else: refused in words, and everything without limits goes on.
settled
power_cut
head -c 20000000 /dev/urandom >$STATE/limits
lab_daemon '{"users":["alice","bob"],"workers":2}' || exit 1
lab_wait 10 answered
out=$(call alice pay '{"amount":0}')
has "a damaged file: calls with limits are refused" "$out" 'limits unavailable'
has "and told why" "$out" 'the file of their counters is damaged'
check "recorded so" lab_wait 5 lab_has_record '.rule=="(limits unavailable)" and .verdict=="deny"'
has "the log says what to do" "$(cat "$LAB/callgated.log")" "move the file away and start it again"
power_cut
mv $STATE/limits "$LAB/damaged"
up
spent 0 "moved away"

# A damaged audit file: what was charged cannot be known.
settled
power_cut
f=$(ls $STATE/../../log/callgate/audit/sealed/*.gz | head -1)
cp "$f" "$LAB/good.gz"
printf 'XXXXXXXX' | dd of="$f" bs=1 seek=200 conv=notrunc status=none
lab_daemon '{"users":["alice","bob"],"workers":2}' || exit 1
lab_wait 10 answered
check "a damaged audit file is named" lab_wait 10 grep -q "what was charged cannot be read from the audit, at sealed/" "$LAB/callgated.log"
has "and limits stay closed" "$(call alice pay '{"amount":0}')" 'compared with the audit'
cp "$LAB/good.gz" "$f"

sum=$(lab_records '.kind=="call" and .tool=="pay" and .verdict=="allow"' | jq -r '.charges[] | select(startswith("spent=")) | capture("=(?<n>[0-9.]+)@").n' | jq -s add)
check "in all, exactly the maximum was spent ($sum)" test "$sum" = 100
lab_end
