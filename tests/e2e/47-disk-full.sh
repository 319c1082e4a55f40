#!/bin/bash
# The disk of the audit fills up, for real: it is said in stages; then calls are refused in words, their refusals recorded, grants still revoked;
# with room again everything goes on.
. "$(dirname -- "$0")/setup.sh"
log=/var/log/callgate
mkdir -p $log && mount -t tmpfs -o size=16m,mode=755 audit $log || { echo "# no tmpfs for the audit"; exit 77; }
gate_up '{"users":["alice","bob"],"audit":{"reserve_bytes":2097152,"space_left_bytes":10485760,"admin_space_left_bytes":6291456}}'
free() { df --output=avail -B1 $log | tail -1; }
eat() { # until so many bytes are left
	local n=$(($(free) - $1))
	[ $n -le 0 ] || head -c $n /dev/zero >>$log/hog 2>/dev/null
}
disk() { callgate --json audit stats | jq -r '.audit.audit.disk // .audit.disk'; }
is() { [ "$(disk)" = "$1" ]; }
answered() { [[ $(call alice echo '{"message":"back"}') == *back* ]]; }

has "a call is answered" "$(call alice echo '{"message":"first"}')" first
check "room was put aside" test -e $log/audit/open/reserve
eat 8000000
check "space_left is told" lab_wait 10 is space_left
eat 4000000
check "admin_space_left is told" lab_wait 10 is admin_space_left
has "and status says what to do" "$(callgate status)" "the disk fills up: make room"
has "calls still go" "$(call alice echo '{"message":"second"}')" second
eat 0
check "full is told" lab_wait 10 is full
seen=$(wc -l <"$LAB/mcp.log")
for i in $(seq 10); do
	head -c 100000 /dev/zero >>$log/hog 2>/dev/null # whoever fills the disk goes on doing so
	call alice echo '{"message":"refused-'"$i"'","'"$(head -c 2700 /dev/urandom | base64 -w 500 | sed 's/$/":1,"/' | tr -d '\n')"'":1}' >"$LAB/out"
done
has "a call is refused in words" "$(cat "$LAB/out")" "the disk of the audit trail is full"
has "with a rule of its own" "$(cat "$LAB/out")" "(audit disk full)"
check "nothing reached the server" test "$(wc -l <"$LAB/mcp.log")" = "$seen"
check "hardly a byte is free ($(free))" test "$(free)" -lt 200000
check "each refusal is recorded meanwhile" lab_wait 5 bash -c "$(declare -f lab_audit); test \"\$(lab_audit | jq -c 'select(.kind == \"call\" and .rule == \"(audit disk full)\")' | wc -l)\" = 10"
has "status says that it is full" "$(callgate status)" "the disk is full: calls are refused"
grant=$(callgate --json grant list | jq -r '.. | objects | select(.id? and .server?) | .id' | head -1)
check "a grant can be revoked" callgate grant revoke "$grant" --reason "while the disk is full"
callgate grant add --user alice --server mcp --policy lab --reason "again" >/dev/null
rm $log/hog
check "with room again calls are answered" lab_wait 10 answered
check "and it is told" is good
check "a new reserve is there" test -e $log/audit/open/reserve

settled
lab_daemon_stop
check "nothing that was refused reached the server" test "$(grep -c refused- "$LAB/mcp.log")" = 0
lab_audit >"$LAB/lines"
for k in disk audit_pause audit_resume io_error; do
	check "there is a line of kind $k" test "$(jq -r "select(.kind == \"$k\") | .kind" "$LAB/lines" | head -1)" = $k
done
check "the audit verifies" "$BUILD/callgate" audit verify $log/audit
lines_as_schema
lab_end
