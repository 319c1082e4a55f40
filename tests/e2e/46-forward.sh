#!/bin/bash
# Copies of audit lines to syslog, over a local socket and UDP, and to journald: every line, or a count, while the receivers read, no call the slower or the fewer when they do not.
. "$(dirname -- "$0")/setup.sh"
fw=$LAB/m/fw && mkdir -p "$fw" && chmod 777 "$fw"
receive() { # NAME KIND ADDRESS
	"$BUILD/aids/datagrams" "$2" "$3" >"$LAB/$1.got" 2>"$LAB/$1.err" &
	eval "$1=$!"
	lab_wait 5 grep -q ready "$LAB/$1.err" || { cat "$LAB/$1.err"; exit 1; }
}
receive log unix "$fw/log"
receive journal unix "$fw/journal"
receive udp udp 5514
gate_up '{"users":["alice","bob"],"audit":{"forward":["syslog:'"$fw"'/log","journald:'"$fw"'/journal","syslog-udp:127.0.0.1:5514"]}}'
call alice echo '{"message":"hello"}' >/dev/null
call alice echo '{"path":"/etc/shadow"}' >/dev/null
call alice 'x\n<0>Jan  1 00:00:00 forged' '{}' >/dev/null
settled
state() { callgate --json audit stats | jq ".audit.forward.$1"; }
taken() { cat "$LAB/log.got" "$LAB/journal.got" "$LAB/udp.got" | wc -l; }
took() { [ "$(state sent)" = "$(taken)" ] && [ "$(($(state sent) + $(state lost_on_the_way)))" = "$((3 * $(state handed)))" ]; }
check "the receivers got what was sent" lab_wait 20 took
check "three copies of each line, or a count" test "$(($(taken) + $(state lost_on_the_way)))" = "$((3 * $(state handed)))"
check "nothing was lost before: $(callgate --json audit stats | jq -c .audit.forward)" test "$(state lost)" = 0
for r in log udp; do
	# epoch lines of the two trails have the same numbers: they are told apart by kind
	sed 's/^[^{]*//' "$LAB/$r.got" | jq -r 'select(.kind != "journal" and (has("epoch") | not)) | .seq' | sort -n >"$LAB/$r.seqs"
	check "$r: no line twice" test -z "$(uniq -d "$LAB/$r.seqs")"
	check "$r: the calls" test "$(sed 's/^[^{]*//' "$LAB/$r.got" | jq -r 'select(.kind == "call" and .verdict == "allow") | .seq' | wc -l)" -ge 1
	check "$r: a denial is a notice" grep -q '^<85>.*"verdict":"deny"' "$LAB/$r.got"
	check "$r: nothing else begins a message" bash -c '! grep -vqE "^<8[456]>(1 [^ ]+ [^ ]+ )?callgate-audit" "$1"' - "$LAB/$r.got"
done
check "the journal's changes go along" grep -q '"event":"grant.add"' "$LAB/log.got"
check "journald gets fields" grep -q 'SYSLOG_IDENTIFIER=callgate-audit.*CALLGATE_KIND=call.*CALLGATE_VERDICT=deny.*MESSAGE={"kind":"call"' "$LAB/journal.got"
hasnt "no key in the copies" "$(cat "$LAB/log.got" "$LAB/journal.got" "$LAB/udp.got")" "$REAL_KEY"
# The receivers stop reading: the calls go on, each with its record; what is lost is counted.
kill -STOP "$log" "$journal" "$udp"
addr=$(awk '$2 == "mcp.lab.test" { print $1 }' /etc/hosts)
before=$(lab_records '.kind=="call" and .verdict=="allow"' | wc -l)
"$BUILD/aids/loadgen" --name mcp.lab.test --ca /etc/ssl/certs/ca-certificates.crt --clients 8 --rounds 2 --block 400 --target "gate,$addr,443,12001,0" >"$LAB/load" 2>&1
check "no call failed" test "$(jq -s '[.[].failed] | add' "$LAB/load")" = 0
settled
calls=$(($(lab_records '.kind=="call" and .verdict=="allow"' | wc -l) - before))
check "each has its record: $calls" test "$calls" -ge 800
counted() { [ "$(state lost_on_the_way)" -gt 0 ]; }
check "what the receivers did not take is counted: $(callgate --json audit stats | jq -c .audit.forward)" lab_wait 20 counted
kill -CONT "$log" "$journal" "$udp"
call alice echo '{"message":"after-the-pause"}' >/dev/null
settled
check "they get the lines that come then" lab_wait 5 bash -c 'tail -5 "$1" | grep -q \"arg_keys\":\\[\"message\"\\]' - "$LAB/log.got"

# callgate-fetch is killed, and a receiver is gone for good: copies are lost, calls are not.
kill -KILL "$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-fetch") | .pid')"
kill -KILL "$udp"
out=$(call alice echo '{"message":"still"}')
has "a call without callgate-fetch" "$out" still
sleep 1.5
call alice echo '{"message":"again"}' >/dev/null
settled
check "the new one forwards" lab_wait 5 bash -c 'tail -3 "$1" | grep -q \"kind\":\"result\"' - "$LAB/log.got"
kill "$log" "$journal"
lab_daemon_stop
check "the audit is whole" "$BUILD/callgate" audit verify /var/log/callgate/audit
lab_end
