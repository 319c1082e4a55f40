#!/bin/bash
# A server that the collector comes to: it puts what is sealed into a directory, the collector's pull account fetches that with one key and brings receipts and the
# signed bundle with another, over ssh, as docs/FLEET.md "Other ways than pushing" has it.  The two keys can do nothing else.
. "$(dirname -- "$0")/setup.sh"
. "$LAB_TOP/tests/lab/fleet.sh"
. "$LAB_TOP/tests/lab/thief.sh"
fleet_accounts
fleet_store
lab_user callgate-pull 12013
fleet_joins callgate-pull
lab_user callgate-outbox 12014
gate_up '{"users":["alice"],"audit":{"segment_seconds":2}}'
cd "$LAB" || exit 1
host=desk.lab.test
box=/var/lib/callgate-outbox

# The server's side: no way from it to the collector, an account to log in to, two directories.
install -d -m 2750 -g callgate-outbox $box $box/out
install -d -m 700 -o callgate-outbox -g callgate-outbox $box/answers
mkdir -p /etc/ssh/pulled && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/pulled/host_key </dev/null
lab_sshd /etc/ssh/pulled $LAB_NET4.2 callgate-outbox || exit 1
# As the unit runs it: with two capabilities.
ship() { setpriv --bounding-set -all,+dac_override,+fowner --inh-caps -all --no-new-privs "$BUILD/callgate" fleet ship --to $box/out --receipts $box/answers "$@"; }

