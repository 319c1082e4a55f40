#!/bin/bash
# callgate-audit over many records (RECORDS, 500000): rotation, seals, every record there once, verification, and no more memory at the end than at the start.
set -u
top=$(cd -- "$(dirname -- "$0")/../.." && pwd -P)
BUILD=${BUILD:-$top/build} RECORDS=${RECORDS:-500000} SEGMENT=${SEGMENT:-1048576} SEED=${SEED:-1}
dir=$(mktemp -d "$BUILD/audit-volume-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
n=0 bad=0
check() { # TEXT CONDITION...
	n=$((n + 1))
	if "${@:2}"; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
within() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'; }
"$BUILD/bench/audit_load" --program "$BUILD/callgate-audit" --dir "$dir" --records "$RECORDS" --segment-bytes "$SEGMENT" --level 6 --seed "$SEED" --progress >"$dir/load" ||
	{ echo "not ok 1 - the load ran"; exit 1; }
"$BUILD/bench/audit_load" --verify "$dir/audit" >"$dir/verify"
check "it verifies, $(jq .files "$dir/verify") files, $(jq .seals "$dir/verify") seals" test $? = 0
files=$(jq .files "$dir/verify")
check "there were rotations" test "$files" -ge 5
check "nothing is left open" test -z "$(ls "$dir/audit/open")"
# A record is a line whose kind is call or result; each call number once as each.
zcat "$dir"/audit/sealed/*.gz | awk -F'"' '$4 == "call" { c++ } $4 == "result" { r++ } $4 == "abandoned" || $4 == "alert" || $4 == "io_error" { other++ }
	END { printf "%d %d %d\n", c, r, other }' >"$dir/counts"
check "every record is there once, and nothing else" test "$(cat "$dir/counts")" = "$(((RECORDS + 1) / 2)) $((RECORDS / 2)) $((RECORDS % 2))"
# The first eighth fills buffers; after it the resident set stays.
early=$(jq '[.rss_kb[:(.rss_kb | length / 8 | ceil)][]] | max' "$dir/load") late=$(jq '[.rss_kb[-8:][]] | max' "$dir/load")
check "the writer's memory is flat: $early KiB, then $late KiB" within "$late" "$((early + 1024))"
rss=$(jq .rss_max_kb "$dir/verify")
check "the verifier's memory is small: $rss KiB" within "$rss" 32768
echo "# $RECORDS records, seed $SEED: $(jq -c '{seconds, per_second, writer_cpu_us, rss_max_kb}' "$dir/load"), verify $(jq -c '{seconds, mb_per_second, raw}' "$dir/verify")"
echo "1..$n"
exit $bad
