#!/bin/bash
# campaign.sh CLANG LIBRARIES - each fuzz target so many executions, with ASan, UBSan and leak detection: RUNS (20000000), SEED (1), TARGETS, MAX_LEN (512),
# TIME (no limit): seconds for one target, after which it stops with fewer.
# A target's corpus grows in the build directory and is used again.  One line a target; the last line counts executions and findings.
clang=$1 B=${BUILD:-build-fuzz-san}
shift
RUNS=${RUNS:-20000000} SEED=${SEED:-1} MAX_LEN=${MAX_LEN:-512} TIME=${TIME:-0}
TARGETS=${TARGETS:-hello http1 chunked sse json jsonrpc pol edge rec ring}
total=0 bad=0
for t in $TARGETS; do
	mkdir -p "$B/corpus-$t"
	"$clang" -I. -Iuser -std=gnu11 -D_GNU_SOURCE -g -O2 -fsanitize=fuzzer,address,undefined -fno-sanitize=pointer-overflow -fno-sanitize-recover=all -o "$B/fuzz-$t" "tests/fuzz/${t}_fuzz.c" "$@" || exit 1
	log=$B/fuzz-$t.log
	"$B/fuzz-$t" -runs="$RUNS" -seed="$SEED" -max_len="$MAX_LEN" -max_total_time="$TIME" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix="$B/found-$t-" \
		"$B/corpus-$t" "tests/data/$t" >"$log" 2>&1
	status=$?
	n=$(awk '/stat::number_of_executed_units/ { print $2 }' "$log")
	total=$((total + ${n:-0}))
	if [ $status = 0 ]; then echo "$t: $n executions, no finding"; else echo "$t: $(grep -m1 -E 'ERROR|SUMMARY|runtime error|ALARM' "$log") (see $log)"; bad=$((bad + 1)); fi
done
echo "$total executions, $bad findings, seed $SEED, $(date -u +%F)"
[ $bad = 0 ]
