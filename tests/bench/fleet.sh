#!/bin/bash
# What a collector costs: verify and ingest of generated trails, a core, at each of SIZES records (1000000); $BUILD/bench/fleet.json.
# Figures are of processor time, so that a busy machine does not change them much; seconds are beside them.
set -u
sizes=${SIZES:-1000000} work=$(mktemp -d -p "${DIR:-/tmp}")
trap 'rm -rf "$work"' EXIT
fail() { echo "bench-fleet: $*" >&2; exit 1; }
cost() { "$BUILD/bench/cost" "$@" 2>"$work/cost" >"$work/said" || { cat "$work/said" "$work/cost" >&2; fail "$1 failed"; }; }
row() { # WHAT RECORDS BYTES: what the last cost was, a record
	tail -1 "$work/cost" | jq -c --arg what "$1" --argjson n "$2" --argjson raw "$3" \
		'{what: $what, records: $n, raw_mb: ($raw / 1e6 | round), per_cpu_second: ($n / .cpu | round), mb_per_cpu_second: ($raw / 1e6 / .cpu * 10 | round / 10), cpu, seconds, rss_max_kb}'
}
mkdir -p "$BUILD/bench"
: >"$BUILD/bench/fleet.json"
for n in $sizes; do
	rm -rf "${work:?}"/*
	# About 34,500 calls a host and day are 100,000 lines: five hosts, so many days.
	days=$(((n + 499999) / 500000))
	printf '{"seed": 1, "hosts": 5, "days": %d, "weekend": true, "calls": 34500, "commit": %d}' "$days" "${COMMIT:-64}" >"$work/plan.json"
	cost "$BUILD/fleet/fleetgen" --plan "$work/plan.json" --out "$work/f"
	count() { find "$work/f/store" -name '*.gz' -print0 | xargs -0 zcat | wc -lc | awk '{ print $1, $2 }'; }
	read -r lines raw <<<"$(count)"
	row generate "$lines" "$raw" >>"$BUILD/bench/fleet.json"
	mkdir "$work/inbox" && mv "$work"/f/inbox/* "$work/inbox/"
	"$BUILD/callgate" fleet init --store "$work/store" --org bench >/dev/null || fail "no store"
	for h in "$work"/f/store/hosts/*; do
		mkdir -p "$work/store/hosts/${h##*/}" && cp "$h/enrol.json" "$work/store/hosts/${h##*/}/"
	done
	cost "$BUILD/callgate" fleet ingest --store "$work/store" --inbox "$work/inbox" --jobs 1 --quiet
	row ingest "$lines" "$raw" >>"$BUILD/bench/fleet.json"
	test "$(find "$work/store/audit" "$work/store/journal" -name '*.gz' | wc -l)" = "$(find "$work/f/store" -name '*.gz' | wc -l)" || fail "not everything was taken"
	read -r lines raw <<<"$(find "$work/f/work/ws-001/audit/sealed" -name '*.gz' -print0 | xargs -0 zcat | wc -lc | awk '{ print $1, $2 }')"
	cost "$BUILD/callgate" audit verify "$work/f/work/ws-001/audit"
	row verify "$lines" "$raw" >>"$BUILD/bench/fleet.json"
	cost sh -c '"$1" fleet status --store "$2" --from 2026-11-01 --to 2027-01-01 --silent 10000 || test $? = 1' - "$BUILD/callgate" "$work/store"
	read -r lines raw <<<"$(find "$work/store/audit" -name '*.gz' -print0 | xargs -0 zcat | wc -lc | awk '{ print $1, $2 }')"
	row status "$lines" "$raw" >>"$BUILD/bench/fleet.json"
done
printf '%-9s %10s %8s %14s %14s %12s\n' "" records "MB text" "records/cpu s" "MB/cpu s" "KiB resident"
jq -r '[.what, .records, .raw_mb, .per_cpu_second, .mb_per_cpu_second, .rss_max_kb] | @tsv' "$BUILD/bench/fleet.json" |
	while IFS=$'\t' read -r a b c d e f; do printf '%-9s %10s %8s %14s %14s %12s\n' "$a" "$b" "$c" "$d" "$e" "$f"; done
