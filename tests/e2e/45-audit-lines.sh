#!/bin/bash
# The lines of a run: each as the published schema says, whatever names hostile clients choose; shown harmlessly; exported as others' schemas say.
. "$(dirname -- "$0")/setup.sh"
kit=$(cat "$BUILD/testkit-path-schemas" 2>/dev/null) || { echo "# the pinned packages are not installed: make testkit"; exit 77; }
schema() { NODE_PATH=$kit node "$LAB_TOP/tests/testkit/schemas/check.cjs" "$1" "$LAB_TOP"; }
gate_up '{"users":["alice","bob"],"audit":{"arg_mac":true}}'
lab_server other good

# Ordinary ones: allowed, denied, unknown, limited, streamed, failed, no grant, refused, relayed, changes refused and made.
call alice echo '{"message":"hello","path":"/home/a","zeta":1,"alpha":2}' >/dev/null
call alice echo '{"path":"/etc/shadow"}' >/dev/null
call alice danger >/dev/null
for i in 1 2 3 4; do call alice pay '{"amount":1}' >/dev/null; done
call alice stream >/dev/null
call bob echo '{"message":"hi"}' >/dev/null
post alice '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' >/dev/null
post alice '{"jsonrpc":"2.0","id":2,"id":3,"method":"tools/call"}' >/dev/null
post alice '[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]' >/dev/null
trace=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
post alice '{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"echo","arguments":{"message":"t"},"_meta":{"traceparent":"'$trace'","tracestate":"v=1","baggage":"who=secret-of-alice"}}}' >/dev/null
lab_as alice curl -sS --max-time 10 https://other.lab.test/x >/dev/null 2>&1
lab_as alice callgate grant add --user alice --server mcp --policy lab >/dev/null 2>&1
callgate grant add --user bob --server mcp --policy lab --reason "text with \"quotes\" and = | \\" >/dev/null

fake=$(callgate vault placeholder mcp-key 2>/dev/null)
post alice "$(rpc "$fake" "{\"$fake\":\"$fake\"}")" -A "$fake" >/dev/null

# Hostile ones.
esc=$(printf '\033')
names=('x\n{\"kind\":\"call\",\"seq\":1,\"verdict\":\"allow\",\"tool\":\"forged\"}' 'a\",\"verdict\":\"allow' '\u001b[2J\u001b]0;owned\u0007' '\u009b31m\u202eoops' '\u0000nul' \
	'=HYPERLINK(1)' 'a|b=c cs1=forged\\' '\ud83d\ude00' '\u007f\b\b\b')
for n in "${names[@]}"; do
	post alice '{"jsonrpc":"2.0","id":"'"$n"'","method":"tools/call","params":{"name":"'"$n"'","arguments":{"'"$n"'":1}}}' >/dev/null
done
post alice "$(rpc echo '{}')" -A "agent ${esc}[31m" >/dev/null
post alice "$(rpc echo '{}')" -A "agent $(printf '\302\233')2J \"x\" = | \\" >/dev/null
for bytes in '\377\376' '\300\257' '\355\240\200' '\033[2J' '\n'; do
	# shellcheck disable=SC2059 # the bytes are the format
	printf '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x'"$bytes"'y","arguments":{}}}' >"$LAB/home/alice/body"
	lab_as alice curl -sS --max-time 20 -H "Authorization: Bearer $PLACEHOLDER" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
		--data-binary @"$LAB/home/alice/body" "$MCP" >/dev/null 2>&1
done
{ printf '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"'; head -c 1048576 /dev/zero | tr '\0' A; printf '","arguments":{}}}'; } >"$LAB/home/alice/body"
lab_as alice curl -sS --max-time 20 -H "Authorization: Bearer $PLACEHOLDER" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
	--data-binary @"$LAB/home/alice/body" "$MCP" >"$LAB/long.out" 2>&1
check "a tool name of 1 MiB is answered" test -s "$LAB/long.out"
settled

