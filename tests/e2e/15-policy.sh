#!/bin/bash
# What the writer of a policy has: what changed and who changed it, why a call is denied, what another policy would have done, the least that is enough.
. "$(dirname -- "$0")/setup.sh"
gate_up

out=$(callgate policy explain --user alice --server mcp --tool echo --args '{"path":"/etc/shadow"}')
has "explain names the deciding rule" "$out" 'deny  /tools/echo/deny_if/args.path-regex'
has "and what the agent reads" "$out" 'System files are off limits.'
has "the gate says the same" "$(call alice echo '{"path":"/etc/shadow"}')" 'System files are off limits.'
out=$(callgate policy explain --user alice --server mcp --tool echo --args '{"path":"/srv/x"}')
has "explain of an allowed call" "$out" 'allow  /tools/echo'
hasnt "the gate says the same" "$(call alice echo '{"path":"/srv/x"}')" 'isError":true'
out=$(callgate policy explain --user bob --server mcp --tool echo)
has "without a grant" "$out" '(no grant)'

for i in 1 2 3; do call alice stream >/dev/null; done
call alice pay '{"amount":5}' >/dev/null
call alice fail >/dev/null
call bob echo >/dev/null
settled

cat >"$LAB/narrow.json" <<-'EOF2'
{"version": "1", "default": "deny",
 "tools": {"stream": {}, "echo": {"require": [{"conditions": [{"path": "args.message", "op": "exists", "value": true}]}]},
           "pay": {"deny_if": [{"conditions": [{"path": "args.amount", "op": "gt", "value": 3}]}]}}}
EOF2
out=$(callgate policy simulate --policy "$LAB/narrow.json" --server mcp)
has "simulate: what would be denied" "$out" '/tools/echo/require/args.message-exists'
has "what nobody can tell" "$out" 'depend on values'
has "and what no policy judged" "$out" 'no policy judged them'
row=$(callgate policy simulate --policy "$LAB/narrow.json" --server mcp --json | jq -c '[.changes[] | select(.tool=="pay")] | .[0]')
check "a value decides: depends" test "$(echo "$row" | jq -r .would)" = depends
row=$(callgate policy simulate --policy "$LAB/policy.json" --server mcp --json)
check "the policy that judged changes nothing for sure" test "$(echo "$row" | jq .different)" = 0

callgate policy suggest --server mcp >"$LAB/suggest.json" 2>"$LAB/suggest.err"
check "suggest writes a document that is good" callgate policy check "$LAB/suggest.json"
check "it names what was called" test "$(jq -c '.tools | keys' "$LAB/suggest.json")" = '["echo","pay","stream"]'
has "what was only ever denied stays denied" "$(cat "$LAB/suggest.err")" 'fail'
check "money is left to a person" test "$(jq -c '.tools.pay.deny_if[0].conditions' "$LAB/suggest.json")" = '[]'
out=$(callgate policy apply lab "$LAB/suggest.json" --reason "least" --ticket T-2)
has "apply says the version" "$out" 'version 2'
has "and what changes" "$out" '-  "hide": ['
hasnt "a call that was seen still passes" "$(call alice stream)" '(default deny)'
has "money no longer does" "$(call alice pay '{"amount":5}')" 'a person does it'
callgate policy rollback lab --reason "too narrow" >/dev/null
hasnt "rolled back: the next call passes" "$(call alice pay '{"amount":5}')" 'isError":true'
out=$(callgate policy history lab)
has "the history has who and why" "$out" 'too narrow'
has "and the ticket" "$out" 'T-2'
check "diff between two versions" test "$(callgate policy diff lab 1 2 | grep -c '^-')" -gt 3
check "the same again after the rollback" callgate policy diff lab 1 3
has "the journal has it all" "$(lab_journal)" '"rollback_to":1'
lab_end
