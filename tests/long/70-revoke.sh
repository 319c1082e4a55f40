#!/bin/bash
# A grant is revoked TIMES times while 4 connections call as fast as they can: how long after the command was given was the last call accepted?
# Command: the moment before `callgate grant revoke` is started.  Accepted: the time of the last `call` record that allows, under this grant.
. "$(dirname -- "$0")/../e2e/setup.sh"
TIMES=${TIMES:-100}
gate_up
echo "{\"version\":\"1\",\"default\":\"allow\"}" >"$LAB/all.json"; callgate policy apply lab "$LAB/all.json" >/dev/null || exit 1
addr=$(awk '$2 == "mcp.lab.test" { print $1 }' /etc/hosts)
callgate ca show --pem >"$LAB/gate-ca.pem"
"$BUILD/aids/loadgen" --name mcp.lab.test --ca "$LAB/gate-ca.pem" --target gate,"$addr",443,12001,0 --rounds 1000000 --block 400 --clients 4 --keep >"$LAB/load" 2>"$LAB/load.err" &
load=$!
lab_wait 10 test -s "$LAB/load" || { cat "$LAB/load.err"; echo "not ok - no load"; exit 1; }

id=$(callgate --json grant list --user alice | jq -r '.grants[0].id')
for i in $(seq "$TIMES"); do
	sleep "0.$((RANDOM % 10 + 10))"
	at=$EPOCHREALTIME
	callgate grant revoke "$id" >/dev/null || { not_ok "revocation $i"; break; }
	echo "$id $at $EPOCHREALTIME" >>"$LAB/times"
	id=$(callgate grant add --user alice --server mcp --policy lab)
done
check "the load still runs" kill -0 "$load"
kill "$load" 2>/dev/null
settled
# Per grant: the last accepted call, and how many there were in the second before the command.
lab_audit | jq -r 'select(.kind=="call" and .verdict=="allow") | [.grant, .ts] | @tsv' >"$LAB/calls"
python3 - "$LAB/times" "$LAB/calls" "$TIMES" <<'PY' >"$LAB/figures"
import sys, datetime, collections
epoch = datetime.datetime(1970, 1, 1)
calls = collections.defaultdict(list)
for line in open(sys.argv[2]):
    grant, ts = line.split()
    calls[grant].append((datetime.datetime.strptime(ts, "%Y-%m-%dT%H:%M:%S.%fZ") - epoch).total_seconds())
ms, idle, answered = [], 0, []
for line in open(sys.argv[1]):
    grant, t0, t1 = line.split()
    t0, t1 = float(t0), float(t1)
    mine = calls[grant]
    if not any(t0 - 1 < t <= t0 for t in mine):
        idle += 1
        continue
    ms.append((max(mine) - t0) * 1000)
    answered.append((t1 - t0) * 1000)
ms.sort(), answered.sort()
at = lambda v, q: v[min(len(v) - 1, int(len(v) * q))] if v else float("nan")
print("revocations %d, without calls before the command %d, calls %d" % (len(ms) + idle, idle, sum(map(len, calls.values()))))
print("from the command to the last accepted call, ms: min %.1f, p50 %.1f, p90 %.1f, p99 %.1f, max %.1f" % (at(ms, 0), at(ms, .5), at(ms, .9), at(ms, .99), at(ms, 1)))
print("to the command's answer, ms: p50 %.1f, p99 %.1f, max %.1f" % (at(answered, .5), at(answered, .99), at(answered, 1)))
sys.exit(0 if len(ms) == int(sys.argv[3]) and at(ms, 1) < 1000 else 1)
PY
status=$?
sed 's/^/# /' "$LAB/figures"
check "each of $TIMES revocations found calls, and stopped them within a second" test $status = 0
lab_end
