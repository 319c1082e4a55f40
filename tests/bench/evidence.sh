#!/bin/bash
# What an export costs: 1, 3 and 10 million records (SIZES, in thousands) of two hosts; CPU, memory, and the tables' bytes.  build/bench/evidence.json
set -eu
top=$(cd "$(dirname -- "$0")/../.." && pwd -P)
: "${BUILD:=$top/build}" "${SIZES:=1000 3000 10000}"
work=$(mktemp -d) out=$BUILD/bench/evidence.json
trap 'rm -rf "$work"' EXIT
mkdir -p "$BUILD/bench"
export BUILD work out
for size in $SIZES; do
	# A call is about 2.85 lines here: itself, the release of its credential, its result.
	"$BUILD/fleet/fleetgen" --hosts 2 --days 5 --calls $((size * 1000 / 28 )) --commit 64 --jobs 2 --out "$work/g"
	rm -rf "$work/g/work" "$work/g/inbox"
	python3 - "$size" <<'E2'
import json, os, resource, subprocess, sys
build, work = os.environ["BUILD"], os.environ["work"]
best = None
for i in range(2):
    subprocess.call(["rm", "-rf", work + "/b"])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(work + "/said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.execv(build + "/callgate", ["callgate", "--json", "evidence", "export", "--from", "2026-11-01", "--to", "2026-11-30", "--store", work + "/g/store", "--out", work + "/b"])
    _, status, u = os.wait4(pid, 0)
    assert status == 0, open(work + "/said").read()
    said = json.load(open(work + "/said"))
    cpu = u.ru_utime + u.ru_stime
    if best is None or cpu < best["cpu_s"]:
        best = {"records": said["lines"], "calls": said["calls"], "cpu_s": round(cpu, 2), "records_per_s": int(said["lines"] / cpu), "rss_kib": u.ru_maxrss,
                "csv_bytes": sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(work + "/b") for f in fs if f.endswith(".csv"))}
print("%10d records, %9d calls: %6.2f s of CPU, %7d records/s a core, %6d KiB resident at most" %
      (best["records"], best["calls"], best["cpu_s"], best["records_per_s"], best["rss_kib"]), flush=True)
open(work + "/rows", "a").write(json.dumps(best) + "\n")
E2
	rm -rf "$work/g"
done
python3 - <<'E2'
import json, os
rows = [json.loads(l) for l in open(os.environ["work"] + "/rows")]
json.dump({"sizes": rows}, open(os.environ["out"], "w"), indent=1)
slow, most = min(r["records_per_s"] for r in rows), max(r["rss_kib"] for r in rows)
per = [r["cpu_s"] / r["records"] for r in rows]
print("slowest %d records/s (goal 200,000); memory at most %d KiB (goal 524,288); CPU a record, largest size to smallest: %.2f" % (slow, most, per[-1] / per[0]))
E2
