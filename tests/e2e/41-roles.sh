#!/bin/bash
# Roles: groups of people, each with work of its own.  Every role tries every change; every attempt is in the journal.
. "$(dirname -- "$0")/setup.sh"
declare -A GID=([admin]=12151 [policy]=12152 [secret]=12153 [auditor]=12154)
for r in "${!GID[@]}"; do echo "callgate-$r:x:${GID[$r]}:" >>/etc/group; done
ADAM=$LAB_OWN AUDI=$((LAB_OWN + 3)) NORA=$((LAB_OWN + 4))
lab_user adam "$ADAM"; lab_user pola $((LAB_OWN + 1)); lab_user seth $((LAB_OWN + 2)); lab_user audi "$AUDI"; lab_user nora "$NORA"
gate_up
post alice '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' >/dev/null
check "the tools are known" lab_wait 5 bash -c "'$BUILD/callgate' catalog show mcp echo"

as() { # USER GROUPS COMMAND...
	local uid groups=$2
	uid=$(id -u "$1")
	shift 2
	(echo "$BASHPID" >"$LAB_CGROUP/user-alice/cgroup.procs"; exec setpriv --reuid="$uid" --regid="$uid" --groups "$groups" env -i PATH=/usr/bin:/bin "$@")
}
# What each command is and whose work; each can be done again by another.
declare -A WORK=([server.add]=admin [server.remove]=admin [grant.add]=admin [grant.revoke]=admin [policy.apply]=policy [policy.rollback]=policy
	[catalog.override]=policy [catalog.approve]=policy [catalog.forget]=policy [vault.set]=secret [vault.remove]=secret [vault.revert]=secret [ca.rotate]=secret [grant.review]=auditor)
