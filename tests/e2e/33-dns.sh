#!/bin/bash
# Addresses learned from the DNS answers that processes really get; and not from a server of the user's own choice.
. "$(dirname -- "$0")/setup.sh"
command -v dnsmasq >/dev/null || { echo "# dnsmasq is not installed: tools/deps.sh test"; exit 77; }
printf 'nameserver 203.0.113.53\noptions timeout:1 attempts:1\n' >/etc/resolv.conf
printf 'hosts: files dns\npasswd: files\ngroup: files\n' >/etc/nsswitch.conf
for a in 53 54 78 79 80 81 82; do lab_net ip addr add 203.0.113.$a/32 dev lo; done
dns() { # SERVER ADDRESS...: answers for dns.lab.test
	local server=$1 hosts=
	shift
	for a in "$@"; do hosts="$hosts --address=/dns.lab.test/$a"; done
	# shellcheck disable=SC2086 # a list of options
	nsenter -t "$LAB_NET_PID" -n -- dnsmasq --keep-in-foreground --no-resolv --no-hosts --listen-address="$server" --bind-interfaces --user=root --pid-file= $hosts 2>>"$LAB/dns.err" &
	DNS=$!
	sleep 0.3
}
dns 203.0.113.53 203.0.113.78
gate_up '{"users":["alice"],"scope":"agents"}'
callgate server add dns --host dns.lab.test --path /mcp --owner platform >/dev/null
count() { callgate --json status | jq ".service.known_addresses.$1"; }
is() { [ "$(count "$1")" = "$2" ]; }
check "the name is looked up" lab_wait 10 is resolved 2
# the provider hands out another address now; callgate-fetch will ask in a minute, alice asks now
kill "$DNS" && wait "$DNS" 2>/dev/null
dns 203.0.113.53 203.0.113.79
dns 203.0.113.54 203.0.113.80 # somebody else's server
lab_as alice bash -c ': </dev/tcp/203.0.113.79/7777' 2>/dev/null
got=$(lab_as alice getent ahostsv4 dns.lab.test | awk '{print $1; exit}')
check "alice got the new address" test "$got" = 203.0.113.79
check "it is known from her answer" lab_wait 5 bash -c "[ \"\$($BUILD/callgate --json status | jq .service.known_addresses.observed)\" -ge 1 ]"
lab_as alice bash -c ': </dev/tcp/203.0.113.79/7778' 2>/dev/null
check "and every port of it is redirected, for a program that is no agent" lab_wait 5 lab_has_record '.dst_addr=="203.0.113.79" and .dst_port==7778'
check "before it was not" bash -c "$(declare -f lab_audit); ! lab_audit | grep -q '\"dst_port\":7777'"
now=$(count observed)
# a question in one datagram, to any server, without the machine's resolver
cat >"$LAB/ask.pl" <<'PL'
use Socket; my ($server, $name) = @ARGV;
socket(S, PF_INET, SOCK_DGRAM, 0) or die; my $q = pack('n6', 7, 0x0100, 1, 0, 0, 0) . join('', map { pack('C/a*', $_) } split /\./, $name) . pack('Cnn', 0, 1, 1);
send(S, $q, 0, sockaddr_in(53, inet_aton($server))) or die "send: $!"; my $r = ''; vec($r, fileno(S), 1) = 1; select($r, undef, undef, 3) or die 'no answer';
recv(S, my $a, 2000, 0); print join('.', unpack('C4', substr($a, -4))), "\n";
PL
out=$(lab_as alice perl "$LAB/ask.pl" 203.0.113.54 dns.lab.test)
has "another server answers alice" "$out" 203.0.113.80
cat >"$LAB/serve.pl" <<'PL'
use Socket; socket(S, PF_INET, SOCK_DGRAM, 0) or die; bind(S, sockaddr_in(53, inet_aton($ARGV[0]))) or die "bind: $!";
my $from = recv(S, my $q, 2000, 0); my $n = substr($q, 12);
send(S, substr($q, 0, 2) . pack('n5', 0x8180, 1, 1, 0, 0) . $n . pack('nnnNn', 0xc00c, 1, 1, 300, 4) . inet_aton($ARGV[1]), 0, $from);
PL
out=$(lab_as alice unshare -rn bash -c "ip link set lo up; ip addr add 203.0.113.53/32 dev lo; perl $LAB/serve.pl 203.0.113.53 203.0.113.81 & sleep 0.5; perl $LAB/ask.pl 203.0.113.53 dns.lab.test" 2>&1)
has "in a namespace of her own alice plays the machine's name server" "$out" 203.0.113.81
sleep 1
check "neither is believed" test "$(count observed)" = "$now"
out=$(lab_as alice perl "$LAB/ask.pl" 203.0.113.53 other-name.lab.test 2>&1)
sleep 0.5
check "a name that is not registered is nobody's business" test "$(count observed)" = "$now"
check "no answer was lost" test "$(callgate --json status | jq '.service.kernel["dns-answer-lost"]')" = 0
lab_end
