#!/bin/bash
# The disk of the audit fills up, and there is a second directory on another one: calls go on, their records go there, and back when there is room; a writer that
# is killed meanwhile finds them, and does not start without them.
. "$(dirname -- "$0")/setup.sh"
log=/var/log/callgate second=/var/spool/callgate-second
mkdir -p $log $second
mount -t tmpfs -o size=16m,mode=755 audit $log && mount -t tmpfs -o size=32m,mode=755 second $second || { echo "# no tmpfs for the audit"; exit 77; }
gate_up '{"users":["alice","bob"],"audit":{"second":"'$second'","segment_bytes":20000,"reserve_bytes":2097152,"space_left_bytes":4194304,"admin_space_left_bytes":3145728}}'
field() { callgate --json audit stats | jq -r "(.audit.audit // .audit) | .$1"; }
is() { [ "$(field "$1")" = "$2" ]; }
writer() { callgate --json status | jq -r '.. | objects | select(.name? == "callgate-audit") | .pid'; }
new_writer() { local p; p=$(writer) && [ -n "$p" ] && [ "$p" != "$1" ] && is directory second; }
answered() { [[ $(call alice echo '{"message":"back"}') == *back* ]]; }

has "a call is answered" "$(call alice echo '{"message":"first"}')" first
check "records go to the first directory" is directory first
head -c 32m /dev/zero >>$log/hog 2>/dev/null
check "on a full disk they go to the second" lab_wait 10 is directory second
for i in $(seq 40); do
	head -c 100000 /dev/zero >>$log/hog 2>/dev/null # whoever fills the disk goes on doing so
	call alice echo '{"message":"more-'"$i"'"}' >"$LAB/out"
	grep -q "more-$i" "$LAB/out" || break
done
check "every call is answered meanwhile" test "$i" = 40
has "status says where records go, and why" "$(callgate status)" "records go to the second directory (No space left on device)"
check "files lie there" test -n "$(ls $second/audit/open $second/audit/sealed)"
check "the audit shows them" test "$(callgate audit query kind=call --json | grep -c more-)" != "" -a "$(callgate audit cat | jq -c 'select(.kind == "result")' | wc -l)" -ge 41
check "and verifies, with both" callgate audit verify
check "and the first alone, as far as it goes" "$BUILD/callgate" audit verify "$(mkdir "$LAB/alone" && cp -a $log/audit/. "$LAB/alone" && rm "$LAB/alone/second" && echo "$LAB/alone")"

old=$(writer)
kill -KILL "$old"
check "a writer that was killed goes on there" lab_wait 10 new_writer "$old"
check "and calls are answered" lab_wait 10 answered
before=$(callgate audit cat | wc -l)
lab_daemon_stop
mv $second/audit $second/away
callgated_fails() { timeout 30 "$BUILD/callgated" --cgroup "$LAB_CGROUP" --uids "$LAB_UIDS" --share "$LAB_TOP/policy" >"$LAB/fails" 2>&1; grep -q "may lie in the second directory" "$LAB/fails" || { cat "$LAB/fails"; return 1; }; }
rm $log/hog
check "without that directory no writer starts" callgated_fails
rm -rf $second/audit
mv $second/away $second/audit
lab_daemon "$(cat /etc/callgate/callgate.json)" || exit 1
check "with it everything goes back" lab_wait 40 is directory first
check "and calls are answered as before" lab_wait 10 answered
check "nothing is left there" test -z "$(ls $second/audit/open/*.gz $second/audit/sealed/* 2>/dev/null)"
settled
lab_daemon_stop
lab_audit >"$LAB/lines"
check "nothing was lost" test "$(wc -l <"$LAB/lines")" -gt "$before"
check "each call that was answered has its record" test "$(jq -c 'select(.kind == "call" and .tool == "echo" and .verdict == "allow")' <"$LAB/lines" | wc -l)" -ge 42
for event in second first; do
	check "there is a line for it: $event" test "$(jq -r "select(.kind == \"disk\" and .event == \"$event\") | .event" "$LAB/lines" | head -1)" = $event
done
check "nothing was refused for want of room" test "$(grep -c '"kind":"audit_pause"' "$LAB/lines")" = 0
check "the audit verifies" "$BUILD/callgate" audit verify $log/audit
lines_as_schema
lab_end
