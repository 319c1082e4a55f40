#!/bin/bash
# The service and a worker end in every way, TIMES times, under load: restart, kill -9 of callgated, of a worker, of both, both exchanged for newly installed
# binaries, and what is attached being of another layout or ABI version, as after an upgrade.  No packet of a governed user leaves directly, no record names the wrong process, and a user who tries to take the workers' ports at
# every moment is never called.
. "$(dirname -- "$0")/../lab/lab.sh"
. "$LAB_TOP/tests/lab/storm.sh"
TIMES=${TIMES:-50}
COUNT=8000000 # more than can be dialled
storm_net
check "an ungoverned desk lets alice out directly" lab_as alice bash -c ': </dev/tcp/10.9.9.9/8080'
check "and the counter sees it" test "$(storm_direct)" -gt 0
# Binaries of its own, so that they can be exchanged.
mkdir "$LAB/bins" && cp "$BUILD"/callgate* "$LAB/bins/"
ORIGINAL=$BUILD
BUILD=$LAB/bins
lab_daemon '{"users":["alice","bob"],"scope":"users"}' || exit 1
# Ports below 1024 are anybody's from now on: nothing but the gate itself protects them.
sysctl -qw net.ipv4.ip_unprivileged_port_start=0
again() { # a service that does not start ends the test
	lab_daemon '{"users":["alice","bob"],"scope":"users"}' && return
	not_ok "the service starts again"
	lab_end
}

lab_as bob "$LAB/bin/aids/port_thief" 940 2 >"$LAB/thief" &
thief=$!
direct0=$(storm_direct)
storm_dial alice 0 $COUNT -c 8 -b 100 -w "$LAB/home/alice/enough" >"$LAB/dialled" &
dialler=$!

install_again() { # the same programs as new files
	for f in callgated callgate-proxy callgate-vault callgate-audit callgate-ident callgate-admin; do
		cp "$ORIGINAL/$f" "$LAB/bins/$f.new" && mv "$LAB/bins/$f.new" "$LAB/bins/$f"
	done
}
set_aside() { # as if an earlier version had pinned what is there now; not while the last such set is still there, into which it would be moved
	for d in /sys/fs/bpf/callgate/v*-*; do [ -e "/sys/fs/bpf/callgate/$1" ] || mv "$d" "/sys/fs/bpf/callgate/$1"; done
}
abi=$(sed -n 's/^#define CG_ABI_VERSION //p' "$LAB_TOP/bpf/abi.h")
ways=(restart kill-callgated kill-worker kill-both upgrade layout version)
done=0
seconds0=$SECONDS
for i in $(seq "$TIMES"); do
	worker=$(storm_worker)
	case ${ways[i % 7]} in
	restart) lab_daemon_stop; again ;;
	kill-callgated) kill -KILL "$LAB_DAEMON"; wait "$LAB_DAEMON" 2>/dev/null; again ;;
	kill-worker) kill -KILL "$worker" ;;
	kill-both) kill -KILL "$LAB_DAEMON" "$worker"; wait "$LAB_DAEMON" 2>/dev/null; again ;;
	upgrade) install_again; lab_daemon_stop; again ;;
	layout) lab_daemon_stop; set_aside "v$abi-00000000"; again ;;
	version) lab_daemon_stop; set_aside v1; again ;;
	esac
	done=$((done + 1))
	sleep "0.$((RANDOM % 9))"
	[ $((i % 25)) != 0 ] || echo "# $i of $TIMES, $((SECONDS - seconds0)) s, $(storm_direct) packets on the direct way"
done
check "and is up at the end" lab_wait 20 callgate status
: >"$LAB/home/alice/enough"
wait "$dialler"
kill -TERM $(cat "$LAB_CGROUP/user-bob/cgroup.procs")
wait $thief
dialled=$(cat "$LAB/dialled") stolen=$(cat "$LAB/thief")
found=$(BUILD=$ORIGINAL storm_check 0 $COUNT)
echo "# clients $dialled"
echo "# far side and records $found"
echo "# port thief $stolen"
check "earlier programs were met, and removed" lab_wait 15 bash -c "[ \$(grep -c 'hand over' $LAB/callgated.log) -ge $((TIMES / 7)) ] && ! ls -d /sys/fs/bpf/callgate/v1 /sys/fs/bpf/callgate/v*-00000000 2>/dev/null"
check "$done ends of a process" test "$done" = "$TIMES"
check "thousands of connections went through meanwhile" test "$(of "$found" upstream)" -gt $((TIMES * 100))
check "some were refused: the ends were felt" test "$(of "$dialled" errors | jq 'add // 0')" -gt 0
check "not one packet left directly" test "$(storm_direct)" = "$direct0"
check "no record names the wrong process" test "$(of "$found" swapped)" = 0
check "no record is there twice" test "$(of "$found" twice)" = 0
check "the far side was told the truth" test "$(of "$found" lied)" = 0
# A connection's record is written when it ends: of those that were open when the worker was killed there is none.
check "records are missing only of connections that a kill cut off" test "$(of "$found" missing)" -le $((TIMES * 16))
check "the thief kept trying" test "$(of "$stolen" tried)" -gt 1000
check "the thief was never called" test "$(of "$stolen" called)" = 0
lab_end
