#!/usr/bin/env python3
"""residue.py SECRET-FILE PID... - in the memory of which of these processes is the secret, and how often.

Reads /proc/PID/mem, every mapping that can be read, and /proc/PID/environ.  Memory that the kernel lets nobody read (memfd_secret) is counted as
unreadable.  The secret is read from a file, and looked for as such and in base64.  One JSON line a process.
"""
import base64, json, re, sys

secret = open(sys.argv[1], "rb").read()
forms = [secret, base64.b64encode(secret).rstrip(b"=")[:-2]]

for pid in sys.argv[2:]:
    hits, places, unreadable, size = 0, [], 0, 0
    try:
        name = open("/proc/%s/comm" % pid).read().strip()
        maps = open("/proc/%s/maps" % pid).read().splitlines()
        mem = open("/proc/%s/mem" % pid, "rb", buffering=0)
    except OSError:
        continue
    for line in maps:
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
        if not m or m[3][0] != "r" or m[4] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
            continue
        start, end, last = int(m[1], 16), int(m[2], 16), b""
        while start < end:
            n = min(end - start, 1 << 20)
            try:
                mem.seek(start)
                chunk = mem.read(n)
            except OSError:
                unreadable += n
                chunk, last = b"", b""
            text = last + chunk
            for form in forms:
                found = text.count(form)
                hits += found
                if found:
                    places.append(m[4] or "anonymous")
            last = chunk[-len(secret) * 2:]
            size += len(chunk)
            start += n
    if any(f in open("/proc/%s/environ" % pid, "rb").read() for f in forms):
        hits += 1
        places.append("environ")
    print(json.dumps({"pid": int(pid), "name": name, "hits": hits, "places": sorted(set(places)), "read": size, "unreadable": unreadable}))
