#!/bin/bash
# Credentials that are made when they are wanted: an OAuth client, a refresh token that is replaced at each use, a GitHub App; and HTTP Basic.
. "$(dirname -- "$0")/setup.sh"
gate_up
addr=$(awk '$2 == "other.lab.test" { print $1 }' /etc/hosts)
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$LAB/app.key" 2>/dev/null && openssl pkey -in "$LAB/app.key" -pubout -out "$LAB/app.pub"
lab_net python3 "$LAB_TOP/tests/lab/tokens.py" "$addr" 443 "$LAB_CERTS/good.crt" "$LAB_CERTS/good.key" "$LAB/tokens.log" "$LAB/app.pub" &
lab_wait 5 lab_net bash -c ": </dev/tcp/$addr/443"
far() { lab_net curl -sS --cacert "$LAB_CERTS/ca.crt" "https://other.lab.test/$1" >/dev/null; }
MCP=https://other.lab.test/mcp
says() { lab_wait 10 grep -q "$1" "$LAB/tokens.log"; }
ran() { grep -c '"ran"' "$LAB/tokens.log"; }

refused() { # WORDS TYPE SECRET: what was the matter
	printf %s "$3" | callgate vault set bad --type "$2" 2>&1 | grep -c -- "$1"
}
check "a token URL without TLS is refused" test "$(refused /token_url oauth-client '{"token_url":"http://other.lab.test/token","client_id":"a","client_secret":"b"}')" = 1
check "a missing field is named" test "$(refused '/client_secret: is missing' oauth-client '{"token_url":"https://other.lab.test/token","client_id":"a"}')" = 1
check "a field too many is refused" test "$(refused 'does not know' oauth-client '{"token_url":"https://o/t","client_id":"a","client_secret":"b","user":"c"}')" = 1
check "a key that is none is refused" test "$(refused private_key github-app '{"app_id":"7","installation_id":"42","private_key":"none"}')" = 1
check "an unknown type is refused" test "$(refused 'type is bearer' oauth '{}')" = 1
hasnt "and no value is in the answer" "$(printf '{"token_url":"http://x","client_id":"a","client_secret":"b7c9"}' | callgate vault set bad --type oauth-client 2>&1)" b7c9

echo '{"token_url":"https://other.lab.test/token","client_id":"app-1","client_secret":"s3cret-client","scope":"read write"}' | callgate vault set client --type oauth-client >/dev/null
callgate server add other --host other.lab.test --path /mcp --credential client --owner platform >/dev/null || exit 1
callgate grant add --user alice --server other --policy lab --reason tokens --ticket T-2 >/dev/null || exit 1
has "a call carries a token that was made for it" "$(call alice echo '{"message":"one"}')" "ran with a token"
check "from the client's credentials" grep -q '"body": "grant_type=client_credentials&client_id=app-1&client_secret=s3cret-client&scope=read%20write"' "$LAB/tokens.log"
has "the next call has the same" "$(call alice echo '{"message":"two"}')" "ran with a token"
check "which was asked for once" test "$(grep -c '"/token"' "$LAB/tokens.log")" = 1
check "the vault has recorded it" lab_has_record '.kind=="release" and .event=="token" and .cred=="client"'

sleep 5.2 # a token that young would not be given up
far revoke
before=$(ran)
has "a token that was revoked is made anew and the call repeated" "$(call alice echo '{"message":"three"}')" "ran with a token"
check "it ran once" test "$(ran)" = $((before + 1))
far revoke && far refuse # in this order: the first lets the endpoint give tokens again
sleep 5.2
out=$(call alice echo '{"message":"four"}')
has "when the endpoint refuses the call is denied" "$out" isError
hasnt "without a challenge" "$out" WWW-Authenticate
asked=$(grep -c '"/token"' "$LAB/tokens.log")
call alice echo '{"message":"five"}' >/dev/null
check "and the endpoint is left in peace" test "$(grep -c '"/token"' "$LAB/tokens.log")" = "$asked"
check "the refusal is recorded" lab_has_record '.kind=="release" and .event=="token" and .cred=="client" and .err=="denied"'
far revoke

echo '{"token_url":"https://other.lab.test/token","client_id":"app-1","refresh_token":"refresh-0"}' | callgate vault set again --type oauth-refresh >/dev/null
jq -n --rawfile k "$LAB/app.key" '{app_id:"7",installation_id:"42",private_key:$k,api_url:"https://other.lab.test"}' | callgate vault set app --type github-app >/dev/null
use() { # CREDENTIAL
	callgate grant list --json | jq -r '.grants[] | select(.server == "other") | .id' | while read -r id; do callgate grant revoke "$id" >/dev/null; done
	callgate server remove other >/dev/null && callgate server add other --host other.lab.test --path /mcp --credential "$1" --owner platform ${2:+--format "$2"} >/dev/null
	callgate grant add --user alice --server other --policy lab --reason tokens --ticket T-3 >/dev/null
}
use again
has "a refresh token gives an access token" "$(call alice echo '{"message":"six"}')" "ran with a token"
check "what replaces it is stored as a new version" test "$(callgate vault list --json | jq '.credentials[] | select(.name == "again").version')" = 2
vault=$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-vault") | .pid')
kill -9 "$vault"
lab_wait 10 bash -c "[ \"\$($BUILD/callgate --json status | jq -r '.. | objects | select(.name? == \"callgate-vault\") | .pid')\" != $vault ]"
sleep 0.5
has "and serves after the vault was killed" "$(call alice echo '{"message":"seven"}')" "ran with a token"
use app
has "an app's key signs for a token" "$(call alice echo '{"message":"eight"}')" "ran with a token"
check "the key itself went nowhere" test "$(grep -c 'PRIVATE KEY' "$LAB/tokens.log")" = 0
check "each call ran with a token of its kind" test "$(jq -r 'select(.ran).with' "$LAB/tokens.log" | cut -d- -f2 | uniq | tr '\n' ' ')" = "client refresh app "
printf 'user:pass' | callgate vault set plain --type basic >/dev/null
use plain 'Basic {secret}'
call alice echo '{"message":"nine"}' >/dev/null
check "HTTP Basic is encoded" grep -q '"auth": "Basic dXNlcjpwYXNz"' "$LAB/tokens.log"
for s in s3cret-client token-client refresh-1 dXNlcjpwYXNz 'PRIVATE KEY'; do
	check "no record and no log holds $s" test "$(lab_records . | grep -c -- "$s")$(lab_records . journal | grep -c -- "$s")$(grep -c -- "$s" "$LAB/callgated.log")" = 000
done
lab_end
