#!/bin/bash
# The catalogue at the gate: what a server lists is learned and kept, a person's word counts, a changed definition of an approved tool is refused.
. "$(dirname -- "$0")/setup.sh"
eval "$(declare -f lab_server | sed '1s/lab_server/lab_server_with/')"
lab_server() { lab_server_with "$@" --changed-when "$LAB/changed"; }
gate_up
class_of() { callgate catalog show mcp "$1" --json 2>/dev/null | jq -r .tool.class; }
learned() { case $(class_of "$1") in ""|null) return 1;; esac; }
list() { post alice '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'; }

call alice echo >/dev/null
list >/dev/null
check "what an agent lists is known to the catalogue" lab_wait 10 learned pay
check "also what it may not see" learned danger
check "a description raises" test "$(class_of danger)" = Destructive
check "money" test "$(class_of pay)" = Financial
check "unknown counts as Execute" test "$(class_of echo)" = Execute
has "the journal has it" "$(lab_journal)" '"event":"catalog.learn"'
call alice pay '{"amount":1}' >/dev/null
settled
check "the record of a call has the class" lab_has_record '.kind=="call" and .tool=="pay" and .risk=="Financial" and (.tool_hash | length) == 64'
check "and before it was listed: Execute" lab_has_record '.kind=="call" and .tool=="echo" and .risk=="Execute" and (.tool_hash | not)'

cat >"$LAB/odd.json" <<-'EOF2'
{"version": "1", "default": "deny", "tools": {"echo": {}, "Stream": {}, "pay": {"deny_if": [{"conditions": [{"path": "args.amount", "op": "regex", "value": "^9"}]}]}}}
EOF2
out=$(callgate policy check "$LAB/odd.json" --server mcp 2>&1)
has "a policy is checked against what the server lists: types" "$out" 'can never hold: the argument is never text'
has "and names" "$out" 'has "stream": case counts'
check "an override without a reason is refused" bash -c "! '$BUILD/callgate' catalog override mcp echo Read 2>/dev/null"
callgate catalog override mcp echo Read --reason "it only repeats" --ticket T-9 >/dev/null
check "a person's word counts" test "$(class_of echo)" = Read
call alice echo >/dev/null
settled
check "from the next call on" lab_has_record '.kind=="call" and .tool=="echo" and .risk=="Read"'
has "with author and reason in the journal" "$(lab_journal)" '"reason":"it only repeats"'
out=$(callgate catalog list)
has "the list says who" "$out" 'root'

out=$(callgate catalog approve mcp --all --reason "read them")
has "approve all" "$out" '5 definitions are approved'
hasnt "an approved tool is called" "$(call alice echo '{"message":"x"}')" 'isError":true'
touch "$LAB/changed"
hasnt "nothing is refused before the change is seen" "$(call alice echo '{"message":"x"}')" 'changed definition'
out=$(list)
hasnt "a changed tool is not listed" "$out" '"echo"'
has "the others are" "$out" '"pay"'
out=$(call alice echo '{"message":"x"}')
has "a changed tool is refused" "$out" 'has changed what this tool is'
settled
check "and the record says why" lab_has_record '.kind=="call" and .tool=="echo" and .verdict=="deny" and .rule=="(changed definition)"'
check "the catalogue shows it" lab_wait 10 bash -c "'$BUILD/callgate' catalog list | grep -q 'echo.*changed'"
check "the override was about the old definition" test "$(class_of echo)" != Read
check "approving what is no longer there fails" bash -c "! '$BUILD/callgate' catalog approve mcp echo --hash 0000000000 2>/dev/null"
callgate catalog approve mcp echo --reason "read again" >/dev/null
hasnt "approved again: it is called" "$(call alice echo '{"message":"x"}')" 'has changed what'
has "and listed" "$(list)" '"echo"'
lab_daemon_stop
lab_daemon
check "a restart forgets nothing" test "$(class_of danger)" = Destructive
paid() { call alice pay '{"amount":1}' | grep -q 'ran pay'; }
check "calls pass again" lab_wait 10 paid # until the worker accepts, connections are refused
settled
check "nor does a worker that has seen no list" lab_wait 5 lab_has_record '.kind=="call" and .tool=="pay" and .risk=="Financial" and (.tool_hash | not)'

# ---- what each grant reaches ----
reached=$(callgate --json grant list --user alice --tools | jq -c '.grants[0].tools | map([.tool, .class, .reach]) | sort')
has "a tool that a rule may refuse is reached if it fits" "$reached" '["echo",'
check "it says if" test "$(callgate --json grant list --user alice --tools | jq -r '.grants[0].tools[] | select(.tool=="echo").reach')" = if
check "one without rules is reached" test "$(callgate --json grant list --user alice --tools | jq -r '.grants[0].tools[] | select(.tool=="stream").reach')" = yes
hasnt "one that is refused whatever its arguments is not" "$reached" '"danger"'
hasnt "nor a hidden one" "$reached" '"fail"'
hasnt "nor any other" "$reached" '(any other)'
has "in columns" "$(callgate grant list --user alice --tools)" "REACHED"
lab_end
