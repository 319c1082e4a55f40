#!/bin/bash
# Twenty hosts and seven days at a collector: ingest, a second delivery, status.  Every planted fault is named, by the one that can know it, and nothing else is.
. "$(dirname -- "$0")/../lab/plain.sh"
plan=$top/tests/fleet/plans/week.json
callgate=$BUILD/callgate
"$BUILD/fleet/fleetgen" --plan "$plan" --out "$work/f" || exit 1
"$callgate" fleet init --store "$work/store" --org example >/dev/null || exit 1
cp -a "$work/f/inbox" "$work/inbox"
for h in "$work"/f/store/hosts/*; do mkdir -p "$work/store/hosts/${h##*/}" && cp "$h/enrol.json" "$work/store/hosts/${h##*/}/"; done
ingest() { "$callgate" fleet ingest --store "$work/store" --inbox "$work/inbox" --gap-wait 0 "$@"; }
status() { "$callgate" --json fleet status --store "$work/store" --from 2026-11-02 --to 2026-11-09; }
reasons() { find "$work/store/quarantine" -name '*.reason' -exec cat {} + | jq -r 'select(.file | endswith(".gz")) | "\(.host) \(.reason) \(.file)"' | sort; }
planted() { # FAULT REASON: what the generator did to files, as ingest should call it
	jq -r --arg what "$1" --arg reason "$2" '.hosts[] | .host as $h | .faults[] | select(.what == $what) | "\($h) \($reason) \(.file)"' "$work/f/facts.json"
}
names() { jq -r '.plants[] | select(.what | IN($ARGS.positional[])) | "ws-\("00\(.host)"[-3:]) \({power: "power", tamper: "tampered", rollback: "rolled-back", clock: "clock", replay: "other-host", daemon: "daemon", lost: "lost", uncollected: "not-collected"}[.what])"' "$plan" --args "$@" | sort; }

ingest --quiet
same "ingest refuses the changed file and the foreign one, and no other" "$( (planted tamper tampered; planted replay other-host) | sort)" "$(reasons)"
same "what it took is all the rest, byte for byte" "$(cd "$work/f/store" && find audit journal -name '*.gz' -exec sha256sum {} + | sort -k 2)" "$(cd "$work/store" && find audit journal -name '*.gz' -exec sha256sum {} + | sort -k 2)"
same "nothing waits" "" "$(find "$work/inbox" -type f)"
same "a receipt a segment" "$(cd "$work/store" && find audit journal -name '*.gz' -printf '%f\n' | sort)" "$(cd "$work/store" && find receipts -name '*.receipt' -printf '%f\n' | sed 's/\.receipt$//' | sort)"
same "the holes are the lost file and the changed one" "$(jq -r '.hosts[] | .host as $h | .faults[] | select(.what == "lost" or .what == "tamper") | "\($h) \(.first)-\(.last)"' "$work/f/facts.json" | sort)" \
	"$(for s in "$work"/store/hosts/*/state.json; do jq -r '.host as $h | .trails[] | .gaps[]? | "\($h) \(.from)-\(.to)"' "$s"; done | sort)"
cp -a "$work/f/late/." "$work/inbox/"
ingest --quiet
same "the host that was put back is refused, with every file, and no other" "$( (planted tamper tampered; planted replay other-host; planted rollback rolled-back) | sort)" "$(reasons)"
ingest --quiet
same "once more: nothing changes" "$( (planted tamper tampered; planted replay other-host; planted rollback rolled-back) | sort)" "$(reasons)"

status >"$work/s.json"
same "status names each and nothing else" "$(names power tamper rollback clock replay daemon lost uncollected)" "$(jq -r '.findings[] | "\(.host) \(.cause)"' "$work/s.json" | sort)"
same "two outages, an hour without the daemon: from when to when" "ws-002 2026-11-03T12:50:00Z
ws-011 2026-11-05T13:45:00Z
ws-012 2026-11-04T15:00:00Z" "$(jq -r '.findings[] | select(.cause == "power" or .cause == "daemon") | "\(.host) \(.to)"' "$work/s.json" | sort)"
same "and how long, to the minute" "ws-002 150
ws-011 40
ws-012 60" "$(jq -r '.findings[] | select(.cause == "power" or .cause == "daemon") | "\(.host) \((.seconds - 1) / 60 | floor | if . % 10 == 9 then . + 1 else . end)"' "$work/s.json" | sort)"
same "the missing lines" "$(jq -r '.hosts[] | .host as $h | .faults[] | select(.what == "lost" or .what == "tamper") | "\($h) \(.first)-\(.last)"' "$work/f/facts.json" | sort)" \
	"$(jq -r '.findings[] | select(.first) | "\(.host) \(.first)-\(.last)"' "$work/s.json" | sort)"
same "the clock: 47 minutes, put back on the fifth" "ws-008 2820 2026-11-05" "$(jq -r '.hosts[] | select(.clock.step_s > 0) | "\(.host) \(.clock.step_s)"' "$work/s.json") $(jq -r '.findings[] | select(.cause == "clock") | .to[:10]' "$work/s.json")"
same "hosts without a fault are covered whole" "$(jq -r '[.plants[].host] as $bad | range(1; 21) | select(. as $n | $bad | index($n) | not) | "ws-\("00\(.)"[-3:]) 1"' "$plan")" \
	"$(jq -r --slurpfile p "$plan" '($p[0].plants | map("ws-\("00\(.host)"[-3:])")) as $bad | .hosts[] | select(.host as $h | $bad | index($h) | not) | "\(.host) \(.coverage)"' "$work/s.json")"
check "the others know why not: tampered, lost, daemon" test "$(jq -r '[.hosts[] | select(.uncovered_s > 0) | .host] | join(" ")' "$work/s.json")" = "ws-003 ws-012 ws-014"
exit $bad
