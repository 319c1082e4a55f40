#!/bin/bash
# The questions of docs/QUERIES.md: DuckDB runs each on a store; its rows are those of zcat and jq, and of callgate audit query where that can ask the same.
. "$(dirname -- "$0")/../lab/plain.sh"
kit=$(cat "$BUILD/testkit-path-duckdb" 2>/dev/null) || { echo "# DuckDB is not installed: make testkit"; exit 77; }
cat >"$work/plan.json" <<'E2'
{"seed": 21, "hosts": 4, "days": 3, "calls": 80, "plants": [
	{"what": "power", "host": 1, "day": 2, "at": "10:20", "minutes": 90}, {"what": "lost", "host": 1, "day": 3, "segment": 3},
	{"what": "clock", "host": 2, "day": 1, "at": "13:00", "minutes": 30, "hours": 3},
	{"what": "role", "host": 2, "day": 2, "at": "10:00"}, {"what": "grant-without-ticket", "host": 3, "day": 2, "at": "12:30"}, {"what": "unused", "host": 3},
	{"what": "policy", "host": 3, "day": 2, "at": "11:00", "approved": false}, {"what": "leaver", "host": 4, "day": 2, "at": "12:00", "revoke": 20, "calls": true}]}
E2
"$BUILD/fleet/fleetgen" --plan "$work/plan.json" --out "$work/f" || exit 1
mkdir "$work/sql" "$work/jq"
NODE_PATH=$kit node "$top/tests/testkit/duckdb/queries.cjs" "$top/docs/QUERIES.md" "$work/f/store" "$work/sql" >"$work/ran" || { not_ok "DuckDB runs the page"; exit 1; }
ok "DuckDB runs $(wc -l <"$work/ran") queries"

