#!/bin/bash
# Four eyes: a grant or a policy is a proposal until another person confirms it.
. "$(dirname -- "$0")/setup.sh"
echo "callgate-admin:x:12151:" >>/etc/group
echo "callgate-policy:x:12152:" >>/etc/group
# Uids of this test alone: whether an agent has run under one is asked of the whole machine.
lab_user ann 12181; lab_user ben 12182; lab_user pat 12183
gate_up
jq -c '. + {roles: {four_eyes: ["grants", "policy"]}}' /etc/callgate/callgate.json >"$LAB/conf" && cat "$LAB/conf" >/etc/callgate/callgate.json
kill -HUP "$LAB_DAEMON"
as() { # USER GROUP COMMAND...
	local uid group=$2
	uid=$(id -u "$1")
	shift 2
	(echo "$BASHPID" >"$LAB_CGROUP/user-alice/cgroup.procs"; exec setpriv --reuid="$uid" --regid="$uid" --groups "$group" env -i PATH=/usr/bin:/bin "$BUILD/callgate" "$@" 2>&1)
}
adm() { local u=$1; shift; as "$u" 12151 "$@"; }
proposes() { p=$(adm ann --json grant add --user bob --server mcp --policy lab --reason "on call" --ticket T-2 | jq -r .proposal); [ "$p" != null ] && [ -n "$p" ]; }
check "a grant becomes a proposal" lab_wait 5 proposes
p=$(callgate --json proposal list | jq -r '.proposals[0].id')
check "which is listed with who, what and why" test "$(callgate --json proposal list | jq -c '.proposals[0] | [.do, .proposed_by.user, .grant.user, .reason]')" = '["grant.add","ann","bob","on call"]'
has "it gives nothing" "$(call bob echo)" '(no grant)'
has "who proposed it does not confirm it" "$(adm ann proposal confirm "$p")" "another one confirms it"
has "nor does another role" "$(as pat 12152 proposal confirm "$p")" "the work of the group callgate-admin"
has "nor root that nobody logged in as" "$(callgate proposal confirm "$p" 2>&1)" "cannot be told"
has "nor a governed user" "$(as bob 12151 proposal confirm "$p")" "is governed"
has "still nothing" "$(call bob echo)" '(no grant)'
check "another person does" adm ben proposal confirm "$p"
has "now it holds" "$(call bob echo '{"message":"confirmed"}')" confirmed
settled
check "the journal has both persons, and the reason of the first" lab_journal_has '.event=="grant.add" and .by.user=="ben" and .proposed_by.user=="ann" and .proposal=="'"$p"'" and .reason=="on call" and .ticket=="T-2"'
check "and each attempt" test "$(lab_journal | jq -c 'select(.event=="refused" and .do=="proposal.confirm")' | wc -l)" = 2
check "it is a proposal no longer" test "$(callgate --json proposal list | jq '.proposals | length')" = 0
id=$(callgate --json grant list --user bob | jq -r '.grants[0].id')
check "the grant names who proposed it" test "$(callgate --json grant show "$id" | jq -r '.grant.proposed_by.user')" = ann
check "to end it takes one person" adm ann grant revoke "$id"
has "at once" "$(call bob echo)" '(no grant)'

# ---- a policy, longer than a frame to the journal ----
jq -c '.tools.danger = {} | .tools += ([range(4000)] | map({("tool_number_\(.)"): {}}) | add)' "$LAB/policy.json" >"$LAB/long.json"
chmod 644 "$LAB/long.json"
has "before: danger is unknown" "$(call alice danger)" '-32602'
out=$(as pat 12152 policy apply lab "$LAB/long.json")
has "a policy becomes a proposal" "$out" "proposed: p-"
has "and changes nothing" "$(call alice danger)" '-32602'
p=$(callgate --json proposal list | jq -r '.proposals[0].id')
check "the whole document can be read" test "$(callgate --json proposal show "$p" | jq -r .proposal.document)" = "$(cat "$LAB/long.json")"
kill -TERM "$(pgrep -P "$LAB_DAEMON" callgate-admin)"
check "the proposal outlives callgate-admin" lab_wait 10 bash -c "'$BUILD/callgate' --json proposal list | jq -e '.proposals[0].id == \"$p\"'"
check "withdrawn" as pat 12152 proposal withdraw "$p"
as pat 12152 policy apply lab "$LAB/long.json" >/dev/null
p=$(callgate --json proposal list | jq -r '.proposals[0].id')
check "confirmed by another" as ben 12152 proposal confirm "$p"
has "it is in force" "$(call alice danger)" 'ran danger'
check "a roll-back is a proposal too" bash -c "'$BUILD/callgate' policy rollback lab 1 | grep -q 'proposed: p-'"
has "the policy stays" "$(call alice danger)" 'ran danger'
lab_end
