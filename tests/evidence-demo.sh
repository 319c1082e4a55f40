#!/bin/bash
# make demo-evidence OUT=DIR: two workstations with everything that runs on one, a collector, and beside them a generated fleet whose past fortnight lies in
# the same store.  Things go wrong on all of them; the bundle is left in DIR, and must name each of those and nothing else.
if [ "${LAB_INSIDE:-}" != 1 ]; then
	: "${OUT:?make demo-evidence OUT=DIR}"
	case $OUT in /*) ;; *) OUT=$PWD/$OUT ;; esac
	[ -z "$(ls -A "$OUT" 2>/dev/null)" ] || { echo "$OUT is there already and not empty" >&2; exit 1; }
	export OUT LAB_KEEP=$OUT
fi
. "$(dirname -- "$0")/lab/lab.sh"
. "$LAB_TOP/tests/lab/fleet.sh"
. "$LAB_TOP/tests/lab/hosts.sh"
set -eE
trap 'echo "evidence-demo.sh: line $LINENO: $BASH_COMMAND"; tail -n 5 "$LAB"/*.log | cut -c1-300' ERR
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { sed 's/^/    /' | cut -c1-150; }
now() { date -u +%FT%T.%6NZ; }
expect() { # WHAT TEXT PATTERN
	case $2 in *"$3"*) echo "    $1: $3" ;; *) printf '%s: no "%s" in: %.600s\n' "$1" "$3" "$2"; return 1 ;; esac
}

# A time without seals that counts as one; the outage is longer.  What is generated has a seal every minute.
GAP=75
# Whole days before today, from a Monday on: the plan's days are working days.
days=$(($(date -u +%u) + 6))
from=$(date -u -d "$days days ago" +%F)

# Beside them, whole days: written by the product's own audit code under a clock of its own, while the rest of this happens.
jq --arg from "$from" --argjson days "$days" '.start = $from | .days = $days' "$LAB_TOP/tests/fleet/plans/evidence.json" >"$LAB/plan.json"
"$BUILD/fleet/fleetgen" --plan "$LAB/plan.json" --out "$LAB/gen" &
gen=$!

say "Two workstations, desk and laptop, two servers, a collector with sshd and rsync"
# Who works with agents, and who gives rights: oscar and niaj grants, peggy policies, victor confirms both.
lab_user ivan 12311; lab_user kim 12312; lab_user sybil 12313; lab_user judy 12314; lab_user lee 12315
lab_user oscar 12321; lab_user niaj 12322; lab_user peggy 12323; lab_user victor 12324
printf '%s\n' callgate-admin:x:12331:oscar,niaj,victor callgate-policy:x:12332:peggy,victor >>/etc/group
fleet_up
lab_server mcp good
lab_server other good
host_up desk
host_up laptop
host_start desk '{"users":["ivan","kim","sybil"],"scope":"users","roles":{"four_eyes":["grants","policy"]}}'
host_start laptop '{"users":["judy","lee"],"scope":"users","roles":{"four_eyes":["grants"]},"audit":{"segment_seconds":4}}'

staff() { local host=$1 who=$2; shift 2; at_as "$host" "$who" callgate "$@"; }
confirmed() { # HOST WHO COMMAND...: proposed by WHO, confirmed by victor
	local p
	p=$(staff "$1" "$2" --json "${@:3}" | jq -r .proposal)
	staff "$1" victor proposal confirm "$p" >/dev/null
}
grant() { # HOST USER SERVER [TICKET]
	confirmed "$1" oscar grant add --user "$2" --server "$3" --policy "$3" --requested-by "$2" --reason "project access" ${4:+--ticket "$4"}
}
call() { # HOST USER SERVER TOOL ARGUMENTS
	local far=mcp
	[ "$3" = helpdesk ] || far=other
	host_call "$1" "$2" $far "$4" "$5"
}

jq -n '{version: "1", default: "deny", tools: {echo: {deny_if: [{conditions: [{path: "args.path", op: "regex", value: "^/etc/"}]}]}}}' >"$LAB/helpdesk.json"
jq '.tools.danger = {}' "$LAB/helpdesk.json" >"$LAB/helpdesk2.json"
jq -n '{version: "1", default: "deny", tools: {pay: {require: [{conditions: [{path: "args.amount", op: "lte", value: 100}]}]}}}' >"$LAB/billing.json"
chmod 644 "$LAB"/*.json
for host in desk laptop; do
	at $host callgate ca install >/dev/null
	host_server $host helpdesk mcp support
	host_server $host billing other finance
done
for server in helpdesk billing; do
	confirmed desk peggy policy apply $server "$LAB/$server.json" --reason "reviewed" --ticket CHG-1
	staff laptop peggy policy apply $server "$LAB/$server.json" --reason "reviewed" --ticket CHG-1 >/dev/null
done
grant desk ivan helpdesk ACC-11
grant desk kim helpdesk ACC-12
grant desk sybil helpdesk ACC-13
grant desk sybil billing ACC-14 # and never used
grant laptop judy helpdesk ACC-21
grant laptop lee billing ACC-22
host_enrol desk laptop | show
for who in ivan kim sybil; do expect "$who on desk" "$(call desk $who helpdesk echo '{"message":"good morning"}')" "good morning"; done
expect "judy on laptop" "$(call laptop judy helpdesk echo '{"message":"good morning"}')" "good morning"
expect "lee on laptop" "$(call laptop lee billing pay '{"amount":20}')" "ran pay"

say "ivan leaves and his grant ends; kim leaves, calls once more, and then hers does"
echo user,event,at >"$LAB/hr.csv"
echo "ivan,leaver,$(now)" >>"$LAB/hr.csv"
staff desk oscar grant revoke --user ivan --reason "left the company" --ticket ACC-31 | show
expect "ivan" "$(call desk ivan helpdesk echo '{"message":"still here?"}')" "(no grant)"
echo "kim,leaver,$(now)" >>"$LAB/hr.csv"
sleep 0.3
expect "kim" "$(call desk kim helpdesk echo '{"message":"one more"}')" "one more"
staff desk oscar grant revoke --user kim --reason "left the company" --ticket ACC-32 | show
expect "kim" "$(call desk kim helpdesk echo '{"message":"and another"}')" "(no grant)"

say "On desk everything of Callgate is killed, for longer than a minute"
host_end desk KILL
down=$SECONDS
before=$(wc -l <"$LAB/mcp.log")
expect "sybil, meanwhile" "$(call desk sybil helpdesk echo '{"message":"unseen"}' || true)" "curl: ("
[ "$(wc -l <"$LAB/mcp.log")" = "$before" ] || { echo "the call went past the gate"; exit 1; }
at desk bash -c 'for i in $(seq 1000); do /bin/true; done' # more programs than the kernel side keeps for who comes back

say "On laptop lee moves to another team, niaj gives grants no longer"
echo "lee,mover,$(now)" >>"$LAB/hr.csv"
staff laptop oscar grant revoke --user lee --reason "role change" --ticket ACC-33 | show
grant laptop lee helpdesk ACC-34
expect "lee, with the new role" "$(call laptop lee helpdesk echo '{"message":"new team"}')" "new team"
expect "lee, with the old one" "$(call laptop lee billing pay '{"amount":20}')" "(no grant)"
at laptop sed -i 's/\(callgate-admin:.*\),niaj,/\1,/' /etc/group
expect "niaj" "$(staff laptop niaj grant add --user judy --server billing --policy billing --reason "as ever" 2>&1 || true)" "the work of the group callgate-admin"

say "A policy is changed and nobody approved it; judy gets a grant without a ticket"
staff laptop peggy policy apply helpdesk "$LAB/helpdesk2.json" | show
grant laptop judy billing
expect "judy, by the new policy" "$(call laptop judy helpdesk danger '{}')" "ran danger"
expect "judy, by the new grant" "$(call laptop judy billing pay '{"amount":30}')" "ran pay"

say "What is sealed goes to the collector; receipts come back"
sleep 5
at laptop callgate fleet ship --now | show
fleet_ingest | show
at laptop callgate fleet ship --now | show
expect "judy pays once more" "$(call laptop judy billing pay '{"amount":99}')" "ran pay"

say "From four other workstations $days days come in"
wait $gen
jq -r '.plants[] | "\(.what) on ws-00\(.host), day \(.day // 1)"' "$LAB/gen/facts.json" | show
fleet_generated "$LAB/gen"
fleet_deliver "$LAB/gen/inbox"
fleet_ingest --gap-wait 0 | show

while [ $((SECONDS - down)) -le $((GAP + 2)) ]; do sleep 1; done
say "desk is up again after $((SECONDS - down)) seconds"
host_start desk
expect "sybil" "$(call desk sybil helpdesk echo '{"message":"back again"}')" "back again"
host_end desk TERM
host_end laptop TERM

say "Both ship the rest; in the collector's inbox somebody changes who made the last payment"
for host in desk laptop; do at $host callgate fleet ship --now | show; done
changed=
for f in "$INBOX"/laptop.lab.test/audit/sealed/*.gz; do
	if zcat "$f" | grep -q '"tool":"pay"'; then
		[ -z "$changed" ] || { echo "two files with a payment: $changed $f"; exit 1; }
		changed=$f
	fi
done
zcat "$changed" | jq -c 'select(.kind == "call")' >"$LAB/changed.calls"
fleet_forge "$changed" 's/"uid":12314/"uid":12315/' 644
fleet_ingest --gap-wait 0 | show

say "The bundle"
openssl genpkey -algorithm ed25519 -outform DER 2>/dev/null | tail -c 32 | od -An -v -tx1 | tr -d ' \n' >"$LAB/key"
sed 1d "$LAB/gen/leavers.csv" | cut -d, -f1-3 >>"$LAB/hr.csv"
{ cut -d, -f1-3 "$LAB/gen/hosts.csv"; printf '%s.lab.test,%s,\n' desk "$(date -u +%F)" laptop "$(date -u +%F)"; } >"$LAB/assets.csv"
bundle=$LAB/keep
# Nobody works at weekends: on a Monday evening a host may have been off for three days.
callgate evidence export --from "$from" --to "$(now)" --store $STORE --hr "$LAB/hr.csv" --assets "$LAB/assets.csv" --key "$LAB/key" --gap-seconds $GAP --quiet-days 4 --out "$bundle"
sed 1d "$bundle/findings.csv" | tr -d '\r' | awk -F, '{ printf "  %-22s %-46s %s\n", $1, $2, $3 == "" ? $4 : $3 }'

say "What an auditor runs"
sh "$bundle/verify.sh"
callgate evidence verify "$bundle" | show

# What was planted is told, each in its file, and nothing else is.
sed 1d "$bundle/findings.csv" | tr -d '\r' | awk -F, '{ print $1, $2, $3 == "" ? $4 : $3 }' | sort >"$LAB/found"
sort >"$LAB/planted" <<'E2'
grant-without-ticket criteria/CC6.2/grants_issued.csv laptop.lab.test
leaver-called criteria/CC6.3/leavers_reconciled.csv kim
loss completeness/losses.csv desk.lab.test
outage completeness/gaps.csv desk.lab.test
policy-not-approved criteria/CC8.1/policy_versions.csv laptop.lab.test
quarantined completeness/quarantine.csv laptop.lab.test
unused-privilege criteria/CC6.3/unused_privileges.csv desk.lab.test
grant-without-ticket criteria/CC6.2/grants_issued.csv ws-004
host-not-enrolled completeness/hosts.csv ws-005
leaver-called criteria/CC6.3/leavers_reconciled.csv bob
leaver-called criteria/CC6.3/leavers_reconciled.csv carol
leaver-kept-grants criteria/CC6.3/leavers_reconciled.csv carol
leaver-late criteria/CC6.3/leavers_reconciled.csv bob
outage completeness/gaps.csv ws-003
policy-not-approved criteria/CC8.1/policy_versions.csv ws-001
quarantined completeness/quarantine.csv ws-004
unused-privilege criteria/CC6.3/unused_privileges.csv ws-003
E2
diff "$LAB/planted" "$LAB/found" || { echo "the findings are not what was planted"; exit 1; }

# The rows behind them, and those of what was in order.
bad=0
rows() { # N FILE PATTERN
	[ "$(tr -d '\r' <"$bundle/$2" | grep -cE -- "$3")" = "$1" ] || { echo "$2: not $1 rows with $3"; bad=1; }
}
leavers=criteria/CC6.3/leavers_reconciled.csv
rows 1 $leavers '^ivan,leaver,[^,]*,1,1,0,0,0,[^,]+,0,,good$'
rows 1 $leavers '^kim,leaver,[^,]*,1,1,0,0,0,[^,]+,1,[^,]+,calls were allowed after the end$'
rows 1 $leavers '^lee,mover,[^,]*,1,1,0,0,0,[^,]+,0,,good$'
rows 1 $leavers '^alice,leaver,.*,good$'
rows 1 $leavers '^dave,mover,.*,good$'
rows 3 artefacts/revocations.csv '^(desk|laptop)\.lab\.test,'
rows 1 artefacts/revocations.csv '^laptop\.lab\.test,[^,]*,lee,billing under billing,[^,]*,revoked,oscar,role change,ACC-33$'
rows 1 artefacts/revocations.csv '^ws-004,.*,dave,.*role change'
rows 3 criteria/CC7.2/denied_calls.csv ',(desk|laptop)\.lab\.test,'
for who in ivan kim lee; do rows 1 criteria/CC7.2/denied_calls.csv ",(desk|laptop)\.lab\.test,.*,$who,.*,\(no grant\),"; done
rows 1 criteria/CC6.6/bypass_attempts.csv '\.lab\.test,'
rows 1 criteria/CC6.6/bypass_attempts.csv '^laptop\.lab\.test,[^,]*,[^,]*,niaj,12322,.*,refused,grant\.add,.*,journal$'
rows 8 criteria/CC6.2/grants_issued.csv '\.lab\.test,.*,victor,.*,yes$'
rows 1 criteria/CC6.2/grants_issued.csv '^laptop\.lab\.test,.*,judy,.*,billing,.*,no,yes$'
rows 2 criteria/CC6.2/grants_issued.csv ',no,yes$'
rows 1 criteria/CC6.3/unused_privileges.csv '^desk\.lab\.test,[^,]*,sybil,billing,'
rows 1 criteria/CC6.3/unused_privileges.csv '^ws-003,.*,payments,'
rows 2 criteria/CC6.3/unused_privileges.csv ',0,[0-9]+$'
rows 1 criteria/CC8.1/policy_versions.csv ',helpdesk,[^,]*,laptop\.lab\.test,peggy,,no,,1,yes,1,'
rows 2 criteria/CC8.1/policy_versions.csv ',no,,1,(yes|no),'
rows 1 completeness/gaps.csv '^desk\.lab\.test,audit,.*,crash,'
rows 1 completeness/gaps.csv '^ws-003,audit,.*,crash,'
rows 1 completeness/gaps.csv '^laptop\.lab\.test,audit,.*,quarantined,'
rows 1 completeness/quarantine.csv "^laptop\.lab\.test,audit,${FORGED##*/},tampered,"
rows 2 completeness/quarantine.csv ',tampered,'
# What the two servers saw, but for the calls of the changed file, is what is in the table as allowed.
seen=$(cat "$LAB/mcp.log" "$LAB/other.log" | jq -c 'select(.method == "tools/call")' | wc -l)
rows $((seen - $(wc -l <"$LAB/changed.calls"))) artefacts/call_log.csv ',(desk|laptop)\.lab\.test,.*,allow,'
[ -s "$LAB/changed.calls" ] || { echo "no call was changed"; bad=1; }
[ $bad = 0 ]
say "$OUT holds the bundle; begin with README.html and findings.csv"
