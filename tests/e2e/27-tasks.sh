#!/bin/bash
# A task that alice's call began is hers: bob, who has a grant of his own, does not get at it by its id.
. "$(dirname -- "$0")/setup.sh"
gate_up
echo '{"version": "1", "default": "deny", "tools": {"task": {}}, "x-callgate": {"version": 1, "methods": {"tasks/get": "allow", "tasks/result": "allow", "tasks/cancel": "allow"}}}' >"$LAB/policy.json"
callgate policy apply lab "$LAB/policy.json" --reason lab >/dev/null || exit 1
callgate grant add --user bob --server mcp --policy lab --reason lab >/dev/null || exit 1
ask() { post "$1" "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$2\",\"params\":{\"taskId\":\"$3\"}}"; }
has "alice's call begins a task" "$(call alice task)" '"taskId"'
has "she may ask for it: the server answers, which has no such method" "$(ask alice tasks/get t-1)" '-32601'
for method in tasks/get tasks/result tasks/cancel; do
	has "bob's $method is refused" "$(ask bob $method t-1)" 'belongs to another user'
done
has "however he writes it" "$(ask bob tasks/get '\u0074-1')" 'belongs to another user'
has "what nobody began is for the server to judge" "$(ask bob tasks/get t-2)" '-32601'
settled
check "each refusal is recorded" test "$(lab_records '.kind == "refused" and .uid == 12002 and .detail == "the task belongs to another user"' | wc -l)" = 4
check "and the server saw none of them" test "$(grep -c '"method":"tasks/get"' "$LAB/mcp.log")" = 2
lab_end
