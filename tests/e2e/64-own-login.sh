#!/bin/bash
# A server without a credential of ours: the client logs in itself, so what it asks an authorization server for passes, and its own Authorization arrives.
# With a credential none of that reaches the server.
. "$(dirname -- "$0")/setup.sh"
gate_up
lab_server other good
callgate server add other --host other.lab.test --path /mcp --owner platform >/dev/null || exit 1
callgate grant add --user alice --server other --policy lab --reason "own login" --ticket T-2 >/dev/null || exit 1
get() { lab_as alice curl -sS --max-time 10 -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer my-own' "https://$1.lab.test/$2"; }
for path in .well-known/oauth-protected-resource/mcp .well-known/openid-configuration register token; do
	get other $path >/dev/null
	has "without a credential, /$path reaches the server" "$(cat "$LAB/other.log")" "/$path"
	check "with one, /$path is answered 404" test "$(get mcp $path)" = 404
	hasnt "and the server does not hear of it" "$(cat "$LAB/mcp.log")" "/$path"
done
lab_as alice curl -sS --max-time 10 -H 'Authorization: Bearer my-own' -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
	-d "$(rpc echo '{"message":"mine"}')" https://other.lab.test/mcp >"$LAB/m/out"
has "a call passes" "$(cat "$LAB/m/out")" mine
has "with the client's own token" "$(cat "$LAB/other.log")" my-own
hasnt "which never goes to a server that has a credential" "$(cat "$LAB/mcp.log")" my-own
lab_end
