#!/bin/bash
# A sealed file of the audit goes when it is old and a collector holds it: a receipt made with openssl alone.
. "$(dirname -- "$0")/setup.sh"
audit=/var/log/callgate/audit
name=collector.lab.test
openssl genpkey -algorithm ed25519 -out "$LAB/key.pem" 2>/dev/null
openssl pkey -in "$LAB/key.pem" -pubout -outform DER | tail -c 32 >"$LAB/pub"
{ printf '%s\n\001' $name; cat "$LAB/pub"; } | openssl dgst -sha256 -binary | head -c 4 >"$LAB/hash"
vkey=$name+$(od -An -tx1 "$LAB/hash" | tr -d " ")+$({ printf '\001'; cat "$LAB/pub"; } | base64 -w0)
receipt() { # SEGMENT
	local n=${1%.jsonl.gz} sha first last
	sha=$(sha256sum "$audit/sealed/$1" | cut -d' ' -f1)
	IFS=- read -r first last _ <<<"${n#*-??????-}"
	printf 'callgate-receipt/v1\nhost %s\ntrail audit\nsegment %s\nsha256 %s\nfirst %d\nlast %d\nreceived 2026-11-03T10:00:00Z\n' "${n%%-[0-9]*-[0-9]*}" "$1" "$sha" \
		"$((10#$first))" "$((10#$last))" >"$LAB/body"
	openssl pkeyutl -sign -rawin -inkey "$LAB/key.pem" -in "$LAB/body" -out "$LAB/sig"
	mkdir -p $audit/receipts
	{ cat "$LAB/body"; printf '\n\342\200\224 %s %s\n' $name "$(cat "$LAB/hash" "$LAB/sig" | base64 -w0)"; } >"$audit/receipts/$1.receipt"
}
gate_up '{"users":["alice","bob"],"audit":{"segment_seconds":2,"retention_days":30,"collector":"'"$vkey"'"}}'
sealed() { ls $audit/sealed 2>/dev/null; }
for _ in 1 2 3; do
	call alice echo '{"message":"x"}' >/dev/null
	sleep 2.5
done
mapfile -t files < <(sealed)
check "there are sealed files (${#files[@]})" test ${#files[@]} -ge 3
touch -d '31 days ago' $audit/sealed/*
sleep 2.5
check "without a receipt they stay" test -e "$audit/sealed/${files[0]}"
receipt "${files[1]}"
receipt "${files[0]}"
gone() { [ ! -e "$audit/sealed/$1" ]; }
check "with one the oldest goes" lab_wait 10 gone "${files[0]}"
check "and the next" lab_wait 10 gone "${files[1]}"
sleep 1.5
check "the one after it stays" test -e "$audit/sealed/${files[2]}"
lab_daemon_stop
check "its record says so" test "$(lab_audit | jq -r 'select(.kind == "retention") | .name' | head -1)" = "${files[0]}"
echo "$vkey" >"$LAB/vkeys"
check "the audit verifies" "$BUILD/callgate" audit verify $audit
has "and says what is held elsewhere" "$(callgate audit verify --collector "$LAB/vkeys" $audit)" "were collected and removed"
has "with receipts that were checked" "$(callgate audit verify --collector "$LAB/vkeys" $audit)" "the receipts that are here were checked"
echo "${vkey/A/B}" >"$LAB/vkeys"
check "by another key they are none" bash -c '! "$1" audit verify --collector "$2" "$3"' - "$BUILD/callgate" "$LAB/vkeys" $audit
rm "$audit/sealed/${files[2]}"
check "what is removed otherwise is missed" bash -c '! "$1" audit verify "$2"' - "$BUILD/callgate" $audit
lab_end
