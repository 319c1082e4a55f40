#!/bin/bash
# The generator of fleet trails: the same plan gives the same bytes; what it writes verifies, is as the schema says, and has the planted faults.
. "$(dirname -- "$0")/../lab/plain.sh"
cat >"$work/plan.json" <<'E2'
{"seed": 3, "hosts": 3, "days": 2, "calls": 60, "plants": [
	{"what": "power", "host": 1, "day": 1, "at": "10:20", "minutes": 90},
	{"what": "tamper", "host": 2, "day": 2, "segment": 3},
	{"what": "lost", "host": 2, "day": 1, "segment": 4},
	{"what": "clock", "host": 3, "day": 1, "at": "14:00", "minutes": 30, "hours": 2}]}
E2
gen() { "$BUILD/fleet/fleetgen" --plan "$work/plan.json" "$@"; }
gen --out "$work/a" && gen --jobs 1 --out "$work/b"
check "the same plan gives the same bytes" diff -r "$work/a" "$work/b"

for h in ws-001 ws-002 ws-003; do
	for t in audit journal; do check "$h, $t: as it was written it is whole" "$BUILD/callgate" audit verify "$work/a/work/$h/$t"; done
done
mkdir "$work/got" && cp -r "$work/a/inbox/ws-002/audit/sealed" "$work/a/inbox/ws-002/audit/checkpoints" "$work/got"
check "the host that lost one and changed one is not" bash -c '! "$1" audit verify --key "$2" "$3"' - "$BUILD/callgate" "$work/a/keys/ws-002/audit.json" "$work/got"
lines() { find "$work/a/store/$1" -name '*.gz' -print0 | sort -z | xargs -0 zcat; }
if kit=$(cat "$BUILD/testkit-path-schemas" 2>/dev/null); then
	for t in audit journal; do
		lines $t | NODE_PATH=$kit node "$top/tests/testkit/schemas/check.cjs" records "$top" >"$work/said"
		check "$t: every line as the schema says: $(tail -1 "$work/said")" grep -q ' 0 wrong' "$work/said"
	done
fi
n=$(jq '[.hosts[] | .calls] | add' "$work/a/facts.json")
check "the calls of the lines and those it counted are the same, but for the lost file" test "$(find "$work/a/work" -path '*/audit/sealed/*' -print0 | xargs -0 zcat | jq -r 'select(.kind == "call") | .id' | sort -u | wc -l)" = "$n"
check "the power cut left one call without a result" test "$(lines audit | jq -r 'select(.kind == "abandoned") | .host + " " + .detail')" = "ws-001 recovery"
check "the clock that is wrong says so in two hours of seals" test "$(lines audit | jq -r 'select(.kind == "seal" and (.clock_sync.synced | not)) | .host' | sort | uniq -c | awk '{ print $2, ($1 >= 118 && $1 <= 124) }')" = "ws-003 1"
exit $bad
