#!/bin/bash
# How long after its start an agent is marked, in microseconds: alone, beside the hash of its own large executable, beside busy processors, beside others'
# execs.  A line of JSON each.  COUNT (200) starts each.
. "$(dirname -- "$0")/../lab/lab.sh"
count=${COUNT:-200}
lab_daemon '{"users":["alice"],"scope":"agents"}' || exit 1
marked=$LAB/bin/aids/marked
place() { cp "$BUILD/aids/marked" "$1" && chown alice "$1"; }
small=$LAB/home/alice/codex large=$LAB/home/alice/claude
place "$small" && place "$large" && truncate -s 200M "$large"
# Who looks must not wait for a processor himself.
look() { (chrt -f -p 1 "$BASHPID" 2>/dev/null; lab_as alice "$marked" "$@"); }
say() { # NAME, then what `marked` says
	local r
	r=$(cat)
	jq -c --arg what "$1" --arg load "$(cut -d' ' -f1 /proc/loadavg)" '{what: $what} + . + {load: $load}' <<<"$r"
}
beside() { # USER COMMAND...: goes on until rest
	lab_as "$@" >/dev/null 2>&1 &
	others+=($!)
}
rest() {
	for p in "${others[@]}"; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done
	others=()
	sleep 1
}
others=()
look "$small" "$count" 20 | say alone
look "$large" "$count" 20 fresh | say "its own 200 MB are hashed"
for _ in $(seq "$(nproc)"); do beside bob "$marked" busy 600; done
look "$small" "$count" 20 | say "busy processors"
look "$large" "$count" 20 fresh | say "busy processors, and 200 MB are hashed"
rest
for _ in 1 2; do beside bob "$marked" execs 600; done
look "$small" "$count" 20 | say "others' execs"
rest
place "$LAB/home/bob/gemini" && chmod 755 "$LAB/home/bob"
for _ in 1 2; do beside bob "$marked" execs 600 "$LAB/home/bob/gemini"; done
look "$small" "$count" 20 | say "others start agents"
rest
callgate --json status | jq -c '{"exec-event-lost": .service.kernel["exec-event-lost"]}'
