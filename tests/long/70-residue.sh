#!/bin/bash
# After 10,000 calls that carry it, where is the credential?  In no process but the vault and, while its lease lasts, the worker; in no file, no record, no
# byte that a client received; and when the lease has ended not in the worker either.
. "$(dirname -- "$0")/../e2e/setup.sh"
CALLS=${CALLS:-10000}
gate_up
addr=$(awk '$2 == "mcp.lab.test" { print $1 }' /etc/hosts)
printf %s "$REAL_KEY" >"$LAB/secret"
pids() { callgate --json status | jq -r '.. | objects | select(.name? and .pid?) | select(.name | startswith("callgate")) | .pid' | sort -u; }
search() { python3 "$LAB_TOP/tests/lab/residue.py" "$LAB/secret" $(pids) "$LAB_DAEMON"; }
hits() { jq -s "[.[] | select($1) | .hits] | add // 0" "$LAB/found"; }
load() { # CALLS USER
	"$BUILD/aids/loadgen" --name mcp.lab.test --ca /etc/ssl/certs/ca-certificates.crt --clients 8 --rounds 1 --block "$1" \
		--target "gate,$addr,443,$2,0" --args '{"message":"residue"}' --token "$PLACEHOLDER"
}
load "$CALLS" 12001 >"$LAB/load"
check "no call failed" test "$(jq -s '[.[].failed] | add' "$LAB/load")" = 0
search >"$LAB/found"
jq -c . "$LAB/found" | sed 's/^/# /'
check "each process was searched" test "$(jq -s 'map(select(.read > 1000000)) | length' "$LAB/found")" -ge 7
check "the server was sent it" grep -q "$REAL_KEY" "$LAB/mcp.log"
check "the search finds it in the worker, whose lease lasts" test "$(hits '.name == "callgate-proxy"')" -gt 0
check "no other process than vault and worker has it" test "$(hits '.name != "callgate-vault" and .name != "callgate-proxy"')" = 0
check "nor does the vault, outside of memory that nobody can read" test "$(hits '.name == "callgate-vault"')" = 0
call alice echo '{"message":"residue"}' -v >"$LAB/m/client" 2>&1
call alice fail '{}' -v >>"$LAB/m/client" 2>&1
call alice echo '{"path":"/etc/x"}' -v >>"$LAB/m/client" 2>&1
check "no byte of it reached a client" test "$(grep -c "$REAL_KEY" "$LAB/m/client")" = 0
b64=$(printf %s "$REAL_KEY" | base64 | tr -d = | sed 's/..$//')
for dir in /var/log/callgate /var/lib/callgate /etc/callgate /run "$LAB/callgated.log" "$LAB/home"; do
	check "nothing below $(basename "$dir") has it" test "$({ find "$dir" -type f -exec cat {} + 2>/dev/null; find "$dir" -name '*.gz' -exec zcat {} + 2>/dev/null; } | grep -acE "$REAL_KEY|$b64")" = 0
done
check "no process can leave a core" test "$(for p in $(pids); do awk '/Max core/ { print $5 }' "/proc/$p/limits"; done | sort -u)" = 0
check "nothing of a process that holds it is swapped" test "$(for p in $(pids); do awk '/VmSwap/ { s += $2 } END { print s + 0 }' "/proc/$p/status"; done | sort -u | tail -1)" = 0
sleep 35 # a lease of 30 s, and the sweep
search >"$LAB/found"
jq -c 'select(.hits > 0)' "$LAB/found" | sed 's/^/# /'
check "when the lease has ended the worker has it no more" test "$(hits 'true')" = 0
load 80 12001 >"$LAB/load"
printf other-key-55d1 | callgate vault set mcp-key >/dev/null
sleep 1
search >"$LAB/found"
jq -c 'select(.hits > 0)' "$LAB/found" | sed 's/^/# /'
check "nor when it was replaced before" test "$(hits 'true')" = 0
lab_end
