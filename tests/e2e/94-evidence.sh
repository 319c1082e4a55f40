#!/bin/bash
# The evidence bundle: two exports give the same bytes; its tables say what zcat and jq count; each privileged row stands where it says;
# verify.sh agrees, and does not with a bundle in which anything was changed, removed or swapped.
set -u
top=$(cd "$(dirname -- "$0")/../.." && pwd -P) work=$(mktemp -d) bad=0
trap 'rm -rf "$work"' EXIT
ok() { echo "ok - $1"; }
check() { local what=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$what"; else echo "not ok - $what"; sed 's/^/#   /' "$work/out" | head -20; bad=1; fi; }
cat >"$work/plan.json" <<'E2'
{"seed": 5, "hosts": 3, "days": 3, "calls": 50, "plants": [
	{"what": "leaver", "host": 1, "day": 2, "at": "12:00", "revoke": 3, "calls": true},
	{"what": "policy", "host": 2, "day": 2, "at": "10:00", "policy": "office", "approved": true},
	{"what": "power", "host": 3, "day": 2, "at": "11:00", "minutes": 60}]}
E2
"$BUILD/fleet/fleetgen" --plan "$work/plan.json" --out "$work/g" || exit 1
s=$work/g/store from=2026-11-02 to=2026-11-05
printf '%064d\n' 7 >"$work/key"
lines() { find "$s/$1" -name '*.gz' -print0 | sort -z | xargs -0 zcat; }
lines audit >"$work/audit" && lines journal >"$work/journal"
# A vendor's log: every release of one credential, a second late, and one use that is nobody's.
{
	echo 'time,credential,id'
	jq -r 'select(.kind == "release" and .event == "release" and .cred == "mail") | .ts' "$work/audit" | sort | sed 's/$/,mail,x/'
	echo '2026-11-03T03:00:00Z,mail,odd'
} >"$work/vendor.csv"
export_to() { "$BUILD/callgate" evidence export --from $from --to $to --store "$s" --hr "$work/g/leavers.csv" --assets "$work/g/hosts.csv" --vendor "$work/vendor.csv" --key "$work/key" --out "$@"; }
check "an export" export_to "$work/a"
check "another, an hour later for all it knows" env TZ=Asia/Tokyo "$BUILD/callgate" evidence export --out "$work/b" --key "$work/key" --vendor "$work/vendor.csv" --assets "$work/g/hosts.csv" \
	--hr "$work/g/leavers.csv" --store "$s" --to $to --from $from
check "gives the same bytes but for ipe/run.json" diff -r --exclude=run.json "$work/a" "$work/b"
check "a directory that is not empty is refused" bash -c '! "$@"' - "$BUILD/callgate" evidence export --from $from --to $to --store "$s" --out "$work/a"
cd "$work/a" || exit 1

# Each artefact: its columns, and as many rows as another reader counts.
cols() { head -n 1 "$1" | tr -d '\r'; }
rows() { echo $(($(wc -l <"$1") - 1)); }
has() { # FILE COUNT COLUMN...
	local f=$1 n=$2 c
	shift 2
	for c; do case ",$(cols "$f")," in *",$c,"*) ;; *) echo "$f lacks $c"; return 1 ;; esac; done
	[ "$(rows "$f")" = "$n" ] || { echo "$f has $(rows "$f") rows, jq counts $n"; return 1; }
	[ "$(jq -r --arg f "$f" '.files[] | select(.path == $f) | .rows' MANIFEST.json)" = "$n" ] || { echo "the manifest says other rows of $f"; return 1; }
}
j() { jq -rs --arg from "${from}T" --arg to "${to}T" "$2" "$work/$1"; }
live='[.[] | select(.event == "grant.add") | {id: .id}] - [.[] | select(.event == "grant.revoke" or (.event == "grant.review" and .decision == "revoke")) | {id: .id}] | length'
check "grant roster" has artefacts/grant_roster.csv "$(j journal "$live")" identity server tools
check "issuance log" has artefacts/issuance_log.csv "$(j journal '[.[] | select(.event == "grant.add" and .ts >= $from and .ts < $to)] | length')" identity scope issuer issued_at
check "grant review" has artefacts/grant_review.csv "$(j journal "$live")" identity scope age_days
check "revocations" has artefacts/revocations.csv "$(j journal '[.[] | select(.event == "grant.revoke")] | length')" identity ended_at
check "call log" has artefacts/call_log.csv "$(j audit '[.[] | select(.kind == "call" and .ts >= $from and .ts < $to)] | length')" person agent server tool verdict rule policy_hash result
check "policy history" has artefacts/policy_history.csv "$(j journal '[.[] | select(.event == "policy.apply")] | length')" policy version policy_hash applied_by
check "privileged actions" has criteria/CC8.1/privileged_actions.csv "$(j audit '[.[] | select(.kind == "call" and .verdict == "allow" and .risk != "Read")] | length')" rule person segment_file member_offset
check "identities by risk" has artefacts/inventory_identities.csv "$(j audit '[.[] | select(.kind == "call") | [.agent, .exe, .exe_sha256, .unit]] | unique | length')" agent highest_risk
check "denied calls" has criteria/CC7.2/denied_calls.csv "$(j audit '[.[] | select(.kind == "call" and .verdict == "deny")] | length')" rule
check "tools" has criteria/CC6.1/inventory_tools.csv "$(j audit '[.[] | select(.kind == "call") | [.server, .tool, .tool_hash]] | unique | length')" server tool tool_def_hash risk
check "results: as many ok as in the records" test "$(awk -F, '$(NF - 5) == "ok"' artefacts/call_log.csv | wc -l)" = "$(j audit '[.[] | select(.kind == "result" and .status == "ok")] | length')"
check "every policy text is there under its hash" test "$(ls policies | wc -l)" = "$(j journal '[.[] | select(.event == "policy.apply") | .hash] | unique | length')"

