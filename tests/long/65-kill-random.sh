#!/bin/bash
# kill -9 of a random process of the service, callgated among them, at random moments under load: KILLS of them (50), SEED.
# A callgated that ends, since a child was killed while it started, is started again as a service manager does.
# Nothing that a client was answered is missing from the audit, nothing the server saw lacks its intent, every call is closed once.
. "$(dirname -- "$0")/../e2e/setup.sh"
KILLS=${KILLS:-50} SEED=${SEED:-1}
RANDOM=$SEED
conf='{"users":["alice","bob"],"audit":{"segment_seconds":5}}'
gate_up "$conf"

# A client that gives each call an id of its own and keeps those that were answered.
cat >"$LAB/load.sh" <<'CLIENT'
n=0
while [ ! -e "$LAB/stop" ]; do
	n=$((n + 1)) id=$1$n
	body='{"jsonrpc":"2.0","id":"'$id'","method":"tools/call","params":{"name":"echo","arguments":{"message":"answered"}}}'
	out=$(curl -sS --max-time 5 -H "Authorization: Bearer direct-key" -H "Content-Type: application/json" -H "Accept: application/json, text/event-stream" -d "$body" "$2" 2>/dev/null)
	case $out in *isError*true*) sleep 0.05 ;; *answered*) echo "$id" >>"$LAB/home/alice/answered" ;; *) sleep 0.05 ;; esac
done
CLIENT
touch "$LAB/home/alice/answered" && chown alice "$LAB/home/alice/answered"
loads=
for c in a b c d; do
	lab_as alice bash "$LAB/load.sh" $c "$MCP" &
	loads="$loads $!"
done
pids() { # of the service: callgated and its children
	echo "$LAB_DAEMON"
	cat "/proc/$LAB_DAEMON/task/$LAB_DAEMON/children" 2>/dev/null | tr ' ' '\n' | grep .
}
answers() { wc -l <"$LAB/home/alice/answered"; }
more() { [ "$(answers)" -gt "$before" ]; }
killed=0 whole=0 ended=0
why() { # what there is to see when nothing is answered
	callgate status | grep -v "^ *HOOK\|yes  *-$"
	call alice echo '{"message":"x"}' -v | tail -30
	lab_audit | jq -c 'select(.kind != "call" and .kind != "result" and .kind != "seal")' | tail -12
	tail -3 "$LAB/mcp.log"
}
alive() { [ -n "$LAB_DAEMON" ] && ! grep -q '^State:.*Z' "/proc/$LAB_DAEMON/status" 2>/dev/null && [ -e "/proc/$LAB_DAEMON" ]; }
ready_or_gone() { ! alive || callgate status; }
again() { # the service, after its callgated has gone
	wait "$LAB_DAEMON" 2>/dev/null
	"$BUILD/callgated" --cgroup "$LAB_CGROUP" --uids $LAB_UIDS --share "$LAB_TOP/policy" >>"$LAB/callgated.log" 2>&1 &
	LAB_DAEMON=$!
	lab_wait 40 ready_or_gone
}
upheld() { # it runs; what a service manager does otherwise
	for _ in 1 2 3 4 5; do
		alive && return 0
		ended=$((ended + 1))
		again || return 1
	done
	alive
}
answering() { # within so many seconds
	local until=$((SECONDS + $1))
	while [ $SECONDS -lt $until ]; do
		upheld || return 1
		more && return 0
		sleep 0.05
	done
	return 1
}
killed=0 whole=0 ended=0
while [ $killed -lt "$KILLS" ]; do
	sleep "0.$((RANDOM % 2))$((RANDOM % 10))"
	upheld || { not_ok "the service starts again after kill $killed"; break; }
	mapfile -t all < <(pids)
	victim=${all[$((RANDOM % ${#all[@]}))]}
	[ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null || continue
	killed=$((killed + 1))
	if [ "$victim" = "$LAB_DAEMON" ]; then
		whole=$((whole + 1))
		again || { not_ok "the service starts again after kill $killed"; break; }
	fi
	if [ $((killed % 10)) = 0 ]; then
		before=$(answers)
		answering 60 || { not_ok "calls are answered again after kill $killed"; why | sed 's/^/#   /'; break; }
		echo "# $killed kills, $whole of them of callgated, $ended times it ended itself while it started; $(answers) answers, $SECONDS s"
	fi
done
touch "$LAB/stop"
# shellcheck disable=SC2086 # a list of pids
wait $loads
sleep 1
lab_daemon_stop
check "$killed processes were killed, the whole service $whole times; $ended times it ended itself while it started" test $killed = "$KILLS"
lab_audit >"$LAB/lines"
check "the lines are numbered without a gap" jq -ne 'reduce inputs as $l (0; if $l.seq == . + 1 then . + 1 else error("after \(.) comes \($l.seq)") end)' "$LAB/lines"
jq -r 'select(.kind == "result" and .status == "ok") | .id' "$LAB/lines" | sort >"$LAB/done"
jq -r 'select(.kind == "call" and .verdict == "allow") | .id + " " + .rpc_id' "$LAB/lines" | tr -d '"' | sort >"$LAB/calls"
join "$LAB/done" "$LAB/calls" | cut -d' ' -f2 | sort -u >"$LAB/recorded"
check "each of $(answers) answers has its record" test -z "$(sort -u "$LAB/home/alice/answered" | comm -23 - "$LAB/recorded" | head -5)"
seen=$(jq -r 'select(.tool == "echo")' "$LAB/mcp.log" | jq -s length)
check "nothing reached the server without its intent ($seen seen, $(wc -l <"$LAB/calls") recorded)" test "$seen" -le "$(wc -l <"$LAB/calls")"
jq -r 'select(.kind == "result" or .kind == "abandoned") | .id' "$LAB/lines" | sort >"$LAB/closed"
check "every call is closed" test -z "$(cut -d' ' -f1 "$LAB/calls" | comm -23 - "$LAB/closed" | head -5)"
check "and once" test -z "$(uniq -d "$LAB/closed" | head -5)"
check "the audit verifies" "$BUILD/callgate" audit verify /var/log/callgate/audit
check "the journal verifies" "$BUILD/callgate" audit verify /var/lib/callgate/journal
bad=0
for f in /var/log/callgate/audit/sealed/*.gz /var/lib/callgate/journal/sealed/*.gz; do gzip -t "$f" 2>/dev/null || bad=$((bad + 1)); done
check "gzip -t is content with each of $(ls /var/log/callgate/audit/sealed | wc -l) sealed files" test $bad = 0
hasnt "nothing reached the server with the client's own key" "$(cat "$LAB/mcp.log")" direct-key
lab_end
