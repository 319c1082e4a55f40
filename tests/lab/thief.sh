# thief.sh - what somebody can do who has stolen an ssh key that is restricted to rrsync.  Source it after fleet.sh; set THIEF_WATCH, the directory that nothing
# may change in, and write files there that begin with secret, other, before: what is read of them is noticed in the output, and any file that comes.
mkdir "$LAB/tools" && PATH=$LAB/tools:$PATH
THIEF_TRIES=0

thief_ssh() { # KEY KNOWN_HOSTS: the words of ssh
	echo "ssh -F /dev/null -i $1 -o Port=$FLEET_PORT -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$2 -o ConnectTimeout=10"
}

thief_rsync() { # NAME SSH: a command NAME that is rsync with this ssh
	printf '#!/bin/sh\nexec rsync --timeout=10 -e "%s" "$@"\n' "$2" >"$LAB/tools/$1" && chmod 755 "$LAB/tools/$1"
}

picture() {
	(cd "$THIEF_WATCH" && find . -path ./store/tmp -prune -o -printf '%p %y %s %m %u %l\n' | LC_ALL=C sort && find . -type f -exec sha256sum {} + | LC_ALL=C sort)
	ls -la /tmp/thief* 2>/dev/null
}

thief_begins() { picture >"$LAB/before"; }

thief_runs() { # COMMAND...: did nothing come back into $LAB/got, and change nothing there?
	rm -rf "$LAB/got" && mkdir "$LAB/got"
	(cd "$LAB/got" && timeout 20 "$@" >"$LAB/said" 2>&1 </dev/null)
	picture >"$LAB/after"
	diff "$LAB/before" "$LAB/after" >"$LAB/diff" && [ -z "$(find "$LAB/got" -type f)" ] && ! grep -q -e '^secret' -e '^other' -e '^before' -e 'uid=' "$LAB/said"
}

# tries DESCRIPTION COMMAND...: whatever it says, it does no harm.
tries() {
	local what=$1 harmless=yes
	shift
	thief_runs "$@" || harmless=
	THIEF_TRIES=$((THIEF_TRIES + 1))
	# It must have got as far as the account: a key that is refused, or a wrong option of ours, would say nothing.
	if grep -q -e '(publickey' -e 'onnection refused' -e 'usage:' -e 'unknown option' -e 'ommand not found' -e 'failed to run' "$LAB/said"; then
		not_ok "$what: not tried"
		sed 's/^/#   /' "$LAB/said" | head -10
	elif [ $harmless ]; then
		ok "$what"
	else
		not_ok "$what"
		sed 's/^/#   /' "$LAB/diff" "$LAB/said" | head -10
		find "$LAB/got" -type f | sed 's/^/#   got /'
		thief_begins
	fi
}

# would DESCRIPTION COMMAND...: with a key that is not restricted it does harm, and that is noticed.
would() {
	local what=$1
	shift
	if thief_runs "$@"; then not_ok "without the restriction: $what"; else ok "without the restriction: $what"; fi
	thief_begins
}