# Every row of privileged_actions.csv is a line of a segment, at that byte.
check "every privileged row stands at its byte of a proved segment" python3 - <<'E2'
import csv, glob, json, zlib
text, seals, n = {}, {}, 0
def member(f, at):
    if (f, at) not in text:
        d = zlib.decompressobj(31)
        data = open(glob.glob("segments/*/*/*/" + f)[0], "rb").read()[at:]
        text[f, at] = d.decompress(data)
    return text[f, at]
for r in csv.DictReader(open("criteria/CC8.1/privileged_actions.csv", newline="")):
    m = member(r["segment_file"], int(r["member_offset"]))
    at = int(r["line_offset"])
    assert at == 0 or m[at - 1:at] == b"\n", r
    line = json.loads(m[at:m.index(b"\n", at)])
    assert line["kind"] == "call" and line["id"] == r["call_id"] and str(line["seq"]) == r["seq"] and line["authorised_by"] == r["rule"], r
    # A crash leaves the end of a file without its seal: the next file's first seal proves it.
    found = [s for s in m[at:].splitlines() if s.startswith(b'{"kind":"seal"') and json.loads(s)["seal"] == int(r["seal_seq"])]
    seals[bool(found)] = seals.get(bool(found), 0) + 1
    n += 1
assert n > 20 and seals[True] > n - 5, (n, seals)
E2

# What was planted is told, and nothing else.
cut -d, -f1,3,4 findings.csv | sed 1d | sort >"$work/found"
sort >"$work/planted" <<'E2'
credential-used-elsewhere,,mail
leaver-called,,alice
outage,ws-003,audit
E2
check "the findings are what was planted" diff "$work/planted" "$work/found"

# verify.sh
openssl pkey -pubin -in signer.pem -pubout >"$work/signer.pem" 2>/dev/null
v() { sh "$1/verify.sh" --key "$work/signer.pem"; }
check "verify.sh agrees" v "$work/a"
check "verify.sh agrees with the key of the bundle" sh verify.sh
if busybox=$(command -v busybox); then
	mkdir "$work/bin" && ln -s "$busybox" "$work/bin/awk"
	check "verify.sh agrees with the awk of busybox" env PATH="$work/bin:$PATH" sh verify.sh