for t in audit journal; do find "$work/f/store/$t" -name '*.gz' -print0 | sort -z | xargs -0 zcat >"$work/$t"; done
# Most lines are seals, and two questions are about them.
for t in audit journal; do grep -v '^{"kind":"seal"' "$work/$t" >"$work/$t.few"; done
# DuckDB prints a time without T, Z and the zeros at its end.
defs='def t: if . == null then "" else sub("T"; " ") | sub("Z$"; "") | sub("0+$"; "") | sub("[.]$"; "") end;
def grants: [.[] | select(.event == "grant.add") | {host, id, issued: .ts, user: .grant.user, server: .grant.server, policy: .grant.policy, req: .grant.requested_by, app: .grant.approved_by, ticket: .grant.ticket, expires: .grant.expires_at}];
def ends: reduce (.[] | select(.event == "grant.revoke" or (.event == "grant.review" and .decision == "revoke"))) as $e ({}; .[$e.host + $e.id] //= $e.ts);
def key: .host + (.grant // "");
def groups(f): group_by(f) | .[];'
ask() { # NAME PROGRAM [LINES]: both trails as $a and $j
	jq -rn --slurpfile a "$work/${3:-audit.few}" --slurpfile j "$work/journal.few" "$defs $2 | map(if . == null then \"\" else tostring end) | @tsv" | sort >"$work/jq/$1.tsv"
	sort "$work/sql/$1.tsv" >"$work/sorted"
	if diff -u "$work/jq/$1.tsv" "$work/sorted" >"$work/diff"; then ok "$1: $(wc -l <"$work/sorted") rows, as jq has them"; else not_ok "$1: DuckDB and jq differ"; head -20 "$work/diff" | sed 's/^/#   /'; fi
	asked="${asked:-} $1"
}
calls='$a[] | select(.kind == "call")'
ask could '"2026-11-03T12:00:00" as $at | ($j | ends) as $ends | $j | grants[] | select(.issued <= $at and (.expires == null or .expires > $at)) | select(($ends[.host + .id] // "9") > $at) | [.host, .user, .server, .policy, .id]'
ask did "(\$j | grants | INDEX(.host + .id)) as \$g | [$calls | select(.verdict == \"allow\")] | groups([.host, .grant, .agent, .server, .tool, .risk]) | .[0] as \$c | [\$c.host, \$g[\$c | key].user, \$c.agent, \$c.server, \$c.tool, \$c.risk, length, (map(.ts) | max | t)]"
ask refused "[$calls | select(.verdict == \"deny\")] | groups([.rule, .server, .tool]) | [.[0].rule, .[0].server, .[0].tool, length, (map(.host) | unique | length)]"
ask denied-by-tool "[$calls] | groups([.server, .tool]) | (map(select(.verdict == \"deny\")) | length) as \$d | select(\$d > 0) | [.[0].server, .[0].tool, \$d, length]"
ask grants-by-age "([$calls | select(.grant)] | group_by(key) | INDEX(.[0] | key)) as \$by | \$j | grants[] | (\$by[.host + .id] // []) as \$c | [.host, .user, .server, .id, ((\"2026-11-05T00:00:00Z\" | fromdate) / 86400 - ((.issued[:10] + \"T00:00:00Z\" | fromdate) / 86400)), (\$c | length), (\$c | map(.ts) | max | t)]"
ask unused "([$calls | select(.grant and .verdict == \"allow\") | key] | unique | INDEX(.)) as \$used | \$j | grants[] | select(\$used[.host + .id] | not) | [.host, .user, .server, .id, (.issued | t)]"
ask unapproved-grants '$j | grants[] | select(.ticket == null or .app == null or .app == .req) | [.host, .id, .user, .server, .req, .app, .ticket]'
ask privileged "$calls | select(.verdict == \"allow\" and .method == \"tools/call\" and .risk != \"Read\") | [.host, .seq, (.ts | t), .uid, .agent, .server, .tool, .risk, .grant, .policy, .approval]"
ask outcomes "([\$a[] | select(.kind == \"result\")] | INDEX(.host + .id)) as \$r | ([\$a[] | select(.kind == \"abandoned\")] | INDEX(.host + .id)) as \$b | [$calls | select(.verdict == \"allow\") | (.host + .id) as \$k | {server, out: (\$r[\$k].status // (if \$b[\$k] then \"abandoned: \" + \$b[\$k].detail else \"open\" end))}] | groups([.server, .out]) | [.[0].server, .[0].out, length]"
ask after-the-end "(\$j | ends) as \$ends | $calls | select(.verdict == \"allow\" and \$ends[key] and .ts > \$ends[key]) | [.host, .seq, (.ts | t), .grant, (\$ends[key] | t)]"
ask policies "([\$j[] | select(.event == \"policy.apply\")] | group_by(.hash) | INDEX(.[0].hash)) as \$p | [$calls | select(.policy)] | groups(.policy) | \$p[.[0].policy] as \$q | [.[0].policy, \$q[0].name, (\$q | map(.approved_by // \"\") | max), (\$q | any(.ticket)), length, (map(.host) | unique | length), (map(.ts) | min | t), (map(.ts) | max | t)]"
ask changes '[$j[] | select(.kind == "journal")] | groups([.host, .event, .by.auid]) | [.[0].host, .[0].event, .[0].by.auid, length]'
ask reviews '($j | grants | INDEX(.host + .id)) as $g | $j[] | select(.event == "grant.review") | $g[.host + .id] as $h | [.host, .id, $h.user, $h.server, .decision, .reviewer.user, (.ts | t)]'
ask coverage '[$a[] | select(.kind == "seal")] | groups([.host, .ts[:10]]) | [.[0].host, .[0].ts[:10], (map(.ts[:13]) | unique | length), length, (map(select(.clock_sync.synced | not)) | length)]' audit
ask missing '[$a[] | {host, seq}] | groups(.host) | .[0].host as $h | map(.seq) | sort | [0] + . | . as $s | range(1; length) | select($s[.] > $s[. - 1] + 1) | [$h, $s[. - 1] + 1, $s[.] - 1]' audit
ask releases "([$calls] | INDEX(.host + .id)) as \$c | [\$a[] | select(.kind == \"release\" and .event == \"release\")] | groups([.host, .cred]) | [.[0].host, .[0].cred, length, (map(select(\$c[.host + .id].cred == .cred)) | length)]"
ask agents '[$a[] | select((.kind == "call" or .kind == "connection") and .agent)] | groups([.agent, .exe, .exe_sha256]) | [.[0].agent, .[0].exe, .[0].exe_sha256, (map(.host) | unique | length), (map(.ts) | min | t), (map(.ts) | max | t)]'
ask relayed '[$a[] | select(.kind == "connection")] | groups([.dst_host, .dst_port, .verdict]) | [.[0].dst_host, .[0].dst_port, .[0].verdict, length, (map(.host) | unique | length)]'
if [ "$(cut -f 1 "$work/ran" | sort | xargs)" = "$(printf '%s\n' $asked | sort | xargs)" ]; then ok "each of them was compared"; else not_ok "the page has queries that were not compared: $(cut -f 1 "$work/ran" | xargs)"; fi
# What was planted is found: a table that is empty compares well.
for q in unused:1 unapproved-grants:1 missing:1 after-the-end:0; do
	if [ "$(wc -l <"$work/sql/${q%:*}.tsv")" = "${q#*:}" ]; then ok "${q%:*} has what was planted"; else not_ok "${q%:*}: $(wc -l <"$work/sql/${q%:*}.tsv") rows, not ${q#*:}"; fi
done

# The third way: a host at a time, from the directory that it wrote itself. Its lost file is there still, so this is about the others.
for h in ws-002 ws-003 ws-004; do
	query() { "$BUILD/callgate" --json audit query "$@" "$work/f/work/$h/audit"; }
	number() { query "$@" --count | jq 'if type == "object" then .count else . end'; }
	sql() { awk -F '\t' -v h="$h" "$1" "$work/sql/$2.tsv"; }
	a=$(number --kind call --verdict allow 'method=tools/call' 'risk!=Read') b=$(sql '$1 == h { n++ } END { print n + 0 }' privileged)
	[ "$a" = "$b" ] && ok "$h: audit query counts the same privileged calls: $a" || not_ok "$h: privileged: audit query $a, DuckDB $b"
	a=$(number --kind call --verdict allow) b=$(sql '$1 == h { n += $7 } END { print n + 0 }' did)
	[ "$a" = "$b" ] && ok "$h: and the same allowed ones: $a" || not_ok "$h: allowed: audit query $a, DuckDB $b"
	a=$(number --kind seal) b=$(sql '$1 == h { n += $4 } END { print n + 0 }' coverage)
	[ "$a" = "$b" ] && ok "$h: and the same seals: $a" || not_ok "$h: seals: audit query $a, DuckDB $b"
done
all=0
for h in ws-001 ws-002 ws-003 ws-004; do all=$((all + $("$BUILD/callgate" --json audit query --kind call --verdict deny --count "$work/f/work/$h/audit" | jq 'if type == "object" then .count else . end'))); done
lost=$(jq -r '.hosts[0].faults[0].file' "$work/f/facts.json")
all=$((all - $(zcat "$work/f/work/ws-001/audit/sealed/$lost" | jq -r 'select(.kind == "call" and .verdict == "deny") | .id' | wc -l)))
[ "$all" = "$(awk -F '\t' '{ n += $4 } END { print n }' "$work/sql/refused.tsv")" ] && ok "refused in all: $all" || not_ok "refused: audit query $all, DuckDB $(awk -F '\t' '{ n += $4 } END { print n }' "$work/sql/refused.tsv")"
exit $bad
