#!/bin/bash
# Two workstations with real daemons, a collector with sshd and rsync: what is sealed arrives, is verified, stored and logged, and receipts come back.
. "$(dirname -- "$0")/setup.sh"
. "$LAB_TOP/tests/lab/fleet.sh"
. "$LAB_TOP/tests/lab/hosts.sh"
fleet_up
conf='{"users":["alice"],"audit":{"segment_seconds":2}}'
gate_up "$conf"

host_up laptop && host_start laptop '{"users":["bob"],"audit":{"segment_seconds":2}}' || exit 1
two=$LAB/m/host-laptop

has "a call on the first one" "$(call alice echo '{"message":"shipped"}')" shipped
cd "$LAB" || exit 1
collector=$STORE/collector.json
check "the first one enrols" callgate fleet enroll --collector $collector
check "the second one enrols" at laptop callgate fleet enroll --collector $collector --out "$LAB/laptop.lab.test.enrol"
check "nobody but the collector reads an enrolment" bash -c "! grep -q key desk.lab.test.enrol"
has "an enrolment under another's name is refused" "$(cp desk.lab.test.enrol x.enrol; fleet_accept x.enrol 2>&1)" "it is the enrolment of desk.lab.test"
check "the collector accepts both" fleet_accept desk.lab.test.enrol laptop.lab.test.enrol
has "not twice" "$(fleet accept --store $STORE --inbox $INBOX /var/lib/collector/desk.lab.test.enrol 2>&1)" "is enrolled since"
sleep 2.5
check "the first one ships" callgate fleet ship
check "the second one ships" at laptop callgate fleet ship
out=$(fleet_ingest --json)
has "nothing is refused" "$(jq -c '[.total.quarantined, .hosts[].error]' <<<"$out")" '[0,null,null]'
check "segments of both trails of both are stored" test "$(cd $STORE && find audit journal -name '*.gz' | cut -d/ -f1,2 | sort -u | wc -l)" = 4
stored=$(find $STORE/audit $STORE/journal -name '*.gz' | wc -l)
check "each has a leaf and a receipt" test "$stored" = "$(jq .log_size <<<"$out")" -a "$stored" = "$(find $STORE/receipts -name '*.receipt' | wc -l)"
check "they are byte for byte what is on the workstation" bash -c 'cd '$STORE'/audit/host=desk.lab.test && for f in */*.gz; do cmp $f /var/log/callgate/audit/sealed/${f#*/} || exit 1; done'
check "the inbox is empty but for what came since" test -z "$(find $INBOX -name '*.gz')"
has "the call is in it" "$(zcat $STORE/audit/host=desk.lab.test/*/*.gz | jq -r 'select(.kind=="call") | .tool')" echo
hash=$(sha256sum <"$LAB/policy.json" | cut -d' ' -f1)
check "the document of the policy came" cmp "$STORE/policies/$hash.json" "$LAB/policy.json"

callgate fleet ship --json >"$LAB/ship.json"
check "receipts come back" test "$(jq .receipts "$LAB/ship.json")" -ge 2
receipt=$(find /var/log/callgate/audit/receipts -name '*.receipt' | head -1)
check "a receipt is the collector's, byte for byte" cmp "$receipt" "$STORE/receipts/host=desk.lab.test/audit/${receipt##*/}"
check "the first seal key has left the workstation" test -z "$(ls /var/log/callgate/audit/keys/*.json 2>/dev/null)"
at laptop callgate fleet ship >/dev/null
check "the second one has its own receipts, and no other's" bash -c "cd $two/log/audit/receipts && ls | grep -q laptop && ! ls | grep -q desk"

# The collector is away, and comes back.
kill "$FLEET_SSHD" && wait "$FLEET_SSHD" 2>/dev/null
has "the collector is away: nothing is lost" "$(callgate fleet ship 2>&1)" "nothing is lost"
has "the next try is later" "$(callgate fleet ship)" "the next one is in"
call alice echo '{"message":"meanwhile"}' >/dev/null
sleep 2.5
fleet_sshd
callgate fleet ship --now >/dev/null
has "what came meanwhile arrives" "$(fleet_ingest; zcat $STORE/audit/host=desk.lab.test/*/*.gz | jq -r 'select(.kind=="call") | .tool' | grep -c echo)" 2
callgate fleet ship >/dev/null
has "what has its receipt is not sent again" "$(fleet_ingest)" ", 0 duplicates,"

# New ssh keys for a machine whose seal keys are at the collector already.
rm -f /var/lib/callgate/fleet/push* /var/lib/callgate/fleet/fetch*
check "it enrols again, with nothing but ssh keys" callgate fleet enroll --collector $collector
check "which the collector takes when it is told to" fleet_accept --again desk.lab.test.enrol
check "and it ships with them" callgate fleet ship --now
has "its seal keys stayed" "$(fleet_ingest)" " 0 quarantined, 0 waiting"

# A laptop is stolen: its keys open nothing any more, what it sealed stays readable.
check "revoke" bash -c "$(declare -f fleet fleet_as_store); BUILD=$BUILD; fleet revoke --store $STORE laptop.lab.test && ! fleet revoke --store $STORE nobody"
fleet keys --store $STORE --inbox $INBOX >/etc/ssh/lab/keys
has "its keys are refused" "$(at laptop callgate fleet ship --now 2>&1)" "ermission denied"

# A directory instead of ssh.
sleep 2
check "into a directory" at laptop callgate fleet ship --to "$LAB/drop"
check "the same tree lies there" bash -c "ls $LAB/drop/laptop.lab.test/audit/sealed/ | grep -q gz && ls $LAB/drop/laptop.lab.test/audit/checkpoints | grep -q note"
rsync -rt --ignore-existing --chmod=a+r "$LAB/drop/laptop.lab.test/" $INBOX/laptop.lab.test/
has "what was fetched from there gets in" "$(fleet_ingest)" " 0 quarantined, 0 waiting"
rsync -r "$STORE/receipts/host=laptop.lab.test/" "$LAB/receipts/"
before=$(ls "$two/log/audit/receipts" | wc -l)
at laptop callgate fleet ship --to "$LAB/drop" --receipts "$LAB/receipts" >/dev/null
check "and its receipts come back through a directory" test "$(ls "$two/log/audit/receipts" | wc -l)" -gt "$before"

# Another machine's host key.
ssh-keygen -q -t ed25519 -N '' -f "$LAB/other_key" </dev/null
cp "$LAB/other_key" /etc/ssh/lab/host_key && cp "$LAB/other_key.pub" /etc/ssh/lab/host_key.pub
kill "$FLEET_SSHD" && wait "$FLEET_SSHD" 2>/dev/null
fleet_sshd
has "another machine in the collector's place gets nothing" "$(callgate fleet ship --now 2>&1)" "erification failed"
host_end laptop TERM
kill "$FLEET_SSHD" && wait "$FLEET_SSHD" 2>/dev/null
lab_daemon_stop
[ $lab_fails = 0 ] || tail -20 "$LAB/sshd.log" | sed 's/^/#   /'
lab_end
