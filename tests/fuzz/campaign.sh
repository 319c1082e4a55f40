#!/bin/bash
# campaign.sh CLANG SEARCH RUN FLAGS - each fuzz target so many executions, with ASan, UBSan and leak detection: RUNS (20000000), SEED (1), TARGETS, MAX_LEN (512),
# TIME (no limit): seconds for one target, after which it stops with fewer.
# SEARCH and RUN are directories with the floors' libraries.  Those of SEARCH report each comparison to the fuzzer, which finds words and numbers by it and spends half of
# its time on it: a twentieth of the executions go there.  What they find is the corpus of the others, which see the same code with the same sanitizers.
# A target's corpus grows in RUN and is used again.  One line a target; the last line counts executions and findings.
clang=$1 search=$2 run=$3
shift 3
RUNS=${RUNS:-20000000} SEED=${SEED:-1} MAX_LEN=${MAX_LEN:-512} TIME=${TIME:-0}
TARGETS=${TARGETS:-hello http1 chunked sse json jsonrpc pol edge rec ring clients world state bundle}
# What was freed is kept apart for an execution or so, not for 256 MB, which would be written to again and again; stacks of allocations come from a replay of what is found.
export ASAN_OPTIONS=quarantine_size_mb=1:malloc_context_size=1:allocator_release_to_os_interval_ms=-1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
total=0 bad=0

# build DIR HOW TARGET
build() {
	local libs=() l
	for l in admin clients ident fetch vault audit policy codec ipc base; do libs+=("$1/lib$l.a"); done
	"$clang" -I. -Iuser -std=gnu11 -D_GNU_SOURCE -g -O2 -fsanitize=address,undefined -fno-sanitize=pointer-overflow -fno-sanitize-recover=all \
		-fsanitize=fuzzer $2 -o "$1/fuzz-$3" "tests/fuzz/$3_fuzz.c" "${libs[@]}" $LIBS
}

# fuzz DIR TARGET RUNS TIME LOG
fuzz() {
	"$1/fuzz-$2" -runs="$3" -seed="$SEED" -max_len="$MAX_LEN" -max_total_time="$4" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="$run/found-$2-" "$run/corpus-$2" "tests/data/$2" >"$5" 2>&1
}

executions() {
	awk '/stat::number_of_executed_units/ { print $2 }' "$1"
}

LIBS=$*
for t in $TARGETS; do
	mkdir -p "$run/corpus-$t"
	build "$search" "" "$t" && build "$run" "-fsanitize-coverage=inline-8bit-counters,pc-table -fno-sanitize-coverage=trace-cmp,indirect-calls" "$t" || exit 1
	log=$run/fuzz-$t-search.log
	fuzz "$search" "$t" $((RUNS / 20)) $(((TIME + 9) / 10)) "$log"
	status=$? n=$(executions "$log")
	if [ $status = 0 ]; then
		log=$run/fuzz-$t.log
		fuzz "$run" "$t" $((RUNS - ${n:-0})) $((TIME - (TIME + 9) / 10)) "$log"
		status=$? n=$((${n:-0} + $(executions "$log")))
	fi
	total=$((total + ${n:-0}))
	if [ $status = 0 ]; then echo "$t: $n executions, no finding"; else echo "$t: $(grep -m1 -E 'ERROR|SUMMARY|runtime error|ALARM' "$log") (see $log)"; bad=$((bad + 1)); fi
done
echo "$total executions, $bad findings, seed $SEED, $(date -u +%F)"
[ $bad = 0 ]
