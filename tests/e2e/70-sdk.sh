#!/bin/bash
# The official SDK client, v1 and v2, and server-everything, both unmodified, over HTTPS.
. "$(dirname -- "$0")/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up || exit 77
kit_everything streamableHttp 3001 || exit 1
lab_daemon || exit 1
callgate ca install >/dev/null
printf %s "$REAL_KEY" | callgate vault set everything-key >/dev/null
cat >"$LAB/policy.json" <<'EOF'
{"version": "1", "default": "deny",
 "tools": {"echo": {"deny_if": [{"conditions": [{"path": "args.message", "op": "contains", "value": "forbidden"}], "on_deny": "Those words are not for echo."}]},
           "get-sum": {}, "trigger-long-running-operation": {}},
 "x-callgate": {"version": 1, "tools": {"echo": {"approve": {"conditions": [{"path": "args.message", "op": "contains", "value": "ask_first"}]}}}}}
EOF
callgate server add everything --host everything.lab.test --path /mcp --credential everything-key >/dev/null || exit 1
callgate policy apply lab "$LAB/policy.json" --reason lab >/dev/null || exit 1
callgate grant add --user alice --server everything --policy lab --reason lab >/dev/null || exit 1

# Somebody who says yes to whatever is asked.
while sleep 0.2; do
	for id in $(callgate --json approve list 2>/dev/null | jq -r '.approvals[]? | select(.state == "waiting") | .id'); do callgate approve yes "$id"; done
done >"$LAB/approver" 2>&1 &
for which in v1 v2 v2auto; do
	out=$(LAB_ENV="PLACEHOLDER=$PLACEHOLDER HELD=ask_first_$which" lab_as alice "$NODE" "$KIT/sdkclient.mjs" $which https://everything.lab.test/mcp 2>&1)
	has "$which: initialize" "$out" '"step":"connected","server":"mcp-servers/everything"'
	has "$which: tools/list" "$out" '"echo"'
	hasnt "$which: the list is filtered" "$out" 'get-env'
	has "$which: an allowed call" "$out" '"step":"allowed","isError":false,"text":"Echo: hello"'
	has "$which: a denied call is a result with the reason" "$out" 'Those words are not for echo.'
	has "$which: marked as an error" "$out" '"step":"denied","isError":true'
	has "$which: a held call gets its result when a person has approved it" "$out" '"step":"held","isError":false,"text":"Echo: ask_first_'$which'"'
	has "$which: a streamed answer" "$out" '"step":"streamed","isError":false'
	has "$which: with its progress" "$out" '"step":"progress","steps":3'
	hasnt "$which: the real key is nowhere" "$out" "$REAL_KEY"
done
sleep 0.5
has "the server saw the vaulted key" "$(cat "$LAB/front.log")" "auth=Bearer $REAL_KEY"
hasnt "and never the placeholder" "$(cat "$LAB/front.log")" "$PLACEHOLDER"
settled
hasnt "no key in the audit" "$(lab_audit)" "$REAL_KEY"
check "the calls name node and alice" lab_has_record '.kind=="call" and .tool=="echo" and .uid==12001 and (.exe | endswith("/node"))'
lab_end
