#!/bin/bash
# Bad settings and a bad ground: one line that says what to do, status not 0, and a running service keeps what it has.
. "$(dirname -- "$0")/setup.sh"
mkdir -p /etc/callgate
# shellcheck disable=SC2086 # words of a command
daemon() { timeout 20 ${WITHOUT:-} "$BUILD/callgated" --cgroup "$LAB_CGROUP" --uids $LAB_UIDS --share "$LAB_TOP/policy" "$@" 2>&1; }
refuses() { # DESCRIPTION TEXT ... : callgated must fail with this text
	local what=$1 text=$2 out status
	shift 2
	out=$(daemon "$@")
	status=$?
	check "$what: status not 0" test $status -ne 0 -a $status -ne 124
	has "$what: says so" "$out" "$text"
}
conf() { printf '%s' "$1" >/etc/callgate/callgate.json; }
while IFS='|' read -r json text; do
	conf "$json"
	refuses "configuration $json" "$text"
done <<'EOF'
{"users":["alice"],|callgate.json:1:
{"users":["alice"],"colour":1}|/colour: unknown field
{"users":["nobody-here"]}|no such user
{"users":["root"]}|root cannot be governed
{"workers":0}|/workers: must be a whole number
{"held_bytes":1000}|/held_bytes: must be a whole number from 8388608 to
{"connections":10}|/connections: must be a whole number from 64 to 131072
{"redirect":{"ports":[70000]}}|/redirect/ports: must be a whole number
{"audit":{"strict":"maybe"}}|/audit/strict: must be one of
{"users":["alice"],"users":["bob"]}|given twice
EOF
printf '{\n "users": ["alice"],\n "mode": "off"\n}' >/etc/callgate/callgate.json
refuses "a fault on line 3" "callgate.json:3:10: /mode"
rm /etc/callgate/callgate.json
refuses "no configuration" "write it"
conf '{"users":["alice"],"port_base":945}'
chmod 666 /etc/callgate/callgate.json
refuses "a configuration that others may write" "writable by root alone"
chmod 644 /etc/callgate/callgate.json
"$BUILD/aids/relay_peer" 127.0.0.1 945 /etc/hostname >/dev/null 2>&1 &
sleep 0.3
refuses "a port that is taken" "choose another port_base"
kill $!
refuses "no cgroup v2 here" "cgroup" --cgroup /nonexistent
refuses "no root certificates" "--trust" --trust /nonexistent.pem
mkdir -p "$LAB/m/full" && mount -t tmpfs -o size=16k tmpfs "$LAB/m/full"
refuses "a full disk" "make room" --log "$LAB/m/full"
umount "$LAB/m/full"
WITHOUT="$BUILD/aids/without io_uring_setup" refuses "io_uring switched off" "io_uring"
WITHOUT="$BUILD/aids/without bpf" refuses "no BPF permission" "BPF"

lab_daemon '{"users":["alice"]}' || exit 1
conf '{"users":["bob"], "nonsense":1}'
kill -HUP "$LAB_DAEMON"
sleep 0.5
has "a bad reload is refused with file, line and field" "$(cat "$LAB/callgated.log")" "callgate.json:1:30: /nonsense: unknown field"
check "and the old users stay in force" bash -c "'$BUILD/callgate' --json status | jq -e '.. | objects | select(.governed_uids?) | .governed_uids == [12001]'"
conf '{"users":["alice","bob"]}'
kill -HUP "$LAB_DAEMON"
check "a good one is taken" lab_wait 3 bash -c "'$BUILD/callgate' --json status | jq -e '.. | objects | select(.governed_uids?) | .governed_uids == [12001,12002]'"

# The key of the vault, in systemd's keeping.
ca=$(callgate --json ca show | jq -r .sha256)
lab_daemon_stop
mkdir "$LAB/m/credentials" && mv /var/lib/callgate/vault.key "$LAB/m/credentials/callgate-vault-key"
refuses "a vault without its key" "the key of the vault is gone"
check "which is not replaced by another" test ! -e /var/lib/callgate/vault.key
export CREDENTIALS_DIRECTORY=$LAB/m/credentials
lab_daemon '{"users":["alice"]}' || exit 1
check "as systemd's credential it opens what it closed" test "$(callgate --json ca show | jq -r .sha256)" = "$ca"
lab_end
