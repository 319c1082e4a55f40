# setup.sh - what most end-to-end tests start from: a registered server with a vaulted key, a policy, a grant for alice.
. "$(dirname -- "${BASH_SOURCE[0]}")/../lab/lab.sh"

REAL_KEY=real-key-8c1f0e7b52
PLACEHOLDER=placeholder-key-000
MCP=https://mcp.lab.test/mcp

write_policy() {
	cat >"$LAB/policy.json" <<-'EOF'
	{"version": "1", "default": "deny", "hide": ["fail"],
	 "tools": {
	   "echo": {"deny_if": [{"conditions": [{"path": "args.path", "op": "regex", "value": "^/etc/"}], "on_deny": "System files are off limits."}]},
	   "stream": {},
	   "pay": {"require": [{"conditions": [{"path": "args.amount", "op": "lte", "value": 100}]}],
	           "limits": [{"counter": "pay_per_hour", "window": "hour", "max": 3, "scope": "grant"}]}}}
	EOF
}

gate_up() { # [callgate.json]
	# shellcheck disable=SC2086 # options
	lab_server mcp good ${MCP_OPTIONS:-} || exit 1
	lab_daemon "$@" || exit 1
	callgate ca install >/dev/null || { echo "ca install failed"; exit 1; }
	printf %s "$REAL_KEY" | callgate vault set mcp-key >/dev/null || exit 1
	write_policy
	callgate server add mcp --host mcp.lab.test --path /mcp --credential mcp-key --owner platform >/dev/null || exit 1
	callgate policy apply lab "$LAB/policy.json" --reason "lab" >/dev/null || exit 1
	callgate grant add --user alice --server mcp --policy lab --reason "lab" --ticket T-1 >/dev/null || exit 1
}

rpc() { # TOOL [ARGUMENTS] [ID]: the body of a tools/call
	local args=${2:-}
	[ -n "$args" ] || args={}
	printf '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"%s","arguments":%s}}' "${3:-7}" "$1" "$args"
}

post() { # USER BODY [curl options]: an unmodified client with a placeholder key
	local user=$1 body=$2
	shift 2
	lab_as "$user" curl -sS --max-time 20 -H "Authorization: Bearer $PLACEHOLDER" -H 'Content-Type: application/json' \
		-H 'Accept: application/json, text/event-stream' -d "$body" "$@" "$MCP" 2>&1
}

call() { # USER TOOL [ARGUMENTS] [curl options]
	local user=$1 tool=$2 args=${3:-}
	shift $(($# < 3 ? $# : 3))
	post "$user" "$(rpc "$tool" "$args")" "$@"
}

settled() { sleep 0.2; } # longer than the 15 ms within which records reach the file

# What is in $LAB/lines against the published schema, where the kit that knows schemas is installed.
lines_as_schema() {
	local kit
	kit=$(cat "$BUILD/testkit-path-schemas" 2>/dev/null)
	[ -n "$kit" ] || return 0
	NODE_PATH=$kit node "$LAB_TOP/tests/testkit/schemas/check.cjs" records "$LAB_TOP" <"$LAB/lines" >"$LAB/out" || cat "$LAB/out"
	check "every line is as the schema says: $(tail -1 "$LAB/out")" grep -q ' 0 wrong' "$LAB/out"
}
