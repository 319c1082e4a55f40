# storm.sh - an internet of 16 million addresses, and a way of its own for packets that governed users send themselves.
# Source it after the lab.  What the users' own sockets send leaves by the device direct0, whose counter shows it; what the gate sends, by desk0.

storm_net() {
	lab_net ip route add local 10.0.0.0/8 dev lo
	ip link add direct0 type veth peer name away0 netns "$LAB_NET_PID"
	sysctl -qw net.ipv6.conf.direct0.disable_ipv6=1
	lab_net sysctl -qw net.ipv6.conf.away0.disable_ipv6=1
	ip addr add 198.51.101.2/24 dev direct0 && ip link set direct0 up
	lab_net ip addr add 198.51.101.1/24 dev away0 && lab_net ip link set away0 up
	# No question for an address is a packet of anybody's.
	ip neigh replace 198.51.101.1 lladdr "$(lab_net ip -j link show away0 | jq -r '.[0].address')" dev direct0 nud permanent
	lab_net ip neigh replace 198.51.101.2 lladdr "$(ip -j link show direct0 | jq -r '.[0].address')" dev away0 nud permanent
	ip route add 10.0.0.0/8 via 198.51.101.1 dev direct0 src 198.51.101.2 table 77
	ip rule add uidrange 12001-12003 lookup 77
	lab_net "$BUILD/aids/storm" serve 8080 "$LAB/seen" 2>"$LAB/serve.err" &
	STORM_SERVER=$!
	lab_wait 5 lab_net bash -c ': </dev/tcp/10.0.0.1/8080'
}

storm_direct() { # packets of the users' own
	local device of
	while read -r device of; do
		# shellcheck disable=SC2086 # columns
		[ "$device" != direct0: ] || { set -- $of; echo "${10}"; }
	done </proc/net/dev
}

storm_dial() { # USER BASE COUNT [OPTIONS]: prints the counts; who dialled is in $LAB/pids-BASE
	local user=$1 base=$2 count=$3
	shift 3
	lab_as "$user" "$LAB/bin/aids/storm" dial 8080 "$base" "$count" -f "$LAB/home/$user/pids-$base" "$@"
	cp "$LAB/home/$user/pids-$base" "$LAB/pids-$base"
}

# Compare what the far side saw with the audit.
storm_check() { # BASE COUNT
	sleep 1
	lab_audit | "$BUILD/aids/storm" check "$LAB/seen" "$LAB/pids-$1" "$1" "$2"
}

storm_status() { callgate --json status | jq -c ".service.$1"; }
storm_worker() { callgate --json status | jq -r '[.. | objects | select(.name? == "callgate-proxy")][0].pid'; }
of() { jq -r ".$2 // 0" <<<"$1"; } # JSON MEMBER
