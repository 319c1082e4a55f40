# fleet.sh - a collector on the far side of a lab: accounts, sshd on a port of its own, store and inbox.  Source it after lab.sh.
FLEET_PORT=2222
FLEET_ADDR=$LAB_NET4.1
STORE=/var/lib/collector/store
INBOX=/var/lib/collector/inbox

fleet_accounts() { # the one that ssh lets in, and the one that ingests
	lab_user callgate-inbox 12011
	lab_user callgate-store 12012
	fleet_joins callgate-store
}

fleet_joins() { sed -i "/^callgate-inbox:/{s/:\$/:$1/;t;s/\$/,$1/}" /etc/group; } # ACCOUNT: in the group that reads and fills the inbox

# As the collector's own account.
fleet_as_store() { setpriv --reuid=callgate-store --regid=callgate-store --init-groups env -i PATH="$PATH" "$@"; }
fleet() { fleet_as_store "$BUILD/callgate" fleet "$@"; }
fleet_ingest() { fleet ingest --store $STORE --inbox $INBOX "$@"; }

fleet_store() {
	mkdir -p /var/lib/collector $INBOX
	chmod 755 /var/lib/collector
	chown callgate-store:callgate-store /var/lib/collector
	chown callgate-store:callgate-inbox $INBOX && chmod 750 $INBOX
	mkdir -p /etc/ssh/lab && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/lab/host_key </dev/null
	fleet init --store $STORE --org lab --ssh "callgate-inbox@$FLEET_ADDR" --port $FLEET_PORT --host-key /etc/ssh/lab/host_key.pub >/dev/null
}

# lab_sshd DIR ADDRESS ACCOUNT [COMMAND...]: lets ACCOUNT in with the keys of DIR/keys; host_key is there; started by COMMAND: LAB_SSHD.
lab_sshd() {
	local dir=$1 addr=$2 account=$3
	shift 3
	mkdir -p /run/sshd
	cat >"$dir/config" <<-SSHD
	Port $FLEET_PORT
	ListenAddress $addr
	HostKey $dir/host_key
	PidFile none
	UsePAM no
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	AllowUsers $account
	AuthorizedKeysFile $dir/keys
	MaxStartups 100
	SSHD
	touch "$dir/keys"
	"$@" /usr/sbin/sshd -D -e -f "$dir/config" 2>"$LAB/sshd.log" &
	LAB_SSHD=$!
	lab_wait 5 lab_net bash -c ": </dev/tcp/$addr/$FLEET_PORT" || { cat "$LAB/sshd.log"; return 1; }
}

fleet_sshd() { lab_sshd /etc/ssh/lab $FLEET_ADDR callgate-inbox nsenter -t "$LAB_NET_PID" -n -- && FLEET_SSHD=$LAB_SSHD; }

fleet_accept() { # HOST.enrol...
	local f again=
	[ "$1" != --again ] || { again=$1; shift; }
	for f in "$@"; do cp "$f" "/var/lib/collector/${f##*/}" && chmod 644 "/var/lib/collector/${f##*/}" && set -- "$@" "/var/lib/collector/${f##*/}" && shift; done
	fleet accept --store $STORE --inbox $INBOX $again "$@" && fleet keys --store $STORE --inbox $INBOX >/etc/ssh/lab/keys
}

fleet_generated() { # DIR: the workstations of a generated fleet are enrolled, by hand: the generator hands their keys over as they would
	cp -r "$1/store/hosts/." $STORE/hosts/ && chown -R callgate-store: $STORE/hosts
}

fleet_deliver() { # DIR: what the generator left there lies in the inbox now
	cp -a "$1/." $INBOX/ && chown -R callgate-store:callgate-inbox $INBOX/ws-*
}

fleet_forge() { # FILE SCRIPT MODE: what sed makes of a sealed file stands in its place, under a name that fits the bytes again: FORGED
	zcat "$1" | sed "$2" | gzip -n >"$LAB/forged.gz"
	! cmp -s <(zcat "$1") <(zcat "$LAB/forged.gz") || { echo "lab: nothing of $1 was changed"; return 1; }
	FORGED=${1%-*}-$(sha256sum <"$LAB/forged.gz" | cut -c1-16).jsonl.gz
	rm "$1" && install -m "$3" "$LAB/forged.gz" "$FORGED"
}

fleet_up() { fleet_accounts && fleet_store && fleet_sshd || { echo "lab: no collector" >&2; exit 1; }; }
