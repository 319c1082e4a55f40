#!/bin/bash
# run.sh - run tests and count them: run.sh [-j JOBS] [-s SECONDS] NAME COMMAND... -- NAME COMMAND...
# A test is a line "ok ..." or "not ok ..." of a command (TAP); a command that prints none counts as one test by its status.
# Status 77 is a skip.  A command that fails without a "not ok" line counts as one failure.  A kernel warning fails each command that ran when it came.
# JOBS commands run at once; the report of one stands together, when it ends.  Whoever ends this script ends them.
. "$(dirname -- "$0")/lab/plain.sh"
limit=300 jobs=1
passed=0 failed=0 skipped=0
declare -A name_of=() dir_of=()
kernel_now() { dmesg 2>/dev/null | sed -n '$s/^\[ *\([0-9.]*\)\].*/\1/p'; }
kernel_since() { dmesg 2>/dev/null | awk -v since="${1:-0}" '/^\[/ { t = $0; gsub(/^\[ *|\].*/, "", t); if (t + 0 > since + 0) print }'; }
over() { # signals: no test outlives its runner
	trap '' INT TERM HUP
	[ ${#name_of[@]} = 0 ] || kill -TERM "${!name_of[@]}" 2>/dev/null
	wait
	exit 130
}
trap over INT TERM HUP

start() { # NAME COMMAND...
	local dir
	dir=$(mktemp -d "$work/XXXXXX")
	echo "$SECONDS $(kernel_now)" >"$dir/start"
	setpriv --pdeathsig TERM timeout -k 10 "$limit" "${@:2}" >"$dir/out" 2>&1 </dev/null &
	name_of[$!]=$1 dir_of[$!]=$dir
}

report() { # PID STATUS
	local name=${name_of[$1]} dir=${dir_of[$1]} status=$2 good bad began mark out
	out=$dir/out
	unset "name_of[$1]" "dir_of[$1]"
	read -r began mark <"$dir/start"
	good=$(grep -cE '^ok( |$)' "$out")
	bad=$(grep -cE '^not ok( |$)' "$out")
	if kernel_since "$mark" | grep -E 'WARNING:|BUG:|KASAN|Oops|general protection' >>"$out"; then
		bad=$((bad + 1))
	fi
	if [ "$status" = 77 ]; then
		skipped=$((skipped + 1))
		echo "skip  $name: $(grep '^#' "$out" | tail -1)"
	else
		[ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
		[ $((good + bad)) != 0 ] || good=1
		passed=$((passed + good)) failed=$((failed + bad))
		if [ "$bad" = 0 ]; then
			echo "pass  $name: $good ($((SECONDS - began)) s)"
		else
			echo "FAIL  $name: $good passed, $bad failed, status $status ($((SECONDS - began)) s)"
			grep -vE '^ok( |$)' "$out" | tail -60 | sed 's/^/      /'
		fi
	fi
	rm -rf "$dir"
}

reap() { # one of those that run
	local pid status
	wait -n -p pid
	status=$?
	report "$pid" $status
}

while getopts j:s: o; do
	case $o in j) jobs=$OPTARG ;; s) limit=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
args=()
for a in "$@" --; do
	if [ "$a" != -- ]; then
		args+=("$a")
	elif [ ${#args[@]} != 0 ]; then
		[ ${#name_of[@]} -lt "$jobs" ] || reap
		start "${args[@]}"
		args=()
	fi
done
while [ ${#name_of[@]} != 0 ]; do reap; done
# Several runs of one `make check` add up in one file; this one answers for its own.
own=$failed
if [ -n "${COUNTS:-}" ]; then
	read -r p f s 2>/dev/null <"$COUNTS" || p=0 f=0 s=0
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	echo "$passed $failed $skipped" >"$COUNTS"
fi
[ "$own" = 0 ]
