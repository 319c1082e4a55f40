#!/bin/bash
# A client that is told to use a company's HTTP proxy: its calls are judged all the same, and travel through that proxy, which sees neither them nor the key.
. "$(dirname -- "$0")/setup.sh"
gate_up
addr=$(awk '$2 == "plain.lab.test" { print $1 }' /etc/hosts)
lab_net python3 "$LAB_TOP/tests/testkit/connectproxy.py" "$addr" 8080 "$LAB/proxy.log" staff:secret 2>"$LAB/proxy.err" &
lab_wait 5 lab_net bash -c ": </dev/tcp/$addr/8080" || { cat "$LAB/proxy.err"; exit 1; }
proxy=(-x http://plain.lab.test:8080 --proxy-user staff:secret)

out=$(call alice echo '{"message":"by proxy"}' "${proxy[@]}")
has "an allowed call is answered" "$out" 'by proxy'
hasnt "and is no error" "$out" isError
out=$(call alice echo '{"path":"/etc/shadow"}' "${proxy[@]}")
has "a denied call is denied" "$out" "System files are off limits."
has "the server got the vaulted key" "$(cat "$LAB/mcp.log")" "Bearer $REAL_KEY"
hasnt "and never the denied call" "$(cat "$LAB/mcp.log")" shadow
check "by way of the proxy" grep -q "^CONNECT mcp.lab.test:443 " "$LAB/proxy.log"
check "which saw TLS only" test "$(grep -c '^first byte 22$' "$LAB/proxy.log")" = "$(grep -c '^first byte' "$LAB/proxy.log")"
hasnt "and no key" "$(cat "$LAB/proxy.log")" "$REAL_KEY"
out=$(call alice echo '{"path":"/etc/hosts"}' --proxy1.0 plain.lab.test:8080 --proxy-user staff:secret)
has "one that speaks HTTP/1.0 to its proxy is judged as well" "$out" "System files are off limits."
settled
check "the record names the server and its port" lab_has_record '.kind == "call" and .tool == "echo" and .verdict == "allow" and .server == "mcp" and .dst_host == "mcp.lab.test" and .dst_port == 443'
out=$(call alice echo '{"message":"x"}' -x http://plain.lab.test:8080)
has "without the proxy's password the client hears of that from the proxy" "$out" "407"
calls=$(lab_records '.kind == "call"' | wc -l)
out=$(lab_as alice curl -sS --max-time 5 "${proxy[@]}" --proxytunnel http://mcp.lab.test:443/mcp -H 'Content-Type: application/json' -d "$(rpc danger)" 2>&1)
settled
check "what is no TLS inside goes nowhere, and is recorded" lab_has_record '.kind == "refused" and .detail == "something else than TLS in a tunnel to a registered server"'
check "no call came of it" test "$(lab_records '.kind == "call"' | wc -l)" = "$calls"
out=$(call bob echo '{"message":"x"}' "${proxy[@]}")
has "who has no grant has none by proxy" "$out" '(no grant)'
lab_end
