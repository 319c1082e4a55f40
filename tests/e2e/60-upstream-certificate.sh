#!/bin/bash
# A server whose certificate is wrong gets no credential; the client reads why.
. "$(dirname -- "$0")/setup.sh"
gate_up
for name in expired wrong untrusted; do
	lab_server $name $name || exit 1
	callgate server add "$name" --host "$name.lab.test" --path /mcp --credential mcp-key >/dev/null
	callgate grant add --user alice --server "$name" --policy lab --reason lab >/dev/null
done
say() { MCP=https://$1.lab.test/mcp call alice echo '{"message":"x"}'; }
out=$(say expired)
has "expired: a result that says so" "$out" '"isError":true'
has "expired: the reason" "$out" "not valid at this time"
out=$(say wrong)
has "wrong name: the reason" "$out" "for another name"
out=$(say untrusted)
has "untrusted: the reason" "$out" "not signed by a trusted authority"
for name in expired wrong untrusted; do
	hasnt "$name: no key arrived" "$(cat "$LAB/$name.log" 2>/dev/null)" "$REAL_KEY"
done
settled
for err in tls-expired tls-name tls-untrusted; do
	check "a record says $err" lab_has_record ".err==\"$err\""
done
cp "$LAB_CERTS/rogue.crt" "$LAB/rogue.crt"
out=$(lab_as alice curl -sS --max-time 10 --capath /nonexistent --cacert "$LAB/rogue.crt" "$MCP" 2>&1)
settled
check "a client that does not trust the gate is recorded" lab_has_record '.err=="tls-client-refused"'
out=$(callgate doctor 2>&1)
has "doctor names the program" "$out" "/usr/bin/curl does not trust this machine's CA"
has "and the host" "$out" "mcp.lab.test"
has "with the remedy" "$out" "do: it was given roots of its own"
check "and says no" bash -c '! "$1" doctor' _ "$BUILD/callgate"
check "without refusals it says yes" "$BUILD/callgate" doctor --since 2999-01-01T00:00:00Z
lab_end
