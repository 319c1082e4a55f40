#!/bin/bash
# A worker that hangs writes no heartbeat: within three seconds its clients are refused at once instead of waiting, and after ten it is replaced.
. "$(dirname -- "$0")/setup.sh"
gate_up
worker() { callgate --json status | jq -r '[.. | objects | select(.name? == "callgate-proxy")][0].pid'; }
old=$(worker)
works() { [[ $(call alice echo '{"message":"here"}' --max-time 5) == *here* ]]; }
check "a call works" works
kill -STOP "$old"
sleep 4
out=$(call alice echo '{"message":"refused"}' --max-time 5)
hasnt "a connection is refused while the worker hangs" "$out" "timed out"
check "with a reason in the counters" test "$(callgate --json status | jq '.service.kernel["denied-no-live-worker"]')" -gt 0
check "the worker is replaced" lab_wait 15 eval '[ "$(worker)" != 0 ] && [ "$(worker)" != "$old" ]'
check "calls work again" lab_wait 10 works
check "the log says why" grep -q "no sign of life" "$LAB/callgated.log"
lab_end
