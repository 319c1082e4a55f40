#!/bin/bash
# Every process is killed in turn, five rounds, while calls go on: each comes back, calls work again, no accepted record is missing.
. "$(dirname -- "$0")/../e2e/setup.sh"
gate_up
# Status may lack an answer for a moment while somebody restarts.
pid_of() {
	local pid
	for _ in $(seq 30); do
		pid=$(callgate --json status 2>/dev/null | jq -r ".. | objects | select(.name? == \"$1\") | .pid")
		[ "${pid:-0}" = 0 ] || break
		sleep 0.1
	done
	echo "$pid"
}
works() { [[ $(call alice echo '{"message":"still here"}' --max-time 5) == *still* ]]; }
( while sleep 0.05; do call alice echo '{"message":"background"}' --max-time 5 >>"$LAB/background"; echo >>"$LAB/background"; done ) &
background=$!
for round in 1 2 3 4 5; do
	for name in callgate-proxy callgate-vault callgate-audit callgate-ident callgate-fetch callgate-admin; do
		lab_wait 20 callgate status || not_ok "status answers before $name is killed in round $round"
		old=$(pid_of $name)
		kill -KILL "$old"
		check "round $round: a call works after $name was killed" lab_wait 30 works
		check "round $round: status answers after $name was killed" lab_wait 20 callgate status
		check "round $round: $name is a new process" test "$(pid_of $name)" != "$old"
	done
done
kill $background
wait $background 2>/dev/null
sleep 1
settled
answered=$(grep -c '"result"' "$LAB/background")
check "the background was mostly answered ($answered)" test "$answered" -gt 20
check "every answered call has its result record" test "$(lab_records '.kind=="result" and .status=="ok"' | wc -l)" -ge "$answered"
check "every call is closed once" test "$(lab_records '.kind=="call" and .verdict=="allow"' | jq -r .id | sort -u | wc -l)" = "$(lab_records '.kind=="result" or .kind=="abandoned"' | jq -r .id | sort -u | wc -l)"
check "no record is there twice" test -z "$(lab_records '.kind=="call" or .kind=="result"' | jq -r '.kind + .id' | sort | uniq -d)"
check "the sequence has no gap" bash -c "$(declare -f lab_audit); lab_audit | jq -s '[.[].seq] | . == [range(.[0]; .[0]+length)]' | grep -q true"
hasnt "nothing reached the server with the client's own key" "$(cat "$LAB/mcp.log")" "$PLACEHOLDER"
lab_daemon_stop
check "the audit verifies" "$BUILD/callgate" audit verify /var/log/callgate/audit
lab_end
