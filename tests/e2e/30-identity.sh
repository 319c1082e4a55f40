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

# A user namespace whose map has alice's subordinate uids, as newuidmap writes it from /etc/subuid: who made it decides, whatever uid runs in it.
lab_as alice unshare -U bash -c 'echo $$ >ns.pid; exec sleep 30' &
lab_wait 5 test -s "$LAB/home/alice/ns.pid" || not_ok "a user namespace"
ns=$(cat "$LAB/home/alice/ns.pid")
printf '0 12001 1\n1 100000 65536\n' >"$LAB/map"
cat "$LAB/map" >"/proc/$ns/uid_map" && cat "$LAB/map" >"/proc/$ns/gid_map" || not_ok "its map"
out=$(echo "$BASHPID" >"$LAB_CGROUP/user-alice/cgroup.procs"; nsenter -U -t "$ns" --setuid 1000 --setgid 1000 env -i PATH=/usr/bin:/bin CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
	curl -sS --max-time 10 -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d "$(rpc echo '{"message":"subordinate"}' 77)" "$MCP" 2>&1)
has "a subordinate uid calls under the grant of its owner" "$out" subordinate
settled
check "and is recorded as its owner" lab_has_record '.kind=="call" and .rpc_id=="77" and .uid==12001 and .verdict=="allow"'
kill "$ns"
lab_end
