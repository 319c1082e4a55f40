#!/bin/bash
# A signed bundle: made at the collector, fetched with rsync, in force whole; altered, older and foreign ones are refused in words and in the journal.
. "$(dirname -- "$0")/setup.sh"
. "$LAB_TOP/tests/lab/fleet.sh"
fleet_up
conf='{"users":["alice"],"audit":{"segment_seconds":2}}'
gate_up "$conf"
cd "$LAB" || exit 1
src=/var/lib/collector/src key=/var/lib/collector/signer
as_store() { fleet_as_store "$@"; }
secret() { as_store sh -c "printf '%s\n' '$1' >$src/credentials/fleet-key && chmod 600 $src/credentials/fleet-key"; }
make_bundle() { fleet bundle --store $STORE --key $key --from $src "$@" 2>&1; }
# A segment is for a moment both open and sealed, or neither: each line once, and again when it is not there yet.
journal() { lab_journal | jq -c "select($1) | .seq" | sort -u | wc -l; }
journal_gets() { for _ in 1 2 3 4 5; do [ "$(journal "$1")" != "$2" ] || return 0; sleep 0.3; done; return 1; }
in_force() { callgate --json status | jq -r .in_force.bundle.version; }
seen() { : >"$LAB/mcp.log"; call alice echo '{"message":"hi"}' >/dev/null; cat "$LAB/mcp.log"; }

as_store mkdir -p $src/policies $src/credentials && as_store chmod 700 $src $src/credentials
cp "$LAB/policy.json" $src/policies/fleet.json
echo '[{"name":"mcp","match":[{"host":"mcp.lab.test","path":"/mcp"}],"credential":"fleet-key"},
 {"name":"other","match":[{"host":"other.lab.test"}],"for":["somewhere.else"]}]' >$src/servers.json
echo '[{"user":"alice","server":"mcp","policy":"fleet"},{"user":"nobody-here","server":"mcp","policy":"fleet"}]' >$src/grants.json
echo '[{"name":"fleet-key","hosts":["mcp.lab.test"]}]' >$src/credentials.json
secret secret-of-bundle-1
check "the key that signs" fleet bundle-key --org lab --key $key
has "is made once" "$(fleet bundle-key --org lab --key $key 2>&1)" "is there already"
check "nobody else reads it" test "$(stat -c %a $key)" = 400
has "a file that is no key is none to trust" "$(callgate fleet trust $STORE/collector.vkey 2>&1)" "must be the public key"
same_answer() { [ "$(jq -cs "$1" <<<"$2")" = "$3" ] || { printf '%s\n' "$2"; return 1; }; }
out=$(callgate --run "$LAB" --json fleet enroll --collector $STORE/collector.json --out no-vault.enrol 2>no-vault.err)
check "without the service it enrols as well, and gives one answer" same_answer '[.[] | [.ok, .host, .file, .vault_key, .signer]]' "$out" '[[true,"desk.lab.test","no-vault.enrol",false,null]]'
has "with a remark beside it" "$(cat no-vault.err)" "holds no key of the vault"
out=$(callgate --json fleet enroll --collector $STORE/collector.json --signer $key.pub)
check "the workstation enrols, and learns who signs" same_answer '[.[] | [.ok, .host, .vault_key, .signer]]' "$out" "[[true,\"desk.lab.test\",true,\"callgate-bundle/lab\"]]"
fleet_accept desk.lab.test.enrol
has "without a bundle everything is its own" "$(in_force)" null
chmod 644 $src/credentials/fleet-key
has "a secret that others may read is not taken" "$(make_bundle)" "chmod 600"
secret secret-of-bundle-1
cp $src/servers.json servers.json && sed -i 's/\["somewhere.else"\]/"somewhere.else"/' $src/servers.json
has "for whom a server is, is not guessed" "$(make_bundle)" "/1/for: must be a list"
cp servers.json $src/servers.json
cp $src/grants.json grants.json && echo '[{"user":7,"server":"mcp","policy":"fleet"},{"user":"alice","server":"mcp","policy":"fleet"}]' >$src/grants.json
has "whose a grant is, is a name" "$(make_bundle)" "/user: must be"
cp grants.json $src/grants.json
has "the bundle is made" "$(make_bundle)" "is made for 1 workstation"
bundle=$STORE/receipts/host=desk.lab.test/bundle
hasnt "no secret is in it" "$(cat $bundle)" secret-of
version=$(jq -r .version $STORE/bundle.json)
has "not the same version again" "$(make_bundle --version "$version")" "only higher ones"
has "before it is fetched there is none" "$(callgate fleet apply 2>&1)" "callgate fleet ship fetches it"
mkdir -p /var/lib/callgate/fleet/come && mkfifo /var/lib/callgate/fleet/come/bundle
has "a FIFO that has come is not waited for" "$(timeout 20 "$BUILD/callgate" fleet apply 2>&1)" "is no regular file; callgate fleet ship fetches it"
check "rsync fetches it" callgate fleet ship
check "as it is" cmp $bundle /var/lib/callgate/fleet/come/bundle
cp $bundle whole && truncate -s 9M $bundle && callgate fleet ship >/dev/null
check "what is larger than any bundle is not fetched" cmp whole /var/lib/callgate/fleet/come/bundle
cp whole $bundle
out=$(callgate fleet apply 2>&1)
has "it is applied" "$out" "bundle $version applied"
has "and says what it left out" "$out" "left out: a grant of nobody-here"
has "a call goes out with the secret that was sealed to this vault" "$(seen)" "Bearer secret-of-bundle-1"
has "status says what is in force" "$(callgate --json status | jq -r '.in_force.bundle | "\(.version) \(.sha256)"')" "$version $(sha256sum <$bundle | cut -d' ' -f1)"
check "so does the journal" lab_journal_has ".event==\"bundle.apply\" and .text==\"bundle $version applied\""
has "again: nothing changes" "$(callgate fleet apply 2>&1)" "in force already"

