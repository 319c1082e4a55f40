#!/bin/bash
# Claude Code and Codex with a scripted model: an allowed call, and a denied one whose text the model reads.
. "$(dirname -- "$0")/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up || exit 77
gate_up
agent() { # AGENT TOOL ARGS
	LAB_ENV="AGENT_TIMEOUT=50 NODE_MODULES=$NODE_MODULES AGENT_ENV=LANG=C.UTF-8" lab_as alice env TOOL_ARGS="$3" TMPDIR="$LAB/home/alice" \
		sh "$KIT/run-agent.sh" "$1" "$MCP" "$2" 2>&1
}
for agent in claude codex; do
	out=$(agent $agent echo '{"message":"from the agent"}')
	has "$agent: the model reads the allowed call's answer" "$out" "from the agent"
	out=$(agent $agent echo '{"path":"/etc/shadow"}')
	has "$agent: the model reads the denial" "$out" "System files are off limits."
done
settled
hasnt "the server never saw the denied call" "$(lab_net cat "$LAB/mcp.log")" shadow
check "claude is named in the record" lab_has_record '.kind=="call" and .agent=="claude-code" and .uid==12001'
check "codex is named in the record" lab_has_record '.kind=="call" and .agent=="codex" and .uid==12001'

# Started before the server is registered: until then they speak with it past the gate, afterwards through it, without being started anew.
lab_server other good
hold=$LAB/home/alice/registered
for agent in claude codex; do
	LAB_ENV="HOLD=$hold AGENT_TIMEOUT=50 NODE_MODULES=$NODE_MODULES AGENT_ENV=LANG=C.UTF-8" lab_as alice env TOOL_ARGS='{"message":"was there before"}' TMPDIR="$LAB/home/alice" \
		sh "$KIT/run-agent.sh" $agent https://other.lab.test/mcp echo >"$LAB/early-$agent" 2>&1 &
	early="${early:-} $!"
done
check "both have seen the server's tools before it is registered" lab_wait 40 bash -c "[ \"\$(grep -c tools/list '$LAB/other.log')\" -ge 2 ]"
callgate server add other --host other.lab.test --path /mcp --credential mcp-key >/dev/null
callgate grant add --user alice --server other --policy lab --reason lab >/dev/null
touch "$hold"
# shellcheck disable=SC2086 # numbers of processes
wait $early
settled
for agent in claude codex; do
	has "$agent, started before server add, reaches the server through the gate" "$(cat "$LAB/early-$agent")" "was there before"
done
check "and their calls have records" test "$(lab_records '.kind=="call" and .server=="other" and .tool=="echo" and .verdict=="allow"' | jq -r .agent | sort -u | xargs)" = "claude-code codex"
lab_end
