#!/bin/bash
# Two users at once; a forged login uid; two processes of one user.
. "$(dirname -- "$0")/setup.sh"
gate_up
callgate grant add --user bob --server mcp --policy lab --reason "lab" >/dev/null

for i in $(seq 20); do
	call alice echo "{\"message\":\"a$i\"}" >/dev/null &
	call bob echo "{\"message\":\"b$i\"}" >/dev/null &
	[ $((i % 5)) != 0 ] || wait $(jobs -p | tail -10)
done
sleep 2
settled
lab_records '.kind=="call" and .tool=="echo"' >"$LAB/calls"
check "forty calls are recorded" test "$(wc -l <"$LAB/calls")" = 40
check "twenty of each user" test "$(jq -c 'select(.uid==12001)' "$LAB/calls" | wc -l)" = 20
check "each with the cgroup of its user" test -z "$(jq -c 'select((.uid==12001 and (.cgroup|endswith("/user-alice")|not)) or (.uid==12002 and (.cgroup|endswith("/user-bob")|not)))' "$LAB/calls")"
check "each with its own pid" test "$(jq .pid "$LAB/calls" | sort -u | wc -l)" = 40
check "and the executable" test -z "$(jq -c 'select(.exe!="/usr/bin/curl")' "$LAB/calls")"

# bob's grant goes; bob writes alice's number into the login uid of his own process
bob_grant=$(callgate --json grant list | jq -r '.grants[] | select(.user=="bob" or .uid==12002) | .id')
callgate grant revoke "$bob_grant" --reason "lab" >/dev/null
out=$(lab_as bob bash -c 'echo 12001 >/proc/self/loginuid; cat /proc/self/loginuid >&2; exec curl -sS --max-time 10 -H "Content-Type: application/json" -H "Accept: application/json, text/event-stream" -d "$1" "$2"' sh "$(rpc echo '{"message":"forged"}')" "$MCP" 2>&1)
has "the login uid was really set" "$out" 12001
hasnt "a forged login uid gets no grant" "$out" '"forged'
has "the refusal says why" "$out" '(no grant)'
settled
check "both ids are recorded" lab_has_record '.uid==12002 and .auid==12001 and .verdict=="deny"'
lab_end
