#!/bin/bash
# Everyday work inside an agent's tree, with the real programs: git over ssh and https, package installs from a mirror, servers that
# speak first, dead ports, a server of one's own, DNS; and the same from a shell in an editor.
. "$(dirname -- "$0")/setup.sh"
for p in git ssh /usr/sbin/sshd npm pip3 dnsmasq perl; do
	command -v $p >/dev/null || { echo "# $p is not installed: tools/deps.sh test"; exit 77; }
done
printf 'nameserver 203.0.113.53\noptions timeout:2 attempts:2\n' >/etc/resolv.conf
printf 'hosts: files dns\npasswd: files\ngroup: files\n' >/etc/nsswitch.conf
lab_net ip addr add 203.0.113.53/32 dev lo
nsenter -t "$LAB_NET_PID" -n -- dnsmasq --keep-in-foreground --no-resolv --no-hosts --listen-address=203.0.113.53 --bind-interfaces --user=root --pid-file= \
	--host-record=only-in-dns.lab.test,203.0.113.11 2>"$LAB/dns.err" &
gate_up '{"users":["alice","bob"],"scope":"agents"}'
home=$LAB/home/alice other=$(awk '$2 == "other.lab.test" { print $1 }' /etc/hosts)
far() { nsenter -t "$LAB_NET_PID" -n -- "$@"; }
mkdir -p "$home/.local/share/claude/versions" "$home/share/codium"
cp /bin/bash "$home/.local/share/claude/versions/2.1.330"
cp /bin/bash "$home/share/codium/codium"

