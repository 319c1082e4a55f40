#!/bin/bash
# bench.sh - a warm allowed call through Callgate, HAProxy and nginx with Lua, all doing the same job, paired in one run.
# ROUNDS, BLOCK, SEED, STRICT in the environment.  Writes $BUILD/bench/rounds.jsonl and $BUILD/bench/summary.json.
# Client and server run on CPU 0, the proxies on CPU 1; one network namespace; one keep-alive connection a target.
. "$(dirname -- "$0")/../e2e/setup.sh"
ROUNDS=${ROUNDS:-40} BLOCK=${BLOCK:-100} SEED=${SEED:-1} STRICT=${STRICT:-async}
out=$BUILD/bench
mkdir -p "$out"
dir=$LAB/m/bench && mkdir -p "$dir" && chmod 777 "$dir"
addr=203.0.113.10 up_port=443
ip addr add $addr/32 dev lo # the server is on this side: one namespace for all
export UP_TOKEN=$REAL_KEY

taskset -c 0 "$BUILD/aids/mock_mcp" --listen $addr --port $up_port --cert "$LAB_CERTS/good.crt" --key "$LAB_CERTS/good.key" --reply-bytes 1024 2>"$LAB/mock.err" &
lab_wait 5 bash -c ": </dev/tcp/$addr/$up_port" || exit 1
cp "$LAB_TOP/tests/bench/peers/deny.lst" "$dir" && cp "$LAB_CERTS/ca.crt" "$dir/ca.crt" && cp "$LAB_CERTS/good.pem" "$dir/leaf.pem" && cp "$LAB_CERTS/good.crt" "$dir/leaf.crt" && cp "$LAB_CERTS/good.key" "$dir/leaf.key"
render() { sed "s|@DIR@|$dir|g; s|@PORT@|$2|g; s|@UP@|$addr:$up_port|g; s|@NAME@|mcp.lab.test|g" "$LAB_TOP/tests/bench/peers/$1.in" >"$dir/$1"; }
render haproxy-l7.cfg 8501
render nginx-lua.conf 8502
taskset -c 1 haproxy -db -f "$dir/haproxy-l7.cfg" >"$dir/haproxy-audit.log" 2>&1 &
haproxy=$!
taskset -c 1 nginx -g 'daemon off; master_process off;' -c "$dir/nginx-lua.conf" >"$dir/nginx.log" 2>&1 &
nginx=$!
lab_wait 5 bash -c ': </dev/tcp/127.0.0.1/8501' || { cat "$dir/haproxy-audit.log"; exit 1; }
lab_wait 5 bash -c ': </dev/tcp/127.0.0.1/8502' || { cat "$dir/nginx.log" "$dir/nginx.err"; exit 1; }

mkdir -p /etc/callgate
lab_daemon "{\"users\":[\"alice\"],\"audit\":{\"strict\":\"$STRICT\",\"level\":1}}" || exit 1
callgate ca install >/dev/null
printf %s "$REAL_KEY" | callgate vault set mcp-key >/dev/null
cat >"$LAB/policy.json" <<'EOF'
{"version":"1","default":"allow","hide":["delete_everything","exec_shell","transfer_funds"],
 "tools":{"echo":{"deny_if":[{"conditions":[{"path":"args.path","op":"regex","value":"(?i)^/(etc|root|proc)(/|$)"}]}]}}}
EOF
callgate server add mcp --host mcp.lab.test --path /mcp --credential mcp-key >/dev/null
callgate policy apply bench "$LAB/policy.json" --reason bench >/dev/null
callgate grant add --user alice --server mcp --policy bench --reason bench >/dev/null
pids() { callgate --json status | jq -r '[.. | objects | select(.name? != null and (.name == "callgate-proxy" or .name == "callgate-audit")) | .pid] | join("+")'; }
ours=$(pids)
for p in ${ours//+/ }; do taskset -apc 1 "$p" >/dev/null; done

# Same job or no comparison: allowed, denied, credential.
for target in "https://mcp.lab.test/mcp" "https://mcp.lab.test:8501/mcp" "https://mcp.lab.test:8502/mcp"; do
	connect=()
	[[ $target != *:850* ]] || connect=(--connect-to "mcp.lab.test::127.0.0.1:")
	user=alice
	a=$(MCP=$target call $user echo '{"path":"/home/a"}' "${connect[@]}")
	d=$(MCP=$target call $user echo '{"path":"/etc/shadow"}' "${connect[@]}")
	[[ $a == *'"result"'* && $a != *isError* ]] && [[ $d == *denied* || $d == *Denied* ]] || { echo "bench: $target does not do the job: $a / $d"; exit 1; }
done
echo "bench: every proxy allows, denies and injects; $ROUNDS rounds of $BLOCK calls, seed $SEED" >&2
load() { # CLIENTS ROUNDS BLOCK
	taskset -c 0 "$BUILD/aids/loadgen" --name mcp.lab.test --ca /etc/ssl/certs/ca-certificates.crt --clients "$1" --rounds "$2" --block "$3" --seed "$SEED" \
		--target "direct,$addr,$up_port,0,0" --target "callgate,$addr,$up_port,12001,$ours" --target "callgate-again,$addr,$up_port,12001,$ours" \
		--target "haproxy,127.0.0.1,8501,0,$haproxy" --target "nginx-lua,127.0.0.1,8502,0,$nginx"
}
load 1 "$ROUNDS" "$BLOCK" >"$out/rounds.jsonl" || { tail -5 "$LAB/callgated.log"; exit 1; }
load 8 $((ROUNDS / 2)) $((BLOCK * 4)) >>"$out/rounds.jsonl" || exit 1
jq -s --arg strict "$STRICT" --arg kernel "$(uname -r)" --argjson seed "$SEED" -f "$LAB_TOP/tests/bench/summary.jq" "$out/rounds.jsonl" >"$out/summary.json" || exit 1
jq -r '.scenarios[] | "\(.scenario): ours \(.ours), \(.peers | to_entries | map("\(.key) \(.value)") | join(", ")); ratio to the best peer \(.ratio_best_peer), resolution \(.resolution)"' "$out/summary.json"
lab_daemon_stop
kill $haproxy $nginx
