#!/bin/bash
# Who may change what is in force: not the governed, not agents, by whatever road; each attempt is recorded.
. "$(dirname -- "$0")/setup.sh"
gate_up
before=$(callgate --json grant list | jq -S .)

refused() { # DESCRIPTION OUTPUT
	has "$1 is refused" "$2" 'refused'
}
out=$(lab_as alice callgate grant add --user alice --server mcp --policy lab 2>&1)
refused "a governed user's grant" "$out"
out=$(lab_as alice callgate policy apply lab "$LAB/policy.json" 2>&1)
refused "a governed user's policy" "$out"
out=$(echo x | lab_as alice callgate vault set mcp-key 2>&1)
refused "a governed user's credential" "$out"
out=$(lab_as alice callgate server remove mcp 2>&1)
refused "a governed user's server change" "$out"
out=$(lab_as alice bash -c 'setsid bash -c "sleep 0.3; callgate grant add --user alice --server mcp --policy lab >$HOME/forked 2>&1 &" & exit 0'; sleep 1.5; cat "$LAB/home/alice/forked")
refused "a double-forked child's grant" "$out"
out=$(lab_as carol callgate grant add --user carol --server mcp --policy lab 2>&1)
refused "a person without a role" "$out"

# An agent of root: a program named as agents are, then its children, then an orphan of it.
mkdir -p "$LAB/m/agent" && cp /bin/bash "$LAB/m/agent/claude"
out=$("$LAB/m/agent/claude" -c 'sleep 0.5; "$0" grant add --user alice --server mcp --policy lab; true' "$BUILD/callgate" 2>&1)
refused "an agent's grant, though it is root's" "$out"
"$LAB/m/agent/claude" -c 'sleep 0.5; setsid bash -c "(sleep 0.7; $0 grant add --user alice --server mcp --policy lab >$1 2>&1) &" & exit 0' "$BUILD/callgate" "$LAB/orphan"
sleep 2.5
if callgate --json status | jq -e '.. | objects | select(.hook? == "tp_btf/sched_process_fork" and .attached)' >/dev/null; then
	refused "the grant of an agent's orphan" "$(cat "$LAB/orphan")"
else
	echo "# no fork tracking on this kernel: the orphan is a stated limit"
fi

# ---- other roads: each gives the change to a process that is not the agent's child ----
echo "callgate-admin:x:12151:" >>/etc/group
kill -HUP "$LAB_DAEMON"
RITA=$LAB_OWN
lab_user rita "$RITA"
as_rita() { (echo "$BASHPID" >"$LAB_CGROUP/user-alice/cgroup.procs"; exec setpriv --reuid="$RITA" --regid="$RITA" --groups 12151 env -i PATH=/usr/bin:/bin "$@"); }
rita_may() { as_rita "$BUILD/callgate" server add rita --host other.lab.test --path /rita >/dev/null 2>&1; }
check "a person with the role may" lab_wait 5 rita_may
as_rita "$BUILD/callgate" server remove rita >/dev/null 2>&1

# A daemon of root that starts jobs in the name of whoever asked, as atd and systemd do: neither parent nor session is the asker's.
mkdir -m 1777 "$LAB/jobs"
cat >"$LAB/jobd" <<'EOF'
while sleep 0.1; do
	for j in "$1"/*.job; do
		[ -e "$j" ] || continue
		uid=$(stat -c %u "$j")
		mv "$j" "$j.run" && setsid setpriv --reuid="$uid" --regid="$uid" --groups "$([ "$uid" = "$2" ] && echo 12151 || echo "$uid")" bash "$j.run" >"$j.out" 2>&1 </dev/null
	done
done
EOF
bash "$LAB/jobd" "$LAB/jobs" "$RITA" &
jobd=$!
echo "$BUILD/callgate grant add --user alice --server mcp --policy lab" >"$LAB/job" && chmod 644 "$LAB/job"
lab_as alice cp "$LAB/job" "$LAB/jobs/alice.job"
lab_wait 5 grep -q . "$LAB/jobs/alice.job.out"
refused "a governed user's job of a daemon" "$(cat "$LAB/jobs/alice.job.out" 2>&1)"
echo "$BUILD/callgate server add good --host other.lab.test --path /good" >"$LAB/job2" && chmod 644 "$LAB/job2"
as_rita cp "$LAB/job2" "$LAB/jobs/rita1.job"
check "a job of a person with the role may" lab_wait 5 callgate server show good
callgate server remove good >/dev/null

# rita's shell waits; then an agent runs under her account, traces that shell, and has it make a change; and one by the daemon.
# (gdb would do; this needs nothing installed but Python.)
cat >"$LAB/trace.py" <<'EOF'
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
print("attach", libc.ptrace(16, pid, 0, 0), flush=True) # PTRACE_ATTACH
os.waitpid(pid, 0x40000000)
open(sys.argv[2], "w").write("go")
print("detach", libc.ptrace(17, pid, 0, 0), flush=True)
EOF
chmod 644 "$LAB/trace.py"
as_rita bash -c 'echo $$ >"$1/rita.pid"; while [ ! -e "$1/rita.go" ]; do sleep 0.1; done; "$0" grant add --user alice --server mcp --policy lab >"$1/rita.traced" 2>&1' "$BUILD/callgate" "$LAB/jobs" &
lab_wait 5 test -s "$LAB/jobs/rita.pid"
cp /usr/bin/python3 "$LAB/m/agent/codex"
out=$(as_rita env PYTHONHOME=/usr "$LAB/m/agent/codex" "$LAB/trace.py" "$(cat "$LAB/jobs/rita.pid")" "$LAB/jobs/rita.go" 2>&1)
has "the agent traces its sibling" "$out" "attach 0"
lab_wait 5 grep -q . "$LAB/jobs/rita.traced"
refused "a traced sibling's grant" "$(cat "$LAB/jobs/rita.traced" 2>&1)"
as_rita cp "$LAB/job" "$LAB/jobs/rita2.job"
lab_wait 5 grep -q . "$LAB/jobs/rita2.job.out"
refused "the job that an agent gave a daemon" "$(cat "$LAB/jobs/rita2.job.out" 2>&1)"
kill "$jobd"

# root opens the connection, and alice's process inherits it; root still lives.
cat >"$LAB/inherit.py" <<'EOF'
import os, socket, sys
line = b'{"do":"grant.revoke","args":{"id":"%s"}}\n' % sys.argv[1].encode()
s = socket.socket(socket.AF_UNIX)
s.connect("/run/callgate/control.sock")
s.send(b'{"do":"server.list"}\n')
s.recv(65536)
if os.fork() == 0:
    os.setgroups([]); os.setresgid(12001, 12001, 12001); os.setresuid(12001, 12001, 12001)
    s.send(line)
    os._exit(0)
os.wait()
print(s.recv(65536).decode())
EOF
out=$(python3 "$LAB/inherit.py" "$(callgate --json grant list | jq -r '.grants[0].id')" 2>&1)
has "a request over an inherited connection is refused" "$out" "over a connection that another process opened"

check "nothing changed" test "$before" = "$(callgate --json grant list | jq -S .)"
settled
check "the refusals are in the journal" test "$(lab_journal | jq -c 'select(.event=="refused")' | wc -l)" -ge 11
check "with who it was" bash -c "$(declare -f lab_journal); lab_journal | jq -c 'select(.event==\"refused\" and .by.uid==12001)' | grep -q ."
out=$(callgate grant add --user bob --server mcp --policy lab --reason "root may" 2>&1)
hasnt "root, not an agent, may" "$out" refused
lab_end
