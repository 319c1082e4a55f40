#!/bin/bash
# A call through the gate: allowed, denied by an argument, unknown, streamed; the credential; the records.
. "$(dirname -- "$0")/setup.sh"
gate_up

out=$(call alice echo '{"message":"hello","path":"/home/a"}')
has "an allowed call is answered by the server" "$out" 'hello'
hasnt "and is no error" "$out" isError
out=$(call alice echo '{"path":"/etc/shadow"}')
has "a denied call is a result" "$out" '"isError":true'
has "with the author's words" "$out" "System files are off limits."
has "and the rule" "$out" "/tools/echo/deny_if/args.path-regex"
out=$(call alice danger)
has "an unlisted tool is unknown" "$out" '-32602'
out=$(call alice pay '{"amount":101}')
has "require denies" "$out" '/tools/pay/require/args.amount-lte'
for i in 1 2 3; do call alice pay '{"amount":1}' >/dev/null; done
out=$(call alice pay '{"amount":1}')
has "a limit denies the fourth call" "$out" '/tools/pay/limits/pay_per_hour'
out=$(call alice stream)
has "a stream brings its events" "$out" 'step 3'
has "and its result" "$out" 'streamed'
list=$(post alice '{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
has "the list names what may be called" "$list" '"echo"'
hasnt "and not what may never be" "$list" '"danger"'
hasnt "nor what is hidden" "$list" '"fail"'

seen=$(cat "$LAB/mcp.log")
has "the server got the real key" "$seen" "Bearer $REAL_KEY"
hasnt "the placeholder never reached it" "$seen" "$PLACEHOLDER"
hasnt "nor did a denied tool" "$seen" danger
out=$(call alice echo '{"message":"x"}' -v)
hasnt "the real key is in nothing the client sees" "$out" "$REAL_KEY"

out=$(call bob echo '{"message":"hi"}')
has "no grant: denied" "$out" '(no grant)'

settled
audit=$(lab_audit)
hasnt "no key in the audit" "$audit" "$REAL_KEY"
hasnt "no placeholder either" "$audit" "$PLACEHOLDER"
hasnt "no key in the log" "$(cat "$LAB/callgated.log")" "$REAL_KEY"
rec=$(lab_records '.kind=="call" and .tool=="echo" and .verdict=="allow"' | head -1)
for f in '"uid":12001' '"server":"mcp"' '"arg_keys":["message","path"]' '"authorised_by":"/tools/echo"' '"grant":"g-' '"policy":"' '"exe":"/usr/bin/curl"' \
	'"auid":' '"agent_strength":' '"generation":' '"cred":"mcp-key"' "/user-alice\""; do
	has "the call record has $f" "$rec" "$f"
done
check "its result record closes it" lab_has_record ".kind==\"result\" and .id==$(echo "$rec" | jq -c .id) and .status==\"ok\""
check "the denial names the rule" lab_has_record '.kind=="call" and .verdict=="deny" and .rule=="/tools/echo/deny_if/args.path-regex"'
check "bob's denial is recorded" lab_has_record '.uid==12002 and .rule=="(no grant)"'
check "a limit's charge is recorded" lab_has_record '.tool=="pay" and .verdict=="allow" and (.charges[0] | startswith("pay_per_hour=1@"))'
check "the vault recorded the release by itself" lab_has_record '.kind=="release" and .cred=="mcp-key"'
check "every call has a result or is a denial" test "$(lab_records '.kind=="call" and .verdict=="allow"' | wc -l)" = "$(lab_records '.kind=="result"' | wc -l)"
check "the sequence has no gap" bash -c "$(declare -f lab_audit); lab_audit | jq -s '[.[].seq] | . == [range(.[0]; .[0]+length)]' | grep -q true"
journal=$(lab_journal)
for f in '"event":"server.add"' '"event":"policy.apply"' '"event":"grant.add"' '"event":"credential.set"'; do
	has "the journal has $f" "$journal" "$f"
done
has "numbers stand in it as they were sent" "$journal" '"port":443,'
hasnt "and no key" "$journal" "$REAL_KEY"
status=$(callgate --json status)
check "every process is refused what it must not do, tried from inside" test "$(echo "$status" | jq "[.. | objects | select(.sandbox_tried?)] | length == 6 and all(.sandbox_tried >= (if .name == \"callgate-fetch\" then 5 else 6 end) and .sandbox_tried == .sandbox_refused)")" = true
check "the worker also by its own ring" test "$(echo "$status" | jq ".. | objects | select(.name? == \"callgate-proxy\") | (.sandbox_set / 2 | floor) % 2")" = 1
lab_daemon_stop
check "stopping seals the audit" bash -c 'ls /var/log/callgate/audit/sealed/*.jsonl.gz'
check "zcat reads every sealed file" bash -c 'zcat /var/log/callgate/audit/sealed/*.gz >/dev/null'
has "who may not read it is told who may" "$(lab_as alice "$BUILD/callgate" audit tail 2>&1)" "Permission denied; run it as root, or as a member of the group"
check "and it verifies" "$BUILD/callgate" audit verify /var/log/callgate/audit
lab_end