# the far side: a repository, by ssh and by https
git init -q --bare "$LAB/m/repo.git" && git -C "$LAB/m" clone -q "$LAB/m/repo.git" "$LAB/m/work" 2>/dev/null
(cd "$LAB/m/work" && echo hello >file && git add file && git -c user.name=x -c user.email=x@lab.test commit -qm one && git push -q origin HEAD:main) 2>/dev/null
git -C "$LAB/m/repo.git" symbolic-ref HEAD refs/heads/main && git -C "$LAB/m/repo.git" update-server-info
mkdir -p "$home/.ssh" /run/sshd "$LAB/m/sshd" && ssh-keygen -qt ed25519 -N '' -f "$LAB/m/sshd/host" && ssh-keygen -qt ed25519 -N '' -f "$home/.ssh/id_ed25519"
cp "$home/.ssh/id_ed25519.pub" "$LAB/m/sshd/keys" && chmod 755 "$LAB/m/sshd" && chmod 644 "$LAB/m/sshd/keys"
echo "other.lab.test $(cut -d' ' -f1,2 "$LAB/m/sshd/host.pub")" >"$home/.ssh/known_hosts"
printf 'Port 22\nListenAddress %s\nHostKey %s\nUsePAM no\nStrictModes no\nAuthorizedKeysFile %s\nPidFile none\n' "$other" "$LAB/m/sshd/host" "$LAB/m/sshd/keys" >"$LAB/m/sshd/conf"
git config --system --add safe.directory '*'
far /usr/sbin/sshd -D -e -f "$LAB/m/sshd/conf" 2>"$LAB/sshd.err" &
# a mirror for npm and pip, and the repository's files, on https
mkdir -p "$LAB/m/www/simple/tiny" "$LAB/m/pack/package" && cp -r "$LAB/m/repo.git" "$LAB/m/www/repo.git"
echo '{"name":"tiny","version":"1.0.0","main":"i.js"}' >"$LAB/m/pack/package/package.json" && echo 'module.exports="tiny works"' >"$LAB/m/pack/package/i.js"
tar -C "$LAB/m/pack" -czf "$LAB/m/www/tiny-1.0.0.tgz" package
sum=$(openssl dgst -sha512 -binary "$LAB/m/www/tiny-1.0.0.tgz" | base64 -w0)
printf '{"name":"tiny","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"tiny","version":"1.0.0","main":"i.js","dist":{"tarball":"https://other.lab.test/tiny-1.0.0.tgz","integrity":"sha512-%s"}}}}' "$sum" >"$LAB/m/www/tiny"
python3 - "$LAB/m/www/simple/tiny/tiny-1.0.0-py3-none-any.whl" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    z.writestr('tiny.py', 'text = "tiny works"\n')
    z.writestr('tiny-1.0.0.dist-info/METADATA', 'Metadata-Version: 2.1\nName: tiny\nVersion: 1.0.0\n')
    z.writestr('tiny-1.0.0.dist-info/WHEEL', 'Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    z.writestr('tiny-1.0.0.dist-info/RECORD', 'tiny.py,,\ntiny-1.0.0.dist-info/METADATA,,\ntiny-1.0.0.dist-info/WHEEL,,\ntiny-1.0.0.dist-info/RECORD,,\n')
PY
echo '<a href="tiny-1.0.0-py3-none-any.whl">tiny-1.0.0-py3-none-any.whl</a>' >"$LAB/m/www/simple/tiny/index.html"
cat >"$LAB/www.mjs" <<'JS'
import https from 'node:https'; import fs from 'node:fs'; import path from 'node:path'
const [root, addr, crt, key] = process.argv.slice(2)
https.createServer({ cert: fs.readFileSync(crt), key: fs.readFileSync(key) }, (q, s) => {
  let f = path.join(root, path.normalize(decodeURIComponent(q.url.split('?')[0])))
  try { if (fs.statSync(f).isDirectory()) f = path.join(f, 'index.html'); s.setHeader('Content-Type', f.endsWith('.html') ? 'text/html' : f.endsWith('/tiny') ? 'application/json' : 'application/octet-stream'); s.end(fs.readFileSync(f)) } catch { s.statusCode = 404; s.end() }
}).listen(443, addr)
JS
far node "$LAB/www.mjs" "$LAB/m/www" "$other" "$LAB_CERTS/good.crt" "$LAB_CERTS/good.key" 2>"$LAB/www.err" &
# servers that speak first; one of them on a port that is redirected
cat >"$LAB/first.pl" <<'PL'
use Socket; my ($addr, $port, $hex, $bye) = @ARGV; $| = 1; $SIG{CHLD} = 'IGNORE';
socket(S, PF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); bind(S, sockaddr_in($port, inet_aton($addr))) or die $!; listen(S, 9);
while (accept(C, S)) { unless (fork) { syswrite C, pack('H*', $hex); while (sysread C, my $l, 99) { syswrite C, $bye . "\r\n"; last } exit } close C }
PL
mysql=4a0000000a382e302e333600 smtp=$(printf '220 mail.lab.test ESMTP\r\n' | od -An -tx1 | tr -d ' \n')
far perl "$LAB/first.pl" "$other" 3306 $mysql bye &
far perl "$LAB/first.pl" "$other" 8080 $mysql bye &
far perl "$LAB/first.pl" "$other" 25 "$smtp" '221 bye' &
for p in 22 443 3306 8080 25; do lab_wait 10 lab_net bash -c ": </dev/tcp/$other/$p" || not_ok "the far side's port $p is up"; done
chown -R alice: "$home" && chmod 700 "$home/.ssh" && chown -R alice: "$LAB/m/repo.git"

in_agent() { lab_as alice "$home/.local/share/claude/versions/2.1.330" -c "sleep 0.2; $1" 2>&1; }
in_editor() { lab_as alice "$home/share/codium/codium" -c "sleep 0.2; bash -c '$1'; true" 2>&1; }
for who in agent editor; do
	run=in_$who
	mkdir -p "$home/$who" && chown alice: "$home/$who"
	has "$who: DNS" "$($run "getent ahostsv4 only-in-dns.lab.test")" 203.0.113.11
	$run "cd $who && git clone -q alice@other.lab.test:$LAB/m/repo.git by-ssh" >"$LAB/out" 2>&1
	check "$who: git over ssh clones" cmp "$home/$who/by-ssh/file" "$LAB/m/work/file"
	$run "cd $who/by-ssh && git -c user.name=a -c user.email=a@lab.test commit -q --allow-empty -m $who && git push -q origin HEAD:refs/heads/by-$who" >"$LAB/out" 2>&1
	check "$who: and pushes" git -C "$LAB/m/repo.git" rev-parse -q --verify "refs/heads/by-$who"
	$run "cd $who && git clone -q https://other.lab.test/repo.git by-https" >"$LAB/out" 2>&1
	check "$who: git over https clones" cmp "$home/$who/by-https/file" "$LAB/m/work/file"
	$run "cd $who && NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm install --silent --no-audit --no-fund --registry https://other.lab.test/ tiny" >"$LAB/out" 2>&1
	check "$who: npm installs from a mirror" test -s "$home/$who/node_modules/tiny/i.js"
	$run "cd $who && pip3 install -q --disable-pip-version-check --no-cache-dir --target py --cert /etc/ssl/certs/ca-certificates.crt --index-url https://other.lab.test/simple/ tiny" >"$LAB/out" 2>&1
	check "$who: pip installs from a mirror" test -s "$home/$who/py/tiny.py"
	for port in 3306 8080; do
		has "$who: the MySQL greeting arrives at port $port before a byte is sent" "$($run "exec 3<>/dev/tcp/other.lab.test/$port; timeout 5 head -c 12 <&3 | od -An -tx1 | tr -d \" \\n\"")" $mysql
	done
	has "$who: SMTP, greeting and goodbye" "$($run "exec 3<>/dev/tcp/other.lab.test/25; read -t 5 -r a <&3; echo QUIT >&3; read -t 5 -r b <&3; echo \$a \$b" | tr '\r' ' ')" "221 bye"
	has "$who: a dead port is refused" "$($run "exec 3<>/dev/tcp/other.lab.test/2222")" refused
	out=$($run "curl -sS --max-time 8 https://other.lab.test:8443/; echo \"ended \$?\"")
	hasnt "$who: a dead port that is redirected does not hang" "$out" "ended 28"
	hasnt "$who: nor succeed" "$out" "ended 0"
	has "$who: a server of one's own, on a redirected port" "$($run "node -e \"require(\\\"http\\\").createServer((q,s)=>s.end(\\\"my own\\\")).listen(8080)\" & curl -sS --max-time 30 --retry 9 --retry-delay 1 --retry-connrefused http://localhost:8080/; kill \$!")" "my own"
done
settled
check "the agent's https connections have their records" lab_has_record '.kind=="connection" and .dst_host=="other.lab.test" and .agent=="claude-code" and (.chain|length)>1'
check "the editor's shell has none" test -z "$(lab_records '.agent=="vscode" and .dst_host=="other.lab.test"')"
lab_end