# What it does not leave to the workstation.
refused=$(journal '.event=="refused"')
words="bundle $version of lab is in force and leaves"
has "no server of its own" "$(callgate server add own --host own.lab.test 2>&1)" "$words servers"
has "no grant" "$(callgate grant add --user bob --server mcp --policy fleet --reason x 2>&1)" "$words grants"
has "no policy" "$(callgate policy apply own "$LAB/policy.json" 2>&1)" "$words policies"
has "no credential" "$(printf x | callgate vault set own 2>&1)" "$words credentials"
check "each is in the journal" journal_gets '.event=="refused"' $((refused + 4))

# What is no bundle for here.
cp $bundle first
fleet bundle-key --org lab --key /var/lib/collector/thief >/dev/null
secret secret-of-bundle-2
make_bundle >/dev/null
# As long as the one before and of the same second: rsync must look into it.
check "the next one is as long" test "$(stat -c %s $bundle)" = "$(stat -c %s first)"
touch -r /var/lib/callgate/fleet/come/bundle $bundle
has "the next one" "$(callgate fleet ship && callgate fleet apply)" "bundle $((version += 1)) applied"
has "has the next secret" "$(seen)" "Bearer secret-of-bundle-2"
cp $bundle second
refused=$(journal '.event=="refused" and .do=="bundle.apply"')
no() { # WHAT WORDS FILE
	has "$1 is refused" "$(callgate fleet apply "$3" 2>&1)" "$2"
	check "and is in the journal" journal_gets '.event=="refused" and .do=="bundle.apply"' $((refused += 1))
}
no "the one before" "bundle $version is in force: the older bundle $((version - 1)) is not taken" first
size=$(stat -c %s second)
for at in 30 $((size / 2)) $((size - 3)); do
	cp second altered
	printf '#' | dd of=altered bs=1 seek=$at conv=notrunc 2>/dev/null
	no "byte $at of $size altered" "changed" altered
