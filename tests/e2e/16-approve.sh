#!/bin/bash
# A call that policy wants a person to approve: held, decided, once; who may decide; what ends an approval.
. "$(dirname -- "$0")/setup.sh"
echo "callgate-approver:x:12155:" >>/etc/group
lab_user appo "$LAB_OWN"
gate_up '{"users":["alice","bob"],"workers":2,"scope":"all"}'
policy() { # CONDITIONS of what needs an approval
	echo '{"version": "1", "default": "deny", "tools": {"echo": {}, "stream": {}, "pay": {"limits": [{"counter": "pays", "window": "hour", "max": 2, "scope": "grant"}]}},
	  "x-callgate": {"version": 1, "tools": {"echo": {"approve": true}, "stream": {"approve": true}, "pay": {"idempotency": {"seconds": 60}, "approve": {"conditions": [{"path": "args.amount", "op": "gt", "value": '"$1"'}]}}}}}' >"$LAB/approve.json"
	callgate policy apply lab "$LAB/approve.json" --reason "approval" >/dev/null || exit 1
}
policy 50
RULE=/x-callgate/tools/echo/approve
waiting() { # TOOL [UID]: under which id
	callgate --json approve list 2>/dev/null | jq -r --arg tool "$1" --argjson uid "${2:-12001}" '.approvals[]? | select(.state == "waiting" and .tool == $tool and .uid == $uid) | .id'
}
waits() { [ -n "$(waiting "$@")" ]; }
events() { lab_journal | jq -r 'select(.event // "" | startswith("approval.")) | select(.id == "'"$1"'") | .event' | tr '\n' ' '; }
ran() { grep -c '"tool":"'"$1"'"' "$LAB/mcp.log"; }
plain() { # USER TOOL ARGUMENTS: a client that reads no events
	local user=$1 body
	body=$(rpc "$2" "$3")
	lab_as "$user" curl -sS --max-time 20 -H "Authorization: Bearer $PLACEHOLDER" -H 'Content-Type: application/json' -H 'Accept: application/json' -d "$body" "$MCP" 2>&1
}

# Held, then yes: the result comes on the same stream.
call alice echo '{"message":"one","secret":"v4lue"}' -N >"$LAB/held" &
client=$!
check "a call is held" lab_wait 10 waits echo
id=$(waiting echo)
check "its client has a stream that is kept alive" lab_wait 5 grep -q ": waiting for approval $id" "$LAB/held"
check "nothing has reached the server" test "$(ran echo)" = 0
out=$(callgate approve list)
has "the approver sees whose it is" "$out" "alice(12001)  mcp  echo"
has "and the arguments" "$out" '{"message":"one","secret":"v4lue"}'
callgate approve yes "$id" --reason "seen" --ticket T-7 >/dev/null
wait $client
has "held then yes: the result comes on the stream" "$(cat "$LAB/held")" '"text":"{\"message\":\"one\"'
hasnt "it is no error" "$(cat "$LAB/held")" 'isError":true'
check "it ran once" test "$(ran echo)" = 1
settled
check "the record has the approval" lab_has_record '.kind=="call" and .verdict=="allow" and .approval=="'"$id"'" and .authorised_by=="/tools/echo"'
check "the journal has all of it, in order" test "$(events "$id")" = "approval.ask approval.yes approval.use "
hasnt "and no value" "$(lab_journal; lab_audit)" v4lue
has "with the reason" "$(lab_journal)" '"reason":"seen"'

# Once.
call alice echo '{"message":"one","secret":"v4lue"}' >"$LAB/held" &
client=$!
check "the same call is held again" lab_wait 10 waits echo
id=$(waiting echo)
callgate approve no "$id" --reason "not twice" >/dev/null
wait $client
has "held then no: the denial comes on the stream" "$(cat "$LAB/held")" "a person said no to this call (approval $id): not twice"
has "it names the rule" "$(cat "$LAB/held")" "rule $RULE"
check "it did not run" test "$(ran echo)" = 1
out=$(call alice echo '{"secret":"v4lue" , "message":"\u006fne"}')
has "the same call, spelled otherwise, is not asked for again" "$out" "(approval $id)"
settled
check "the denial is a record" lab_has_record '.kind=="call" and .verdict=="deny" and .rule=="'$RULE'" and .approval=="'"$id"'"'

# Answered at once; then repeated.
out=$(plain alice echo '{"message":"two"}')
has "who reads no events is answered at once" "$out" "Not yet: waiting for approval a-"
id=$(waiting echo)
has "with the approval as data" "$out" '"approval":"'"$id"'","waiting":true'
out=$(plain alice echo '{"message":"two"}')
has "a repetition waits under the same id" "$out" "waiting for approval $id:"
callgate approve yes "$id" >/dev/null
has "other arguments need another" "$(plain alice echo '{"message":"three"}')" "Not yet: waiting"
callgate grant add --user bob --server mcp --policy lab --reason "lab" >/dev/null
has "another user's same call too" "$(plain bob echo '{"message":"two"}')" "Not yet: waiting"
has "the approved one passes" "$(plain alice echo '{"message":"two"}')" '"text":"{\"message\":\"two\"'
has "once" "$(plain alice echo '{"message":"two"}')" "Not yet: waiting"
check "a decision is made once" bash -c "! '$BUILD/callgate' approve yes $id 2>/dev/null"
check "an id that nobody waits under is refused" bash -c "! '$BUILD/callgate' approve yes a-nothing 2>/dev/null"

