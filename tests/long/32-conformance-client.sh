#!/bin/bash
# The client mode of the conformance suite: a client on the official SDK against the suite's own servers, which are far away behind HTTPS; once past the gate
# and once through it.  The same checks, the same outcomes; where the server wants a log-in, the client logs in itself.
. "$(dirname -- "$0")/../e2e/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up || exit 77
out=$LAB/keep && mkdir -p "$out" && chmod 1777 "$out"
addr=$(awk '$2 == "sdk.lab.test" { print $1 }' /etc/hosts)
lab_net env CERT="$LAB_CERTS/good.crt" KEY="$LAB_CERTS/good.key" "$NODE" "$KIT/conffront.mjs" "$addr" 443 >"$LAB/conffront.log" 2>&1 &
lab_wait 10 lab_net bash -c ": </dev/tcp/$addr/443" || { cat "$LAB/conffront.log"; exit 1; }
lab_daemon || exit 1
callgate ca install >/dev/null
cat >"$LAB/policy.json" <<'JSON'
{"version": "1", "default": "allow"}
JSON
callgate server add sdk --host sdk.lab.test --path /mcp >/dev/null || exit 1
callgate policy apply all "$LAB/policy.json" --reason conformance || exit 1
callgate grant add --user alice --server sdk --policy all --reason conformance >/dev/null || exit 1

# The suite runs on the far side, where its servers are; the client that it starts runs at the desk, as USER.
cat >"$LAB/m/client.sh" <<SH
#!/bin/bash
user=\$1 url=\$2
echo \$\$ >"$LAB_CGROUP/user-\$user/cgroup.procs"
exec nsenter -t $$ -n setpriv --reuid="\$(id -u "\$user")" --regid="\$(id -g "\$user")" --clear-groups env -i HOME="$LAB/home/\$user" PATH=/usr/bin:/bin \\
	NODE_MODULES="$NODE_MODULES" NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt CONF_ORIGIN=https://sdk.lab.test \\
	MCP_CONFORMANCE_SCENARIO="\$MCP_CONFORMANCE_SCENARIO" MCP_CONFORMANCE_PROTOCOL_VERSION="\$MCP_CONFORMANCE_PROTOCOL_VERSION" \\
	MCP_CONFORMANCE_CONTEXT="\$MCP_CONFORMANCE_CONTEXT" "$NODE" "$KIT/confclient.mjs" "\$url"
SH
suite() { # USER REVISION DIR
	lab_net "$NODE" "$CONFORMANCE" client --command "bash $LAB/m/client.sh $1" --requirements "$2" -o "$3" >"$3.log" 2>&1
	grep '^Total:' "$3.log"
}
for revision in 2025-11-25 2026-07-28; do
	echo "# $revision, past the gate: $(suite carol $revision "$out/direct-$revision")"
	echo "# $revision, through the gate: $(suite alice $revision "$out/gate-$revision")"
	diff=$("$NODE" "$KIT/confdiff.mjs" "$out/direct-$revision" "$out/gate-$revision")
	status=$?
	sed 's/^/# /' <<<"$diff"
	check "$revision: the same checks with the same outcome" test $status = 0
done
settled
check "the gate saw the calls of the one" lab_has_record '.kind == "call" and .uid == 12001 and .verdict == "allow"'
check "and none of the other's" test "$(lab_records '.uid == 12003' | wc -l)" = 0
lab_end
