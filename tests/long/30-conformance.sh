#!/bin/bash
# The conformance suite against a server on the official SDK, direct and through the gate: the same checks, the same outcomes.
. "$(dirname -- "$0")/../e2e/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up || exit 77
out=$LAB/keep && mkdir -p "$out" && chmod 1777 "$out"
addr=$(awk '$2 == "sdk.lab.test" { print $1 }' /etc/hosts)
lab_net env NODE_MODULES="$NODE_MODULES" CERT="$LAB_CERTS/good.crt" KEY="$LAB_CERTS/good.key" \
	"$NODE" "$KIT/confserver.mjs" 3100 "$addr" >"$LAB/confserver.log" 2>&1 &
lab_wait 10 lab_net bash -c ": </dev/tcp/$addr/3100" || { cat "$LAB/confserver.log"; exit 1; }
lab_daemon || exit 1
callgate ca install >/dev/null
# Everything is allowed, by name where the policy asks for a name: what differs then is the gate's own doing.
cat >"$LAB/policy.json" <<'JSON'
{"version": "1", "default": "allow",
 "x-callgate": {"version": 1, "methods": {"resources/subscribe": "allow", "resources/unsubscribe": "allow", "unknown/method": "allow"}}}
JSON
callgate server add sdk --host localhost --port 3100 --path /mcp >/dev/null || exit 1
callgate policy apply all "$LAB/policy.json" --reason conformance || exit 1
callgate grant add --user alice --server sdk --policy all --reason conformance >/dev/null || exit 1

# Some scenarios speak only to http://localhost: a leg on loopback puts each user's bytes into TLS.
leg() { # USER PORT
	lab_as "$1" "$NODE" "$KIT/tlsleg.mjs" "$2" "$addr:3100" localhost >"$LAB/leg-$1.log" 2>&1 &
	lab_wait 10 bash -c ": </dev/tcp/127.0.0.1/$2" || { cat "$LAB/leg-$1.log"; exit 1; }
}
leg carol 3101
leg alice 3102
suite() { # USER PORT REVISION DIR
	lab_as "$1" "$NODE" "$CONFORMANCE" server --url "http://localhost:$2/mcp" --requirements "$3" -o "$4" >"$4.log" 2>&1
	grep '^Total:' "$4.log"
}
for revision in 2025-11-25 2026-07-28; do
	echo "# $revision, direct: $(suite carol 3101 $revision "$out/direct-$revision")"
	echo "# $revision, through the gate: $(suite alice 3102 $revision "$out/gate-$revision")"
	diff=$("$NODE" "$KIT/confdiff.mjs" "$out/direct-$revision" "$out/gate-$revision")
	status=$?
	sed 's/^/# /' <<<"$diff"
	check "$revision: the same checks with the same outcome" test $status = 0
	check "$revision: the gate saw the calls" lab_has_record '.kind == "call" and .tool == "test_simple_text" and .verdict == "allow"'
done
lab_end
