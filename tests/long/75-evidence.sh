#!/bin/bash
# make demo-evidence: workstations on which things go wrong, collected, exported; the bundle names each planted fact in its file and nothing else.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if OUT=$work/bundle bash "$(dirname -- "$0")/../evidence-demo.sh" >"$work/out" 2>&1; then echo "ok - each planted fact in its file, nothing else"; else
	echo "not ok - each planted fact in its file, nothing else"; tail -30 "$work/out" | sed 's/^/#   /'; exit 1; fi
check() { local what=$1; shift; if "$@" >"$work/out" 2>&1; then echo "ok - $what"; else echo "not ok - $what"; sed 's/^/#   /' "$work/out" | head -20; bad=1; fi; }
bad=0 b=$work/bundle
# The page: it draws everything, complains of nothing and asks for nothing, at a desk and on a phone.  The pictures stay in the build directory.
page=file://$b/report.html
browse() { timeout 90 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/chromium" --enable-logging=stderr \
	--no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-default-apps "$@"; }
mkdir -p "$BUILD/report"
browse --log-net-log="$work/net.json" --dump-dom "$page" >"$work/dom" 2>"$work/console"
check "the script ran to its end" grep -q '<body data-drawn="6">' "$work/dom"
check "each part has its chart or table" test "$(grep -o 'data-chart="[a-z]*">\?<\(svg\|div\)' "$work/dom" | wc -l)" = 7
check "each finding is in it" test "$(grep -o 'data-t="Finding"' "$work/dom" | wc -l)" = "$(($(wc -l <"$work/bundle/findings.csv") - 1))"
check "each link leads to a file of the bundle" bash -c 'cd "$1" && grep -o "href=\"[^\"#]*\"" ../dom | cut -d\" -f2 | grep -v ^data: | sort -u | while read -r f; do [ -f "$f" ] || { echo "no $f"; exit 1; }; done' - "$work/bundle"
check "nothing is complained of" bash -c '! grep CONSOLE "$1"' - "$work/console"
asked() { grep -oE '"url":"(https?|wss?)://[^"/]*' "$work/net.json" | grep -vE '//[a-z0-9.]*\.(google|googleapis|gvt1)\.com' | sort -u; } # less what the browser asks on its own
check "nothing is asked for in a network" test -z "$(asked)"
for size in desk:1280,2600 phone:390,4300; do
	browse --window-size="${size#*:}" --screenshot="$BUILD/report/${size%:*}.png" "$page" >/dev/null 2>&1
	check "a picture of it, ${size%:*}" test "$(stat -c %s "$BUILD/report/${size%:*}.png")" -gt 60000
done
browse --print-to-pdf="$BUILD/report/report.pdf" "$page" >/dev/null 2>&1
check "it prints" bash -c 'head -c 5 "$1" | grep -q %PDF' - "$BUILD/report/report.pdf"
# The test itself: a page that complains is heard, one that asks is seen; with its policy it cannot ask.
perl -0pe 's|</script>(?!.*</script>)|console.error("x"); new Image().src = "http://cdn.invalid/x.png";</script>|s' "$work/bundle/report.html" >"$work/bad.html"
browse --dump-dom "file://$work/bad.html" >/dev/null 2>"$work/console"
check "a page that complains would be heard" grep -q CONSOLE "$work/console"
check "and its policy forbids it to ask" grep -q "Content Security Policy" "$work/console"
sed -i 's/<meta http-equiv[^>]*>//' "$work/bad.html"
browse --log-net-log="$work/net.json" --dump-dom "file://$work/bad.html" >/dev/null 2>&1
check "without the policy its question would be seen" grep -q cdn.invalid <<<"$(asked)"

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
