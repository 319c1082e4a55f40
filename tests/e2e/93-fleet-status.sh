#!/bin/bash
# callgate fleet status: a store with one fault a host; each is named, with its time and its lines, and nothing else.
. "$(dirname -- "$0")/../lab/plain.sh"
cat >"$work/plan.json" <<'E2'
{"org": "lab", "seed": 5, "hosts": 8, "days": 2, "start": "2026-11-02", "calls": 60, "plants": [
	{"what": "power", "host": 2, "day": 1, "at": "10:20", "minutes": 90},
	{"what": "tamper", "host": 3, "day": 1, "segment": 3},
	{"what": "daemon", "host": 4, "day": 1, "at": "14:00", "minutes": 60},
	{"what": "lost", "host": 5, "day": 1, "segment": 4},
	{"what": "clock", "host": 6, "day": 1, "at": "13:00", "minutes": 47, "hours": 2},
	{"what": "replay", "host": 7, "day": 1, "of": 1},
	{"what": "uncollected", "host": 8, "day": 2}]}
E2
"$BUILD/fleet/fleetgen" --plan "$work/plan.json" --out "$work/f" || exit 1
status() { "$BUILD/callgate" fleet status --store "$work/f/store" --from 2026-11-02 --to 2026-11-03T22:00:00Z --silent 20 "$@"; }
status --json >"$work/s.json"
check "with something to look into it exits 1" test $? = 1
same "each fault is named, and nothing else" "ws-002 power
ws-003 tampered
ws-004 daemon
ws-005 lost
ws-006 clock
ws-007 other-host
ws-008 not-collected" "$(jq -r '.findings[] | .host + " " + .cause' "$work/s.json" | sort)"
of() { jq -r --arg h "$1" ".findings[] | select(.host == \$h) | $2" "$work/s.json"; }
check "the power cut: from the last seal before to the next start" test "$(of ws-002 '.from >= "2026-11-02T10:18:59Z" and .from <= "2026-11-02T10:20:00Z" and .to == "2026-11-02T11:50:00Z"')" = true
same "the daemon: an hour" "2026-11-02T14:00:00Z 2026-11-02T15:00:00Z 3600" "$(of ws-004 '"\(.from) \(.to) \(.seconds)"')"
same "the clock: 47 minutes" "47" "$(of ws-006 '.words | capture("(?<s>[0-9]+) s").s | tonumber / 60 | tostring')"
for h in ws-003 ws-005; do
	same "$h: the lines that are missing are those of the file" "$(jq -r --arg h $h '.hosts[] | select(.host == $h) | .faults[0] | "\(.first)-\(.last)"' "$work/f/facts.json")" "$(of $h '"\(.first)-\(.last)"')"
done
same "the changed file and the foreign one are named" "$(jq -r '.hosts[] | .faults[] | select(.what == "tamper" or .what == "replay") | .file' "$work/f/facts.json")" "$(of ws-003 .file; of ws-007 .file)"
same "hosts without a fault are covered whole" "1" "$(jq -r '.hosts[] | select(.host == "ws-001") | .coverage' "$work/s.json")"
same "the daemon's hour is not covered, the power cut is no daemon's" "true 1" "$(jq -r '.hosts[] | select(.host == "ws-004") | .uncovered_s == 3600' "$work/s.json") $(jq -r '.hosts[] | select(.host == "ws-002") | .coverage' "$work/s.json")"
same "calls and denials are those of the lines" "$(find "$work/f/store/audit" -name '*.gz' -print0 | xargs -0 zcat | jq -r 'select(.kind == "call") | .verdict' | sort | uniq -c | awk '{ n += $1; d += $2 == "deny" ? $1 : 0 } END { print n, d }')" \
	"$(jq -r '.totals | "\(.calls) \(.denied)"' "$work/s.json")"
same "what is in force is in the newest seal" "$(find "$work/f/store/audit/host=ws-001" -name '*.gz' | sort | tail -1 | xargs zcat | jq -r 'select(.kind == "seal") | .policy_hash + .binary_hash' | tail -1)" \
	"$(jq -r '.hosts[] | select(.host == "ws-001") | .policy_hash + .binary_hash' "$work/s.json")"
same "a day alone: its faults" "0" "$("$BUILD/callgate" --json fleet status --store "$work/f/store" --from 2026-11-03 --to 2026-11-03T22:00:00Z | jq '[.findings[] | select(.cause != "other-host" and .cause != "tampered")] | length')"

# ---- the page ----
echo '{"file":"x","trail":"audit","reason":"<b onclick=a>","words":"<script>alert(1)</script>","time":"2026-11-02T10:00:00Z"}' >"$work/f/store/quarantine/host=ws-007/audit/x.reason"
status --html "$work/page.html" >"$work/said"
check "the terminal says it too" grep -q '^ws-004 *daemon' "$work/said"
check "a page is made" test -s "$work/page.html"
check "it asks for nothing" bash -c '! grep -qE "https?:|src=|@import|url\(" "$1"' - "$work/page.html"
check "words from quarantine are words" bash -c '! grep -q "<script>alert\|<b onclick" "$1" && grep -q "&lt;script&gt;alert(1)" "$1"' - "$work/page.html"
check "it is a row a host" test "$(grep -c 'data-l="Days"' "$work/page.html")" = 8
if command -v chromium >/dev/null; then
	chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/chromium" --enable-logging=stderr --dump-dom "file://$work/page.html" >"$work/dom" 2>"$work/console"
	check "a browser shows it" test "$(grep -o 'data-l="Days"' "$work/dom" | wc -l)" = 8
	check "and has nothing to complain of" bash -c '! grep CONSOLE "$1"' - "$work/console"
	# The page lets no other script run: its copy does, and presses the buttons.
	sed "s/<meta http-equiv[^>]*>//" "$work/page.html" >"$work/copy.html"
	cat >>"$work/copy.html" <<'E2'
<script>const rows=()=>[...document.querySelectorAll('#hosts tbody tr')].filter(r=>!r.hidden),all=()=>rows().map(r=>+r.cells[4].textContent),calls=document.querySelectorAll('#hosts th button')[4];
calls.click();const up=all();calls.click();const down=all();f.value='ws-003';f.oninput();
document.title='sorted '+(up.length===8&&up.every((x,i)=>!i||up[i-1]<=x)&&down.every((x,i)=>!i||down[i-1]>=x))+' filtered '+rows().length</script>
E2
	chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/chromium" --dump-dom "file://$work/copy.html" 2>/dev/null >"$work/dom"
	check "its table sorts both ways and filters" grep -q '<title>sorted true filtered 1</title>' "$work/dom"
else
	echo "# no chromium: the page was not opened"
fi
check "a directory that is no store has no hosts" test "$(mkdir "$work/none" && "$BUILD/callgate" --json fleet status --store "$work/none" | jq .totals.hosts)" = 0
check "without a store: words and 2" bash -c '"$1" fleet status; test $? = 2' - "$BUILD/callgate"
exit $bad
