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
# Not echo: in some shells it ends a line where a file's name says \c, and then nobody counts it.
say() { printf '%s\n' "$*" | tr '\000-\011\013-\037\177-\377' '?'; }
bad() { say "BAD: $*" | tee -a "$work/bad"; }
good() { echo "ok: $*"; }
finish() {
	n=$(wc -l < "$work/bad")
	[ "$n" -eq 0 ] && echo "the bundle is whole" && exit 0
	echo "the bundle is NOT whole: $n reasons"
	exit 1
}
# openssl's Ed25519: KEY SIGNATURE TEXT
signed() { openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$3" -sigfile "$2" > /dev/null 2>&1; }

if [ ! -e MANIFEST.json ]; then bad "there is no MANIFEST.json"; finish; fi
# 0. Nothing is read that is no plain file: a FIFO would never end.
find . ! -type f ! -type d | while read -r f; do bad "$f is no plain file"; done
[ ! -s "$work/bad" ] || finish

# 1. The manifest is the signer's.
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
comm -13 "$work/named" "$work/there" | while read -r f; do bad "$f is not in the manifest"; done
good "$lines files"

# 3. Rows.  No cell holds a line's end.
while read -r n f; do
	[ -f "$f" ] || continue
	has=$(($(wc -l < "$f") - 1))
	[ "$has" -eq "$n" ] || bad "$f has $has rows, the manifest says $n"
done < "$work/rows"

# 4. Segments: named after their bytes, their lines numbered one after the other without a gap that is not told, and with the calls that
# call_log.csv has.  The text of all segments of a trail goes through one awk, in their order.
from=$(sed -n '1s/.*"from":"\([^"]*\)".*/\1/p' MANIFEST.json)
to=$(sed -n '1s/.*"to":"\([^"]*\)".*/\1/p' MANIFEST.json)
table() { tr -d '\r' < "$1" | sed 1d; }
table completeness/segments.csv > "$work/segments"
# The last four cells of a call are plain, whatever the others hold.
table artefacts/call_log.csv | awk -F, '{ n[$(NF - 3)]++ } END { for (s in n) print s, n[s] }' | sort > "$work/calls"
table completeness/gaps.csv | awk -F, '$6 != "" { print $1, $2, $6, $7 }' > "$work/gaps"
find "${store:-segments}" -type f -name '*.jsonl.gz' 2> "$work/err" | sort > "$work/paths"
# host trail name start end proved calls-in-the-table path sha256
awk -F, -v calls="$work/calls" -v paths="$work/paths" '
	function num(x) { sub(/^0+/, "", x); return x + 0 } # some take a leading zero for an octal number
	BEGIN {
		while ((getline l < calls) > 0) { split(l, p, " "); n[p[1]] = p[2] }
		while ((getline l < paths) > 0) { k = split(l, p, "/"); path[p[k - 3] "/" p[k]] = l }
	}
	{
		k = split($3, p, "-")
		print $1, $2, $3, num(p[k - 2]), num(p[k - 1]), $6, n[$3] + 0, ("" path[$2 "/" $3]) == "" ? "-" : path[$2 "/" $3], $4, substr(p[k], 1, 16)
	}' "$work/segments" > "$work/list"
awk '$8 == "-" { print $3 " is not there" } $10 != substr($9, 1, 16) { print $3 " is named after other bytes" }' "$work/list" > "$work/out"
while read -r l; do bad "$l"; done < "$work/out"
awk '$8 != "-" { print $9 "  " $8 }' "$work/list" > "$work/out"
sha256sum --strict --quiet -c "$work/out" > "$work/err" 2>&1 || while read -r l; do bad "completeness/segments.csv: $l"; done < "$work/err"
: > "$work/seals"
cut -d' ' -f1,2 "$work/list" | uniq > "$work/trails"
while read -r host trail; do
	awk -v h="$host" -v t="$trail" '$1 == h && $2 == t && $8 != "-"' "$work/list" > "$work/mine"
	cut -d' ' -f8 "$work/mine" | xargs zcat 2> "$work/err" | awk -v h="$host" -v t="$trail" -v from="$from" -v to="$to" -v list="$work/mine" -v gaps="$work/gaps" -v seals="$work/seals" '
		function told(a, b,   i) { for (i = 1; i <= ngaps; i++) if (ga[i] <= a && gb[i] >= b) return 1; return 0 }
		function next_segment() {
			if (k && seen != end[k]) print name[k] " ends with line " seen ", its name says " end[k]
			if (k && t == "audit" && (proved[k] == end[k] - start[k] + 1 ? calls != rows[k] : calls < rows[k]))
				print "artefacts/call_log.csv has " rows[k] " calls of " name[k] ", the file has " calls
			if (k && proved[k] != end[k] - start[k] + 1) print "note: " name[k] ": " proved[k] " of " end[k] - start[k] + 1 " lines are proved"
			k++
			calls = 0
			if (k <= n && k > 1 && start[k] != end[k - 1] + 1 && !told(end[k - 1] + 1, start[k] - 1))
				print h " " t ": lines " end[k - 1] + 1 " to " start[k] - 1 " are missing and completeness/gaps.csv does not say so"
			seen = start[k] - 1
		}
		BEGIN {
			while ((getline l < list) > 0) { split(l, p, " "); n++; name[n] = p[3]; start[n] = p[4]; end[n] = p[5]; proved[n] = p[6]; rows[n] = p[7] }
			while ((getline l < gaps) > 0) { split(l, p, " "); if (p[1] == h && p[2] == t) { ngaps++; ga[ngaps] = p[3]; gb[ngaps] = p[4] } }
			next_segment()
		}
		{
			if (!match($0, /"seq":[0-9]+,"ts":"[^"]*"/)) { print h " " t ": a line that is none"; exit }
			split(substr($0, RSTART + 6, RLENGTH - 6), p, "[,\"]")
			while (seen == end[k] && k <= n) next_segment()
			if (p[1] != seen + 1) { print name[k] ": line " seen " is followed by line " p[1]; exit }
			seen++
			if (index($0, "{\"kind\":\"call\",") == 1 && p[5] >= from && p[5] < to) calls++
			if (index($0, "{\"kind\":\"seal\",") == 1) {
				match($0, /"seal":[0-9]+/); s = substr($0, RSTART + 7, RLENGTH - 7)
				print h, t, p[1], s, substr($0, length($0) - 65, 64) >> seals
			}
		}
		END { while (k <= n) next_segment() }' > "$work/out"
	[ -s "$work/err" ] && bad "$host $trail: $(head -n 1 "$work/err")"
	while read -r l; do case $l in note:*) say "$l" ;; *) bad "$l" ;; esac; done < "$work/out"
