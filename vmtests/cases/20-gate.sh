# The whole service on this kernel: one call is allowed, one is denied, both are recorded.
# needs: build/callgated build/callgate build/callgate-admin build/callgate-fetch build/callgate-audit build/callgate-ident build/callgate-proxy build/callgate-vault
# needs: build/aids/mock_mcp build/aids/loadgen build/lab-certs policy/agents.d
export PATH=$PATH:/w/build:/w/build/aids
certs=/w/build/lab-certs
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; tail -20 /run/callgated.log | sed 's/^/#   /'; }
check() { what=$1; shift; if "$@" >/run/check.out 2>&1; then ok "$what"; else not_ok "$what"; head -5 /run/check.out | sed 's/^/#   /'; fi; }

ip addr add 203.0.113.10/32 dev lo
mkdir -p /etc/callgate
echo '{"users":[12001],"scope":"users"}' >/etc/callgate/callgate.json
mock_mcp --listen 203.0.113.10 --port 443 --cert $certs/good.crt --key $certs/good.key --log /run/mcp.log &
server=$!
callgated --uids 12100 --trust $certs/ca.crt >/run/callgated.log 2>&1 &
daemon=$!
n=0
until callgate status >/run/status 2>&1 || [ $n = 60 ]; do n=$((n + 1)); sleep 0.5; done
check "the service is up" callgate status
grep -E '^(sockops|cgroup|tp_btf)' /run/status | sed 's/^/#   /'
check "every hook is attached" sh -c "grep -E '^(sockops|cgroup|tp_btf)' /run/status | grep -vq false"
echo '{"version":"1","default":"deny","tools":{"echo":{"deny_if":[{"conditions":[{"path":"args.path","op":"regex","value":"^/etc"}]}]}}}' >/run/policy.json
check "a credential is stored" sh -c 'echo real-key | callgate vault set key'
check "a server is registered" callgate server add mcp --host mcp.lab.test --path /mcp --credential key
check "a policy is applied" callgate policy apply lab /run/policy.json
check "a grant is issued" callgate grant add --user 12001 --server mcp --policy lab
callgate ca show >/run/ca.pem
cat $certs/ca.crt >>/run/ca.pem
call() { loadgen --name mcp.lab.test --ca /run/ca.pem --rounds 1 --block 1 --token client-key --target "gate,203.0.113.10,443,12001,0" --args "$1"; }
check "an allowed call is answered through the gate" sh -c "$(echo 'loadgen --name mcp.lab.test --ca /run/ca.pem --rounds 1 --block 1 --token client-key --target gate,203.0.113.10,443,12001,0 --args {\"m\":1}') | grep -q '\"failed\":0'"
check "the server saw the vault's key" grep -q 'Bearer real-key' /run/mcp.log
check "and not the client's" sh -c '! grep -q client-key /run/mcp.log'
call '{"path":"/etc/shadow"}' >/run/denied 2>&1
check "a denied call does not reach the server" sh -c '! grep -q shadow /run/mcp.log'
sleep 1
check "the allowed call is recorded" sh -c 'callgate audit cat | grep "\"verdict\":\"allow\"" | grep -q "\"uid\":12001"'
check "the denied call is recorded" sh -c 'callgate audit cat | grep "\"verdict\":\"deny\"" | grep -q args.path-regex'
kill $daemon
wait $daemon
check "the audit verifies after the stop" callgate audit verify /var/log/callgate/audit
kill $server
