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
lab_end
