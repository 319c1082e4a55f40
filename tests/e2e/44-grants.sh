#!/bin/bash
# Grants: who asked, approved and issued; subjects; tokens; a day's roster; a leaver; a review.
. "$(dirname -- "$0")/setup.sh"
gate_up
groupadd -g 12050 team 2>/dev/null || echo "team:x:12050:bob" >>/etc/group
grep -q '^team:' /etc/group || echo "team:x:12050:bob" >>/etc/group

before=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)
sleep 0.01
out=$(callgate grant add --user bob --server mcp --policy lab --requested-by bob --approved-by bob 2>&1)
has "who asks does not approve" "$out" "does not approve"
id=$(callgate grant add --user bob --server mcp --policy lab --requested-by bob --approved-by carol --reason "on call" --ticket T-9 --expires 2099-01-01T00:00:00Z)
shown=$(callgate --json grant show "$id")
for f in '"requested_by":"bob"' '"approved_by":"carol"' '"issued_by":{"uid":0' '"ticket":"T-9"' '"reason":"on call"' '"expires_at":"2099-01-01T00:00:00Z"'; do
	has "the grant has $f" "$(echo "$shown" | jq -c .grant)" "$f"
done
has "bob may call" "$(call bob echo '{"message":"b1"}')" b1
call bob echo '{"message":"b2"}' >/dev/null
settled
use=$(callgate --json grant list --user bob --use | jq -c '.grants[0]')
check "used twice" test "$(echo "$use" | jq .used)" = 2
check "first use before last use" test "$(echo "$use" | jq -r '.first_use < .last_use')" = true

# ---- what the roster was ----
check "before it was given, bob had no grant" test "$(callgate --json grant list --as-of "$before" --user bob | jq '.grants | length')" = 0
check "alice had one then" test "$(callgate --json grant list --as-of "$before" --user alice | jq '.grants | length')" = 1
check "now bob has one" test "$(callgate --json grant list --as-of "$(date -u +%Y-%m-%dT%H:%M:%SZ -d '+1 min')" --user bob | jq -r '.grants[0].id')" = "$id"

# ---- subjects ----
callgate grant revoke "$id" >/dev/null
has "revoked: denied" "$(call bob echo)" '(no grant)'
g=$(callgate grant add --group team --server mcp --policy lab)
has "a process without the group: denied" "$(call bob echo)" '(no grant)'
with_group() { lab_as "$1" true; (echo "$BASHPID" >"$LAB_CGROUP/user-$1/cgroup.procs"; setpriv --reuid="$1" --regid="$1" --groups 12050 env -i PATH="$PATH" CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt curl -sS --max-time 10 -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d "$(rpc echo '{"message":"team"}')" "$MCP" 2>&1); }
has "one that has it: allowed" "$(with_group bob)" team
callgate grant revoke "$g" >/dev/null
g=$(callgate grant add --user bob --server mcp --policy lab --cgroup "/**/user-bob")
has "in the cgroup of the grant: allowed" "$(call bob echo '{"message":"cg"}')" cg
callgate grant revoke "$g" >/dev/null
g=$(callgate grant add --user bob --server mcp --policy lab --cgroup "/system.slice/*")
has "in another: an identity mismatch" "$(call bob echo)" '(identity mismatch)'
callgate grant revoke "$g" >/dev/null
if (echo 12003 >/proc/self/loginuid) 2>/dev/null; then
	g=$(callgate grant add --user bob --server mcp --policy lab)
	su_call() { (echo 12003 >/proc/self/loginuid; call bob echo '{"message":"su"}'); }
	has "carol who became bob is not bob" "$(su_call)" '(identity mismatch)'
	callgate grant revoke "$g" >/dev/null
	g=$(callgate grant add --user bob --server mcp --policy lab --via su)
	has "unless the grant says so" "$(su_call)" 'su'
	callgate grant revoke "$g" >/dev/null
fi

# ---- a token ----
g=$(callgate grant add --user bob --server mcp --policy lab --token)
token=$(echo "$g" | sed -n 2p)
g=$(echo "$g" | head -1)
has "a token is shown" "$token" cgt_
hasnt "it is not in the journal" "$(lab_journal)" "$token"
hasnt "nor in the grant" "$(callgate --json grant show "$g")" "$token"
has "without it: an identity mismatch" "$(call bob echo)" '(identity mismatch)'
bearer() { lab_as "$1" curl -sS --max-time 10 -H "Authorization: Bearer $2" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d "$(rpc echo '{"message":"tok"}')" "$MCP" 2>&1; }
has "with it: allowed" "$(bearer bob "$token")" tok
has "with another: not" "$(bearer bob "${token}x")" '(identity mismatch)'
callgate grant revoke "$(callgate --json grant list --user alice | jq -r '.grants[0].id')" >/dev/null
has "in another user's hands it is worth nothing" "$(bearer alice "$token")" '(no grant)'
hasnt "it never reached the server" "$(cat "$LAB/mcp.log")" cgt_
settled
hasnt "nor the audit" "$(lab_audit)" "$token"