done < "$work/trails"
cut -d, -f3 "$work/segments" | sort -u > "$work/known"
cut -d' ' -f1 "$work/calls" | comm -23 - "$work/known" | while read -r s; do bad "artefacts/call_log.csv names $s, which is no segment of this bundle"; done
if [ -d segments ]; then
	sed 's,.*/,,' "$work/paths" | sort | comm -23 - "$work/known" | while read -r s; do bad "segments/: $s is not in completeness/segments.csv"; done
fi
good "$(wc -l < "$work/segments") segments, $(wc -l < "$work/seals") seals"

# 5. Rows that stand in two tables.
table artefacts/call_log.csv | sort > "$work/all"
for f in criteria/CC7.2/denied_calls.csv criteria/CC8.1/privileged_actions.csv; do
	table "$f" | sort | comm -23 - "$work/all" | head -n 3 > "$work/out"
	while read -r l; do bad "$f has a row that artefacts/call_log.csv does not have: $l"; done < "$work/out"
done

# 6. Checkpoints and receipts: a signed note is a text, an empty line, and a line whose last word is BASE64(4 bytes, 64 bytes of signature).
note() { # FILE: its text and signature into $work
	awk -v text="$work/text" -v sig="$work/b64" 'done { print $NF > sig; exit } $0 == "" { done = 1; next } { print > text }' "$1"
	openssl base64 -d -A -in "$work/b64" 2> /dev/null | tail -c 64 > "$work/sig"
}
find integrity/checkpoints -name '*.note' 2> /dev/null | sort > "$work/notes"
while read -r f; do
	awk -v f="$f" 'FNR == 2 { line = $1 } $1 == "seal" { seal = $2; mac = $3 } $1 == "epoch" { id = $4; split(f, p, "/"); print f, p[3], p[4], line, seal, mac, id; exit }' "$f"
