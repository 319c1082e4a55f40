#!/bin/bash
# The transport of 2024-11-05 with the official SDK and server-everything: answers come on the stream, and so do denials.
. "$(dirname -- "$0")/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up || exit 77
kit_everything sse 3002 || exit 1
lab_daemon || exit 1
callgate ca install >/dev/null
printf %s "$REAL_KEY" | callgate vault set everything-key >/dev/null
cat >"$LAB/policy.json" <<'JSON'
{"version": "1", "default": "deny",
 "tools": {"echo": {"deny_if": [{"conditions": [{"path": "args.message", "op": "contains", "value": "forbidden"}], "on_deny": "Those words are not for echo."}]}},
 "x-callgate": {"version": 1, "tools": {"echo": {"approve": {"conditions": [{"path": "args.message", "op": "eq", "value": "asked"}]}}}}}
JSON
# Only the stream's path is registered: where to POST, the server says on the stream.
callgate server add everything --host everything.lab.test --path /sse --credential everything-key >/dev/null || exit 1
callgate policy apply lab "$LAB/policy.json" --reason lab >/dev/null || exit 1
callgate grant add --user alice --server everything --policy lab --reason lab >/dev/null || exit 1

out=$(lab_as alice "$NODE" "$KIT/sseclient.mjs" https://everything.lab.test/sse 2>&1)
has "the client connects" "$out" '"step":"connected"'
has "the list on the stream has the allowed tool" "$out" '"step":"listed","tools":["echo"]'
has "an allowed call" "$out" '"step":"allowed","isError":false,"text":"Echo: hello"'
has "a denial arrives on the stream, with its reason" "$out" '"step":"denied","isError":true,"text":"Denied by policy: Those words are not for echo.'
has "a hidden tool is unknown" "$out" '"step":"hidden","code":-32602'
has "and the stream goes on" "$out" '"step":"again","isError":false,"text":"Echo: still here"'
settled
has "the POSTs carried the vaulted key" "$(grep '^POST' "$LAB/front.log")" "auth=Bearer $REAL_KEY"
check "the denial has its record" lab_has_record '.kind=="call" and .verdict=="deny" and .tool=="echo" and .uid==12001'

# bob learns alice's target: it is not his.
lab_as alice curl -sN --max-time 8 -H 'Accept: text/event-stream' https://everything.lab.test/sse >"$LAB/m/stream" 2>/dev/null &
lab_wait 5 grep -q '^data: /' "$LAB/m/stream" || not_ok "alice's stream has an endpoint"
target=$(sed -n 's/^data: \(\/[^\r]*\).*/\1/p' "$LAB/m/stream" | head -1)
before=$(grep -c '^POST' "$LAB/front.log")
code=$(lab_as bob curl -sS --max-time 5 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d "$(rpc echo '{"message":"stolen"}')" "https://everything.lab.test$target")
check "another user's POST to it is refused" test "$code" = 404
check "and does not reach the server" test "$(grep -c '^POST' "$LAB/front.log")" = "$before"
code=$(lab_as alice curl -sS --max-time 5 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d "$(rpc echo '{"message":"forbidden"}')" "https://everything.lab.test$target")
check "her own denied POST is answered 202" test "$code" = 202
code=$(lab_as alice curl -sS --max-time 5 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -H 'Accept: text/event-stream' -d "$(rpc echo '{"message":"asked"}')" "https://everything.lab.test$target")
check "one that wants an approval is not held: its answers come elsewhere" test "$code" = 202
check "on the stream it hears that it waits" lab_wait 5 grep -q 'Not yet: waiting for approval a-' "$LAB/m/stream"
check "with the denial on her stream" lab_wait 3 grep -q 'Those words are not for echo' "$LAB/m/stream"
code=$(lab_as alice curl -sS --max-time 5 -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' -d "$(rpc echo '{"message":"x"}')" "https://everything.lab.test/message?sessionId=none")
check "a target that nobody named is no MCP path" test "$code" = 400
lab_end