sed 's/100/98/' "$LAB/policy.json" >"$LAB/policy2.json"
printf x >"$LAB/secret"
chmod 644 "$LAB"/policy*.json "$LAB/secret"
callgate server add old --host other.lab.test --path /old >/dev/null
printf x | callgate vault set old >/dev/null
printf y | callgate vault set back >/dev/null && printf x | callgate vault set back --overlap 1h >/dev/null
kept=$(callgate grant add --user bob --server mcp --policy lab --reason lab)
gone=$(callgate grant add --user bob --server mcp --policy lab --agent codex --reason lab)
printf '{"id":"%s","decision":"keep","reason_of_decision":"quarterly"}\n' "$kept" >"$LAB/decided" && chmod 644 "$LAB/decided"
run() { # USER GROUPS COMMAND
	case $3 in
	server.add) as "$1" "$2" "$BUILD/callgate" server add new --host other.lab.test --path /new ;;
	server.remove) as "$1" "$2" "$BUILD/callgate" server remove old ;;
	grant.add) as "$1" "$2" "$BUILD/callgate" grant add --user bob --server mcp --policy lab --agent aider ;;
	grant.revoke) as "$1" "$2" "$BUILD/callgate" grant revoke "$gone" ;;
	policy.apply) as "$1" "$2" "$BUILD/callgate" policy apply lab "$LAB/policy2.json" ;;
	policy.rollback) as "$1" "$2" "$BUILD/callgate" policy rollback lab 1 ;;
	catalog.override) as "$1" "$2" "$BUILD/callgate" catalog override mcp echo Read --reason "it reads" ;;
	catalog.approve) as "$1" "$2" "$BUILD/callgate" catalog approve mcp echo ;;
	catalog.forget) as "$1" "$2" "$BUILD/callgate" catalog forget mcp echo ;;
	vault.set) as "$1" "$2" bash -c '"$0" vault set new <"$1"' "$BUILD/callgate" "$LAB/secret" ;;
	vault.revert) as "$1" "$2" "$BUILD/callgate" vault revert back ;;
	vault.remove) as "$1" "$2" "$BUILD/callgate" vault remove old ;;
	ca.rotate) as "$1" "$2" "$BUILD/callgate" ca rotate ;;
	grant.review) as "$1" "$2" "$BUILD/callgate" grant review --read "$LAB/decided" ;;
	esac
}
order="server.add server.remove grant.add grant.revoke policy.apply policy.rollback catalog.override catalog.approve catalog.forget vault.set vault.remove vault.revert ca.rotate grant.review"
before=$(callgate --json grant list | jq -S .)
tries=0
# First all that must not be: at once, since a crowd of refusals is answered slowly.
for row in "adam admin" "pola policy" "seth secret" "audi auditor" "nora none"; do
	set -- $row
	some=() # one account has so many connections at a time
	for c in $order; do
		[ "${WORK[$c]}" != "$2" ] || continue
		run "$1" "${GID[$2]:-12199}" "$c" >"$LAB/m/$2.$c" 2>&1 &
		some+=($!)
		tries=$((tries + 1))
		[ ${#some[@]} -lt 7 ] || { wait "${some[@]}"; some=(); }
	done
	[ ${#some[@]} = 0 ] || wait "${some[@]}" # of none: of every background job, the service among them
done
for role in admin policy secret auditor none; do
	wrong=
	for c in $order; do
		[ "${WORK[$c]}" = "$role" ] || grep -q "the work of the group callgate-${WORK[$c]}, and of root" "$LAB/m/$role.$c" || wrong="$wrong $c"
	done
	check "$role does no other role's work" test -z "$wrong"
	[ -z "$wrong" ] || echo "#  $wrong"
done
check "nothing changed" test "$before" = "$(callgate --json grant list | jq -S .)"
settled
check "all $tries refusals are in the journal, with who and what" test "$(lab_journal | jq -r 'select(.event=="refused" and .by.uid >= '"$ADAM"' and .by.uid <= '"$NORA"') | "\(.by.uid) \(.do)"' | sort -u | wc -l)" = $tries
for row in "adam admin" "pola policy" "seth secret" "audi auditor"; do
	set -- $row
	for c in $order; do
		[ "${WORK[$c]}" = "$2" ] || continue
		check "$2 may $c" run "$1" "${GID[$2]}" "$c"
	done
	check "its changes are in the journal under its name" test -n "$(lab_journal | jq -c "select(.event != \"refused\" and .by.uid == $(id -u "$1") and .by.user == \"$1\")")"
done

# ---- who audits reads the files ----
check "an auditor reads the audit" test -n "$(as audi "${GID[auditor]}" "$BUILD/callgate" audit query event=policy 2>/dev/null)"
check "and the journal's past" as audi "${GID[auditor]}" "$BUILD/callgate" grant list --as-of 2099-01-01T00:00:00Z
check "and verifies both" bash -c "$(declare -p GID); $(declare -f as); LAB_CGROUP=$LAB_CGROUP; for d in /var/log/callgate/audit /var/lib/callgate/journal; do as audi \${GID[auditor]} '$BUILD/callgate' audit verify \$d || exit 1; done"
check "but no key" bash -c "! setpriv --reuid=$AUDI --regid=$AUDI --groups ${GID[auditor]} cat /var/log/callgate/audit/keys/*"
check "another role does not" bash -c "! setpriv --reuid=$ADAM --regid=$ADAM --groups ${GID[admin]} ls /var/log/callgate/audit"

# ---- a governed user's groups, and one that an agent has used ----
out=$(as alice "${GID[admin]}" "$BUILD/callgate" grant revoke "$kept" 2>&1)
has "a governed user with the group is refused" "$out" "is governed"
mkdir -p "$LAB/m/agent" && cp /bin/bash "$LAB/m/agent/claude"
as adam "${GID[admin]}" "$LAB/m/agent/claude" -c 'sleep 0.5'
out=$(as adam "${GID[admin]}" "$BUILD/callgate" grant revoke "$kept" 2>&1)
has "a role is not for an account under which agents run" "$out" "agents have run as uid $ADAM"
check "nor did it do anything" callgate grant show "$kept"

# ---- root, when the settings ask it for the group too ----
jq -c '. + {roles: {root: false}}' /etc/callgate/callgate.json >"$LAB/conf" && cat "$LAB/conf" >/etc/callgate/callgate.json
kill -HUP "$LAB_DAEMON"
refused() { callgate grant revoke "$kept" 2>&1 | grep -q "callgate-admin"; }
check "root is refused" lab_wait 5 refused
check "with the group it may" setpriv --groups "${GID[admin]}" "$BUILD/callgate" grant revoke "$kept"
lab_end