# The collector's side: an account that has two keys, and no share in the store.
pull=/var/lib/callgate-pull
install -d -m 700 -o callgate-pull -g callgate-pull $pull
for key in pull answer; do ssh-keygen -q -t ed25519 -N '' -f $pull/$key </dev/null; done
echo "[$LAB_NET4.2]:$FLEET_PORT $(cut -d' ' -f1,2 /etc/ssh/pulled/host_key.pub)" >$pull/known_hosts
chown callgate-pull: $pull/*
{
	echo "restrict,command=\"rrsync -ro $box/out/$host\" $(cat $pull/pull.pub)"
	echo "restrict,command=\"rrsync -wo -no-del -munge $box/answers\" $(cat $pull/answer.pub)"
} >/etc/ssh/pulled/keys
as_pull() { lab_net setpriv --reuid=callgate-pull --regid=callgate-pull --init-groups env -i PATH="$PATH" "$@"; }
dest=callgate-outbox@$LAB_NET4.2
there() { thief_ssh $pull/$1 $pull/known_hosts; }
fetch() { as_pull rsync -rtO --ignore-existing "$@" -e "$(there pull)" "$dest:" "$INBOX/$host/"; }
answer() { as_pull rsync -rtO --checksum -e "$(there answer)" "$STORE/receipts/host=$host/" "$dest:"; }

# There and back.
check "it enrols" callgate fleet enroll --collector $STORE/collector.json
check "the collector accepts it" fleet_accept $host.enrol
has "a call" "$(call alice echo '{"message":"fetched"}')" fetched
sleep 2.5
check "it puts what is sealed into the directory" ship
check "the account can read all of it, and change nothing" bash -c "cd $box/out && ! find . -type f ! \\( -group callgate-outbox -perm 440 \\) | grep . && ! find . -type d -perm /go+w | grep ."
check "the collector fetches it" fetch
out=$(fleet_ingest --json)
has "nothing is refused" "$(jq -c '[.total.quarantined, .total.waiting, .hosts[].error]' <<<"$out")" '[0,0,null]'
has "the call is in the store" "$(zcat $STORE/audit/host=$host/*/*.gz | jq -r 'select(.kind=="call") | .tool')" echo
check "so is the document of the policy" cmp "$STORE/policies/$(sha256sum <"$LAB/policy.json" | cut -d' ' -f1).json" "$LAB/policy.json"
had=$(find $STORE/audit $STORE/journal -name '*.gz' | wc -l)
check "the collector brings the receipts" answer
check "it takes them" ship
has "each of them" "$(find /var/log/callgate/audit/receipts /var/lib/callgate/journal/receipts -name '*.receipt' | wc -l)" "$had"
check "the first seal key has left it" test -z "$(ls /var/log/callgate/audit/keys/*.json 2>/dev/null)"
check "what has its receipt lies in the directory no more" bash -c "cd $box/out/$host && for f in */sealed/*; do [ ! -e $STORE/receipts/host=$host/\${f%%/*}/\${f##*/}.receipt ] || exit 1; done"
for t in audit journal; do
	last=$(ls $STORE/$t/host=$host/*/ | grep -o -- '-[0-9]\{12\}-[0-9a-f]\{16\}' | cut -d- -f2 | sort | tail -1)
	check "nor a checkpoint of $t that is passed" bash -c "cd $box/out/$host/$t/checkpoints && for f in *; do [[ ! \$f < $host-000001-$last.note~ ]] || exit 1; done"
done
check "the next time" fetch
has "nothing comes twice" "$(fleet_ingest)" ", 0 duplicates, 0 quarantined, 0 waiting"

# What a power cut left in the directory: a name without its bytes.
sleep 2.5
ship >/dev/null
cut=$(find $box/out/$host/audit/sealed -name '*.gz' | sort | tail -1)
cp -p "$cut" whole && : >"$cut" && ship >/dev/null
check "a file that is cut short there is put there again" cmp "$cut" whole
# Nobody who may write there leads it elsewhere.
mv $box/out/$host/audit/sealed aside && ln -s /var/log/callgate/audit/sealed $box/out/$host/audit/sealed
sealed=$(find /var/log/callgate/audit/sealed -name '*.gz' | wc -l)
hasnt "a link in the directory is not followed to remove what has its receipt" "$(ship 2>&1)" "handed over"
check "nothing of the trail is gone" test "$(find /var/log/callgate/audit/sealed -name '*.gz' | wc -l)" -ge "$sealed"
rm $box/out/$host/audit/sealed && mv aside $box/out/$host/audit/sealed

# The signed bundle comes the same way.
fleet bundle-key --org lab --key /var/lib/collector/signer >/dev/null
check "whose bundles count" callgate fleet trust /var/lib/collector/signer.pub
mkdir -p /var/lib/collector/from/policies && cp "$LAB/policy.json" /var/lib/collector/from/policies/lab.json
secret() { printf '%s' "$1" >/var/lib/collector/from/credentials/one && chmod 600 /var/lib/collector/from/credentials/one && chown callgate-store: /var/lib/collector/from/credentials/one; }
mkdir -p /var/lib/collector/from/credentials && chown callgate-store: /var/lib/collector/from/credentials
echo '[{"name":"one","type":"bearer","hosts":["mcp.lab.test"]}]' >/var/lib/collector/from/credentials.json
echo '[{"name":"mcp","match":[{"host":"mcp.lab.test","path":"/mcp"}],"credential":"one","owner":"platform"}]' >/var/lib/collector/from/servers.json
echo '[{"user":"alice","server":"mcp","policy":"lab","reason":"b"}]' >/var/lib/collector/from/grants.json
secret secret-of-bundle-1
check "a bundle is made" fleet bundle --store $STORE --key /var/lib/collector/signer --from /var/lib/collector/from
check "the collector brings it with the receipts" answer
has "it is put in force" "$(ship && callgate fleet apply)" "bundle 1 applied"
secret secret-of-bundle-2
fleet bundle --store $STORE --key /var/lib/collector/signer --from /var/lib/collector/from >/dev/null
# As long as the one before and of the same second, on all three sides.
bundle=$STORE/receipts/host=$host/bundle
check "the next one is as long" test "$(stat -c %s $bundle)" = "$(stat -c %s $box/answers/bundle)"
touch -r $box/answers/bundle $bundle
check "it is brought" answer
check "it is the next one that came" cmp $bundle $box/answers/bundle
touch -r /var/lib/callgate/fleet/come/bundle $box/answers/bundle
has "it is put in force as well" "$(ship && callgate fleet apply)" "bundle 2 applied"
has "the call has the next secret" "$(call alice echo '{"message":"x"}' && grep -o 'secret-of-bundle-[0-9]' "$LAB/mcp.log" | tail -1)" secret-of-bundle-2

# What the keys can do besides.
echo mine >mine && mkdir empty
echo secret >$box/secret && chmod 644 $box/secret
mkdir $box/out/other && echo other >$box/out/other/other && chmod -R a+rX $box/out/other
echo before >$box/answers/before && chown callgate-outbox: $box/answers/before
THIEF_WATCH=$box
thief_rsync rs "$(there pull)"
thief_rsync rf "$(there answer)"
thief_begins
ssh=$(there pull)
tries "pull: go up" rs -r "$dest:../" .
tries "pull: another's" rs -r "$dest:../other/" .
tries "pull: an absolute path" rs "$dest:$box/secret" .
tries "pull: names from a file there" rs --files-from=:$box/secret "$dest:" .
tries "pull: a log file" rs -M--log-file=/tmp/thief -r "$dest:../other/" .
tries "pull: write outside" rs "$LAB/mine" "$dest:/tmp/thief"
tries "pull: delete" rs -r --delete "$LAB/empty/" "$dest:"
tries "pull: a shell" $ssh "$dest"
tries "pull: a command" $ssh "$dest" "cat $box/secret"
tries "pull: a command behind rsync's" $ssh "$dest" 'rsync --server --sender -e.LsfxCIvu . .; id'
tries "pull: sftp" sftp -q -b /dev/null ${ssh#ssh} "$dest"
tries "pull: a tunnel" $ssh -W "$LAB_NET4.2:$FLEET_PORT" "$dest"
tries "pull: a terminal" $ssh -tt "$dest" id
tries "pull: write" rs "$LAB/mine" "$dest:audit/sealed/"
tries "pull: overwrite" rs --ignore-times "$LAB/mine" "$dest:policies/"
tries "pull: remove what it has read" rs -r --remove-source-files "$dest:audit/nothing" .
ssh=$(there answer)
tries "answer: read" rf "$dest:before" .
tries "answer: list" rf --list-only "$dest:"
tries "answer: what is to be fetched" rf -r "$dest:../out/" .
tries "answer: write outside" rf "$LAB/mine" "$dest:../secret"
tries "answer: delete" rf -r --delete "$LAB/empty/" "$dest:"
tries "answer: a command" $ssh "$dest" "cat $box/secret"
ok "$THIEF_TRIES tries"
# Links arrive so that they lead nowhere.
ln -s /var/lib/callgate/vault.key bundle && rf -l --ignore-times bundle "$dest:" >/dev/null 2>&1
hasnt "a link in the bundle's place brings nothing" "$(ship 2>&1; head -c 300 /var/lib/callgate/fleet/come/bundle; [ ! -e $box/answers/bundle ] || echo leads)" leads
check "what was there is there" grep -q callgate-bundle /var/lib/callgate/fleet/come/bundle
# That these tries are noticed when they succeed: the same with keys that are not restricted.
cat $pull/pull.pub $pull/answer.pub >/etc/ssh/pulled/keys
thief_begins
would "read elsewhere" rs "$dest:$box/answers/before" .
would "write" rs "$LAB/mine" "$dest:$box/answers/"
would "a command" $(there answer) "$dest" id
would "delete" rf -r --delete "$LAB/empty/" "$dest:$box/answers/"
kill "$LAB_SSHD" && wait "$LAB_SSHD" 2>/dev/null
lab_daemon_stop
[ $lab_fails = 0 ] || tail -20 "$LAB/sshd.log" | tr -d '\0' | sed 's/^/#   /'
lab_end