# The role: its group is enough, and allows nothing else.
appo() { (echo "$BASHPID" >"$LAB_CGROUP/user-alice/cgroup.procs"; exec setpriv --reuid="$LAB_OWN" --regid="$LAB_OWN" --groups 12155 env -i PATH=/usr/bin:/bin "$BUILD/callgate" "$@"); }
third=$(appo --json approve list | jq -r '.approvals[] | select(.arguments == "{\"message\":\"three\"}") | .id')
has "who has the role sees and decides" "$(appo approve no "$third" --reason "not three")" "$third: the call of echo is refused"
has "and the agent reads the reason" "$(plain alice echo '{"message":"three"}')" "not three"
has "that is all the role may do" "$(appo grant add --user appo --server mcp --policy lab 2>&1)" "refused:"
plain alice echo '{"message":"four"}' >/dev/null
other=$(callgate --json approve list | jq -r '.approvals[] | select(.arguments == "{\"message\":\"four\"}") | .id')

# Streams, conditions, limits.
call alice stream '{}' >"$LAB/held" &
client=$!
lab_wait 10 waits stream
callgate approve yes "$(waiting stream)" >/dev/null
wait $client
has "an answer in events comes on the stream too" "$(cat "$LAB/held")" '"result"'
has "its progress before it" "$(cat "$LAB/held")" 'step 3'
has "below the condition no approval is needed" "$(call alice pay '{"amount":50}')" "ran pay"
for i in 1 2; do has "above it is, and a call that waits is no repetition ($i)" "$(plain alice pay '{"amount":51}')" "Not yet: waiting"; done
has "a call that waits has reserved nothing" "$(call alice pay '{"amount":3}')" "ran pay"
has "what a limit refuses is not asked for" "$(plain alice pay '{"amount":52}')" "/tools/pay/limits/pays"


# Who may decide: nobody governed, nobody without a role, no agent, not who asks.
mkdir -p "$LAB/m/agent" && cp /bin/bash "$LAB/m/agent/claude"
for who in alice carol; do
	has "$who may not decide" "$(lab_as $who callgate approve yes "$other" 2>&1)" "refused:"
	out=$(lab_as $who callgate approve list 2>&1)
	has "nor see what waits" "$out" "refused:"
	hasnt "nor any argument" "$out" "four"
done
out=$("$LAB/m/agent/claude" -c 'sleep 0.5; "$0" approve yes '"$other"'; true' "$BUILD/callgate" 2>&1)
has "an agent of root may not" "$out" "refused: the caller is, or was started by, an agent"
callgate grant add --user root --server mcp --policy lab --reason "lab" >/dev/null 2>&1
curl -sS --max-time 20 -H 'Content-Type: application/json' -H 'Accept: application/json' -d "$(rpc echo '{"message":"mine"}')" "$MCP" >/dev/null
mine=$(callgate --json approve list | jq -r '.approvals[] | select(.uid == 0) | .id')
has "root may not approve its own call" "$(callgate approve yes "$mine" 2>&1)" "uid 0 asked for this call: somebody else has to decide"
settled
check "each refusal is in the journal" test "$(lab_journal | jq -c 'select(.event=="refused" and (.do | startswith("approve.")))' | wc -l)" = 6
check "with who it was" test "$(lab_journal | jq -c 'select(.event=="refused" and .do=="approve.yes" and .by.uid==12001)' | wc -l)" = 1
has "the request still waits" "$(waiting echo)" "$other"

# What ends it: the client does not, a worker does not, another policy does.
call alice echo '{"message":"left"}' --max-time 1 >/dev/null
settled
check "a client that left is a denial" lab_has_record '.kind=="call" and .tool=="echo" and .verdict=="deny" and .arg_keys==["message"]'
hasnt "and nothing has reached the server" "$(cat "$LAB/mcp.log")" left
left=$(callgate --json approve list | jq -r '.approvals[] | select(.arguments == "{\"message\":\"left\"}") | .id')
check "but its request waits on" test -n "$left"
callgate approve yes "$left" >/dev/null
for pid in $(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-proxy") | .pid'); do kill -9 "$pid"; done
passed() { plain alice echo '{"message":"left"}' | grep -q '"text":"{'; }
check "an approval outlives the workers" lab_wait 10 passed
has "and is used up then" "$(plain alice echo '{"message":"left"}')" "Not yet: waiting"
left=$(callgate --json approve list | jq -r '.approvals[] | select(.arguments == "{\"message\":\"left\"}") | .id')
callgate approve yes "$left" >/dev/null
policy 60
out=$(callgate approve yes "$other" 2>&1)
has "another policy: what waited cannot be approved" "$out" "has changed since $other was asked"
has "and what was approved does not pass" "$(plain alice echo '{"message":"left"}')" "Not yet: waiting"
call bob pay '{"amount":100}' >"$LAB/held" &
client=$!
lab_wait 10 waits pay 12002
before=$(waiting pay 12002)
kill -9 "$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-admin") | .pid')"
anew() { waits pay 12002 && [ "$(waiting pay 12002)" != "$before" ]; }
check "callgate-admin forgets with its end, and a held call asks anew" lab_wait 10 anew
policy 100
wait $client
has "a policy that needs no approval lets it go" "$(cat "$LAB/held")" "ran pay"
slots=$(lab_audit | jq -r 'select(.kind=="call" and .approval) | .slot' | sort -u | wc -l)
check "both workers took part" test "$slots" = 2
lab_end
