#!/usr/bin/python3
"""fleetcheck.py STORE [INBOX-TEMPLATE]: is a collector's store in order?  Written from C2SP tlog-tiles, signed-note and RFC 6962, not from our code.

Without a template: the log's root follows from its leaves, no segment is in it twice, every receipt has its leaf, its segment and the right hash.
With one: besides, what the template holds is what the store holds, byte for byte, and each segment has its leaf and receipt; signatures are checked.
"""
import base64, hashlib, os, subprocess, sys, tempfile


def sha(b):
    return hashlib.sha256(b).digest()


def root(leaves):
    """RFC 6962 section 2.1, without recursion on single leaves."""
    if not leaves:
        return sha(b"")
    level = [sha(b"\0" + x) for x in leaves]

    def mth(h):
        if len(h) == 1:
            return h[0]
        k = 1
        while k * 2 < len(h):
            k *= 2
        return sha(b"\1" + mth(h[:k]) + mth(h[k:]))

    return mth(level)


def tile(n):
    parts = ["%03d" % (n % 1000)]
    while n >= 1000:
        n //= 1000
        parts.insert(0, "x%03d" % (n % 1000))
    return "/".join(parts)


def fail(text):
    print("fleetcheck: " + text, file=sys.stderr)
    sys.exit(1)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def read_log(log):
    try:
        note = read(log + "/checkpoint").decode()
    except FileNotFoundError:
        return [], None
    origin, size, want = note.split("\n")[:3]
    leaves = []
    for n in range(0, int(size), 256):
        width = min(256, int(size) - n)
        bundle = read(log + "/tile/entries/" + tile(n // 256) + ("" if width == 256 else ".p/%d" % width))
        hashes = read(log + "/tile/0/" + tile(n // 256) + ("" if width == 256 else ".p/%d" % width))
        at = 0
        for i in range(width):
            length = int.from_bytes(bundle[at:at + 2], "big")
            leaf = bundle[at + 2:at + 2 + length]
            at += 2 + length
            if hashes[32 * i:32 * i + 32] != sha(b"\0" + leaf):
                fail("tile 0 does not hold the hash of leaf %d" % (n + i))
            leaves.append(leaf.decode())
        if at != len(bundle):
            fail("bundle %d is longer than its leaves" % n)
    if base64.b64encode(root([x.encode() for x in leaves])).decode() != want:
        fail("the checkpoint's root is not that of the leaves")
    return leaves, note


def signed(note, vkey):
    """A signed note by the key of ${vkey}, by openssl."""
    name, digest, key = vkey.split("+", 2)  # a name has no +, base64 may
    raw = base64.b64decode(key)
    if sha(name.encode() + b"\n" + raw)[:4].hex() != digest:
        fail("the vkey's hash is wrong")
    text, rest = note.split("\n\n", 1)
    line = [x for x in rest.split("\n") if x.startswith("\u2014 " + name + " ")][0]
    sig = base64.b64decode(line.rsplit(" ", 1)[1])
    with tempfile.TemporaryDirectory() as d:
        for file, data in (("k", bytes.fromhex("302a300506032b6570032100") + raw[1:]), ("s", sig[4:]), ("t", (text + "\n").encode())):
            with open(d + "/" + file, "wb") as f:
                f.write(data)
        r = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", d + "/k", "-rawin", "-in", d + "/t", "-sigfile", d + "/s"],
                           capture_output=True)
    if sig[:4].hex() != digest or r.returncode:
        fail("a signature is not the collector's: " + note[:200])


def fields(text):
    return dict(x.split(" ", 1) for x in text.split("\n\n")[0].strip().split("\n")[1:])


def walk(top, end):
    return sorted(os.path.join(d, f) for d, _, files in os.walk(top) for f in files if f.endswith(end) and not f.startswith("."))


def main():
    store, template = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    leaves, note = read_log(store + "/log")
    by_name = {}
    for leaf in leaves:
        f = fields(leaf)
        if (f["trail"], f["segment"]) in by_name:
            fail(f["segment"] + " is in the log twice")
        by_name[(f["trail"], f["segment"])] = leaf
    segments = {}
    for trail in ("audit", "journal"):
        for path in walk(store + "/" + trail, ".jsonl.gz"):
            if (trail, os.path.basename(path)) in segments:
                fail(path + " is in the store twice")
            segments[(trail, os.path.basename(path))] = path
    receipts = {}
    for path in walk(store + "/receipts", ".receipt"):
        text = read(path).decode()
        f = fields(text)
        key = (f["trail"], f["segment"])
        if by_name.get(key) != text.split("\n\n")[0] + "\n":
            fail(path + " has no leaf that says the same")
        if key not in segments:
            fail(path + " is ahead of the store")
        if sha(read(segments[key])).hex() != f["sha256"]:
            fail(segments[key] + " is not what its receipt says")
        receipts[key] = text
    if template:
        want = {}
        for trail in ("audit", "journal"):
            for path in walk(template, ".jsonl.gz"):
                if "/%s/sealed/" % trail in path:
                    want[(trail, os.path.basename(path))] = path
        if set(want) != set(segments) or set(want) != set(by_name) or set(want) != set(receipts):
            fail("%d segments were made, %d are in the store, %d in the log, %d have receipts" % (len(want), len(segments), len(by_name), len(receipts)))
        for key, path in want.items():
            if read(path) != read(segments[key]):
                fail(segments[key] + " is not what was shipped")
        vkey = read(store + "/collector.vkey").decode().strip()
        signed(note, vkey)
        for text in list(receipts.values())[::7]:
            signed(text, vkey)
    print("%d leaves, %d segments, %d receipts" % (len(leaves), len(segments), len(receipts)))


main()
