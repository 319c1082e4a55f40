# plain.sh - for tests that need no workstation of their own: a directory, in memory where that can be, which goes at the end; ok, check, same.
# Sets top, work and bad; the test ends with "exit $bad".
set -u
top=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
bad=0 shm=/tmp
[ ! -w /dev/shm ] || shm=/dev/shm
# What a test left that was killed: named after a process that is not there any more.
for old in "$shm"/callgate-test.*; do
	[ ! -d "$old" ] || kill -0 "${old##*.}" 2>/dev/null || rm -rf "$old"
done
work=$shm/callgate-test.$$
mkdir -m 700 "$work" || exit 1
trap 'rm -rf "$work"' EXIT
ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1"; bad=1; }
# check DESCRIPTION COMMAND...
check() { local what=$1; shift; if "$@" >"$work/out" 2>&1; then ok "$what"; else not_ok "$what"; sed 's/^/#   /' "$work/out" | head -30; fi; }
# same DESCRIPTION WANTED GOT
same() { check "$1" diff -u <(printf '%s\n' "$2") <(printf '%s\n' "$3"); }