done < "$work/notes" > "$work/said"
[ "$(wc -l < "$work/said")" -eq "$(wc -l < "$work/notes")" ] || bad "a checkpoint cannot be read"
while read -r f host trail line seal mac id; do
	note "$f"
	signed "integrity/keys/$host/$trail/$id.pem" "$work/sig" "$work/text" || bad "$f is not signed by its host"
done < "$work/said"
awk -v seals="$work/seals" -v gaps="$work/gaps" '
	BEGIN {
		while ((getline l < seals) > 0) { split(l, p, " "); has[p[1] " " p[2] " " p[3]] = p[4] " " p[5] }
		while ((getline l < gaps) > 0) gap[++n] = l
	}
	has[$2 " " $3 " " $4] == $5 " " $6 { next }
	{ for (i = 1; i <= n; i++) { split(gap[i], p, " "); if (p[1] == $2 && p[2] == $3 && p[3] <= $4 + 0 && $4 + 0 <= p[4]) next } }
	{ print $1 " names seal " $5 " at line " $4 ", the segments do not have it there" }' "$work/said" > "$work/out"
while read -r l; do bad "$l"; done < "$work/out"
good "$(wc -l < "$work/notes") checkpoints"
find integrity/receipts -name '*.receipt' 2> /dev/null | sort > "$work/notes"
# There are many: one awk reads them all, and hands text and signature over as printf takes them.
awk '
	BEGIN {
		for (i = 0; i < 64; i++) value[substr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", i + 1, 1)] = i
		for (i = power[0] = 1; i < 8; i++) power[i] = 2 * power[i - 1]
	}
	{
		text = b64 = sig = segment = sha = ""
		done = bits = rest = bytes = 0
		while ((getline l < $0) > 0) {
			n = split(l, p, " ")
			if (done) { b64 = p[n]; break }
			if (l == "") { done = 1; continue }
			if (p[1] == "segment") segment = p[2]
			if (p[1] == "sha256") sha = p[2]
			gsub(/\\/, "&&", l)
			gsub(/%/, "%%", l)
			text = text l "\\n"
		}
		close($0)
		for (i = 1; i <= length(b64) && substr(b64, i, 1) in value; i++) {
			rest = rest * 64 + value[substr(b64, i, 1)]
			if ((bits += 6) < 8) continue
			bits -= 8
			byte = int(rest / power[bits])
			rest -= byte * power[bits]
			if (++bytes > 4) sig = sig sprintf("\\%03o", byte)
		}
		print $0; print segment " " sha; print text; print sig
	}' "$work/notes" > "$work/read"
while IFS= read -r f && IFS= read -r l && IFS= read -r text && IFS= read -r sig; do
	# shellcheck disable=SC2059 # they were made for it
	printf -- "$text" > "$work/text"
	printf -- "$sig" > "$work/sig"
	signed integrity/collector.pem "$work/sig" "$work/text" || bad "$f is not signed by the collector"
	printf '%s\n' "$l"
done < "$work/read" | sort > "$work/said"
grep '^BAD' "$work/said"
grep -v '^BAD' "$work/said" | sort > "$work/out"
cut -d, -f3,4 "$work/segments" | tr , ' ' | sort | comm -13 - "$work/out" | while read -r l; do bad "the receipt of $l is for other bytes than the segment here"; done
good "$(wc -l < "$work/notes") receipts"

# 7. Policies are named after their bytes.
for f in policies/*.json; do
	[ -f "$f" ] || continue
	[ "policies/$(sha256sum < "$f" | cut -c1-64).json" = "$f" ] || bad "$f is named after other bytes"
done
finish
