#!/bin/bash
# JSONTestSuite within calls, and HTTP whose end is a matter of opinion, to servers on both official SDKs: each is refused with a record, or the server runs exactly
# what a record allowed; a denied tool never runs.  EVERY (21; the campaign has 1): each how manieth of the 11,000 requests with JSON is sent.
. "$(dirname -- "$0")/../e2e/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up || exit 77
kit_edge || exit 1
both() { # NAME options: with danger denied
	local name=$1 from cells ran allowed records silent
	shift
	from=$(edge_lines)
	edge "$@" >"$LAB/m/rows" 2>"$LAB/edge.err"
	settled
	cells=$(edge_cells "$LAB/m/rows") ran=$(edge_ran "$LAB/m/rows") allowed=$(edge_allowed "$from") records=$(edge_records "$from")
	# Nothing was said to a request that never became whole; the sender left.
	silent=$(jq -s '[.[] | to_entries[] | select(.key != "case" and .value.status == 0)] | length' "$LAB/m/rows")
	echo "# $name: $cells requests ($silent without an end), ran $ran, allowed by records $allowed, $records records"
	check "$name: requests were sent" test "${cells:-0}" -gt 500
	check "$name: each that was answered has a record" test "$records" -ge $((cells - silent))
	check "$name: what ran is what a record allowed" jq -e -n --argjson ran "$ran" --argjson allowed "$allowed" '$ran == $allowed'
}
both "JSON, danger denied" --corpus "$KIT/cases.jsonl" --every "${EVERY:-21}"
check "JSON: the denied tool never ran" jq -e -n --argjson ran "$(edge_ran "$LAB/m/rows")" '($ran.danger // 0) == 0 and $ran.safe > 10'
both "HTTP, danger denied" --http
check "HTTP: the denied tool never ran" jq -e -n --argjson ran "$(edge_ran "$LAB/m/rows")" '($ran.danger // 0) == 0 and $ran.safe > 10'
[ "${EVERY:-21}" = 1 ] || lab_end # the rest takes its time
callgate policy apply edge "$LAB/allow.json" --reason "everything" >/dev/null || exit 1
both "HTTP, danger allowed" --http
check "HTTP: allowed, it runs where a request is plain" jq -e -n --argjson ran "$(edge_ran "$LAB/m/rows")" '$ran.danger >= 20'
lab_end
