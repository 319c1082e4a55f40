#!/bin/bash
# One user holds as many connections as one may: the next is refused with a record, and another user's call passes.
. "$(dirname -- "$0")/setup.sh"
addr=$(awk '$2 == "sdk.lab.test" { print $1 }' /etc/hosts)
lab_net "$BUILD/aids/sse_many" serve --listen "$addr" --port 443 --cert "$LAB_CERTS/good.crt" --key "$LAB_CERTS/good.key" 2>"$LAB/many.err" &
gate_up '{"users":["alice","bob"],"connections":64}'
callgate server add sdk --host sdk.lab.test --path /mcp --credential mcp-key --owner platform >/dev/null || exit 1
callgate grant add --user alice --server sdk --policy lab --reason lab >/dev/null || exit 1
callgate grant add --user bob --server mcp --policy lab --reason lab >/dev/null || exit 1
many() { # STREAMS SECONDS
	lab_as alice "$BUILD/aids/sse_many" open --addr "$addr" --port 443 --name sdk.lab.test --ca /etc/ssl/certs/ca-certificates.crt --streams "$1" --seconds "$2" 2>>"$LAB/many.err"
}
many 100 5 >"$LAB/many.out" &
crowd=$!
lab_wait 10 grep -q open "$LAB/many.err"
out=$(call bob echo '{"message":"through"}')
has "another user's call passes" "$out" '"through'
wait $crowd
check "56 of 64 places are one user's" test "$(jq .open "$LAB/many.out")" = 56
check "what was above was refused" test "$(jq .refused "$LAB/many.out")" = 44
check "and what was open lost nothing" test "$(jq '.lost + .disordered + .cut' "$LAB/many.out")" = 0
settled
check "each refusal has its record" test "$(lab_records '.kind == "refused" and .uid == 12001 and .err == "full"' | wc -l)" = 44
check "the places come back" test "$(many 40 1 | jq .open)" = 40
sed -i 's/"connections":64/"connections":65/' /etc/callgate/callgate.json
kill -HUP "$LAB_DAEMON"
lab_wait 5 grep -q "change with a restart only" "$LAB/callgated.log"
check "the number changes with a restart only, and that is said" grep -q "connections and port_base change with a restart only" "$LAB/callgated.log"
lab_end
