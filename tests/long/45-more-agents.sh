#!/bin/bash
# Gemini CLI and opencode, as they are installed from the registry, with a scripted model: recognised, and their calls judged.
. "$(dirname -- "$0")/../e2e/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up all || exit 77
gate_up '{"users":["alice","bob"],"scope":"agents"}'
agent() { # AGENT TOOL ARGS
	LAB_ENV="AGENT_TIMEOUT=80 NODE_MODULES=$NODE_MODULES AGENT_ENV=NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt" lab_as alice env TOOL_ARGS="$3" TMPDIR="$LAB/home/alice" \
		sh "$KIT/run-agent.sh" "$1" "$MCP" "$2" 2>&1
}
for agent in gemini:gemini-cli opencode:opencode; do
	out=$(agent ${agent%:*} echo '{"message":"from the agent"}')
	has "${agent%:*}: the model reads the allowed call's answer" "$out" "from the agent"
	out=$(agent ${agent%:*} echo '{"path":"/etc/shadow"}')
	has "${agent%:*}: the model reads the denial" "$out" "System files are off limits."
	settled
	check "${agent%:*} is named in the record, with its digest and the way to its root" lab_has_record ".kind==\"call\" and .agent==\"${agent#*:}\" and .uid==12001 and (.chain|length)>0 and (.exe_sha256|test(\"^[0-9a-f]{64}$\"))"
done
lab_end
