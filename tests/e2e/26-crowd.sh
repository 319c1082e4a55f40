#!/bin/bash
# One user holds as many connections as one may: the next is refused with a record, and another user's call passes.
. "$(dirname -- "$0")/setup.sh"
addr=$(awk '$2 == "sdk.lab.test" { print $1 }' /etc/hosts)
lab_net "$BUILD/aids/sse_many" serve --listen "$addr" --port 443 --cert "$LAB_CERTS/good.crt" --key "$LAB_CERTS/good.key" 2>"$LAB/many.err" &
gate_up '{"users":["alice","bob"],"connections":64,"held_bytes":8388608}'
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

# Half-sent requests: each connection is one, but what they hold together is as much as one user may.
cat >"$LAB/half.py" <<'PY'
import socket, ssl, sys
ctx, open_ones, said = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt"), [], []
for i in range(12):
    s = ctx.wrap_socket(socket.create_connection(("mcp.lab.test", 443), 10), server_hostname="mcp.lab.test")
    s.settimeout(0.5)
    s.sendall(b"POST /mcp HTTP/1.1\r\nHost: mcp.lab.test\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n" + 900000 * b" ")
    open_ones.append(s)
for s in open_ones:
    try:
        said.append(s.recv(4096).split(b"\r\n")[0].decode())
    except TimeoutError:
        said.append("waits")
print(said.count("waits"), said.count("HTTP/1.1 503 Service Unavailable"), flush=True)
sys.stdin.readline()
PY
mkfifo "$LAB/go"
lab_as alice python3 "$LAB/half.py" <"$LAB/go" >"$LAB/half.out" 2>&1 &
half=$!
exec 9>"$LAB/go"
lab_wait 20 grep -q . "$LAB/half.out"
check "requests that are half sent: as many as a user's share of memory holds ($(cat "$LAB/half.out"))" grep -qE '^(6|7) (6|5)$' "$LAB/half.out"
out=$(call bob echo '{"message":"and light"}')
has "another user's call passes beside them" "$out" '"and light'
echo >&9
exec 9>&-
wait $half
settled
n=$(lab_records '.kind == "refused" and .uid == 12001 and .err == "full" and .http == 503' | wc -l)
check "each of the others was refused with a record" test "$n" = "$(cut -d' ' -f2 "$LAB/half.out")"
lab_wait 5 sh -c "callgate --json status | jq -e '[.. | objects | select(.name? == \"callgate-proxy\") | .refused_memory] | add == $n'"
check "and is counted in the status" test "$(callgate --json status | jq '[.. | objects | select(.name? == "callgate-proxy") | .refused_memory] | add')" = "$n"
check "their room comes back" test "$(lab_as alice python3 "$LAB/half.py" </dev/null | cut -d' ' -f1)" -ge 6
sed -i 's/"connections":64/"connections":65/' /etc/callgate/callgate.json
kill -HUP "$LAB_DAEMON"
lab_wait 5 grep -q "change with a restart only" "$LAB/callgated.log"
check "the number changes with a restart only, and that is said" grep -q "connections and port_base change with a restart only" "$LAB/callgated.log"
lab_end
