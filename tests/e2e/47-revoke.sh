#!/bin/bash
# A grant is revoked while it is in use: streams end, a forwarded call completes for its record, only a Read answer is delivered.
. "$(dirname -- "$0")/setup.sh"
MCP_OPTIONS="--streams --step-ms 500"
gate_up
MCPH=(-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream')
give() { callgate grant list --user alice --json | jq -e '.grants | length == 0' >/dev/null && callgate grant add --user alice --server mcp --policy lab >/dev/null; }
take() { callgate grant revoke "$(callgate --json grant list --user alice | jq -r '.grants[0].id')" --reason "left the team" >/dev/null; }
# What a user holds open: curl's output and exit status in $LAB/NAME, $LAB/NAME.rc
open_() { # NAME curl options
	local name=$1
	shift
	(lab_as alice curl -sSN --max-time 15 "$@" "$MCP" >"$LAB/$name" 2>"$LAB/$name.err"; echo $? >"$LAB/$name.rc") &
}
ended() { lab_wait 3 test -e "$LAB/$1.rc" && [ "$(cat "$LAB/$1.rc")" != 28 ]; }

post alice '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' >/dev/null
check "the tools are known" lab_wait 5 bash -c "'$BUILD/callgate' catalog show mcp stream"

# ---- streams ----
open_ get -H 'Accept: text/event-stream'
open_ listen "${MCPH[@]}" -d '{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen"}'
check "a GET stream is open" lab_wait 5 grep -q 'still here' "$LAB/get"
check "a listen stream is open" lab_wait 5 grep -q 'still here' "$LAB/listen"
check "revoked" take
check "the GET stream has ended" ended get
check "the listen stream has ended" ended listen
settled
check "both ends have a record" test "$(lab_records '.kind=="refused" and .err=="denied" and .uid==12001 and (.detail // "" | contains("open stream"))' | wc -l)" = 2

# ---- a call under way whose class is not Read; and the next one on the same connection ----
give
open_ call "${MCPH[@]}" -d "$(rpc stream)" "$MCP" --next -sSN --max-time 15 "${MCPH[@]}" -d "$(rpc echo '{"message":"second"}')"
check "a call streams" lab_wait 5 grep -q 'step 1' "$LAB/call"
check "revoked meanwhile" take
check "it ends" lab_wait 6 test -e "$LAB/call.rc"
out=$(cat "$LAB/call")
hasnt "what the server answered is withheld" "$out" '"streamed"'
has "the agent is told, as a result" "$out" '"isError":true'
has "why, and that it may have happened" "$out" "its answer is withheld. The server may have carried it out (rule (no grant)"
has "the next call on the connection is denied" "$out" "hold no valid grant for this server (rule (no grant)"
hasnt "and not made" "$(cat "$LAB/mcp.log")" '"tool":"echo"'
settled
check "the call completed for the record" lab_has_record '.kind=="result" and .status=="ok" and .detail=="the grant ended while the call ran; its answer was withheld"'

# ---- one whose class is Read ----
callgate catalog override mcp stream Read --reason "looks only" >/dev/null || not_ok "override"
give
open_ read "${MCPH[@]}" -H 'Mcp-Session-Id: s-1' -d "$(rpc stream)"
check "a Read call streams" lab_wait 5 grep -q 'step 1' "$LAB/read"
check "revoked meanwhile" take
check "it ends" lab_wait 6 test -e "$LAB/read.rc"
has "its answer is delivered" "$(cat "$LAB/read")" '"streamed"'
settled
check "its record says that the grant had ended" lab_has_record '.kind=="result" and .status=="ok" and .detail=="the grant ended while the call ran"'
has "the next call of the session is denied" "$(call alice stream '' -H 'Mcp-Session-Id: s-1')" '(no grant)'
check "every allowed call has a result" test "$(lab_records '.kind=="call" and .verdict=="allow"' | wc -l)" = "$(lab_records '.kind=="result"' | wc -l)"
lab_end
