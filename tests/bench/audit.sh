#!/bin/bash
# audit.sh - what callgate-audit costs: the worker's put, the writer, waiting for the disk, verification; beside a plain write of the
# same lines and gzip -1 of them, in one run.  RECORDS (500000), DURABLE (100000), SINGLE (10000), SEED in the environment.
# Writes $BUILD/bench/audit.json.  The files lie below $BUILD, so on the disk that the tree is on.
set -eu
BUILD=${BUILD:-build} RECORDS=${RECORDS:-500000} DURABLE=${DURABLE:-100000} SINGLE=${SINGLE:-10000} SEED=${SEED:-1}
work=$BUILD/bench/audit-work out=$BUILD/bench/audit.json
load=$BUILD/bench/audit_load
rm -rf "$work" && mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
run() { # NAME STRICT LEVEL CALLERS RECORDS: a line of JSON with the size on disk and the verification
	rm -rf "$work/run" && mkdir -p "$work/run"
	"$load" --program "$BUILD/callgate-audit" --dir "$work/run" --strict "$2" --level "$3" --callers "$4" --records "$5" --seed "$SEED" >"$work/load"
	"$load" --verify "$work/run/audit" >"$work/verify"
	du -cb "$work"/run/audit/sealed/*.gz | awk 'END { print $1 }' >"$work/size"
	jq -nc --arg name "$1" --slurpfile l "$work/load" --slurpfile v "$work/verify" --argjson size "$(cat "$work/size")" \
		'$l[0] | del(.rss_kb) | {name: $name} + . + {file_bytes: $size, ratio: ($v[0].raw / $size), verify_mb_per_second: $v[0].mb_per_second, line_bytes: ($v[0].raw / $v[0].lines)}'
}
{
	run "async, level 1" async 1 0 "$RECORDS"
	zcat "$work"/run/audit/sealed/*.gz >"$work/lines"
	run "async, level 6" async 6 0 "$RECORDS"
	run "durable, 1 caller" all 6 1 "$SINGLE"
	run "durable, 64 callers" all 6 64 "$DURABLE"
	run "durable, 64 callers, level 1" all 1 64 "$DURABLE"
} >"$work/rows"
"$load" --plain "$work/plain" <"$work/lines" >"$work/yard"
gz() { # LEVEL: seconds of CPU and bytes
	local TIMEFORMAT='%U %S'
	{ time gzip "-$1" -c "$work/lines" >"$work/lines.gz"; } 2>"$work/time"
	awk -v n="$(wc -l <"$work/lines")" -v raw="$(stat -c %s "$work/lines")" -v gz="$(stat -c %s "$work/lines.gz")" -v l="$1" \
		'{ printf "{\"gzip_level\":%d,\"cpu_us_per_line\":%.2f,\"ratio\":%.2f}\n", l, ($1 + $2) * 1e6 / n, raw / gz }' "$work/time"
}
{ gz 1; gz 6; } >"$work/gzip"
jq -n --slurpfile rows "$work/rows" --slurpfile yard "$work/yard" --slurpfile gzip "$work/gzip" --arg kernel "$(uname -r)" --argjson seed "$SEED" '
	($rows | map({key: .name, value: .}) | from_entries) as $r | {kernel: $kernel, seed: $seed, rows: $rows, yardstick: {write_cpu_us: $yard[0].write_cpu_us, gzip: $gzip},
	 ratio_to_yardstick: ($r["async, level 1"].writer_cpu_us / ($yard[0].write_cpu_us + $gzip[0].cpu_us_per_line)),
	 goals: {"worker < 1 us": ($r["async, level 1"].worker_ns < 1000), "async level 1 >= 100,000/s": ($r["async, level 1"].per_second >= 100000),
	  "async level 6 >= 60,000/s": ($r["async, level 6"].per_second >= 60000), "ratio at level 6 >= 6.5": ($r["async, level 6"].ratio >= 6.5),
	  "durable, 64 callers >= 40,000/s": ($r["durable, 64 callers"].per_second >= 40000), "verify >= 150 MB/s": ($r["async, level 6"].verify_mb_per_second >= 150)}}' >"$out"
jq -r '"name|records/s|writer us|worker ns|p50 us|p99 us|ratio|verify MB/s|bytes/line", (.rows[] | "\(.name)|\(.per_second)|\(.writer_cpu_us)|\(.worker_ns)|\(.p50_us)|\(.p99_us)|\(.ratio * 100 | round / 100)|\(.verify_mb_per_second)|\(.line_bytes | round)")' "$out" | column -t -s '|'
jq -r '"plain write \(.yardstick.write_cpu_us) us a line; " + (.yardstick.gzip | map("gzip -\(.gzip_level) \(.cpu_us_per_line) us a line, ratio \(.ratio)") | join("; ")),
	"writer at level 1 against write + gzip -1: \(.ratio_to_yardstick * 100 | round / 100)", (.goals | to_entries[] | "\(if .value then "reached    " else "NOT REACHED" end) \(.key)")' "$out"