done
head -c $((size - 50)) second >altered
no "one that breaks off" "it ends before its credentials do" altered
sed -i 's/lab\.test/lab.none/' $src/credentials.json
as_store mkdir -p $STORE/hosts/laptop.lab.test
as_store jq -c '.host="laptop.lab.test" | .keys={"audit":[],"journal":[]}' $STORE/hosts/desk.lab.test/enrol.json >enrol.json
cp enrol.json $STORE/hosts/laptop.lab.test/enrol.json && chown callgate-store $STORE/hosts/laptop.lab.test/enrol.json
make_bundle --out /var/lib/collector >/dev/null
no "another workstation's" "it was made for laptop.lab.test, and this is desk.lab.test" /var/lib/collector/laptop.lab.test.bundle
mv $STORE/hosts/desk.lab.test/enrol.json enrol.json
jq -c '.vault="0900000000000000000000000000000000000000000000000000000000000000"' enrol.json >other.json
cp other.json $STORE/hosts/desk.lab.test/enrol.json && chown callgate-store $STORE/hosts/desk.lab.test/enrol.json
make_bundle --out /var/lib/collector desk.lab.test >/dev/null
no "one for another vault" "sealed to the vault of another machine" /var/lib/collector/desk.lab.test.bundle
cp enrol.json $STORE/hosts/desk.lab.test/enrol.json && chown callgate-store $STORE/hosts/desk.lab.test/enrol.json
fleet bundle --store $STORE --key /var/lib/collector/thief --from $src --out /var/lib/collector desk.lab.test >/dev/null
no "another signer's" "not signed with the key of callgate-bundle/lab" /var/lib/collector/desk.lab.test.bundle
sed -i 's/lab\.none/lab.test/' $src/credentials.json
has "all the while the second one is in force" "$(in_force)" "$version"
has "with its secret" "$(seen)" "Bearer secret-of-bundle-2"

# kill -9 of callgate-admin, of the vault and of the writer of the journal while the next one is taken: the old or the new, and its own secret.
whole=0
for round in 1 2 3; do
	secret "secret-of-round-$round"
	make_bundle desk.lab.test >/dev/null
	cp $bundle next
	process=$(sed -n "$((round % 3 + 1))p" <<<$'callgate-admin\ncallgate-vault\ncallgate-audit')
	pid=$(callgate --json status | jq -r ".service.processes[] | select(.name==\"$process\") | .pid")
	callgate fleet apply next >/dev/null 2>&1 &
	apply=$!
	sleep "0.00$((round * 2 % 9))"
	kill -9 "$pid"
	wait $apply
	lab_wait 20 bash -c "\"$BUILD/callgate\" --json status | jq -e '.in_force.ready and ([.service.processes[] | .state] | all(. == \"ready\"))' >/dev/null"
	now=$(in_force) next=$(jq -r .version $STORE/bundle.json)
	if [ "$now" = "$next" ]; then want=secret-of-round-$round; else want=${last:-secret-of-bundle-2}; fi
	{ [ "$now" = "$next" ] || [ "$now" = "$version" ]; } && lab_wait 5 bash -c "$(declare -f seen call post rpc lab_as); $(declare -p LAB MCP PLACEHOLDER LAB_TOP BUILD 2>/dev/null); seen | grep -q 'Bearer $want'" && whole=$((whole + 1))
	callgate fleet apply next >/dev/null 2>&1
	version=$(in_force) last=secret-of-round-$round
done
check "killed three times: the old or the new, with its own secret" test $whole = 3
check "and the new one holds at the next try" test "$version" = "$(jq -r .version $STORE/bundle.json)"

# A new start does not forget, and the collector knows.
lab_daemon_stop
lab_daemon "$conf"
has "after a new start it is in force" "$(in_force)" "$version"
has "and the older ones are refused" "$(callgate fleet apply second 2>&1)" "is in force: the older bundle"
sleep 2.5
callgate fleet ship >/dev/null
fleet_ingest >/dev/null
has "fleet status says which bundle it reports" "$(fleet status --store $STORE --json | jq -r '.hosts[] | select(.host=="desk.lab.test") | "\(.bundle) \(.bundle_hash)"')" \
	"$version $(sha256sum <next | cut -d' ' -f1)"
check "no secret lies anywhere but in the source" bash -c "! grep -rqa 'secret-of-' /var/lib/callgate /var/log/callgate $STORE $LAB/callgated.log"
check "the journal verifies" "$BUILD/callgate" audit verify /var/lib/callgate/journal
kill "$FLEET_SSHD" && wait "$FLEET_SSHD" 2>/dev/null
lab_daemon_stop
lab_end
