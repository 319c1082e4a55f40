# lab.sh - a workstation and an internet of its own, for end-to-end tests.  Source it first: it starts the test again inside
# private mount, network and host name namespaces, with overlays on /etc, /var and /usr/local, an own /run and bpf file
# system, and a cgroup subtree that everything lives in.  Nothing of it outlives the test: namespaces go with their last process,
# the cgroup is killed and removed, also by the next run when this one was killed.
#
# Inside: users alice and bob (governed), carol (not governed); hosts *.lab.test on the far side of a veth pair.
# The daemons run with their default paths.  $LAB is the scratch directory, $BUILD the build directory.
set -u
LAB_TOP=$(CDPATH="" cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${BUILD:-$LAB_TOP/build}
LAB_NET4=198.51.100

lab_cgroup_root() { awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo; }

# Kill what is in a lab's cgroup and take the cgroup away.
lab_remove_cgroup() {
	[ -d "$1" ] || return 0
	echo 1 >"$1/cgroup.kill" 2>/dev/null
	for _ in $(seq 50); do
		find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$1" ] || return 0
		sleep 0.1
	done
	echo "lab: cannot remove $1" >&2
}

# Labs whose outer process is gone.
lab_sweep() {
	local d pid
	for d in "$(lab_cgroup_root)"/callgate-lab-*; do
		[ -d "$d" ] || continue
		pid=${d##*-}
		[ -e "/proc/$pid" ] || { lab_remove_cgroup "$d"; rm -rf -- "/tmp/callgate-lab.$pid"; }
	done
}

lab_outer() {
	[ "$(id -u)" = 0 ] || { echo "lab: needs root" >&2; exit 77; }
	lab_sweep
	bash "$LAB_TOP/tests/lab/certs.sh" || exit 1
	export LAB=/tmp/callgate-lab.$$ LAB_CGROUP
	LAB_CGROUP=$(lab_cgroup_root)/callgate-lab-$$
	mkdir -p "$LAB" "$LAB_CGROUP/test" && chmod 755 "$LAB"
	trap 'lab_remove_cgroup "$LAB_CGROUP"; rm -rf -- "$LAB"' EXIT
	trap 'exit 130' INT TERM HUP
	(
		echo "$BASHPID" >"$LAB_CGROUP/test/cgroup.procs"
		exec unshare -m -n -u --propagation private env LAB_INSIDE=1 BUILD="$BUILD" bash "$0" "$@"
	) &
	wait $!
	local status=$?
	# What a test wants to leave behind lies in keep: the namespaces' own views of /var and /etc are gone.
	if [ -n "${LAB_KEEP:-}" ] && [ -d "$LAB/keep" ]; then
		mkdir -p "$LAB_KEEP" && cp -a "$LAB/keep/." "$LAB_KEEP/"
	fi
	exit $status
}

lab_overlay() {
	local name=${1//\//_}
	mkdir -p "$LAB/m/up$name" "$LAB/m/work$name"
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$LAB/m/up$name,workdir=$LAB/m/work$name" "$1"
}

lab_mounts() {
	mkdir -p "$LAB/m" "$LAB/home" "$LAB/bin" "$LAB/kit"
	mount -t tmpfs -o size=1g,mode=755 lab "$LAB/m"
	lab_overlay /etc && lab_overlay /var && lab_overlay /usr/local || return 1
	mount -t tmpfs -o mode=755 run /run
	mkdir -p /sys/fs/bpf 2>/dev/null
	mount -t bpf -o mode=700 bpf /sys/fs/bpf
	mount --bind "$BUILD" "$LAB/bin"
	hostname desk.lab.test
}

lab_user() { # NAME UID
	echo "$1:x:$2:$2:$1:$LAB/home/$1:/bin/bash" >>/etc/passwd
	echo "$1:x:$2:" >>/etc/group
	mkdir -p "$LAB/home/$1" "$LAB_CGROUP/user-$1"
	chown "$2:$2" "$LAB/home/$1"
}

lab_certs() {
	LAB_CERTS=$LAB/m/certs
	cp -a "$BUILD/lab-certs" "$LAB_CERTS" || return 1
	# Unless it is what a test is about: no other stores than the system's, and none of the world's authorities in that.  Writing those takes seconds.
	[ "${LAB_STORES:-}" = all ] || rm -f /etc/ca-certificates/update.d/*
	[ -n "${LAB_STORES:-}" ] || { mount -t tmpfs -o mode=755 certs /etc/ssl/certs && : >/etc/ca-certificates.conf; }
	cat "$LAB_CERTS/ca.crt" >>/etc/ssl/certs/ca-certificates.crt
	mkdir -p /usr/local/share/ca-certificates && cp "$LAB_CERTS/ca.crt" /usr/local/share/ca-certificates/lab.crt
}

lab_hosts() {
	local n=10 h
	echo "127.0.0.1 localhost desk.lab.test" >/etc/hosts
	echo "::1 localhost" >>/etc/hosts
	for h in mcp other everything shared sdk expired wrong untrusted plain; do
		echo "203.0.113.$n $h.lab.test" >>/etc/hosts
		ip netns >/dev/null 2>&1
		lab_net ip addr add "203.0.113.$n/32" dev lo
		n=$((n + 1))
	done
	printf 'hosts: files\npasswd: files\ngroup: files\n' >/etc/nsswitch.conf
}

lab_network() {
	ip link set lo up
	unshare -n sleep infinity &
	LAB_NET_PID=$!
	for _ in $(seq 50); do
		[ "$(readlink "/proc/$LAB_NET_PID/ns/net")" != "$(readlink /proc/self/ns/net)" ] && break
		sleep 0.05
	done
	ip link add desk0 type veth peer name net0 netns "$LAB_NET_PID"
	ip addr add $LAB_NET4.2/24 dev desk0 && ip link set desk0 up
	lab_net ip link set lo up
	lab_net ip addr add $LAB_NET4.1/24 dev net0 && lab_net ip link set net0 up
	ip -6 addr add 2001:db8:1::2/64 dev desk0 nodad
	lab_net ip -6 addr add 2001:db8:1::1/64 dev net0 nodad
	ip route add default via $LAB_NET4.1
	ip -6 route add default via 2001:db8:1::1
}

lab_net() { nsenter -t "$LAB_NET_PID" -n -- "$@"; }

# Run as a user, in the user's cgroup, with the environment a fresh login would have.
lab_as() { # USER COMMAND...
	local user=$1 uid env=
	shift
	uid=$(id -u "$user")
	[ ! -r /etc/environment ] || env=$(grep -v '^#' /etc/environment | sed -n 's/^\([A-Z_0-9]*\)="\{0,1\}\([^"]*\)"\{0,1\}$/\1=\2/p' | grep -v '^PATH=')
	(
		echo "$BASHPID" >"$LAB_CGROUP/user-$user/cgroup.procs"
		cd "$LAB/home/$user" || exit 1
		# shellcheck disable=SC2086 # words of the environment
		exec setpriv --reuid="$uid" --regid="$uid" --clear-groups env -i HOME="$LAB/home/$user" USER="$user" LOGNAME="$user" \
			PATH="${LAB_PATH:-}/usr/bin:/bin:/usr/sbin:/sbin:$LAB/bin" LANG=C.UTF-8 NODE_MODULES="${NODE_MODULES:-}" LAB="$LAB" $env ${LAB_ENV:-} "$@"
	)
}

lab_wait() { # SECONDS COMMAND...: until it succeeds
	local n=$(($1 * 20))
	shift
	for _ in $(seq "$n"); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}

# The far side: a TLS MCP server on 443 of an address, its requests in $LAB/NAME.log
lab_server() { # NAME CERT [more options]
	local name=$1 cert=$2 addr
	shift 2
	addr=$(awk -v h="$name.lab.test" '$2 == h { print $1 }' /etc/hosts)
	lab_net "$BUILD/aids/mock_mcp" --listen "$addr" --port "${PORT:-443}" --cert "$LAB_CERTS/$cert.crt" --key "$LAB_CERTS/$cert.key" --log "$LAB/$name.log" "$@" 2>"$LAB/$name.err" &
	lab_wait 5 lab_net bash -c ": </dev/tcp/$addr/${PORT:-443}" || { echo "lab: $name does not answer"; cat "$LAB/$name.err"; return 1; }
}

LAB_UIDS=12100
lab_daemon() { # [JSON]: start the service with this configuration
	mkdir -p /etc/callgate
	# Most tests speak with curl, which is no agent: unless they say otherwise, all of a governed user's processes are looked at.
	echo "${1:-{\"users\":[\"alice\",\"bob\"]\}}" | jq -c 'if has("scope") then . else . + {scope: "users"} end' >/etc/callgate/callgate.json
	"$BUILD/callgated" --cgroup "$LAB_CGROUP" --uids $LAB_UIDS --share "$LAB_TOP/policy" >>"$LAB/callgated.log" 2>&1 &
	LAB_DAEMON=$!
	lab_wait 20 callgate status || { echo "lab: the service does not start"; cat "$LAB/callgated.log"; return 1; }
}

lab_daemon_stop() {
	kill -TERM "$LAB_DAEMON" 2>/dev/null
	wait "$LAB_DAEMON" 2>/dev/null
}

callgate() { "$BUILD/callgate" "$@"; }

# All audit lines, oldest first; the journal with an argument.
lab_audit() { for f in /var/log/callgate/audit/sealed/*.gz /var/log/callgate/audit/open/*; do [ ! -e "$f" ] || zcat -f "$f" 2>/dev/null; done; }
lab_journal() { for f in /var/lib/callgate/journal/sealed/*.gz /var/lib/callgate/journal/open/*; do [ ! -e "$f" ] || zcat -f "$f" 2>/dev/null; done; }
lab_records() { lab_audit | jq -c "select($1)"; }
lab_has_record() { [ -n "$(lab_records "$1")" ]; }
lab_journal_has() { [ -n "$(lab_journal | jq -c "select($1)")" ]; }

lab_fails=0
ok() { echo "ok - $*"; }
not_ok() { echo "not ok - $*"; lab_fails=$((lab_fails + 1)); }
# check DESCRIPTION COMMAND...
check() {
	local what=$1
	shift
	if "$@" >"$LAB/check.out" 2>&1; then ok "$what"; else not_ok "$what"; sed 's/^/#   /' "$LAB/check.out" | head -20; fi
}
# has DESCRIPTION TEXT PATTERN, hasnt likewise: fixed strings
has() { case $2 in *"$3"*) ok "$1" ;; *) not_ok "$1"; printf '#   no "%s" in: %.600s\n' "$3" "$2" ;; esac; }
hasnt() { case $2 in *"$3"*) not_ok "$1"; printf '#   "%s" is in: %.600s\n' "$3" "$2" ;; *) ok "$1" ;; esac; }
lab_end() {
	if grep -qE "Sanitizer|runtime error" "$LAB/callgated.log" 2>/dev/null; then
		not_ok "no sanitizer report in the service"
		grep -E -A12 "Sanitizer|runtime error" "$LAB/callgated.log" | head -40 | sed "s/^/#   /"
	fi
	if [ $lab_fails != 0 ]; then
		echo "# log of the service:"
		tail -40 "$LAB/callgated.log" 2>/dev/null | sed 's/^/#   /'
	fi
	exit $((lab_fails != 0))
}

[ "${LAB_INSIDE:-}" = 1 ] || lab_outer "$@"

# The first of sixteen uids that no other lab of this machine has: whether agents have run under an account is asked of the whole machine.
LAB_OWN=$((1000000 + ${LAB##*.} * 16))
lab_mounts || { echo "lab: mounts failed" >&2; exit 1; }
lab_user alice 12001
lab_user bob 12002
lab_user carol 12003
lab_certs || { echo "lab: certificates failed" >&2; exit 1; }
lab_network && lab_hosts || { echo "lab: network failed" >&2; exit 1; }
