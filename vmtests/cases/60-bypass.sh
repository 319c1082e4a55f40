# The ways around the gate on this kernel, as an agent of a governed user: by none does a packet of its own leave. tests/e2e/38-bypass.sh has the whole table.
# kernels: 6.1
# needs: build/callgated build/callgate build/callgate-admin build/callgate-fetch build/callgate-audit build/callgate-ident build/callgate-proxy build/callgate-vault
# needs: build/aids/bypass build/aids/mock_mcp build/lab-certs policy/agents.d setpriv ip veth.ko sctp.ko dccp_ipv4.ko
export PATH=$PATH:/w/build:/w/build/aids
certs=/w/build/lab-certs
mkdir -p /run/netns
ip netns add inet
there() { ip netns exec inet "$@"; }
for pair in "desk0 net0 198.51.100 2001:db8:1" "direct0 away0 198.51.101 2001:db8:2"; do
	set -- $pair
	ip link add "$1" type veth peer name "$2"
	ip link set "$2" netns inet
	echo 0 >"/proc/sys/net/ipv6/conf/$1/router_solicitations"
	ip addr add "$3.2/24" dev "$1" && ip -6 addr add "$4::2/64" dev "$1" nodad && ip link set "$1" up
	there ip addr add "$3.1/24" dev "$2" && there ip -6 addr add "$4::1/64" dev "$2" nodad && there ip link set "$2" up
	mac=$(there cat "/sys/class/net/$2/address")
	ip neigh replace "$3.1" lladdr "$mac" dev "$1" nud permanent
	ip -6 neigh replace "$4::1" lladdr "$mac" dev "$1" nud permanent
done
# An earlier case may have had the server on this side.
ip addr del 203.0.113.10/32 dev lo 2>/dev/null
there ip link set lo up
there ip addr add 203.0.113.10/32 dev lo
there ip -6 addr add 2001:db8:99::1/128 dev lo
ip route add default via 198.51.100.1
ip -6 route add default via 2001:db8:1::1
# What the users' own sockets send leaves by direct0.
ip route add default via 198.51.101.1 dev direct0 table 77
ip -6 route add default via 2001:db8:2::1 dev direct0 table 77
ip rule add uidrange 12001-12003 lookup 77
ip -6 rule add uidrange 12001-12003 lookup 77
there mock_mcp --listen 203.0.113.10 --port 443 --cert $certs/good.crt --key $certs/good.key --log /run/mcp.log &
server=$!
mkdir -p /etc/callgate
echo '{"users":[12001]}' >/etc/callgate/callgate.json
callgated --uids 12100 --trust $certs/ca.crt >/run/callgated.log 2>&1 &
daemon=$!
n=0
until callgate status >/run/status 2>&1 || [ $n = 60 ]; do n=$((n + 1)); sleep 0.5; done
[ $n != 60 ] || { tail -5 /run/callgated.log; exit 1; }
callgate server add mcp --host mcp.lab.test --path /mcp >/dev/null
sleep 2
cp /bin/sh /tmp/claude
mkdir -p /tmp/home && chmod 777 /tmp/home && cd /tmp/home
as() { uid=$1; shift; V6=2001:db8:99::1 DEVICE=direct0 WORKER=940 SERVICE=$daemon FILE_OF=/sys/fs/cgroup/cgroup.procs setpriv --reuid=$uid --regid=$uid --clear-groups "$@"; }
sent() { cat /sys/class/net/direct0/statistics/tx_packets; }
a=$(sent)
words=$(as 12003 bypass tcp 203.0.113.10 443 2>&1)
echo "# $words ($?)"
[ "$(sent)" != "$a" ] && echo "ok - an ungoverned user's packets are counted" || { echo "not ok - an ungoverned user's packets are counted"; exit 1; }
for way in tcp tcp6 quic udp-unspec udp6 fast-open mptcp ring ring-sqpoll udp-lite sctp dccp smc families raw ping source-route source-route-cmsg bound-device mapped \
	own-namespace inherited daemonised renamed worker-port steal-port steal-port-namespace kill detach attach other-cgroup transparent; do
	bypass list 2>/dev/null | grep -qw -- "$way" || { echo "# no way $way"; continue; }
	a=$(sent)
	words=$(as 12001 /tmp/claude -c "sleep 0.3; bypass $way 203.0.113.10 443; exit \$?" 2>&1)
	status=$?
	b=$(sent)
	if [ $status = 77 ]; then echo "# $way cannot be tried: $words"
	elif [ "$a" = "$b" ]; then echo "ok - $way (status $status)"; else echo "not ok - $way: $((b - a)) packets (status $status)"; echo "$words" | head -3 | sed 's/^/#   /'; fi
done
kill $daemon $server
