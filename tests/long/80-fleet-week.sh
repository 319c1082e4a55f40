#!/bin/bash
# Twenty workstations at one collector: desk and laptop with the real daemons, sshd and rsync, and eighteen with the seven days before today from a generator.
# Ingest, a second delivery, receipts, status: every planted fault is named, by the one that can know it, and nothing else is.
. "$(dirname -- "$0")/../lab/lab.sh"
. "$LAB_TOP/tests/lab/fleet.sh"
. "$LAB_TOP/tests/lab/hosts.sh"
real="desk laptop"
gen=$LAB/m/gen plan=$LAB/plan.json
same() { check "$1" diff -u <(printf '%s\n' "$2") <(printf '%s\n' "$3"); } # DESCRIPTION WANTED GOT

# Of any seven days five are working days: what the plan says of its Nth day happens on the Nth of them.
today=$(date -u +%F)
from=$(date -u -d "$today - 7 days" +%F)
for i in 1 2 3 4 5 6 7; do
	[ "$(date -u -d "$from + $((i - 1)) days" +%u)" -gt 5 ] || echo $i
done >"$LAB/days"
jq --arg from "$from" --slurpfile day "$LAB/days" '.start = $from | .plants[] |= (
	(if .hours then .hours = 24 * ($day[.day] - $day[.day - 1]) else . end) | (if .to then .to = $day[.to - 1] else . end) | if .day then .day = $day[.day - 1] else . end)' \
	"$LAB_TOP/tests/fleet/plans/week.json" >"$plan"
date_of() { date -u -d "$from + $(($(sed -n "$1p" "$LAB/days") - 1)) days" +%F; } # N: the Nth working day
"$BUILD/fleet/fleetgen" --plan "$plan" --out "$gen" &
generator=$!

