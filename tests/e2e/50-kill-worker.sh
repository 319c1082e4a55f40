#!/bin/bash
# The worker is killed under load: clients see errors, never the server itself; service is back; every call is accounted for.
. "$(dirname -- "$0")/setup.sh"
gate_up
worker() { callgate --json status | jq -r '.. | objects | select(.name? == "callgate-proxy") | .pid'; }

cat >"$LAB/load.sh" <<'EOF'
# counts what comes back; the placeholder would show a direct connection
for i in $(seq 60); do
	out=$(curl -sS --max-time 10 -H "Authorization: Bearer direct-key" -H "Content-Type: application/json" -H "Accept: application/json, text/event-stream" -d "$1" "$2" 2>&1)
	case $out in *answered*) echo answered ;; *) echo error ;; esac
done
EOF
load() { lab_as alice bash "$LAB/load.sh" "$(rpc echo '{"message":"answered"}')" "$MCP"; }
load >"$LAB/load1" & one=$!
load >"$LAB/load2" & two=$!
sleep 0.5
old=$(worker)
kill -KILL "$old"
t0=$(date +%s%N)
lab_wait 10 bash -c "$(declare -f post lab_as call rpc); LAB_CGROUP=$LAB_CGROUP PLACEHOLDER=x MCP=$MCP; out=\$(call alice echo '{\"message\":\"back\"}'); [[ \$out == *back* ]]"
back=$?
t1=$(date +%s%N)
check "service came back" test $back = 0
echo "# back after $(((t1 - t0) / 1000000)) ms"
wait $one $two
check "the worker is another process" test "$(worker)" != "$old"
answered=$(cat "$LAB/load1" "$LAB/load2" | grep -c answered)
check "most calls were answered" test "$answered" -gt 60
hasnt "nothing reached the server directly" "$(cat "$LAB/mcp.log")" direct-key
settled
calls=$(lab_records '.kind=="call" and .verdict=="allow"' | wc -l)
closed=$(lab_records '.kind=="result" or .kind=="abandoned"' | wc -l)
check "every answered call is in the audit" test "$(lab_records '.kind=="result" and .status=="ok"' | wc -l)" -ge "$answered"
check "every call is closed, by a result or as abandoned ($calls, $closed)" test "$calls" = "$closed"
lab_end
