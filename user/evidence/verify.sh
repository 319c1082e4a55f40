#!/bin/sh
# verify.sh [--key SIGNER.pem] [--store DIR] - is this bundle whole, and do its tables say what the records say?
# Needs sha256sum, openssl, zcat and the usual tools of a shell.  0: yes.  1: no, with each reason on a line.
# --store DIR: where the segments are, when the bundle refers to them instead of holding them.
set -u
LC_ALL=C
export LC_ALL
key= store=
while [ $# -gt 0 ]; do
	case $1 in
	--key) key=$2; shift 2 ;;
	--store) store=$2; shift 2 ;;
	*) echo "usage: verify.sh [--key SIGNER.pem] [--store DIR]" >&2; exit 2 ;;
	esac
done
case $key in /* | '') ;; *) key=$PWD/$key ;; esac
case $store in /* | '') ;; *) store=$PWD/$store ;; esac
cd "$(dirname "$0")" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
: > "$work/bad"
bad() { echo "BAD: $*" | tee -a "$work/bad"; }
good() { echo "ok: $*"; }
finish() {
	n=$(wc -l < "$work/bad")
	[ "$n" -eq 0 ] && echo "the bundle is whole" && exit 0
	echo "the bundle is NOT whole: $n reasons"
	exit 1
}
# openssl's Ed25519: KEY SIGNATURE TEXT
signed() { openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$3" -sigfile "$2" > /dev/null 2>&1; }

# 1. The manifest is the signer's.
if [ ! -f MANIFEST.json ]; then bad "there is no MANIFEST.json"; finish; fi
if [ ! -f MANIFEST.sig ] && [ -z "$key" ]; then
	echo "note: the manifest is not signed: who made this bundle is not proved"
elif ! signed "${key:-signer.pem}" MANIFEST.sig MANIFEST.json; then
	bad "MANIFEST.json is not signed with ${key:-signer.pem}"
else
	good "MANIFEST.json is signed"
	[ -n "$key" ] || echo "note: with the key in this bundle, SHA-256 $(sha256sum < signer.pem | cut -c1-64): compare it with one from elsewhere, or give --key"
fi

# 2. Each file is the one that the manifest names, and there is no other.
sed -n 's/^{"path":"\([^"]*\)","sha256":"\([0-9a-f]*\)",.*/\2  \1/p' MANIFEST.json > "$work/sums"
sed -n 's/^{"path":"\([^"]*\)".*,"rows":\([0-9]*\),.*/\2 \1/p' MANIFEST.json > "$work/rows"
lines=$(grep -c '^{"path"' MANIFEST.json)
[ "$lines" -eq "$(wc -l < "$work/sums")" ] && [ "$lines" -gt 0 ] || bad "MANIFEST.json cannot be read"
sha256sum --strict --quiet -c "$work/sums" > "$work/out" 2>&1 || while read -r l; do bad "$l"; done < "$work/out"
cut -c67- "$work/sums" | sort > "$work/named"
find . -type f ! -path './samples/*' ! -path ./ipe/run.json ! -path ./MANIFEST.json ! -path ./MANIFEST.sig ! -path ./signer.pem | cut -c3- | sort > "$work/there"
find . ! -type f ! -type d | while read -r f; do bad "$f is no plain file"; done
comm -13 "$work/named" "$work/there" | while read -r f; do bad "$f is not in the manifest"; done
good "$lines files"

# 3. Rows.  No cell holds a line's end.
while read -r n f; do
	[ -f "$f" ] || continue
	has=$(($(wc -l < "$f") - 1))
	[ "$has" -eq "$n" ] || bad "$f has $has rows, the manifest says $n"
done < "$work/rows"

