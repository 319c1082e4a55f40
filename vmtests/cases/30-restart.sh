# The service's end and new beginning on this kernel: refused meanwhile, gated again afterwards, everything removed by --detach.
# needs: build/callgated build/callgate build/callgate-admin build/callgate-fetch build/callgate-audit build/callgate-ident build/callgate-proxy build/callgate-vault
# needs: build/aids/storm build/lab-certs policy/agents.d setpriv ip
export PATH=$PATH:/w/build:/w/build/aids
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; tail -5 /run/callgated.log | sed 's/^/#   /'; }
check() { what=$1; shift; if "$@" >/run/check.out 2>&1; then ok "$what"; else not_ok "$what"; head -5 /run/check.out | sed 's/^/#   /'; fi; }
up() { n=0; until callgate status >/dev/null 2>&1 || [ $n = 60 ]; do n=$((n + 1)); sleep 0.5; done; callgate status >/run/status 2>&1; }
start() { callgated --uids 12100 --trust /w/build/lab-certs/ca.crt >>/run/callgated.log 2>&1 & daemon=$!; up; }

# The whole of 10.0.0.0/8 is here, and what answers is not the gate's.
ip route add local 10.0.0.0/8 dev lo
mkdir -p /etc/callgate
echo '{"users":[12001],"scope":"users"}' >/etc/callgate/callgate.json
storm serve 8080 /run/seen &
server=$!
sleep 1
dial() { setpriv --reuid=12001 --regid=12001 --clear-groups storm dial 8080 "$1" "$2" -c 2 -b 10 2>&1; }
dials() { dial "$1" 20 >/run/dials; cat /run/dials; grep -q "\"$2\":20" /run/dials; }
check "the service starts" start
check "every mandatory hook is attached" sh -c "grep -E '^(sockops|cgroup)' /run/status | grep -vq false"
check "connections are gated" dials 0 ok
kill -KILL $daemon
check "killed: refused" dials 100 ECONNREFUSED
check "it starts again" start
check "gated again" dials 200 ok
worker=$(callgate --json status | tr ',' '\n' | grep -A3 callgate-proxy | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
check "there is a worker" test -n "$worker"
kill -KILL "$worker"
sleep 2
check "gated by a new worker" dials 300 ok
kill $daemon
wait $daemon
check "pins stay after a stop" sh -c 'ls /sys/fs/bpf/callgate/v*/link_cg_connect4'
check "started a third time, the links are taken over" start
check "gated a third time" dials 400 ok
kill $daemon
wait $daemon
check "--detach removes every pin" sh -c 'callgated --detach && [ ! -e /sys/fs/bpf/callgate ]'
sleep 4
check "and the hooks: connections go direct" dials 500 ok
sleep 1
kill $server
wait $server
