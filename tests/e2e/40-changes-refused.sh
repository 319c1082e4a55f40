#!/bin/bash
# Who may change what is in force: not the governed, not agents, by whatever road; each attempt is recorded.
. "$(dirname -- "$0")/setup.sh"
gate_up
before=$(callgate --json grant list | jq -S .)

refused() { # DESCRIPTION OUTPUT
	has "$1 is refused" "$2" 'refused'
}
out=$(lab_as alice callgate grant add --user alice --server mcp --policy lab 2>&1)
refused "a governed user's grant" "$out"
out=$(lab_as alice callgate policy apply lab "$LAB/policy.json" 2>&1)
refused "a governed user's policy" "$out"
out=$(echo x | lab_as alice callgate vault set mcp-key 2>&1)
refused "a governed user's credential" "$out"
out=$(lab_as alice callgate server remove mcp 2>&1)
refused "a governed user's server change" "$out"
out=$(lab_as alice bash -c 'setsid bash -c "sleep 0.3; callgate grant add --user alice --server mcp --policy lab >$HOME/forked 2>&1 &" & exit 0'; sleep 1.5; cat "$LAB/home/alice/forked")
refused "a double-forked child's grant" "$out"
out=$(lab_as carol callgate grant add --user carol --server mcp --policy lab 2>&1)
refused "a person without a role" "$out"

# An agent of root: a program named as agents are, then its children, then an orphan of it.
mkdir -p "$LAB/m/agent" && cp /bin/bash "$LAB/m/agent/claude"
out=$("$LAB/m/agent/claude" -c 'sleep 0.5; "$0" grant add --user alice --server mcp --policy lab; true' "$BUILD/callgate" 2>&1)
refused "an agent's grant, though it is root's" "$out"
"$LAB/m/agent/claude" -c 'sleep 0.5; setsid bash -c "(sleep 0.7; $0 grant add --user alice --server mcp --policy lab >$1 2>&1) &" & exit 0' "$BUILD/callgate" "$LAB/orphan"
sleep 2.5
if callgate --json status | jq -e '.. | objects | select(.hook? == "tp_btf/sched_process_fork" and .attached)' >/dev/null; then
	refused "the grant of an agent's orphan" "$(cat "$LAB/orphan")"
else
	echo "# no fork tracking on this kernel: the orphan is a stated limit"
fi
check "nothing changed" test "$before" = "$(callgate --json grant list | jq -S .)"
settled
check "the refusals are in the journal" test "$(lab_journal | jq -c 'select(.event=="refused")' | wc -l)" -ge 7
check "with who it was" bash -c "$(declare -f lab_journal); lab_journal | jq -c 'select(.event==\"refused\" and .by.uid==12001)' | grep -q ."
out=$(callgate grant add --user bob --server mcp --policy lab --reason "root may" 2>&1)
hasnt "root, not an agent, may" "$out" refused
lab_end
