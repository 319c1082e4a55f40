#!/bin/bash
# Requests that two parsers read in two ways, to servers on both official SDKs: whatever the server makes of them, a denied tool never runs, and a tool that runs
# is the one that the record names.
. "$(dirname -- "$0")/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up || exit 77
kit_edge || exit 1

for policy in denied allowed; do
	if [ $policy = allowed ]; then
		callgate policy apply edge "$LAB/allow.json" --reason "everything" >/dev/null || exit 1
	fi
	from=$(edge_lines)
	edge >"$LAB/m/rows.$policy" 2>"$LAB/edge.err"
	settled
	cells=$(edge_cells "$LAB/m/rows.$policy") ran=$(edge_ran "$LAB/m/rows.$policy") allowed=$(edge_allowed "$from")
	echo "# danger $policy: $cells requests, ran $ran, allowed by records $allowed, $(edge_records "$from") records"
	check "$policy: more than 300 requests were sent" test "${cells:-0}" -gt 300
	check "$policy: every one was answered" jq -e -s '[.[] | to_entries[] | select(.key != "case" and .value != null) | .value.status] | all(. > 0)' "$LAB/m/rows.$policy"
	check "$policy: every one has a record" test "$(edge_records "$from")" -ge "$cells"
	check "$policy: what ran is what a record allowed" jq -e -n --argjson ran "$ran" --argjson allowed "$allowed" '$ran | to_entries | all(($allowed[.key] // 0) >= .value)'
done
check "the denied tool never ran" jq -e -n --argjson ran "$(edge_ran "$LAB/m/rows.denied")" '($ran.danger // 0) == 0'
# The same requests do run it when it is allowed: those that can be read in one way only.
check "allowed, it ran where a request is plain" jq -e -n --argjson ran "$(edge_ran "$LAB/m/rows.allowed")" '$ran.danger >= 40'
for case in plain "escape in method value" "escape in tool name" "JSON whitespace around" "path /mcp?x=1" "type APPLICATION/JSON"; do
	check "allowed: $case" jq -e -s --arg case "$case" '.[] | select(.case == $case) | .v1raw.ran == ["danger"] and .v1express.ran == ["danger"] and .v2legacy.ran == ["danger"] and .v2modern.ran == ["danger"]' "$LAB/m/rows.allowed"
done
for case in "name twice: safe, danger" "array [danger]" "Content-Encoding gzip" "charset utf-16le" "byte order mark first" "key \"Method\"" "verb PUT"; do
	check "allowed, but ambiguous: $case" jq -e -s --arg case "$case" '.[] | select(.case == $case) | [.v1raw, .v1express, .v2legacy, .v2modern] | all(.ran == [] and .status >= 400 and .status < 500)' "$LAB/m/rows.allowed"
done
lab_end
