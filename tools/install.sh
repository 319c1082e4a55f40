#!/bin/sh
# install.sh install|uninstall BUILD - put the programs below $DESTDIR$PREFIX and make what they need; or take it all away.
# Uninstall leaves records, credentials and settings: `callgate` data is removed by hand, on purpose.
set -eu
PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
action=$1 build=${2:-build}
top=$(CDPATH="" cd -- "$(dirname -- "$0")/.." && pwd -P)
parties="admin ident proxy vault audit fetch"
lib=$DESTDIR$PREFIX/libexec/callgate
units=$DESTDIR/etc/systemd/system
names="callgated.service callgate-ship.service callgate-ship.timer callgate-ingest.service callgate-ingest.timer callgate-bundle.service callgate-bundle.path"

# Only on the machine itself: a packaging root makes its users when the package is installed.
users() {
	[ -z "$DESTDIR" ] || return 0
	for p in $parties; do
		getent passwd "_callgate-$p" >/dev/null && continue
		useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "_callgate-$p"
	done
}

# Who may change what: see docs/CLI.md, "Roles".  They begin without members.
roles="admin policy secret auditor approver"
groups() {
	[ -z "$DESTDIR" ] || return 0
	for r in $roles; do
		getent group "callgate-$r" >/dev/null || groupadd --system "callgate-$r"
	done
}

case $action in
install)
	install -d "$lib" "$DESTDIR$PREFIX/sbin" "$DESTDIR$PREFIX/bin" "$DESTDIR$PREFIX/share/callgate/agents.d" "$DESTDIR$PREFIX/share/doc/callgate" \
		"$DESTDIR/etc/systemd/system" "$DESTDIR/etc/callgate"
	for b in callgated callgate-admin callgate-ident callgate-proxy callgate-vault callgate-audit callgate-fetch; do
		install -m 755 "$build/$b" "$lib/$b"
	done
	ln -sfn "../libexec/callgate/callgated" "$DESTDIR$PREFIX/sbin/callgated"
	install -m 755 "$build/callgate" "$DESTDIR$PREFIX/bin/callgate"
	install -m 644 "$top"/policy/agents.d/*.json "$DESTDIR$PREFIX/share/callgate/agents.d/"
	for pack in "$top"/policy/packs/*/; do
		into=$DESTDIR$PREFIX/share/callgate/packs/$(basename "$pack")
		install -d "$into"
		install -m 644 "$pack"* "$into/"
	done
	install -m 644 "$top/policy/packs/README.md" "$DESTDIR$PREFIX/share/callgate/packs/"
	install -m 644 "$top/README.md" "$top"/docs/*.md "$DESTDIR$PREFIX/share/doc/callgate/"
	[ ! -d "$top/policy/schema" ] || { install -d "$DESTDIR$PREFIX/share/callgate/schema"; find "$top/policy/schema" -name '*.json' -exec install -m 644 {} "$DESTDIR$PREFIX/share/callgate/schema/" \;; }
	for u in $names; do
		sed "s|@PREFIX@|$PREFIX|g" "$top/tools/$u.in" >"$units/$u.new" && mv "$units/$u.new" "$units/$u"
	done
	[ -e "$DESTDIR/etc/callgate/callgate.json" ] || printf '{\n  "users": []\n}\n' >"$DESTDIR/etc/callgate/callgate.json"
	users
	groups
	echo "installed below $DESTDIR$PREFIX; name the governed users in /etc/callgate/callgate.json, then: systemctl enable --now callgated"
	;;
uninstall)
	if [ -z "$DESTDIR" ]; then
		for u in callgate-bundle.path callgate-ship.timer callgate-ingest.timer callgated.service; do
			if command -v systemctl >/dev/null && systemctl is-active -q $u 2>/dev/null; then systemctl disable --now $u; fi
		done
		[ ! -x "$PREFIX/bin/callgate" ] || "$PREFIX/bin/callgate" ca remove >/dev/null 2>&1 || :
		[ ! -x "$PREFIX/sbin/callgated" ] || "$PREFIX/sbin/callgated" --detach || :
	fi
	rm -rf -- "$lib" "$DESTDIR$PREFIX/share/callgate" "$DESTDIR$PREFIX/share/doc/callgate"
	rmdir "$DESTDIR$PREFIX/libexec" "$DESTDIR$PREFIX/share/doc" 2>/dev/null || :
	rm -f -- "$DESTDIR$PREFIX/sbin/callgated" "$DESTDIR$PREFIX/bin/callgate"
	for u in $names; do rm -f -- "$units/$u"; done
	if [ -z "$DESTDIR" ]; then
		for p in $parties; do
			getent passwd "_callgate-$p" >/dev/null && userdel "_callgate-$p" 2>/dev/null || :
		done
		for r in $roles; do
			! getent group "callgate-$r" >/dev/null || groupdel "callgate-$r"
		done
	fi
	echo "removed; settings, records and credentials stay in /etc/callgate, /var/lib/callgate, /var/log/callgate"
	;;
*)
	echo "usage: install.sh install|uninstall BUILD" >&2
	exit 2
	;;
esac
