#!/bin/bash
# A credential is replaced twenty times under load: no call fails, and what was replaced is not used again.  Then the vault is killed: without a lease calls are
# denied in words, and go on within a second of its restart.
. "$(dirname -- "$0")/../e2e/setup.sh"
gate_up
addr=$(awk '$2 == "mcp.lab.test" { print $1 }' /etc/hosts)
vault_pid() { callgate --json status | jq -r '.. | objects | select(.name? == "callgate-vault") | .pid'; }
"$BUILD/aids/loadgen" --name mcp.lab.test --ca /etc/ssl/certs/ca-certificates.crt --clients 8 --rounds 400 --block 250 \
	--target "gate,$addr,443,12001,0" --args '{"message":"rotation"}' >"$LAB/load" 2>&1 &
load=$! set=0
while kill -0 $load 2>/dev/null && [ $set -lt 20 ]; do
	set=$((set + 1))
	printf 'rotated-key-%02d' $set | callgate vault set mcp-key >/dev/null || not_ok "the key could not be set"
	sleep 0.3
done
kill $load && wait $load 2>/dev/null
echo "# $(grep '}$' "$LAB/load" | jq -s '{calls: (length * 2000), per_second: ([.[].calls_s // empty] | add / length)}' -c)"
check "twenty versions were set while calls went on" test $set = 20
check "no call failed" test "$(grep '}$' "$LAB/load" | jq -s '[.[].failed] | add')" = 0
settled
used=$(lab_records '.kind=="release" and .event=="release"' | jq -r .cred_ver | sort -un | wc -l)
check "calls used $used versions" test "$used" -gt 10
check "none after the one that replaced it" test "$(jq -r '.headers.authorization? // .authorization? // empty' "$LAB/mcp.log" 2>/dev/null | awk '{ n = substr($0, length($0) - 1) + 0; if (n < last - 1) bad++; if (n > last) last = n } END { print bad + 0 }')" = 0

for round in 1 2 3; do
	printf 'after-%d' "$round" | callgate vault set mcp-key >/dev/null # ends the leases
	pid=$(vault_pid)
	kill -STOP "$pid"
	out=$(call alice echo '{"message":"nobody lends"}')
	has "a vault that does not answer: denied in words" "$out" "the vault did not lend"
	kill -9 "$pid"
	lab_wait 10 bash -c "p=\$($BUILD/callgate --json status | jq -r '.. | objects | select(.name? == \"callgate-vault\") | .pid'); [ -n \"\$p\" ] && [ \"\$p\" != $pid ] && [ -e /proc/\$p ]"
	t0=$(date +%s%N)
	until has_answer=$(call alice echo '{"message":"back"}') && [[ $has_answer != *isError* ]]; do [ $(($(date +%s%N) - t0)) -lt 20000000000 ] || break; done
	ms=$((($(date +%s%N) - t0) / 1000000))
	check "calls go on, $ms ms after its restart" test $ms -lt 1000
done
lab_end
