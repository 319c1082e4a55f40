#!/bin/bash
# Who is an agent, with real process trees: an editor's shell works as before, its extension host is an agent; and nobody leaves an
# agent's tree by another name, a copy, a double fork, a new session, or an editor of his own.
. "$(dirname -- "$0")/setup.sh"
gate_up '{"users":["alice","bob"],"scope":"agents"}'
lab_server other good
home=$LAB/home/alice
mkdir -p "$home/.local/share/claude/versions" "$home/share/codium" "$home/bin"
cp /bin/bash "$home/.local/share/claude/versions/2.1.330"
cp /bin/bash "$home/share/codium/codium"
cp /usr/bin/curl "$home/bin/harmless"
chown -R alice "$home"
claude=$home/.local/share/claude/versions/2.1.330 code=$home/share/codium/codium
get="curl -sS --max-time 10 -o /dev/null https://other.lab.test"

# Each program runs with a path of its own, by which its record is found.
as() { lab_as alice "$@" >>"$LAB/out" 2>&1; }
record() { lab_records '.kind=="connection" and .dst_host=="other.lab.test"' | jq -c "select(.agent==\"$1\" and .pid==$2)"; }
seen() { # WHAT LABEL FILE: this process's connection was looked at, as the label's
	local pid
	pid=$(cat "$LAB/pids/$3" 2>/dev/null) || { not_ok "$1: it never ran"; return; }
	check "$1" lab_wait 8 bash -c "$(declare -f record lab_records lab_audit); [ -n \"\$(record '$2' $pid)\" ]"
}
unseen() {
	local pid
	pid=$(cat "$LAB/pids/$2" 2>/dev/null) || { not_ok "$1: it never ran"; return; }
	check "$1" test -z "$(lab_records ".pid==$pid and .dst_host==\"other.lab.test\"")"
}
mkdir -p "$LAB/pids" && chmod 777 "$LAB/pids"
cat >"$LAB/go" <<GO
#!/bin/bash
# NAME [PROGRAM [ARGV0]]: leave the number, become the program
echo \$\$ >$LAB/pids/\$1
exec -a "\${3:-curl}" "\${2:-/usr/bin/curl}" -sS --max-time 10 -o /dev/null https://other.lab.test
GO
chmod 755 "$LAB/go"
go=$LAB/go

# Each agent waits until it is known to be one, which takes callgate-ident some milliseconds, or many on a busy machine.
# an editor: window, terminal's shell, extension host and what that starts
as "$code" -c "sleep 1; (bash -c '$go shell; true'; bash -i -c '$go interactive; true') & '$code' -c 'sleep 1; $go tool; true' code --type=utility --utility-sub-type=node.mojom.NodeService --dns-result-order=ipv4first --inspect-port=0; wait; true"
# agents: plain, and every way out of the tree
as "$claude" -c "sleep 1; $go child; true"
as "$claude" -c "sleep 1; $go copy $home/bin/harmless; true"
as "$claude" -c "sleep 1; cp /usr/bin/curl $home/bin/fresh; $go fresh $home/bin/fresh init; true"
as "$claude" -c "sleep 1; $go renamed /usr/bin/curl '[kworker/0:1]'; true"
as "$claude" -c "sleep 1; setsid sh -c '(sleep 1; $go orphan) & true' & sleep 0.1; exit 0"
as "$claude" -c "sleep 1; setsid -f $go session; true"
as "$claude" -c "sleep 1; '$code' -c 'sleep 1; $go editor-of-agent; true'; true"
# after its root is gone
as "$claude" -c "sleep 1; (sleep 2; $go late) & exit 0"
# a person's own
as bash -c "$go own; true"
sleep 4
settled
unseen "a shell in an editor is not looked at" shell
unseen "nor an interactive one" interactive
unseen "nor a program of the user's own" own
seen "what an extension host starts is the agent's" vscode tool
seen "an agent's child" claude-code child
seen "a program with another name" claude-code copy
seen "a copy that the agent made, under the name of init" claude-code fresh
seen "a process that calls itself a kernel thread" claude-code renamed
seen "a double fork" claude-code orphan
seen "a session of its own" claude-code session
seen "an editor that an agent starts, and the shell in it" claude-code editor-of-agent
seen "a process that outlives the agent" claude-code late
# the registered server, from the editor's shell: gated like everywhere
out=$(lab_as alice "$code" -c "sleep 1; curl -sS --max-time 10 -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '$(rpc echo '{"message":"from-the-shell"}')' $MCP; true" 2>&1)
has "a registered server is reached through the gate from an editor's shell" "$out" from-the-shell
check "and the record says whose editor" lab_wait 5 lab_has_record '.kind=="call" and .agent=="vscode"'
lab_end
