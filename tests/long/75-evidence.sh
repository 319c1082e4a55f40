#!/bin/bash
# make demo-evidence: a week with seven faults, collected, exported; the bundle names each planted fact in its file and nothing else.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if OUT=$work/bundle bash "$(dirname -- "$0")/../evidence-demo.sh" >"$work/out" 2>&1; then echo "ok - each planted fact in its file, nothing else"; else
	echo "not ok - each planted fact in its file, nothing else"; tail -30 "$work/out" | sed 's/^/#   /'; exit 1; fi
check() { local what=$1; shift; if "$@" >"$work/out" 2>&1; then echo "ok - $what"; else echo "not ok - $what"; sed 's/^/#   /' "$work/out" | head -20; bad=1; fi; }
bad=0 b=$work/bundle
check "callgate evidence verify agrees, the collector's log too" "$BUILD/callgate" evidence verify "$b"
grep -q "leaves is the one that it signed" "$work/out" || { echo "not ok - the collector's log was not looked at"; bad=1; }
check "a sample" "$BUILD/callgate" evidence sample "$b" --nonce 31337
check "each packet's path leads from its receipt to the root that the collector signed" python3 - "$b" <<'E2'
import base64, glob, hashlib, json, sys
h = lambda *p: hashlib.sha256(b"".join(p)).digest()
n = 0
for f in glob.glob(sys.argv[1] + "/samples/packets/*.json"):
    p = json.load(open(f))
    leaf = h(b"\0", p["receipt"].split("\n\n")[0].encode() + b"\n")
    assert leaf.hex() == p["log"]["leaf_hash"], f
    i, size, at = p["log"]["index"], p["log"]["size"] - 1, leaf
    for s in map(bytes.fromhex, p["log"]["path"]):
        while not (i & 1 or i < size):
            i, size = i >> 1, size >> 1
        at = h(b"\1", s, at) if i & 1 else h(b"\1", at, s)
        i, size = i >> 1, size >> 1
    assert at == base64.b64decode(p["log_checkpoint"].split("\n")[2]), f
    n += 1
assert n == 25
E2
# Who leaves out a host has to take it out of the log as well.
sed -i '1,/^[^,]*,ws-003,/{/^[^,]*,ws-003,/d}' "$b/completeness/collector_log.csv"
check "a leaf taken out of the collector's log is seen" bash -c '! "$1" evidence verify "$2" >"$3" 2>&1 && grep -q "not the log that the collector signed" "$3"' - "$BUILD/callgate" "$b" "$work/said"
exit $bad