fleet_up
lab_server mcp good || exit 1
host_up desk && host_up laptop || exit 1
host_start desk '{"users":["alice"],"scope":"users","audit":{"segment_seconds":2}}' || exit 1
host_start laptop '{"users":["bob"],"scope":"users","audit":{"segment_seconds":2}}' || exit 1
jq -n '{version: "1", default: "deny", tools: {echo: {}, pay: {}}}' >"$LAB/policy.json" && chmod 644 "$LAB/policy.json"
cd "$LAB" || exit 1
user_of() { case $1 in desk) echo alice ;; *) echo bob ;; esac; }
call() { host_call "$1" "$(user_of "$1")" mcp "$2" "$3"; } # HOST TOOL ARGUMENTS
of_host() { # HOST TRAIL: where it lies on that workstation
	case $2 in audit) echo "$LAB/m/host-$1/log/audit" ;; *) echo "$LAB/m/host-$1/state/journal" ;; esac
}
sealed_with() { # HOST TOOL: the sealed files with a call of it, if there are any
	local f some=1
	for f in "$(of_host "$1" audit)"/sealed/*.gz; do
		if zcat "$f" | grep -q "\"tool\":\"$2\""; then echo "$f"; some=0; fi
	done
	return $some
}
set_up() { # HOST
	at "$1" callgate ca install && host_server "$1" mcp mcp platform && at "$1" callgate policy apply lab "$LAB/policy.json" --reason lab &&
		at "$1" callgate grant add --user "$(user_of "$1")" --server mcp --policy lab --reason lab --ticket T-1
}
for host in $real; do check "$host is set up" set_up $host; done
check "both enrol, and the collector accepts them" host_enrol $real
for host in $real; do
	has "a call on $host" "$(call $host echo '{"message":"good morning"}')" "good morning"
	hasnt "and one that is denied" "$(call $host danger '{}')" "ran danger"
done
for host in $real; do lab_wait 20 sealed_with $host danger; done
for host in $real; do check "$host ships" at $host callgate fleet ship --now; done

reasons() { find $STORE/quarantine -name '*.reason' -exec cat {} + | jq -r 'select(.file | endswith(".gz")) | "\(.host) \(.reason) \(.file)"' | sort; }
planted() { # FAULT REASON: what the generator did to files, as ingest should call it
	jq -r --arg what "$1" --arg reason "$2" '.hosts[] | .host as $h | .faults[] | select(.what == $what) | "\($h) \($reason) \(.file)"' "$gen/facts.json"
}
names() { jq -r '.plants[] | "ws-\("00\(.host)"[-3:]) \({power: "power", tamper: "tampered", rollback: "rolled-back", clock: "clock", replay: "other-host", daemon: "daemon", lost: "lost", uncollected: "not-collected"}[.what])"' "$plan"; }
holes() { jq -r '.hosts[] | .host as $h | .faults[] | select(.what == "lost" or .what == "tamper") | "\($h) \(.first)-\(.last)"' "$gen/facts.json"; }
sums() { (cd "$1" && find audit journal -path '*host=ws-*' -name '*.gz' -exec sha256sum {} + | sort -k 2); }
filed() { # HOST...: what the collector has of it is what lies there, byte for byte
	local host f
	for host in "$@"; do
		for f in $STORE/audit/host=$host.lab.test/*/*.gz; do cmp "$f" "$(of_host "$host" audit)/sealed/${f##*/}" || return 1; done
		for f in $STORE/journal/host=$host.lab.test/*/*.gz; do cmp "$f" "$(of_host "$host" journal)/sealed/${f##*/}" || return 1; done
	done
}
stored() { zcat $STORE/audit/host="$1".lab.test/*/*.gz | jq -r 'select(.kind == "call") | "\(.tool) \(.verdict)"' | sort | paste -sd' '; } # HOST: the calls that were filed

wait $generator || { echo "the generator failed"; exit 1; }
fleet_generated "$gen"
fleet_deliver "$gen/inbox"
fleet_ingest --gap-wait 0 --quiet
same "ingest refuses the changed file and the foreign one, and no other" "$( (planted tamper tampered; planted replay other-host) | sort)" "$(reasons)"
same "what it took is all the rest, byte for byte" "$(sums "$gen/store")" "$(sums $STORE)"
check "and that of desk and laptop" filed $real
same "nothing waits" "" "$(find $INBOX -type f)"
same "a receipt a segment" "$(cd $STORE && find audit journal -name '*.gz' -printf '%f\n' | sort)" "$(cd $STORE && find receipts -name '*.receipt' -printf '%f\n' | sed 's/\.receipt$//' | sort)"
same "the holes are the lost file and the changed one" "$(holes | sort)" "$(for s in $STORE/hosts/*/state.json; do jq -r '.host as $h | .trails[] | .gaps[]? | "\($h) \(.from)-\(.to)"' "$s"; done | sort)"

# On laptop a sealed segment is changed before it is shipped: who paid.
for host in $real; do has "$host pays" "$(call $host pay '{"amount":20}')" "ran pay"; done
for host in $real; do lab_wait 20 sealed_with $host pay; done
changed=$(sealed_with laptop pay)
check "the payment lies in one sealed file" test -f "$changed"
check "and is another's now" fleet_forge "$changed" 's/"uid":12002/"uid":12001/' 440
lines=$(zcat "$FORGED" | jq -r .seq | sed -n '1p;$p' | paste -sd-)
for host in $real; do at $host callgate fleet ship --now --json >"$LAB/$host.ship"; done
check "the receipts of the first delivery came back to both" bash -c 'for f; do [ "$(jq .receipts "$f")" -ge 2 ] || exit 1; done' - "$LAB/desk.ship" "$LAB/laptop.ship"
fleet_deliver "$gen/late"
fleet_ingest --gap-wait 0 --quiet
refused=$( (planted tamper tampered; planted replay other-host; planted rollback rolled-back; echo "laptop.lab.test tampered ${FORGED##*/}") | sort)
same "the host that was put back is refused, with every file, and what laptop changed; no other" "$refused" "$(reasons)"
# What stands after the hole shows that it is one.
lab_wait 20 bash -c '[ "$(cd "$1" && printf "%s\n" *.gz | sort -V | tail -n 1)" != "$2" ]' after "${FORGED%/*}" "${FORGED##*/}"
for host in $real; do check "$host ships, once more" at $host callgate fleet ship --now; done
fleet_ingest --gap-wait 0 --quiet
same "once more: nothing changes" "$refused" "$(reasons)"
same "what desk called, and what became of it" "danger deny echo allow pay allow" "$(stored desk)"
same "and laptop, but for what was changed" "danger deny echo allow" "$(stored laptop)"
same "the server had each of them, and none that was denied" "echo echo pay pay" "$(jq -r 'select(.method == "tools/call") | .tool' "$LAB/mcp.log" | sort | paste -sd' ')"

