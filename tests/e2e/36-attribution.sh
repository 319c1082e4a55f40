#!/bin/bash
# A record says who: every field of it, compared with what /proc and sha256sum say of the process that made the call.
. "$(dirname -- "$0")/setup.sh"
gate_up '{"users":["alice","bob"],"scope":"agents"}'
home=$LAB/home/alice
mkdir -p "$home/.local/share/claude/versions" && cp /bin/bash "$home/.local/share/claude/versions/2.1.330"
node=$(readlink -f "$(command -v node)")
cat >"$home/server call.mjs" <<'JS'
// One call, then wait, so that the process can be looked at.
import https from 'node:https'
import fs from 'node:fs'
const body = fs.readFileSync(0, 'utf8')
const req = https.request(process.argv[2], { method: 'POST', ca: fs.readFileSync('/etc/ssl/certs/ca-certificates.crt'),
  headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' } }, r => { r.on('data', d => process.stdout.write(d)); r.on('end', () => setTimeout(() => {}, 60000)) })
req.on('error', e => { console.log(e.message); process.exit(1) })
req.end(body)
JS
chown -R alice "$home"
# An agent on a terminal of its own starts node in a container's cgroup.
id=$(printf '%064x' 3735928559)
box=$LAB_CGROUP/user-alice/session-7.scope/libpod-$id.scope
mkdir -p "$box"
claude=$home/.local/share/claude/versions/2.1.330
rpc echo '{"message":"who am I"}' >"$LAB/body"
cat >"$LAB/start" <<START
#!/bin/bash
echo \$BASHPID >"$box/cgroup.procs"
exec setpriv --reuid=12001 --regid=12001 --clear-groups env -i HOME=$home PATH=/usr/bin:/bin script -qec "'$claude' -c 'sleep 0.5; node \"$home/server call.mjs\" $MCP <$LAB/body & wait'" /dev/null
START
chmod 755 "$LAB/start"
# The digest of so large a program may take longer than a first call waits: it is known, once it was made.
lab_as alice "$claude" -c "sleep 0.5; node -e 'setTimeout(() => {}, 3000)'; true" >/dev/null 2>&1
"$LAB/start" >"$LAB/agent.out" 2>&1 </dev/null &
check "the call is answered" lab_wait 20 grep -q "who am I" "$LAB/agent.out"
check "and recorded" lab_wait 5 lab_has_record '.kind=="call" and .tool=="echo"'
rec=$(lab_records '.kind=="call" and .tool=="echo"')
is() { # FIELD WANTED
	local got
	got=$(jq -r "$1" <<<"$rec")
	if [ "$got" = "$2" ]; then ok "$1 is $2"; else not_ok "$1 is $2"; echo "#   got: $got"; fi
}
pid=$(jq -r .pid <<<"$rec")
p=/proc/$pid
[ -d "$p" ] || { not_ok "the process still lives"; lab_end; }
root=$(awk '/^PPid:/ {print $2}' "$p/status")
is .uid "$(awk '/^Uid:/ {print $2}' "$p/status")"
is .gid "$(awk '/^Gid:/ {print $2}' "$p/status")"
is .auid "$(cat "$p/loginuid" 2>/dev/null || echo 4294967295)"
is .exe "$(readlink "$p/exe")"
is .exe "$node"
is .exe_ino "$(stat -Lc %i "$p/exe")"
is .exe_sha256 "$(sha256sum <"$p/exe" | cut -d' ' -f1)"
is .script "$home/server call.mjs"
is .comm "$(cat "$p/comm")"
is .cgroup "$(sed -n 's/^0:://p' "$p/cgroup")"
is .cgroup_id "$(stat -c %i "$box")"
is .unit session-7.scope
is .container "$id"
is .tty "$(ps -o tty= -p "$pid" | tr -d ' ')"
is .agent claude-code
is .agent_pid "$root"
is '.chain | join("|")' "$pid $(basename "$node")|$root 2.1.330"
# its start: clock ticks since boot
ticks=$(sed 's/.*) //' "$p/stat" | cut -d' ' -f20)
is "(.pid_start / 10000000 | floor)" "$ticks"
# the network namespace's cookie, as a socket in it says
is .netns "$(python3 -c 'import socket; print(int.from_bytes(socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8), "little"))')"
kill "$pid" 2>/dev/null
# the call's other kinds carry them as well: a refused one, and a relayed connection
lab_server other good
lab_as alice "$claude" -c "sleep 1; curl -sS --max-time 10 https://other.lab.test/ >/dev/null; true" >/dev/null 2>&1
rec=
lab_wait 5 lab_has_record '.kind=="connection" and .dst_host=="other.lab.test"'
rec=$(lab_records '.kind=="connection" and .dst_host=="other.lab.test"' | head -1)
is .exe_sha256 "$(sha256sum </usr/bin/curl | cut -d' ' -f1)"
is '.chain | length' 2
# A grant for one program: the same bytes at another path have it, other bytes do not, whatever the name.
callgate grant revoke "$(callgate --json grant list | jq -r '.grants[0].id')" --reason lab >/dev/null
sum=$(sha256sum </usr/bin/curl | cut -d' ' -f1)
callgate grant add --user alice --server mcp --policy lab --exe-sha256 "$sum" --reason lab >/dev/null
has "the program with the grant's digest is let in" "$(call alice echo '{"message":"by digest"}')" "by digest"
cp /usr/bin/curl "$home/curl" && echo >>"$home/curl" && chown alice "$home/curl"
out=$(lab_as alice "$home/curl" -sS --max-time 10 -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d "$(rpc echo '{}')" "$MCP")
has "one byte more is another program" "$out" "(identity mismatch)"
lab_end
