#!/bin/bash
# make demo-evidence OUT=DIR: a week of a small fleet in which seven things went wrong, collected, exported; the bundle is left in DIR.
set -eu
top=$(cd "$(dirname -- "$0")/.." && pwd -P)
: "${BUILD:=$top/build}" "${OUT:?make demo-evidence OUT=DIR}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
cg=$BUILD/callgate

say "Eight workstations, a week: written by the product's own audit code under a clock of its own"
"$BUILD/fleet/fleetgen" --plan "$top/tests/fleet/plans/evidence.json" --out "$work/fleet"
jq -r '.plants[] | "  \(.what) on ws-00\(.host), day \(.day // 1)"' "$work/fleet/facts.json"

say "A collector takes what they ship"
"$cg" fleet init --store "$work/store" --org example >/dev/null
# Enrolled by hand: the generator hands the keys over as a workstation would.
cp -r "$work/fleet/store/hosts/." "$work/store/hosts/"
"$cg" fleet ingest --store "$work/store" --inbox "$work/fleet/inbox" --gap-wait 0

say "The bundle"
openssl genpkey -algorithm ed25519 -outform DER 2>/dev/null | tail -c 32 | od -An -v -tx1 | tr -d ' \n' >"$work/key"
"$cg" evidence export --from 2026-11-02 --to 2026-11-09 --store "$work/store" --hr "$work/fleet/leavers.csv" --assets "$work/fleet/hosts.csv" --key "$work/key" --out "$OUT"
sed 1d "$OUT/findings.csv" | tr -d '\r' | awk -F, '{ printf "  %-22s %-46s %s\n", $1, $2, $3 == "" ? $4 : $3 }'

say "What an auditor runs"
sh "$OUT/verify.sh"

# What was planted is told, each in its file, and nothing else is.
sed 1d "$OUT/findings.csv" | tr -d '\r' | awk -F, '{ print $1, $2, $3 == "" ? $4 : $3 }' | sort >"$work/found"
sort >"$work/planted" <<'E2'
grant-without-ticket criteria/CC6.2/grants_issued.csv ws-006
host-not-enrolled completeness/hosts.csv ws-008
leaver-called criteria/CC6.3/leavers_reconciled.csv bob
leaver-called criteria/CC6.3/leavers_reconciled.csv carol
leaver-kept-grants criteria/CC6.3/leavers_reconciled.csv carol
leaver-late criteria/CC6.3/leavers_reconciled.csv bob
outage completeness/gaps.csv ws-006
policy-not-approved criteria/CC8.1/policy_versions.csv ws-005
quarantined completeness/quarantine.csv ws-007
unused-privilege criteria/CC6.3/unused_privileges.csv ws-007
E2
diff "$work/planted" "$work/found" || { echo "the findings are not what was planted"; exit 1; }
# In the files that the findings name: who left in time and who moved are there too, with nothing against them.
grep -q '^alice,leaver,.*,good' "$OUT/criteria/CC6.3/leavers_reconciled.csv"
grep -q '^dave,mover,.*,good' "$OUT/criteria/CC6.3/leavers_reconciled.csv"
grep -q '^ws-004,.*,dave,.*role change' "$OUT/artefacts/revocations.csv"
grep -q ',quarantined,' "$OUT/completeness/gaps.csv"
for row in 'criteria/CC6.2/grants_issued.csv ,no,yes$ 1' 'criteria/CC6.3/unused_privileges.csv ^ws-007,.*,payments, 1' 'completeness/quarantine.csv ,tampered, 1' 'completeness/gaps.csv ,crash, 1' \
	'criteria/CC8.1/policy_versions.csv ,no,,1,yes, 1'; do
	read -r file what n <<<"$row"
	[ "$(tr -d '\r' <"$OUT/$file" | grep -c -- "$what")" = "$n" ] || { echo "$file: not $n rows with $what"; exit 1; }
done
say "$OUT holds the bundle; begin with README.html and findings.csv"