fleet status --store $STORE --json --from "$from" --to "$(date -u +%FT%T.%6NZ)" --silent $((($(date -u +%s) - $(date -u -d "$(date_of 5) 08:00" +%s)) / 3600)) >"$LAB/s.json"
same "status names each and nothing else" "$( (names; echo "laptop.lab.test tampered") | sort)" "$(jq -r '.findings[] | "\(.host) \(.cause)"' "$LAB/s.json" | sort)"
same "of twenty hosts, two of them real" "20 desk.lab.test laptop.lab.test" "$(jq -r '"\(.hosts | length) \([.hosts[].host | select(startswith("ws-") | not)] | sort | join(" "))"' "$LAB/s.json")"
same "two outages, an hour without the daemon: from when to when" "ws-002 $(date_of 2)T12:50:00Z
ws-011 $(date_of 4)T13:45:00Z
ws-012 $(date_of 3)T15:00:00Z" "$(jq -r '.findings[] | select(.cause == "power" or .cause == "daemon") | "\(.host) \(.to)"' "$LAB/s.json" | sort)"
same "and how long, to the minute" "ws-002 150
ws-011 40
ws-012 60" "$(jq -r '.findings[] | select(.cause == "power" or .cause == "daemon") | "\(.host) \((.seconds - 1) / 60 | floor | if . % 10 == 9 then . + 1 else . end)"' "$LAB/s.json" | sort)"
same "the missing lines" "$( (holes; echo "laptop.lab.test $lines") | sort)" "$(jq -r '.findings[] | select(.first) | "\(.host) \(.first)-\(.last)"' "$LAB/s.json" | sort)"
same "the clock: 47 minutes, put back a day later" "ws-008 2820 $(date_of 4)" "$(jq -r '.hosts[] | select(.clock.step_s > 0) | "\(.host) \(.clock.step_s)"' "$LAB/s.json") $(jq -r '.findings[] | select(.cause == "clock") | .to[:10]' "$LAB/s.json")"
same "hosts without a fault are covered whole" "$( (jq -r '[.plants[].host] as $bad | range(1; 19) | select(. as $n | $bad | index($n) | not) | "ws-\("00\(.)"[-3:]) 1"' "$plan"; echo "desk.lab.test 1") | sort)" \
	"$(jq -r --slurpfile p "$plan" '(($p[0].plants | map("ws-\("00\(.host)"[-3:])")) + ["laptop.lab.test"]) as $bad | .hosts[] | select(.host as $h | $bad | index($h) | not) | "\(.host) \(.coverage)"' "$LAB/s.json" | sort)"
same "the others know why not: tampered, daemon, lost" "ws-003 ws-012 ws-014" "$(jq -r '[.hosts[] | select(.uncovered_s > 0) | .host | select(startswith("ws-"))] | sort | join(" ")' "$LAB/s.json")"

# No more of them: the last hand-over, whose receipts are fetched by the next.
for host in $real; do host_end $host TERM; at $host callgate fleet ship --now >/dev/null; done
fleet_ingest --gap-wait 0 --quiet
for host in $real; do at $host callgate fleet ship --now >/dev/null; done
for host in $real; do
	for trail in audit journal; do
		same "$host, $trail: a receipt for every sealed file but the changed one" "$(cd "$(of_host $host $trail)/sealed" && printf '%s\n' *.gz | grep -vxF "${FORGED##*/}")" \
			"$(cd "$(of_host $host $trail)/receipts" && printf '%s\n' *.receipt | sed 's/\.receipt$//')"
		check "each the collector's, byte for byte" diff -r "$(of_host $host $trail)/receipts" "$STORE/receipts/host=$host.lab.test/$trail"
	done
done
same "and still nothing else is refused" "$refused" "$(reasons)"
kill "$FLEET_SSHD" && wait "$FLEET_SSHD" 2>/dev/null
lab_end
