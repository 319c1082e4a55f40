#!/bin/bash
# start.sh - how long a real service with many grants in its journal is not what it was after a kill -9 of callgate-admin and its worker: until the first call
# passes again, beside the same with next to no grants in the same run.  GRANTS (100000), ROUNDS (15); STRICT (class): audit.strict; ALONE=1: before all other work on the machine.
. "$(dirname -- "$0")/../lab/lab.sh"
# The client and the server, too: what is waited for is the service.
[ -z "${ALONE:-}" ] || chrt -r -p 10 $$ || exit 1
lab_server mcp good || exit 1
top=$LAB_TOP/tests/bench
mkfifo "$LAB/go" "$LAB/passed" && chmod 644 "$LAB/go" && chmod 666 "$LAB/passed"
journal=/var/lib/callgate/journal
conf='{"users":["alice"],"audit":{"strict":"'${STRICT:-class}'"}}'

with() { # GRANTS: a journal with these and one of alice's; a whole reading of it keeps its state; then rounds
	local lines
	rm -rf $journal && mkdir -p $journal && "$BUILD/bench/roster" --write $journal --host desk.lab.test --grants "$1" || exit 1
	chown -R $((LAB_UIDS + 4)):$((LAB_UIDS + 4)) $journal && chmod -R go-rwx $journal
	lab_daemon "$conf" || exit 1
	callgate ca install >/dev/null || exit 1
	callgate grant add --user alice --server mcp --policy p --reason bench >/dev/null || { cat "$LAB/callgated.log"; exit 1; }
	lab_daemon_stop
	[ "$1" -lt 512 ] || [ -s $journal/kept ] || { echo "nothing was kept"; exit 1; }
	lines=$(wc -l <"$LAB/callgated.log")
	lab_daemon "$conf" || exit 1
	lab_as alice python3 "$top/start.py" probe <"$LAB/go" >"$LAB/passed" &
	python3 "$top/start.py" rounds "$1" "$LAB_DAEMON" "${ROUNDS:-15}" "$LAB/go" "$LAB/passed" || exit 1
	[ "$1" -lt 512 ] || [ "$(tail -n +"$lines" "$LAB/callgated.log" | grep -c "from the kept state")" -gt "${ROUNDS:-15}" ] || { echo "the kept state was not used"; exit 1; }
	lab_daemon_stop
}
with 1
with "${GRANTS:-100000}"
with 1
