#!/bin/bash
# Known addresses: what each scope looks at; and at the address of a registered server only what has a name is passed on.
. "$(dirname -- "$0")/setup.sh"
gate_up '{"users":["alice","bob"],"scope":"agents"}'
mcp=$(awk '$2 == "mcp.lab.test" { print $1 }' /etc/hosts)
echo "$mcp beside.lab.test" >>/etc/hosts # another tenant of the same address
lab_server other good
lab_net "$BUILD/aids/mock_mcp" --listen "$mcp" --port 80 --log "$LAB/plain.log" 2>"$LAB/plain.err" &
lab_wait 5 lab_net bash -c ": </dev/tcp/$mcp/80"
cp /bin/bash "$LAB/home/alice/claude" && chown alice "$LAB/home/alice/claude" # an agent by the name of its executable
agent() { lab_as alice "$LAB/home/alice/claude" -c "$1" 2>&1; }
known() { [ "$(callgate --json status | jq .service.known_addresses.resolved)" -ge 1 ]; }
check "the registered server's address is known" lab_wait 5 known
check "the agent's tree is recognised" lab_wait 5 bash -c "$(declare -f lab_as); lab_as alice '$LAB/home/alice/claude' -c 'true'"

# a governed user's other programs
has "scope agents: a registered server is gated for every program" "$(call alice echo '{"message":"one"}')" one
lab_as alice curl -sS --max-time 10 https://other.lab.test/x >/dev/null
agent "curl -sS --max-time 10 https://other.lab.test/agent" >/dev/null
settled
check "an agent's connection elsewhere has its record" lab_wait 5 lab_has_record '.kind=="connection" and .dst_host=="other.lab.test" and .agent=="claude-code"'
check "and it is the only one: other programs' are not looked at" test "$(lab_records '.dst_host=="other.lab.test"' | wc -l)" = 1

# no name, an old hello, an odd version: never passed on
before=$(wc -c <"$LAB/mcp.log")
out=$(agent "openssl s_client -noservername -connect $mcp:443 </dev/null")
hasnt "without a server name there is no certificate" "$out" "BEGIN CERTIFICATE"
check "and the refusal is recorded" lab_wait 5 lab_has_record '.kind=="refused" and (.detail|startswith("no server name"))'
out=$(agent "exec 3<>/dev/tcp/$mcp/443; printf '\\x80\\x2e\\x01\\x03\\x01\\x00\\x15\\x00\\x00\\x00\\x10' >&3; timeout 3 head -c1 <&3 | wc -c")
has "an SSL 2 hello gets no answer" "$out" 0
check "and is recorded" lab_wait 5 lab_has_record '.kind=="refused" and (.detail|startswith("an SSL 2 hello"))'
# a ClientHello of openssl, its record version made odd on the way out: servers take it, so it must be read
cat >"$LAB/odd.mjs" <<'JS'
import net from 'node:net'; import tls from 'node:tls'
const [addr, name, major, minor] = process.argv.slice(2)
const raw = net.connect(443, addr)
let first = true
const write = raw._writeGeneric
const { Duplex } = await import('node:stream')
const pipe = new Duplex({ read() {}, write(b, e, done) { if (first) { b = Buffer.from(b); b[1] = +major; b[2] = +minor; first = false } raw.write(b, done) } })
raw.on('data', d => pipe.push(d)); raw.on('close', () => pipe.push(null)); raw.on('error', () => { console.log('reset'); process.exit() })
const s = tls.connect({ socket: pipe, servername: name, rejectUnauthorized: false }, () => { console.log('issuer', s.getPeerCertificate().issuer.CN); process.exit() })
s.on('error', e => { console.log('error', e.code); process.exit() })
setTimeout(() => { console.log('nothing'); process.exit() }, 4000)
JS
out=$(agent "node $LAB/odd.mjs $mcp mcp.lab.test 3 127")
hasnt "an odd record version does not bring the server's own certificate" "$out" "Lab Root"
out=$(agent "node $LAB/odd.mjs $mcp mcp.lab.test 3 1")
has "the same program, with an ordinary version, meets the gate's certificate" "$out" "issuer"
hasnt "and not the server's" "$out" "Lab Root"
check "nothing of all that reached the server" test "$(wc -c <"$LAB/mcp.log")" = "$before"

# another tenant of the address
out=$(agent "curl -sSk --max-time 10 -v https://beside.lab.test/x")
has "another name at the same address is another server: its own certificate" "$out" "issuer: CN=Lab Root"
# plain HTTP is read request by request
out=$(agent "(printf 'GET /x HTTP/1.1\r\nHost: beside.lab.test\r\n\r\n'; sleep 1; printf 'GET /mcp HTTP/1.1\r\nHost: mcp.lab.test\r\n\r\n') | timeout 5 curl -s --http0.9 telnet://$mcp:80")
has "plain HTTP to another tenant passes" "$out" "HTTP/1.1 200"
has "and the registered name behind it is refused" "$out" "HTTP/1.1 400"
out=$(agent "exec 3<>/dev/tcp/$mcp/80; printf 'GET /mcp HTTP/1.0\r\n\r\n' >&3; timeout 5 head -c 12 <&3")
has "a request without a host is refused there" "$out" "HTTP/1.1 400"
out=$(agent "exec 3<>/dev/tcp/$mcp/80; printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' >&3; timeout 5 head -c 12 <&3")
hasnt "HTTP/2 without TLS does not pass" "$out" "HTTP/2"
check "the plain server saw the other tenant's request only" test "$(grep -c '^' "$LAB/plain.log")" -le 1
out=$(agent "curl -sS --max-time 10 -H 'Host: beside.lab.test' -d '{}' $MCP -w '%{http_code}'")
has "inside TLS, a Host that is not its name is misdirected" "$out" 421
lab_end
