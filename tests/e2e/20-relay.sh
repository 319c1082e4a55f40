#!/bin/bash
# What is not the gate's business passes untouched: hosts that are not registered, processes that are not governed, servers that speak first.
. "$(dirname -- "$0")/setup.sh"
gate_up
lab_server other good
head -c 3000000 /dev/urandom >"$LAB/blob"
blob_server() { # one connection: greet first, then echo what comes
	lab_net "$BUILD/aids/relay_peer" "$1" "$2" "$LAB/blob" >"$LAB/peer-$2.log" 2>&1 &
	lab_wait 5 grep -q ready "$LAB/peer-$2.log"
}

out=$(lab_as alice curl -sS --max-time 10 -v https://other.lab.test/x 2>&1)
has "an unregistered host answers a governed user" "$out" "hello"
has "with its own certificate" "$out" "issuer: CN=Lab Root"
out=$(lab_as carol curl -sS --max-time 10 -v "$MCP" 2>&1)
has "a user who is not governed meets the server's own certificate" "$out" "issuer: CN=Lab Root"
settled
check "the relayed connection has its record" lab_has_record '.kind=="connection" and .verdict=="relay" and .dst_host=="other.lab.test" and .uid==12001'
check "the other user has none" bash -c "$(declare -f lab_audit); ! lab_audit | grep -q 12003"

addr=$(awk '$2 == "other.lab.test" { print $1 }' /etc/hosts)
blob_server "$addr" 8080
for user in alice carol; do
	lab_as $user "$LAB/bin/aids/relay_client" "$addr" 8080 "$LAB/blob" >"$LAB/$user.out" 2>&1
	has "$user: the banner arrives before a byte is sent" "$(cat "$LAB/$user.out")" "banner ok"
	has "$user: 3 MB each way arrive byte for byte" "$(cat "$LAB/$user.out")" "bytes ok"
	has "$user: half-close is kept" "$(cat "$LAB/$user.out")" "half-close ok"
done
out=$(lab_as alice curl -sS --max-time 10 http://203.0.113.11:8443/ 2>&1)
check "a dead port fails at once" test -n "$out"
lab_end
