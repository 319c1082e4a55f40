#!/bin/bash
# A key is replaced at the vault before it is at the server: with an overlap calls go on with the version before where the server refuses the new one, also over a
# killed vault, for as long as was said; then it is gone from the store and from memory.
. "$(dirname -- "$0")/setup.sh"
gate_up
addr=$(awk '$2 == "other.lab.test" { print $1 }' /etc/hosts)
lab_net python3 "$LAB_TOP/tests/lab/tokens.py" "$addr" 443 "$LAB_CERTS/good.crt" "$LAB_CERTS/good.key" "$LAB/tokens.log" /dev/null &
lab_wait 5 lab_net bash -c ": </dev/tcp/$addr/443"
far() { lab_net curl -sS --cacert "$LAB_CERTS/ca.crt" "https://other.lab.test/$1" >/dev/null; }
accepts() { far revoke && far "accept/$1"; } # this key and no other
MCP=https://other.lab.test/mcp
set_key() { printf %s "$1" | callgate vault set rot "${@:2}"; }
item() { callgate --json vault list | jq -c ".credentials[] | select(.name == \"rot\") | $1"; }
last() { jq -r 'select(.ran).with' "$LAB/tokens.log" | tail -1; }
asked() { jq -c 'select(.path == "/mcp")' "$LAB/tokens.log" | wc -l; }
pids() { callgate --json status | jq -r '.. | objects | select(.name? and .pid?) | select(.name | startswith("callgate")) | .pid' | sort -u; }
kill_vault() {
	local pid
	pid=$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-vault") | .pid')
	kill -9 "$pid"
	lab_wait 10 bash -c "p=\$($BUILD/callgate --json status | jq -r '.. | objects | select(.name? == \"callgate-vault\") | .pid'); [ -n \"\$p\" ] && [ \"\$p\" != $pid ] && [ -e /proc/\$p ]"
	sleep 0.5
}
ran() { # KEY WORDS: a call runs, with that key
	has "$2" "$(call alice echo '{"message":"overlap"}')" "ran with a token"
	check "$2: the key" test "$(last)" = "Bearer $1"
}

set_key key-one-5f3a --overlap 1h >"$LAB/said" 2>&1
hasnt "there is nothing before a first version" "$(cat "$LAB/said")" "until"
callgate server add other --host other.lab.test --path /mcp --credential rot --owner platform >/dev/null || exit 1
callgate grant add --user alice --server other --policy lab --reason rotation --ticket T-4 >/dev/null || exit 1
accepts key-one-5f3a
ran key-one-5f3a "the first version"

for bad in 0s 31d 5 1y -1h ''; do
	check "an overlap of '$bad' is refused" bash -c "! printf x | \"$BUILD/callgate\" vault set rot --overlap '$bad' 2>/dev/null"
done
check "and so it is for tokens" test "$(echo '{"token_url":"https://o/t","client_id":"a","client_secret":"b"}' | callgate vault set tok --type oauth-client --overlap 1h 2>&1 | grep -c 'bearer, header and basic')" = 1
has "who is governed cannot go back" "$(lab_as alice callgate vault revert rot 2>&1)" "may not change what governs it"
check "nothing was changed" test "$(item .version)" = 1

has "the version before stays" "$(set_key key-two-77b1 --overlap 1h)" "version 1 is used where a server refuses it, until 2"
before=$(asked)
ran key-one-5f3a "the server does not know the new one: the one before"
check "after one refusal" test "$(asked)" = $((before + 2))
ran key-one-5f3a "the next call"
check "meets no refusal" test "$(asked)" = $((before + 3))
check "the vault recorded the release of that version" lab_has_record '.kind=="release" and .event=="release" and .cred=="rot" and .cred_ver==1 and .dst_host=="other.lab.test"'
check "vault list says who refused" test "$(item '[.version, .previous, .refused_by]')" = '[2,1,["other.lab.test"]]'
out=$(callgate doctor)
has "doctor says it" "$out" "version 2 of rot was refused by other.lab.test; version 1 is used there until"
kill_vault
ran key-one-5f3a "over a killed vault"
check "which knows both" test "$(item '[.version, .previous]')" = '[2,1]'
accepts key-two-77b1
ran key-two-77b1 "the server has changed to the new one"
far revoke
before=$(asked)
has "neither is taken: denied in words" "$(call alice echo '{"message":"overlap"}')" "refused the credential"
check "after two requests, not more" test "$(asked)" = $((before + 2))

accepts key-one-5f3a
has "back to the version before" "$(callgate vault revert rot --reason 'the new key is not active' --ticket T-5)" "it is what version 1 was"
ran key-one-5f3a "after going back"
check "nothing is before it" test "$(item '[.version, .previous]')" = '[3,null]'
check "so there is no second way back" bash -c "! \"$BUILD/callgate\" vault revert rot 2>/dev/null"
check "the journal has it" lab_journal_has '.event=="credential.set" and .from==1 and .version==3 and .ticket=="T-5"'
check "and how long the version before was to stay" lab_journal_has '.event=="credential.set" and .previous==1 and .previous_until != null and .version==2'

check "nothing says anything of an overlap" test "$(callgate doctor | grep -c rot)" = 0
set_key key-four-90cd --overlap 20s >/dev/null
ran key-one-5f3a "a short overlap"
printf %s key-one-5f3a >"$LAB/secret"
size=$(stat -c %s /var/lib/callgate/vault/rot.cred)
kill_vault
lab_wait 40 lab_has_record '.kind=="release" and .event=="overlap-end" and .cred=="rot" and .cred_ver==3'
check "its end is recorded" lab_has_record '.kind=="release" and .event=="overlap-end" and .cred=="rot" and .cred_ver==3'
has "then the version before is used no more" "$(call alice echo '{"message":"overlap"}')" "refused the credential"
check "nor listed" test "$(item '[.version, .previous]')" = '[4,null]'
check "nor in the store" test "$(stat -c %s /var/lib/callgate/vault/rot.cred)" -lt "$size"
check "nor to be had back" bash -c "! \"$BUILD/callgate\" vault revert rot 2>/dev/null"
sleep 1
check "nor in any memory" test "$(python3 "$LAB_TOP/tests/lab/residue.py" "$LAB/secret" $(pids) "$LAB_DAEMON" | jq -s 'map(.hits) | add')" = 0
accepts key-four-90cd
ran key-four-90cd "the new one goes on"
set_key key-five-1b2e --overlap 1h >/dev/null
callgate server remove other >/dev/null 2>&1 || { callgate grant list --json | jq -r '.grants[] | select(.server == "other") | .id' | while read -r id; do callgate grant revoke "$id" >/dev/null; done; callgate server remove other >/dev/null; }
callgate vault remove rot >/dev/null
check "removal takes both" bash -c "! \"$BUILD/callgate\" vault revert rot 2>/dev/null"
for s in key-one-5f3a key-two-77b1 key-four-90cd key-five-1b2e; do
	check "no record and no log holds $s" test "$(lab_records . | grep -c -- "$s")$(lab_journal | grep -c -- "$s")$(grep -c -- "$s" "$LAB/callgated.log")" = 000
done
lab_end
