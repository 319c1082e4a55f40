#!/bin/bash
# What somebody can do at the collector who has stolen a workstation's ssh keys: hand over that host's files, read that host's receipts, and nothing else.
. "$(dirname -- "$0")/../lab/lab.sh"
. "$LAB_TOP/tests/lab/fleet.sh"
. "$LAB_TOP/tests/lab/thief.sh"
fleet_up
# Two workstations with trails but without a service: the same library writes them.
mkdir -p "$LAB/gen" && "$BUILD/fleet/fleetgen" --hosts 2 --days 1 --calls 40 --seed 5 --out "$LAB/gen/out" >/dev/null
ws() { "$BUILD/callgate" --log "$LAB/ws/$1" --state "$LAB/ws/$1" "${@:2}"; }
for h in ws-001 ws-002; do
	mkdir -p "$LAB/ws/$h" && cp -a "$LAB/gen/out/inbox/$h/." "$LAB/ws/$h/"
	mkdir -p "$LAB/ws/$h/audit/keys" "$LAB/ws/$h/journal/keys"
	for t in audit journal; do cp "$LAB/gen/out/keys/$h/$t.json" "$LAB/ws/$h/$t/keys/$(jq -r .id "$LAB/gen/out/keys/$h/$t.json").json"; done
	ws $h fleet enroll --collector $STORE/collector.json --out "$LAB/$h.enrol" >/dev/null || not_ok "$h enrols"
done
cd "$LAB" && fleet_accept ws-001.enrol ws-002.enrol >/dev/null
check "both hand over" bash -c "$(declare -f ws); BUILD=$BUILD LAB=$LAB; ws ws-001 fleet ship && ws ws-002 fleet ship"
kept=$(find $INBOX/ws-001/audit/sealed -name '*.gz' | sort | head -1)
fleet_ingest >"$LAB/ingest" || cat "$LAB/ingest"
has "all of it is whole" "$(cat "$LAB/ingest")" " 0 quarantined, 0 waiting"
ws ws-001 fleet ship >/dev/null # receipts
# Files that lie in the inbox while the thief is at work, and something of the machine's own.
echo mine >"$LAB/mine" && echo other >"$INBOX/ws-002/audit/sealed/other" && echo before >"$INBOX/ws-001/audit/sealed/before"
chown callgate-inbox:callgate-inbox "$INBOX"/ws-00[12]/audit/sealed/{other,before} 2>/dev/null
echo secret >/var/lib/collector/secret && chmod 644 /var/lib/collector/secret
dest=callgate-inbox@$FLEET_ADDR
THIEF_WATCH=/var/lib/collector
key() { thief_ssh "$LAB/ws/ws-001/fleet/$1" "$LAB/ws/ws-001/fleet/known_hosts"; }
push=$(key push) fetch=$(key fetch)
thief_rsync rs "$push"
thief_rsync rf "$fetch"
thief_begins

