#!/bin/bash
# Many clients at once: 16 keep-alive connections of two users, 8,000 calls; no call without its record, no record with the wrong owner.
. "$(dirname -- "$0")/../e2e/setup.sh"
gate_up
callgate grant add --user bob --server mcp --policy lab --reason lab >/dev/null
addr=$(awk '$2 == "mcp.lab.test" { print $1 }' /etc/hosts)
for user in 12001 12002; do
	"$BUILD/aids/loadgen" --name mcp.lab.test --ca /etc/ssl/certs/ca-certificates.crt --clients 8 --rounds 10 --block 400 \
		--target "gate,$addr,443,$user,0" --args "{\"message\":\"u$user\"}" >"$LAB/load-$user" 2>&1 &
	pids="${pids:-} $!"
done
for p in $pids; do wait "$p" || not_ok "a load generator failed: $(cat "$LAB"/load-*)"; done
settled
sleep 1
check "no call failed" test "$(cat "$LAB"/load-* | jq -s '[.[].failed] | add')" = 0
lab_records '.kind=="call"' >"$LAB/calls"
# ten rounds of 400 calls and one warm call a client and round
check "8,160 calls are recorded" test "$(wc -l <"$LAB/calls")" = 8160
for user in 12001 12002; do
	check "4,080 of $user" test "$(jq -c "select(.uid==$user)" "$LAB/calls" | wc -l)" = 4080
done
check "each has its result" test "$(lab_records '.kind=="result"' | wc -l)" = 8160
check "sixteen connections, each with one owner" test "$(jq -r '"\(.pid) \(.connect_ns // 0) \(.uid)"' "$LAB/calls" | sort -u | awk '{ print $2 }' | sort | uniq -d | wc -l)" = 0
lab_end
