#!/bin/bash
# A call that policy wants a person to approve does not pass as long as nobody can be asked.
. "$(dirname -- "$0")/setup.sh"
gate_up
echo '{"version": "1", "default": "deny", "tools": {"echo": {}, "stream": {}}, "x-callgate": {"version": 1, "tools": {"echo": {"approve": true}}}}' >"$LAB/approve.json"
callgate policy apply lab "$LAB/approve.json" --reason "approval" >/dev/null || exit 1
out=$(call alice echo '{"message":"unasked"}')
has "it is denied, with the reason" "$out" "policy wants a person to approve this call"
hasnt "and did not run" "$(cat "$LAB/mcp.log")" '"tool":"echo"'
settled
check "the record names the rule" lab_has_record '.kind=="call" and .verdict=="deny" and .rule=="/x-callgate/tools/echo/approve"'
has "another tool of the policy runs" "$(call alice stream '{}')" "data:"
lab_end