tries "read what it handed over" rs -t "$dest:audit/sealed/" .
tries "read one file" rs "$dest:audit/sealed/before" .
tries "list" rs --list-only "$dest:"
tries "overwrite" rs --ignore-times "$LAB/mine" "$dest:audit/sealed/before"
tries "overwrite in place" rs --inplace --ignore-times "$LAB/mine" "$dest:audit/sealed/before"
tries "append" rs --append "$LAB/mine" "$dest:audit/sealed/before"
mkdir "$LAB/empty"
tries "delete" rs -r --delete "$LAB/empty/" "$dest:audit/sealed/"
tries "delete, asked for in other words" rs -r --delete-missing-args "$LAB/empty/before" "$dest:audit/sealed/"
tries "replace a file by a directory" rs -r --force --delete "$LAB/empty" "$dest:audit/sealed/before"
tries "go up" rs "$LAB/mine" "$dest:../ws-002/audit/sealed/"
tries "go up on the way" rs "$LAB/mine" "$dest:audit/../../ws-002/audit/sealed/"
tries "an absolute path" rs "$LAB/mine" "$dest:$INBOX/ws-002/audit/sealed/"
tries "into /tmp" rs "$LAB/mine" "$dest:/tmp/thief"
tries "up by --relative" rs -R "$LAB/./../mine" "$dest:audit/sealed/"
tries "other directories by options: temp" rs --temp-dir=/tmp "$LAB/mine" "$dest:audit/sealed/before"
tries "partial" rs --partial-dir=/tmp/thief "$LAB/mine" "$dest:audit/sealed/before"
tries "backup" rs --backup --backup-dir=/tmp/thief --ignore-times "$LAB/mine" "$dest:audit/sealed/before"
tries "log file" rs -M--log-file=/tmp/thief "$LAB/mine" "$dest:audit/sealed/before"
tries "a link to something to read" rs --link-dest=/var/lib/collector "$LAB/mine" "$dest:audit/sealed/before"
tries "names from a file there" rs --files-from=:/var/lib/collector/secret "$dest:" .
tries "write to a device" rs -M--write-devices "$LAB/mine" "$dest:audit/sealed/before"
tries "another account" rs -M--copy-as=root "$LAB/mine" "$dest:audit/sealed/before"
tries "modes of the directories" rs -rp --chmod=D777 "$LAB/empty/" "$dest:audit/"
tries "a shell" $push "$dest"
tries "a command" $push "$dest" 'cat /var/lib/collector/secret'
tries "a command behind rsync's" $push "$dest" 'rsync --server -e.LsfxCIvu . audit/; id'
tries "a command inside rsync's" $push "$dest" 'rsync --server -e.LsfxCIvu . $(id >/tmp/thief)'
tries "another program as rsync" rs --rsync-path='id; rsync' "$LAB/mine" "$dest:audit/sealed/before"
tries "sftp" sftp -q -b /dev/null ${push#ssh} "$dest"
tries "scp" scp -q ${push#ssh} "$LAB/mine" "$dest:/tmp/thief"
tries "a terminal" $push -tt "$dest" id
tries "a tunnel to elsewhere" $push -W "$FLEET_ADDR:$FLEET_PORT" "$dest"
tries "a port there" $push -o ExitOnForwardFailure=yes -R 7777:127.0.0.1:22 "$dest" true
tries "an environment" $push -o SetEnv=LD_PRELOAD=/tmp/x.so "$dest" id
tries "the other key to write" rf "$LAB/mine" "$dest:audit/"
tries "another's receipts" rf -r "$dest:../host=ws-002/" .
tries "the collector's key" rf "$dest:../../collector.key" .
tries "another's receipts by an absolute path" rf -r "$dest:$STORE/receipts/host=ws-002/" .
tries "the enrolments" rf -r "$dest:$STORE/hosts/" .
tries "a command with the other key" $fetch "$dest" 'cat /var/lib/collector/secret'
ok "$THIEF_TRIES tries"

# Links: they arrive so that they lead nowhere, and nothing goes through them.
mkdir -p "$LAB/links/audit/sealed" && ln -s "$INBOX/ws-002/audit/sealed" "$LAB/links/audit/sealed/way" && ln -s /var/lib/collector/secret "$LAB/links/audit/sealed/leak"
rs -rl "$LAB/links/" "$dest:" >/dev/null 2>&1
rs "$LAB/mine" "$dest:audit/sealed/way/" >/dev/null 2>&1
rs -r --keep-dirlinks "$LAB/links/audit/sealed/" "$dest:audit/sealed/way/" >/dev/null 2>&1
check "nothing went through a link" test ! -e "$INBOX/ws-002/audit/sealed/mine" -a ! -e "$INBOX/ws-002/audit/sealed/leak"
check "nor does a link lead anywhere" bash -c "for l in $INBOX/ws-001/audit/sealed/way $INBOX/ws-001/audit/sealed/leak; do [ ! -e \$l ] || exit 1; done"
# Everything that it can do: files of that host. Another's segment is refused by what it says, its own again changes nothing.
other=$(find "$LAB/ws/ws-002/audit/sealed" -name '*.gz' | sort | head -1)
own=$(find "$LAB/ws/ws-001/audit/sealed" -name '*.gz' | sort | head -1)
rs "$other" "$own" "$dest:audit/sealed/" || not_ok "its own host's files arrive"
size=$(head -2 $STORE/log/checkpoint | tail -1)
find $STORE/audit $STORE/journal -type f | sort >"$LAB/files"
fleet_ingest >"$LAB/ingest" 2>&1
has "another host's segment is refused" "$(cat "$LAB/ingest")" "ws-001: other-host: audit/${other##*/}"
has "links are refused" "$(cat "$LAB/ingest")" "ws-001: not-a-file: audit/leak"
check "nothing more is in the log" test "$size" = "$(head -2 $STORE/log/checkpoint | tail -1)"
check "nothing more is in the store" diff "$LAB/files" <(find $STORE/audit $STORE/journal -type f | sort)
check "receipts come with the other key, its own alone" test "$(find "$LAB/ws/ws-001" -name '*.receipt' | wc -l)" = "$(find "$LAB/gen/out/inbox/ws-001" -name '*.gz' | wc -l)"
# That these tries are noticed when they succeed: the same with a key that is not restricted.
cat "$LAB/ws/ws-001/fleet/push.pub" >/etc/ssh/lab/keys
thief_begins
would "read one file" rs "$dest:/var/lib/collector/secret" .
would "write elsewhere" rs "$LAB/mine" "$dest:/tmp/thief"
would "overwrite" rs --ignore-times "$LAB/mine" "$dest:$INBOX/ws-002/audit/sealed/other"
would "a command" $push "$dest" id
would "delete" rs -r --delete "$LAB/empty/" "$dest:$INBOX/ws-002/audit/sealed/"
rm -f /tmp/thief
kill "$FLEET_SSHD"
wait "$FLEET_SSHD" 2>/dev/null
[ $lab_fails = 0 ] || tail -20 "$LAB/sshd.log" | tr -d '\0' | sed 's/^/#   /'
lab_end
