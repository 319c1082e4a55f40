#!/bin/bash
# certs.sh - the lab's certificates, in $BUILD/lab-certs: made once a day, which takes a second; labs that start at once make them once.
set -u
top=$(CDPATH="" cd -- "$(dirname -- "$0")/../.." && pwd -P)
made=${BUILD:-$top/build}/lab-certs

make_certs() {
	ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.crt" -days 30 -subj "/CN=$2" -addext "keyUsage=keyCertSign" || return 1; }
	leaf() { # NAME CA SAN DAYS
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" || return 1
		printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$3" >"$1.ext"
		openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -out "$1.leaf" -days "$4" -extfile "$1.ext" || return 1
		cat "$1.leaf" "$2.crt" >"$1.crt"
		cat "$1.crt" "$1.key" >"$1.pem"
	}
	ca ca "Lab Root" && ca rogue "Lab Root" &&
		leaf good ca "DNS:mcp.lab.test,DNS:other.lab.test,DNS:everything.lab.test,DNS:shared.lab.test,DNS:sdk.lab.test,DNS:localhost" 7 &&
		leaf wrong ca "DNS:somebody-else.lab.test" 7 &&
		leaf untrusted rogue "DNS:untrusted.lab.test" 7 && make_expired
}

# OpenSSL 3.0's x509 takes no start in the past except through `ca`.
make_expired() {
	mkdir -p demo && : >demo/index && echo 01 >demo/serial
	cat >demo/ca.cnf <<-EOF
	[ca]
	default_ca = d
	[d]
	database = demo/index
	serial = demo/serial
	new_certs_dir = demo
	default_md = sha256
	policy = p
	x509_extensions = e
	[p]
	commonName = supplied
	[e]
	subjectAltName = DNS:expired.lab.test
	EOF
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout expired.key -out expired.csr -subj "/CN=expired" &&
		openssl ca -batch -config demo/ca.cnf -cert ca.crt -keyfile ca.key -in expired.csr -out expired.leaf -startdate 20250101000000Z -enddate 20250201000000Z -notext &&
		cat expired.leaf ca.crt >expired.crt
}

mkdir -p "$made"
exec 9>"$made.lock"
flock 9
[ -z "$(find "$made/done" -mmin -1200 -newer "$0" 2>/dev/null)" ] || exit 0
rm -rf "$made" && mkdir -p "$made" && cd "$made" || exit 1
make_certs >openssl.log 2>&1 && touch done || { echo "lab: no certificates: $made/openssl.log" >&2; exit 1; }