fi
fails() { # WHAT, then a command in a copy of the bundle
	local what=$1
	shift
	rm -rf "$work/c" && cp -r "$work/a" "$work/c"
	(cd "$work/c" && "$@") || { echo "not ok - $what: could not be done"; bad=1; return; }
	if v "$work/c" >"$work/out" 2>&1; then echo "not ok - verify.sh does not see $what"; bad=1; else ok "verify.sh sees $what: $(grep -m1 '^BAD' "$work/out" | cut -c1-110)"; fi
}
# Who has the signer's key can write a manifest anew: then the records speak.
resign() { python3 - "$work/key" <<'E2'
import hashlib, os, re, subprocess, sys
m = open("MANIFEST.json").read().splitlines()
out = [m[0]]
for l in m[1:-1]:
    p = re.match(r'\{"path":"([^"]*)"', l).group(1)
    if not os.path.exists(p):
        continue
    d = open(p, "rb").read()
    l = re.sub(r'"sha256":"[0-9a-f]*","bytes":\d+', '"sha256":"%s","bytes":%d' % (hashlib.sha256(d).hexdigest(), len(d)), l)
    out.append(re.sub(r'"rows":\d+', '"rows":%d' % (d.count(b"\n") - 1), l))
out[-1] = out[-1].rstrip(",")
open("MANIFEST.json", "w").write("\n".join(out + [m[-1]]) + "\n")
seed = bytes.fromhex(open(sys.argv[1]).read().strip())
open("k.der", "wb").write(bytes.fromhex("302e020100300506032b657004220420") + seed)
subprocess.check_call("openssl pkey -inform DER -in k.der -out k.pem && openssl pkeyutl -sign -inkey k.pem -rawin -in MANIFEST.json -out MANIFEST.sig && rm k.der k.pem", shell=True)
E2
}
seg=$(ls -d segments/audit/host=ws-002/date=2026-11-03/*.gz | sed -n 2p)
fails "a changed byte of a table" sed -i '2s/ws-/wt-/' artefacts/call_log.csv
fails "a changed byte of a segment" bash -c 'printf X | dd of="$1" bs=1 seek=300 conv=notrunc status=none' - "$seg"
fails "a removed row" sed -i 5d artefacts/call_log.csv
fails "a removed host" bash -c 'rm -r segments/audit/host=ws-002'
fails "a removed day" bash -c 'rm -r segments/audit/host=ws-001/date=2026-11-03'
swap() { cp "policies/$(ls policies | sed -n 1p)" p && cp "policies/$(ls policies | sed -n 2p)" "policies/$(ls policies | sed -n 1p)" && mv p "policies/$(ls policies | sed -n 2p)"; }
fails "a swapped policy" swap
other() { "$BUILD/callgate" evidence export --from $from --to 2026-11-04 --store "$s" --out "$work/o" --key "$work/key" >/dev/null && cp "$work/o/MANIFEST.json" "$work/o/MANIFEST.sig" . && rm -r "$work/o"; }
fails "a manifest of another bundle" other
fails "a file more" touch artefacts/more.csv
fails "a file more whose name ends a line for echo" touch 'artefacts/more\c'
fails "a file more whose name speaks to a terminal" touch $'artefacts/more\033[2J\nok: and\xc2\x9b.csv'
check "and the terminal does not hear it" bash -c '! LC_ALL=C grep -q "[^ -~]" "$1"' - "$work/out"
fails "a manifest that another key signed" bash -c 'openssl genpkey -algorithm ed25519 -out k.pem 2>/dev/null && openssl pkeyutl -sign -inkey k.pem -rawin -in MANIFEST.json -out MANIFEST.sig && openssl pkey -in k.pem -pubout -out signer.pem && rm k.pem'
row_again() { sed -i "$(grep -nm1 ',deny,' artefacts/call_log.csv | cut -d: -f1)d" artefacts/call_log.csv && resign; }
fails "a removed row, signed again" row_again
day_again() {
	rm -r segments/audit/host=ws-001/date=2026-11-03 && for f in completeness/segments.csv artefacts/call_log.csv criteria/CC8.1/privileged_actions.csv criteria/CC7.2/denied_calls.csv; do
		ls "$work/a/segments/audit/host=ws-001/date=2026-11-03" | grep -vFf - "$f" >f.new && mv f.new "$f" || return 1
	done
	resign
}
fails "a removed day, its rows gone too, signed again" day_again
policy_again() { swap && resign; }
fails "a swapped policy, signed again" policy_again
# The same question to callgate, which also computes every chain and compares every cell.
fails_both() { # WHAT, then a command
	rm -rf "$work/c" && cp -r "$work/a" "$work/c" && (cd "$work/c" && "${@:2}") || { echo "not ok - $1: could not be done"; bad=1; return; }
	if "$BUILD/callgate" evidence verify "$work/c" --key "$work/signer.pem" >"$work/out" 2>&1; then echo "not ok - evidence verify does not see $1"; bad=1; else
		ok "evidence verify sees $1: $(grep -m1 '^callgate:' "$work/out" | cut -c1-110)"; fi
}
check "evidence verify agrees" "$BUILD/callgate" evidence verify "$work/a" --key "$work/signer.pem"
# What never ends is not waited for, and no name hides what is said of it.
says() { timeout 60 "$BUILD/callgate" evidence verify "$work/c" --key "$work/signer.pem" 2>&1 | grep -q "$1"; }
for f in completeness/segments.csv MANIFEST.json MANIFEST.sig samples; do
	rm -rf "$work/c" && cp -r "$work/a" "$work/c" && rm -rf "$work/c/$f" && mkfifo "$work/c/$f"
	check "evidence verify does not read a FIFO, $f" says "$f is no plain file"
	check "nor does verify.sh" bash -c 'timeout 60 sh "$1/verify.sh" --key "$2" | grep -q "$3 is no plain file"' - "$work/c" "$work/signer.pem" "$f"
done
rm -rf "$work/c" && cp -r "$work/a" "$work/c" && truncate -s 1T "$work/c/artefacts/call_log.csv"
check "evidence verify does not read a hole of a terabyte" says "call_log.csv has other bytes"
rm -rf "$work/c" && cp -r "$work/a" "$work/c" && touch "$work/c/artefacts/"$'\xff'
check "a name that is no UTF-8 is told with --json, too" test "$("$BUILD/callgate" --json evidence verify "$work/c" | jq -r '.said[] | select(.ok == false) | .text')" = "artefacts/? is not in the manifest"
fails_both "a changed byte of a segment" bash -c 'printf X | dd of="$1" bs=1 seek=300 conv=notrunc status=none' - "$seg"
fails_both "a removed row, signed again" row_again
fails_both "a removed day, signed again" day_again
fails_both "a manifest that another key signed" bash -c 'openssl genpkey -algorithm ed25519 -out k.pem 2>/dev/null && openssl pkeyutl -sign -inkey k.pem -rawin -in MANIFEST.json -out MANIFEST.sig && rm k.pem'
cell_again() { sed -i '3s/,tools\/call,/,tools\/list,/' artefacts/call_log.csv && ! cmp -s artefacts/call_log.csv "$work/a/artefacts/call_log.csv" && resign; }
fails_both "a changed cell, signed again" cell_again
# Lines written anew, everything packed and named anew, the tables and the manifest too: the seals do not fit.
anew() { python3 - "$seg" <<'E2' && resign
import gzip, hashlib, os, re, subprocess, sys
old = sys.argv[1]
text = gzip.decompress(open(old, "rb").read()).replace(b'"status":"ok"', b'"status":"no"', 1)
data = gzip.compress(text, mtime=0)
sha = hashlib.sha256(data).hexdigest()
new = re.sub(r"-[0-9a-f]{16}\.jsonl", "-" + sha[:16] + ".jsonl", old)
os.remove(old)
open(new, "wb").write(data)
m = open("MANIFEST.json").read().replace(old, new)
open("MANIFEST.json", "w").write(m)
for d, _, fs in os.walk("."):
    for f in fs:
        if f.endswith(".csv"):
            p = os.path.join(d, f)
            t = open(p, newline="").read()
            u = t.replace(os.path.basename(old), os.path.basename(new))
            u = re.sub(r"(%s),[0-9a-f]{64},\d+" % re.escape(os.path.basename(new)), r"\1,%s,%d" % (sha, len(data)), u)
            if t != u:
                open(p, "w", newline="").write(u)
E2
}
fails_both "a changed line, packed, named and signed again" anew

# Samples: the same word draws the same calls, another one others; packets hold what the records hold.
draw() { rm -rf "$1/samples" && "$BUILD/callgate" evidence sample "$1" --nonce "$2" --size 12; }
check "a sample of twelve" draw "$work/a" 4711
cp -r "$work/a/samples" "$work/s1"
check "the same word draws the same" bash -c '"$1" evidence sample "$2" --nonce 4711 --size 12 && diff -r "$2/samples" "$3"' - "$BUILD/callgate" "$work/b" "$work/s1"
check "another word draws others" bash -c 'rm -r "$2/samples" && "$1" evidence sample "$2" --nonce 4712 --size 12 && ! diff -q "$2/samples/selection.csv" "$3/selection.csv"' - "$BUILD/callgate" "$work/b" "$work/s1"
check "a bundle with samples is still whole" v "$work/a"
check "twelve packets, each with its call, the seal, the grant's journal line and the policy's text" python3 - "$work/audit" <<'E2'
import hashlib, json, sys
by = {}
for l in open(sys.argv[1]):
    r = json.loads(l)
    by.setdefault((r["host"], r.get("id")), []).append(l.rstrip("\n"))
rows = open("samples/selection.csv").read().split()[1:]
strata = {r.split(",")[1] for r in open("samples/selection.csv").read().splitlines()[1:]}
assert len(strata) == 12, strata
seed = hashlib.sha256(hashlib.sha256(open("MANIFEST.json", "rb").read()).digest() + b"4711").digest()
assert open("samples/seed.txt").readline().split()[1] == seed.hex()
for i in range(1, 13):
    p = json.load(open("samples/packets/%d.json" % i))
    c = p["call"]
    assert [x["line"] for x in p["lines"]] == by[c["host"], c["call_id"]], i
    s = json.loads(p["seal"][0]["line"])
    assert s["first_seq"] <= int(c["seq"]) <= s["last_seq"] or s["seal"] == int(c["seal_seq"]), i
    if c["policy_hash"]:
        assert hashlib.sha256(p["policy_text"].encode()).hexdigest() == c["policy_hash"], i
        assert json.loads(p["grant"][0]["line"])["id"] == c["grant"], i
E2
exit $bad
