#!/bin/bash
# Ingest under kill -9 at random moments, KILLS of them (8), and under power cuts, CUTS (20): no segment lost, none twice, no receipt ahead of the store.  SEED.
. "$(dirname -- "$0")/../lab/lab.sh"
KILLS=${KILLS:-8} CUTS=${CUTS:-20} SEED=${SEED:-1}
RANDOM=$SEED
cd "$LAB" || exit 1
gen=$LAB/gen
"$BUILD/fleet/fleetgen" --hosts 3 --days 1 --calls 80 --seed "$SEED" --out "$gen" >/dev/null || exit 1
check_store() { python3 "$LAB_TOP/tests/lab/fleetcheck.py" "$LAB/store" "$@"; }
fresh() {
	rm -rf "$LAB/store" "$LAB/inbox"
	callgate fleet init --store "$LAB/store" --org lab >/dev/null
	for h in "$gen"/store/hosts/*; do
		mkdir -p "$LAB/store/hosts/${h##*/}" && cp "$h/enrol.json" "$LAB/store/hosts/${h##*/}/"
		mkdir -p "$LAB/inbox/${h##*/}"/{audit,journal}/{sealed,checkpoints}
	done
	(cd "$gen/inbox" && find . -path '*/sealed/*' -o -path '*/checkpoints/*' | shuf --random-source=<(yes "$SEED $round")) >"$LAB/todo"
}
feed() { # N: the next files come, as rsync brings them
	local f
	head -n "$1" "$LAB/todo" | while read -r f; do cp "$gen/inbox/$f" "$LAB/inbox/${f%/*}/.new" && mv "$LAB/inbox/${f%/*}/.new" "$LAB/inbox/$f"; done
	sed -i "1,${1}d" "$LAB/todo"
}
killed=0 workers=0 whole=0 round=0 bad=0
fresh
while [ $killed -lt "$KILLS" ] && [ $bad = 0 ]; do
	feed $((1 + RANDOM % 9))
	"$BUILD/callgate" fleet ingest --store "$LAB/store" --inbox "$LAB/inbox" --gap-wait 86400 --quiet >"$LAB/ingest" 2>&1 &
	pid=$!
	sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
	victim=$pid
	if [ $((RANDOM % 3)) = 0 ]; then
		kids=()
		{ read -r -a kids <"/proc/$pid/task/$pid/children"; } 2>/dev/null
		[ "${#kids[@]}" = 0 ] || victim=${kids[$((RANDOM % ${#kids[@]}))]}
	fi
	kill -KILL "$victim" 2>/dev/null
	hit=$?
	wait "$pid" 2>/dev/null
	status=$?
	# One that had ended before is no kill.
	if [ "$victim" != "$pid" ] && [ $hit = 0 ]; then
		killed=$((killed + 1)) workers=$((workers + 1))
	elif [ $status = 137 ]; then
		killed=$((killed + 1))
	fi
	check_store >"$LAB/check" 2>&1 || { not_ok "after kill $killed"; sed 's/^/#   /' "$LAB/check"; bad=1; }
	if [ ! -s "$LAB/todo" ]; then # everything came: it must all be there, then from the beginning
		callgate fleet ingest --store "$LAB/store" --inbox "$LAB/inbox" >"$LAB/ingest" 2>&1
		check_store "$gen/inbox" >"$LAB/check" 2>&1 || { not_ok "all of it, after kill $killed"; sed 's/^/#   /' "$LAB/check" "$LAB/ingest"; bad=1; }
		whole=$((whole + 1)) round=$((round + 1))
		fresh
	fi
done
check "$killed kills, $workers of them of a worker; between them everything was whole" test $bad = 0
feed 100000
callgate fleet ingest --store "$LAB/store" --inbox "$LAB/inbox" >"$LAB/ingest" 2>&1
check "all segments are there, once, with leaf and receipt; root and signatures by another hand" check_store "$gen/inbox"
sed 's/^/# /' "$LAB/check.out"
echo "# the store was filled $whole times before"
has "a second run finds nothing to do" "$(callgate fleet ingest --store "$LAB/store" --inbox "$LAB/inbox")" ": 0 segments with 0 lines taken, 0 duplicates, 0 quarantined, 0 waiting"
# The check notices: a receipt of something that is not there, a segment taken out.
seg=$(find "$LAB/store/audit" -name '*.gz' | head -1)
mv "$seg" "$LAB/kept" && check "a missing segment would be noticed" bash -c "! python3 $LAB_TOP/tests/lab/fleetcheck.py $LAB/store"
mv "$LAB/kept" "$seg"
check "power cuts" "$BUILD/power/ingestcut" "$gen" "$SEED" $((CUTS < 40 ? 1 : CUTS / 40)) $((CUTS < 40 ? CUTS : 40))
sed 's/^/# /' "$LAB/check.out"
lab_end
