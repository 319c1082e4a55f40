#!/bin/bash
# run.sh - run tests and count them: run.sh [-s SECONDS] NAME COMMAND... -- NAME COMMAND...
# A test is a line "ok ..." or "not ok ..." of a command (TAP); a command that prints none counts as one test by its status.
# Status 77 is a skip.  A command that fails without a "not ok" line counts as one failure.  Kernel warnings fail the command they came in.
set -u
limit=300
passed=0 failed=0 skipped=0
kernel_mark() { dmesg 2>/dev/null | wc -l; }
run_one() {
	local name=$1 out status good bad start mark
	shift
	out=$(mktemp)
	start=$SECONDS
	mark=$(kernel_mark)
	timeout -k 10 "$limit" "$@" >"$out" 2>&1 </dev/null
	status=$?
	good=$(grep -cE '^ok( |$)' "$out")
	bad=$(grep -cE '^not ok( |$)' "$out")
	if dmesg 2>/dev/null | tail -n +$((mark + 1)) | grep -E 'WARNING:|BUG:|KASAN|Oops|general protection' >>"$out"; then
		bad=$((bad + 1))
	fi
	if [ $status = 77 ]; then
		skipped=$((skipped + 1))
		echo "skip  $name: $(grep '^#' "$out" | tail -1)"
	else
		[ $status = 0 ] || [ "$bad" != 0 ] || bad=1
		[ $((good + bad)) != 0 ] || good=1
		passed=$((passed + good)) failed=$((failed + bad))
		if [ "$bad" = 0 ]; then
			echo "pass  $name: $good ($((SECONDS - start)) s)"
		else
			echo "FAIL  $name: $good passed, $bad failed, status $status ($((SECONDS - start)) s)"
			grep -vE '^ok( |$)' "$out" | tail -60 | sed 's/^/      /'
		fi
	fi
	rm -f "$out"
}
[ "${1:-}" = -s ] && { limit=$2; shift 2; }
args=()
for a in "$@" --; do
	if [ "$a" = -- ]; then
		[ ${#args[@]} = 0 ] || run_one "${args[@]}"
		args=()
	else
		args+=("$a")
	fi
done
# Several runs of one `make check` add up in one file; this one answers for its own.
own=$failed
if [ -n "${COUNTS:-}" ]; then
	read -r p f s 2>/dev/null <"$COUNTS" || p=0 f=0 s=0
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	echo "$passed $failed $skipped" >"$COUNTS"
fi
[ "$own" = 0 ]
