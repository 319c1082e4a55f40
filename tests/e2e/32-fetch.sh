#!/bin/bash
# callgate-fetch: runs in its sandbox, looks up registered hosts in files and over DNS, and every port of what it finds is redirected.
. "$(dirname -- "$0")/setup.sh"
printf 'nameserver 203.0.113.53\noptions timeout:1 attempts:1\n' >/etc/resolv.conf # nobody is there yet
gate_up
fetch_is() { callgate --json status | jq -e '.. | objects | select(.name? == "callgate-fetch") | .state == "ready" and .sandbox_tried > 4 and .sandbox_tried == .sandbox_refused' >/dev/null; }
resolved() { [ "$(callgate --json status | jq '.service.known_addresses.resolved')" = "$1" ]; }
check "callgate-fetch is ready, and everything it tried from inside its sandbox was refused" fetch_is
pid=$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-fetch") | .pid')
check "it has a uid of its own" test "$(stat -c %u "/proc/$pid")" = $((LAB_UIDS + 5))
check "without capabilities, filtered, with no new privileges" test "$(grep -cE '^(CapEff:\s+0+|Seccomp:\s+2|NoNewPrivs:\s+1)$' "/proc/$pid/status")" = 3
check "the registered host is known by its address" lab_wait 5 resolved 1
mcp=$(awk '$2 == "mcp.lab.test" { print $1 }' /etc/hosts)
lab_as alice bash -c ": </dev/tcp/$mcp/7777" 2>/dev/null
settled
check "any port of it is redirected" lab_wait 5 lab_has_record ".dst_port==7777 and .dst_addr==\"$mcp\""

# a name that has no address yet, then one, in the file
callgate server add later --host later.lab.test --path /mcp --owner platform >/dev/null
sleep 0.5
check "a name without an address is no address" resolved 1
echo "203.0.113.77 later.lab.test" >>/etc/hosts
check "it is asked for again soon" lab_wait 10 resolved 2
callgate server remove later --reason lab >/dev/null
check "with the server its address goes" lab_wait 5 resolved 1

# over DNS
lab_net ip addr add 203.0.113.53/32 dev lo
mkdir -p "$LAB/dns"
lab_net dnsmasq --keep-in-foreground --no-resolv --no-hosts --listen-address=203.0.113.53 --bind-interfaces --user=root --pid-file= \
	--host-record=dns.lab.test,203.0.113.78,2001:db8:7::78 --log-facility="$LAB/dns/log" --log-queries 2>"$LAB/dns/err" &
callgate server add dns --host dns.lab.test --path /mcp --owner platform >/dev/null
check "both addresses of a name in DNS are known" lab_wait 15 resolved 3
check "and it was callgate-fetch that asked" grep -q 'query\[A\] dns.lab.test' "$LAB/dns/log"

# a server's other addresses: one of them refuses, of another the packets are lost (docs/WIRE.md "candidate addresses")
refuses=203.0.113.80 lost=203.0.113.81 lost6=2001:db8:7::81
lab_net ip addr add $refuses/32 dev lo
elsewhere() { callgate --json status | jq '[.. | objects | .server_elsewhere? // empty] | add'; }
has "no call before was at another address than its client's choice" "$(elsewhere)" 0
has "a choice that refuses: the call is made at the address that was looked up" \
	"$(call alice echo '{"message":"past a refusal"}' --max-time 9 --resolve "mcp.lab.test:443:$refuses")" "past a refusal"
has "one where packets are lost" "$(call alice echo '{"message":"past a hole"}' --max-time 9 --resolve "mcp.lab.test:443:$lost")" "past a hole"
echo "$lost6 mcp.lab.test" >>/etc/hosts
has "and a name whose IPv6 address is such a one, without a word to the client" "$(call alice echo '{"message":"past IPv6"}' --max-time 9)" "past IPv6"
settled
for choice in $refuses $lost $lost6; do
	id=$(lab_records ".kind==\"call\" and .dst_addr==\"$choice\"" | jq -r .id)
	check "the records say what $choice was and where the call went" lab_has_record ".kind==\"result\" and .id==\"$id\" and .server_addr==\"$mcp\" and .status==\"ok\""
done
check "the status counts them" test "$(elsewhere)" = 3
lab_as alice curl -sS --max-time 9 --resolve "other.lab.test:443:$refuses" https://other.lab.test/x >"$LAB/out" 2>&1
check "a name that is not registered is what its client says" test $? = 35
sed -i "/^$lost6 /d" /etc/hosts

# a new callgate-fetch learns it all again
kill -KILL "$pid"
check "killed, it comes back" lab_wait 10 fetch_is
check "and still all is known" lab_wait 15 resolved 3
works() { [[ $(call alice echo '{"message":"still here"}' --max-time 5) == *still* ]]; }
check "calls go on" works
lab_end
