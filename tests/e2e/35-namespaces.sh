#!/bin/bash
# Other network namespaces: the first connection is refused at once, the next is gated; when nobody is left in a namespace, nothing of ours is.
# COUNT=1000 makes it the long one.
. "$(dirname -- "$0")/../lab/lab.sh"
. "$LAB_TOP/tests/lab/storm.sh"
COUNT=${COUNT:-30}
storm_net
check "an ungoverned desk lets alice out directly" lab_as alice bash -c ': </dev/tcp/10.9.9.9/8080'
check "and the counter sees it" test "$(storm_direct)" -gt 0
lab_daemon '{"users":["alice"],"scope":"users"}' || exit 1
state() { callgate --json status | jq -c '.. | objects | select(has("refused_full"))'; }
entries() { bpftool -j map dump pinned /sys/fs/bpf/callgate/v*/cg_netns | jq length; }
files() { for p in $LAB_DAEMON $(pgrep -P "$LAB_DAEMON" callgate-proxy); do ls "/proc/$p/fd" | wc -l; done | tr '\n' ' '; }
export PATH=$PATH:/usr/sbin
lab_as alice "$LAB/bin/aids/netns_storm" 8080 0 2 2 >/dev/null
lab_wait 10 eval '[ "$(of "$(state)" listening)" = 0 ]'
files0=$(files) direct0=$(storm_direct)
out=$(lab_as alice "$LAB/bin/aids/netns_storm" 8080 1000 "$COUNT" 16)
echo "# $out"
check "$COUNT namespaces were made" test "$(of "$out" made)" = "$COUNT"
check "the first connection of each was refused" test "$(of "$out" first_refused)" = "$COUNT"
check "the second was gated, within a second" test "$(of "$out" then_gated)" = "$COUNT"
check "no listener is left" lab_wait 10 eval '[ "$(of "$(state)" listening)" = 0 ]'
echo "# $(state)"
check "each namespace that was opened was closed" test "$(of "$(state)" opened)" = "$(of "$(state)" closed)"
check "only the own namespace is left in the map" test "$(entries)" = 1
check "no descriptor is left" test "$(files)" = "$files0"
sleep 0.5
check "each gated connection has its record with that namespace" test "$(lab_records '.kind=="connection" and .verdict=="relay"' | jq -r 'select(.dst_addr|startswith("10.0.")).netns' | sort -u | wc -l)" -ge "$COUNT"
check "not one packet left directly" test "$(storm_direct)" = "$direct0"
lab_end
