# hosts.sh - workstations side by side in a lab, each with a host name, a network, mounts and a cgroup subtree of its own: what runs there finds the
# default paths, and nothing in them.  The accounts are the lab's of that moment.  Source it after lab.sh, and fleet.sh for host_enrol.  Where the lab's own service runs
# beside them, it sees what they do: let it govern other users.
declare -A HOST_PID=() HOST_DAEMON=() HOST_SLOT=()
HOST_UIDS=12200

host_up() { # NAME: NAME.lab.test
	local name=$1 n=$((${#HOST_PID[@]} + 101)) dir=$LAB/m/host-$1
	mkdir -p "$dir/state" "$dir/log" "$dir/ca" "$LAB_CGROUP/$name/root" "$LAB_CGROUP/$name/people" /var/lib/callgate /var/log/callgate /usr/local/share/ca-certificates
	cp -a /etc "$dir/etc" && cp -a /usr/local/share/ca-certificates/. "$dir/ca/"
	sed -i "1s/.*/127.0.0.1 localhost $name.lab.test/" "$dir/etc/hosts"
	unshare -m -n -u --propagation private bash -c '
		mount --bind "$1/etc" /etc && mount --bind "$1/state" /var/lib/callgate && mount --bind "$1/log" /var/log/callgate &&
			mount --bind "$1/ca" /usr/local/share/ca-certificates && mount -t tmpfs -o mode=755 run /run && mount -t bpf -o mode=700 bpf /sys/fs/bpf &&
			hostname "$2.lab.test" && touch "$1/up" && exec sleep infinity' host "$dir" "$name" &
	HOST_PID[$name]=$!
	lab_wait 10 test -e "$dir/up" || { echo "lab: $name does not come up"; return 1; }
	ip link add "w$n" type veth peer name "n$n" netns "$LAB_NET_PID" && ip link set "w$n" netns "${HOST_PID[$name]}" || return 1
	lab_net ip addr add "198.51.$n.1/24" dev "n$n" && lab_net ip link set "n$n" up
	at "$name" ip link set lo up && at "$name" ip addr add "198.51.$n.2/24" dev "w$n" && at "$name" ip link set "w$n" up && at "$name" ip route add default via "198.51.$n.1"
}

host_enter() { # NAME CGROUP COMMAND...: this process becomes one of that machine
	echo "$BASHPID" >"$LAB_CGROUP/$1/$2/cgroup.procs"
	PATH=$PATH:$LAB/bin exec nsenter -t "${HOST_PID[$1]}" -m -n -u -- "${@:3}"
}

at() { (host_enter "$1" root "${@:2}"); } # NAME COMMAND...: there, as root

at_as() { # NAME USER COMMAND...: there, as this user, in the groups that /etc/group of that machine has
	local name=$1 user=$2
	shift 2
	(host_enter "$name" people setpriv --reuid="$user" --regid="$user" --init-groups env -i -C "$LAB/home/$user" HOME="$LAB/home/$user" USER="$user" LOGNAME="$user" \
		PATH="/usr/bin:/bin:/usr/sbin:/sbin:$LAB/bin" LANG=C.UTF-8 "$@")
}

host_start() { # NAME [JSON]: the service, with this callgate.json or the one that is there
	local name=$1 log=$LAB/$1.log ready
	touch "$log"
	ready=$(grep -c "notice: ready: " "$log" || :)
	[ $# = 1 ] || { at "$name" mkdir -p /etc/callgate && at "$name" tee /etc/callgate/callgate.json <<<"$2" >/dev/null; }
	[ -n "${HOST_SLOT[$name]:-}" ] || { HOST_SLOT[$name]=$HOST_UIDS; HOST_UIDS=$((HOST_UIDS + 50)); }
	(host_enter "$name" root "$BUILD/callgated" --cgroup "$LAB_CGROUP/$name" --uids "${HOST_SLOT[$name]}" --share "$LAB_TOP/policy" >>"$log" 2>&1) &
	HOST_DAEMON[$name]=$!
	# callgate-admin answers before all of the others are there.
	lab_wait 60 bash -c '[ "$(grep -c "notice: ready: " "$1")" -gt "$2" ]' ready "$log" "$ready" || { echo "lab: the service of $name does not start"; tail -n 20 "$log"; return 1; }
}

host_end() { # NAME SIGNAL: how the service ends
	kill -"$2" "${HOST_DAEMON[$1]}"
	wait "${HOST_DAEMON[$1]}" 2>/dev/null || :
}

host_server() { # NAME SERVER FAR OWNER: FAR.lab.test is registered there as SERVER, with a key of its own
	printf 'key-of-%s-4711' "$2" | at "$1" callgate vault set "$2-key" >/dev/null &&
		at "$1" callgate server add "$2" --host "$3.lab.test" --path /mcp --credential "$2-key" --owner "$4" >/dev/null
}

host_call() { # NAME USER FAR TOOL ARGUMENTS: an unmodified client that knows FAR.lab.test alone
	at_as "$1" "$2" curl -sS --max-time 10 -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
		-d '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"'"$4"'","arguments":'"$5"'}}' "https://$3.lab.test/mcp" 2>&1
}

host_enrol() { # NAME...: each enrols, and the collector accepts them
	local name
	for name; do at "$name" callgate fleet enroll --collector $STORE/collector.json --out "$LAB/$name.lab.test.enrol" >/dev/null || return 1; done
	(cd "$LAB" && fleet_accept "${@/%/.lab.test.enrol}")
}