# An open call that gets no result: the worker is killed under it.
(call alice stream '{"ms":20000}' >/dev/null 2>&1 &)
sleep 0.3
kill -KILL "$(callgate --json status | jq -r '.. | objects | select(.name? == "callgate-proxy") | .pid')"
sleep 1
lab_daemon_stop
check "it verifies" "$BUILD/callgate" audit verify /var/log/callgate/audit
lab_audit >"$LAB/lines" && lab_journal >"$LAB/journal"
check "no line holds a control character" bash -c '! LC_ALL=C grep -qP "[\x00-\x1f\x7f]" "$1"' - "$LAB/lines"
check "no line says that it was another" test "$(jq -r 'select(.tool == "forged") | .tool' "$LAB/lines" | wc -l)" = 0
check "the hostile calls are recorded, with the names as they were" test "$(jq -r 'select(.kind == "call") | .tool // empty | select(startswith("x\n{") or contains("\u001b[2J\u001b]0"))' "$LAB/lines" | wc -l)" -ge 3
check "argument keys are sorted" test "$(jq -c 'select(.arg_keys and (.arg_keys | length) == 4) | .arg_keys' "$LAB/lines" | head -1)" = '["alpha","message","path","zeta"]'
digest=$(printf '"/home/a"' | callgate audit mac)
check "the digest of a value stands where its name does" test "$(jq -r 'select(.arg_keys == ["alpha","message","path","zeta"]) | .arg_macs[0] + " " + .arg_macs[3]' "$LAB/lines" | head -1)" = "$digest"
check "its key is root's alone" test "$(stat -c '%a %u' /var/lib/callgate/arg.key)" = "400 0"
hasnt "and no value is recorded" "$(cat "$LAB/lines")" /home/a
check "the trace context is kept" test "$(jq -r "select(.traceparent == \"$trace\" and .tracestate == \"v=1\") | .tool" "$LAB/lines")" = echo
hasnt "what the context carries for others is not" "$(cat "$LAB/lines")" secret-of-alice
hasnt "a placeholder stands in no line, wherever it was said" "$(cat "$LAB/lines" "$LAB/journal")" "${fake:6:20}"
for k in call result connection refused alert release epoch seal; do
	check "there is a line of kind $k" test "$(jq -r "select(.kind == \"$k\") | .kind" "$LAB/lines" | head -1)" = $k
done
schema records <"$LAB/lines" >"$LAB/out" || cat "$LAB/out"
check "every line of the audit is as the schema says: $(tail -1 "$LAB/out")" grep -q ' 0 wrong' "$LAB/out"
schema records <"$LAB/journal" >"$LAB/out" || cat "$LAB/out"
check "and of the journal: $(tail -1 "$LAB/out")" grep -q ' 0 wrong' "$LAB/out"
{ jq -c '.surplus=1' "$LAB/lines"; } | head -400 | grep '"kind":"call"' | schema records >"$LAB/out"
check "the schema refuses a field that there is not" test "$(tail -1 "$LAB/out" | awk '{ print ($1 == $3 && $1 > 0) }')" = 1

n=$(wc -l <"$LAB/lines")
for f in jsonl csv ocsf ecs cef otel; do
	callgate audit export --format $f >"$LAB/export.$f"
	check "$f: a line for each" test "$(wc -l <"$LAB/export.$f")" = $((n + ($(test $f = csv && echo 1 || echo 0))))
	check "$f: no control character" bash -c '! LC_ALL=C grep -qP "[\x00-\x1f\x7f]" "$1"' - "$LAB/export.$f"
done
check "jsonl is the lines themselves" bash -c 'cmp <(jq -cS . "$1") <(jq -cS . "$2")' - "$LAB/lines" "$LAB/export.jsonl"
for f in ocsf ecs otel; do
	schema $f <"$LAB/export.$f" >"$LAB/out" || cat "$LAB/out"
	check "$f as its schema says: $(tail -1 "$LAB/out")" grep -q ' 0 wrong' "$LAB/out"
done
callgate audit tail -n 1000 >"$LAB/tail"
check "tail shows every line" test "$(wc -l <"$LAB/tail")" = "$n"
script -qec "$BUILD/callgate audit tail -n 1000" /dev/null </dev/null >"$LAB/tty" 2>&1
check "on a terminal there are titles, colours, and no escape that is not ours" bash -c 'grep -q "outcome" "$1" && grep -q "$(printf "\033\\[32m")" "$1" && ! sed "s/\x1b\[[0-9;]*m//g" "$1" | LC_ALL=C grep -qP "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae"' - "$LAB/tty"
script -qec "$BUILD/callgate audit cat" /dev/null </dev/null >"$LAB/tty" 2>&1
check "cat on a terminal too" bash -c 'grep -q forged "$1" && ! LC_ALL=C grep -qP "\x1b|\x7f|\xc2[\x80-\x9f]|\xe2\x80\xae" "$1"' - "$LAB/tty"
check "query finds what jq finds" test "$(callgate audit query --count kind=call verdict=deny)" = "$(jq -c 'select(.kind == "call" and .verdict == "deny")' "$LAB/lines" | wc -l)"
check "of a user, since a while" test "$(callgate audit query --since 1h --user bob --count)" = "$(jq -c 'select(.uid == 12002)' "$LAB/lines" | wc -l)"
check "and before it nothing" test "$(callgate audit query --until 2020-01-01 --count)" = 0
check "counts add up" test "$(callgate --json audit query --by kind | jq add)" = "$n"
lab_end