# 4. Segments: named after their bytes, numbered without a gap that is not told, and with the calls that call_log.csv has.
from=$(sed -n '1s/.*"from":"\([^"]*\)".*/\1/p' MANIFEST.json)
to=$(sed -n '1s/.*"to":"\([^"]*\)".*/\1/p' MANIFEST.json)
tr -d '\r' < completeness/segments.csv | sed 1d > "$work/segments"
# The last four cells of a call are plain, whatever the others hold.
tr -d '\r' < artefacts/call_log.csv | sed 1d | awk -F, '{ n[$(NF - 3)]++ } END { for (s in n) print s, n[s] }' > "$work/calls"
tr -d '\r' < completeness/gaps.csv | sed 1d | awk -F, '$6 != "" { print $1, $2, $6, $7 }' > "$work/gaps"
before=
while IFS=, read -r host trail name sha bytes proved seals first last receipt; do
	nums=${name%.jsonl.gz} nums=${nums%-*}
	end=$(echo "${nums##*-}" | sed 's/^0*//') nums=${nums%-*}
	start=$(echo "${nums##*-}" | sed 's/^0*//')
	case $name in *-"$(echo "$sha" | cut -c1-16)".jsonl.gz) ;; *) bad "$name is named after other bytes" ;; esac
	if [ "$before" = "$host $trail" ] && [ "$start" -ne $((after + 1)) ]; then
		awk -v h="$host" -v t="$trail" -v a=$((after + 1)) -v b=$((start - 1)) '$1 == h && $2 == t && $3 <= a && $4 >= b { found = 1 } END { exit !found }' "$work/gaps" ||
			bad "$host $trail: lines $((after + 1)) to $((start - 1)) are missing and completeness/gaps.csv does not say so"
	fi
	before="$host $trail" after=$end
	path=$(echo "${store:-segments}/$trail/host=$host"/date=*/"$name")
	if [ ! -f "$path" ]; then bad "$name is not there${store:+ in $store}"; continue; fi
	[ "$(sha256sum < "$path" | cut -c1-64)" = "$sha" ] || { bad "$path has other bytes than completeness/segments.csv says"; continue; }
	# Lines, and calls of the period.
	set -- $(zcat "$path" 2> "$work/err" | awk -v from="$from" -v to="$to" '
		/^{"kind":"call",/ { split($0, m, "\""); if (match($0, /"ts":"[^"]*"/)) { t = substr($0, RSTART + 6, RLENGTH - 7); if (t >= from && t < to) calls++ } }
		END { print NR, calls + 0 }')
	[ -s "$work/err" ] && bad "$path: $(head -n 1 "$work/err")"
	[ "$1" -eq $((end - start + 1)) ] || bad "$path has $1 lines, its name says $((end - start + 1))"
	[ "$trail" = audit ] || continue
	rows=$(awk -v s="$name" '$1 == s { n = $2 } END { print n + 0 }' "$work/calls")
	if [ "$proved" -ne "$1" ]; then
		echo "note: $name: $proved of $1 lines are proved; completeness/gaps.csv has the rest"
		[ "$rows" -le "$2" ] || bad "artefacts/call_log.csv has $rows calls of $name, the file has $2"
	elif [ "$rows" -ne "$2" ]; then
		bad "artefacts/call_log.csv has $rows calls of $name, the file has $2"
	fi
done < "$work/segments"
cut -d, -f3 "$work/segments" | sort -u > "$work/known"
cut -d' ' -f1 "$work/calls" | sort -u | comm -23 - "$work/known" | while read -r s; do bad "artefacts/call_log.csv names $s, which is no segment of this bundle"; done
if [ -d segments ]; then
	find segments -type f | sed 's,.*/,,' | sort | comm -23 - "$work/known" | while read -r s; do bad "segments/: $s is not in completeness/segments.csv"; done
fi
good "$(wc -l < "$work/segments") segments"

# 5. Rows that stand in two tables.
body() { tr -d '\r' < "$1" | sed 1d | sort; }
body artefacts/call_log.csv > "$work/all"
for f in criteria/CC7.2/denied_calls.csv criteria/CC8.1/privileged_actions.csv; do
	body "$f" | comm -23 - "$work/all" | head -n 3 | while read -r l; do bad "$f has a row that artefacts/call_log.csv does not have: $l"; done
done

# 6. Checkpoints and receipts: a signed note is a text, an empty line, and "— NAME BASE64".
note() { # FILE: text and signature into $work
	sed '/^$/,$d' "$1" > "$work/text"
	sed -n '1,/^$/!p' "$1" | head -n 1 | sed 's/.* //' | openssl base64 -d -A 2> /dev/null | tail -c 64 > "$work/sig"
}
n=0
for f in integrity/checkpoints/*/*/*.note; do
	[ -f "$f" ] || continue
	n=$((n + 1))
	note "$f"
	dir=${f%/*} id=$(sed -n 's/^epoch [0-9]* key //p' "$f")
	pem=integrity/keys/${dir#integrity/checkpoints/}/$id.pem
	[ -f "$pem" ] && signed "$pem" "$work/sig" "$work/text" || { bad "$f is not signed by its host"; continue; }
	line=$(sed -n 2p "$f") seal=$(sed -n 's/^seal \([0-9]*\) .*/\1/p' "$f") mac=$(sed -n 's/^seal [0-9]* //p' "$f")
	host=$(echo "$dir" | cut -d/ -f3) trail=$(echo "$dir" | cut -d/ -f4)
	name=$(awk -F, -v h="$host" -v t="$trail" -v l="$line" '$1 == h && $2 == t { n = split($3, p, "-"); if (p[n - 2] + 0 <= l && l <= p[n - 1] + 0) print $3 }' "$work/segments" | head -n 1)
	if [ -z "$name" ]; then
		awk -v h="$host" -v t="$trail" -v l="$line" '$1 == h && $2 == t && $3 <= l && l <= $4 { found = 1 } END { exit !found }' "$work/gaps" ||
			bad "$f names line $line, which no segment has and completeness/gaps.csv does not tell"
		continue
	fi
	path=$(echo "${store:-segments}/$trail/host=$host"/date=*/"$name")
	first=$(echo "$name" | awk -F- '{ print $(NF - 2) + 0 }')
	zcat "$path" 2> /dev/null | sed -n "$((line - first + 1)){p;q;}" > "$work/line"
	grep -q "\"seal\":$seal,.*\"mac\":\"$mac\"}\$" "$work/line" || bad "$f names seal $seal at line $line, the segment has another"
done
good "$n checkpoints"
n=0
for f in integrity/receipts/*/*/*.receipt; do
	[ -f "$f" ] || continue
	n=$((n + 1))
	note "$f"
	signed integrity/collector.pem "$work/sig" "$work/text" || { bad "$f is not signed by the collector"; continue; }
	grep -q "^[^,]*,[^,]*,$(sed -n 's/^segment //p' "$f"),$(sed -n 's/^sha256 //p' "$f")," "$work/segments" || bad "$f is for other bytes than completeness/segments.csv has"
done
good "$n receipts"

# 7. Policies are named after their bytes.
for f in policies/*.json; do
	[ -f "$f" ] || continue
	[ "policies/$(sha256sum < "$f" | cut -c1-64).json" = "$f" ] || bad "$f is named after other bytes"
done
finish
