#!/bin/bash
# Requests that two parsers read in two ways, to servers on both official SDKs: whatever the server makes of them, a denied tool never runs, and a tool that runs
# is the one that the record names.
. "$(dirname -- "$0")/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up || exit 77
# The servers are children of the program that sends, so all of it is on the workstation: sender - TLS leg - gate - TLS end - server.
# Not loopback: an address of the workstation's own that looks like any other from a socket.
end=203.0.113.250
ip addr add $end/32 dev lo
cat >"$LAB/tls.cfg" <<CFG
global
    maxconn 512
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen raw
    bind $end:3405 ssl crt $LAB_CERTS/good.pem
    server s 127.0.0.1:3305
listen express
    bind $end:3406 ssl crt $LAB_CERTS/good.pem
    server s 127.0.0.1:3306
listen v2
    bind $end:3404 ssl crt $LAB_CERTS/good.pem
    server s 127.0.0.1:3304
CFG
haproxy -db -f "$LAB/tls.cfg" >"$LAB/front.log" 2>&1 &
lab_wait 5 bash -c ": </dev/tcp/$end/3404" || { cat "$LAB/front.log"; exit 1; }
lab_daemon || exit 1
callgate ca install >/dev/null
cat >"$LAB/policy.json" <<'JSON'
{"version": "1", "default": "allow", "tools": {"danger": {"deny_if": [{"conditions": []}]}}}
JSON
echo '{"version": "1", "default": "allow"}' >"$LAB/allow.json"
callgate policy apply edge "$LAB/policy.json" --reason edge >/dev/null || exit 1
for port in 3404 3405 3406; do
	callgate server add "edge$port" --host localhost --port $port --path /mcp >/dev/null &&
		callgate grant add --user alice --server "edge$port" --policy edge --reason edge >/dev/null || exit 1
	lab_as alice "$NODE" "$KIT/tlsleg.mjs" $((port + 100)) $end:$port localhost >"$LAB/leg.log" 2>&1 &
	lab_wait 10 bash -c ": </dev/tcp/127.0.0.1/$((port + 100))" || { cat "$LAB/leg.log"; exit 1; }
done
to() { echo "--to $1=http://localhost:$2/mcp"; }
edge() { # shellcheck disable=SC2046 # words
	lab_as alice "$NODE" "$KIT/edge.mjs" --ports 3305,3306,3304 --json $(to v1raw 3505) $(to v1express 3506) $(to v2legacy 3504) $(to v2modern 3504) "$@"
}

# What ran, and what the records since line FROM of the audit allowed: {"NAME": count}
ran_of() { jq -s -c '[.[] | to_entries[] | select(.key != "case" and .value != null) | .value.ran[]] | group_by(.) | map({(.[0]): length}) | add // {}' "$1"; }
allowed_since() { lab_audit | tail -n +$(($1 + 1)) | jq -s -c '[.[] | select(.kind == "call" and .verdict == "allow" and .method == "tools/call") | .tool] | group_by(.) | map({(.[0]): length}) | add // {}'; }
records_since() { lab_audit | tail -n +$(($1 + 1)) | jq -c 'select(.kind == "call" or .kind == "refused")' | wc -l; }
cells_of() { jq -s '[.[] | to_entries[] | select(.key != "case" and .value != null) | .value] | length' "$1"; }
lines() { lab_audit | wc -l; }

for policy in denied allowed; do
	if [ $policy = allowed ]; then
		callgate policy apply edge "$LAB/allow.json" --reason "everything" >/dev/null || exit 1
	fi
	from=$(lines)
	edge >"$LAB/m/rows.$policy" 2>"$LAB/edge.err"
	settled
	cells=$(cells_of "$LAB/m/rows.$policy") ran=$(ran_of "$LAB/m/rows.$policy") allowed=$(allowed_since "$from")
	echo "# danger $policy: $cells requests, ran $ran, allowed by records $allowed, $(records_since "$from") records"
	check "$policy: more than 300 requests were sent" test "${cells:-0}" -gt 300
	check "$policy: every one was answered" jq -e -s '[.[] | to_entries[] | select(.key != "case" and .value != null) | .value.status] | all(. > 0)' "$LAB/m/rows.$policy"
	check "$policy: every one has a record" test "$(records_since "$from")" -ge "$cells"
	check "$policy: what ran is what a record allowed" jq -e -n --argjson ran "$ran" --argjson allowed "$allowed" '$ran | to_entries | all(($allowed[.key] // 0) >= .value)'
done
check "the denied tool never ran" jq -e -n --argjson ran "$(ran_of "$LAB/m/rows.denied")" '($ran.danger // 0) == 0'
# The same requests do run it when it is allowed: those that can be read in one way only.
check "allowed, it ran where a request is plain" jq -e -n --argjson ran "$(ran_of "$LAB/m/rows.allowed")" '$ran.danger >= 40'
for case in plain "escape in method value" "escape in tool name" "JSON whitespace around" "path /mcp?x=1" "type APPLICATION/JSON"; do
	check "allowed: $case" jq -e -s --arg case "$case" '.[] | select(.case == $case) | .v1raw.ran == ["danger"] and .v1express.ran == ["danger"] and .v2legacy.ran == ["danger"] and .v2modern.ran == ["danger"]' "$LAB/m/rows.allowed"
done
for case in "name twice: safe, danger" "array [danger]" "Content-Encoding gzip" "charset utf-16le" "byte order mark first" "key \"Method\"" "verb PUT"; do
	check "allowed, but ambiguous: $case" jq -e -s --arg case "$case" '.[] | select(.case == $case) | [.v1raw, .v1express, .v2legacy, .v2modern] | all(.ran == [] and .status >= 400 and .status < 500)' "$LAB/m/rows.allowed"
done
lab_end