# ---- a review: not by who issued it, not by who has it ----
callgate grant add --user alice --server mcp --policy lab --reason lab >/dev/null
check "the roster is written" callgate grant review --write "$LAB/roster"
check "with a line for each grant" test "$(wc -l <"$LAB/roster")" = 2
jq -c '.decision = (if .user == "bob" then "revoke" else "keep" end) | .reason_of_decision = "quarterly"' "$LAB/roster" >"$LAB/decided"
out=$(callgate grant review --read "$LAB/decided" 2>&1)
has "the issuer is no reviewer" "$out" "another one reviews it"
check "nothing was decided" test "$(callgate --json grant list | jq '.grants | length')" = 2
if (echo 12003 >/proc/self/loginuid) 2>/dev/null; then
	(echo 12003 >/proc/self/loginuid && callgate grant review --read "$LAB/decided") >"$LAB/review.out" 2>&1
	check "another person's decisions are taken" test "$(grep -cE 'Z (keep|revoke) g-' "$LAB/review.out")" = 2
	check "what was to be revoked is" test "$(callgate --json grant list | jq -r '[.grants[].user] | join(",")')" = alice
	check "what stays has its review" test "$(callgate --json grant list | jq '.grants[0].reviewed_by.person')" = 12003
	check "both are in the journal with reviewer and reason" test "$(lab_journal | jq -c 'select(.event=="grant.review" and .reviewer.person==12003 and .reason=="quarterly")' | wc -l)" = 2
	has "a revoked one is refused" "$(bearer bob "$token")" '(no grant)'
fi

# ---- a leaver ----
callgate server add other --host other.lab.test --path /mcp >/dev/null
callgate grant add --user alice --server other --policy lab >/dev/null
callgate grant add --all-users --server other --policy lab >/dev/null
out=$(callgate grant revoke --user alice --reason "left" 2>&1)
check "each grant of a leaver is reported with its time" test "$(echo "$out" | grep -cE '^20[0-9-]+T.*Z revoked g-')" = 2
has "and what still reaches everybody is said" "$out" "may still reach alice"
check "none is left" test "$(callgate --json grant list --user alice | jq '.grants | length')" = 0

# ---- a long journal: what it came to is kept, and bridges a start ----
many() { # FROM TO
	python3 - "$1" "$2" <<'EOF'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/run/callgate/control.sock")
f = s.makefile("rw")
for uid in range(int(sys.argv[1]), int(sys.argv[2])):
    f.write(json.dumps({"do": "grant.add", "args": {"grant": {"uid": uid, "server": "mcp", "policy": "lab"}}}) + "\n")
    f.flush()
    assert json.loads(f.readline())["ok"]
EOF
}
again() { lab_daemon_stop && lab_daemon && lab_wait 10 callgate status >/dev/null && lab_wait 10 call alice echo >/dev/null; }
said() { tail -n "+$((from + 1))" "$LAB/callgated.log"; }
restart() { from=$(wc -l <"$LAB/callgated.log"); again; lab_wait 10 grep -q 'journal read up to' <(said); }
check "500 grants more" many 50000 50500
id=$(callgate grant add --user alice --server mcp --policy lab)
restart
hasnt "the first start reads it whole" "$(said)" 'from the kept state'
check "what it came to is kept, for callgate-audit alone" test "$(stat -c '%a %u' /var/lib/callgate/journal/kept)" = "600 $(stat -c %u /var/lib/callgate/journal/sealed)"
callgate grant revoke "$id" >/dev/null
restart
has "the next one begins with that" "$(said)" 'from the kept state of the journal'
has "and what came after it: alice's grant was revoked" "$(call alice echo)" '(no grant)'
check "every grant is shown whole" test "$(callgate --json grant list | jq '[.grants[] | select(.issued_at and .issued_by)] | length')" = 501
printf x | dd of=/var/lib/callgate/journal/kept bs=1 seek=700 conv=notrunc 2>/dev/null
restart
has "a changed one is not used, and that is said" "$(said)" 'is not used: its bytes were changed'
check "the same grants" test "$(callgate --json grant list | jq '.grants | length')" = 501
hasnt "no alert" "$(lab_audit)" roster-differs
lab_end
