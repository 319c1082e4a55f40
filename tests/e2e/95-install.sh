#!/bin/bash
# make install in an overlay: the installed service under its own users, attached for the users that the configuration names; uninstall leaves nothing behind.
export LAB_STORES=system # the machine's own store
. "$(dirname -- "$0")/setup.sh"
printf 'passwd: files\ngroup: files\nhosts: files\n' >/etc/nsswitch.conf
find /usr/local /etc -newer "$LAB_CERTS/done" >/dev/null
before=$(cd / && find usr/local etc | grep -v -e ssl/certs -e ca-certificates | LC_ALL=C sort)
make -s -C "$LAB_TOP" BUILD="${BUILD#"$LAB_TOP"/}" install >"$LAB/install.log" 2>&1 || { cat "$LAB/install.log"; exit 1; }
check "the command is on the path" test -x /usr/local/bin/callgate
check "system users were made" getent passwd _callgate-vault
check "groups of the roles were made, without members" bash -c 'for r in admin policy secret auditor approver; do getent group callgate-$r | grep -q ":$" || exit 1; done'
check "the packs are there" /usr/local/bin/callgate policy test /usr/local/share/callgate/packs/github/vectors.json
check "a unit is there" grep -q 'ExecStart=/usr/local/sbin/callgated' /etc/systemd/system/callgated.service
check "so are those that ship and ingest" grep -q 'ExecStart=/usr/local/bin/callgate fleet ' /etc/systemd/system/callgate-ship.service /etc/systemd/system/callgate-ingest.service
check "the settings are good as they are" /usr/local/sbin/callgated --check
echo '{"users":["alice"]}' >/etc/callgate/callgate.json
lab_server mcp good
/usr/local/sbin/callgated --cgroup "$LAB_CGROUP" >>"$LAB/callgated.log" 2>&1 &
LAB_DAEMON=$!
check "the installed service starts" lab_wait 20 /usr/local/bin/callgate status
update-ca-certificates >/dev/null 2>&1
roots=$(sha256sum </etc/ssl/certs/ca-certificates.crt)
check "ca install" /usr/local/bin/callgate ca install
printf k | /usr/local/bin/callgate vault set mcp-key >/dev/null
write_policy
/usr/local/bin/callgate server add mcp --host mcp.lab.test --path /mcp --credential mcp-key >/dev/null
/usr/local/bin/callgate policy apply lab "$LAB/policy.json" --reason lab >/dev/null
/usr/local/bin/callgate grant add --user alice --server mcp --policy lab --reason lab >/dev/null
has "a call passes" "$(call alice echo '{"message":"installed"}')" installed
has "each process has a uid of its own" "$(ps -eo user:32,comm | grep callgate-)" "_callgate-vault"
check "ca remove" /usr/local/bin/callgate ca remove
check "the trust store is what it was" test "$roots" = "$(sha256sum </etc/ssl/certs/ca-certificates.crt)"
lab_daemon_stop
make -s -C "$LAB_TOP" BUILD="${BUILD#"$LAB_TOP"/}" uninstall >"$LAB/uninstall.log" 2>&1
rm -rf /etc/callgate
after=$(cd / && find usr/local etc | grep -v -e ssl/certs -e ca-certificates | LC_ALL=C sort)
diff <(echo "$before") <(echo "$after") | grep -v -e 'etc/.*-$' -e '^[0-9,]*[acd]' >"$LAB/left"
check "uninstall leaves nothing" bash -c "cat $LAB/left; test ! -s $LAB/left"
check "no user is left" bash -c '! getent passwd _callgate-vault'
check "and no group" bash -c '! getent group | grep callgate'
make -s -C "$LAB_TOP" BUILD="${BUILD#"$LAB_TOP"/}" DESTDIR="$LAB/root" PREFIX=/usr install >/dev/null
check "DESTDIR takes it all" test -x "$LAB/root/usr/libexec/callgate/callgate-proxy" -a -L "$LAB/root/usr/sbin/callgated"
lab_end
