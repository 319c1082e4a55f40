#!/bin/bash
# make demo-evidence: a week with seven faults, collected, exported; the bundle names each planted fact in its file and nothing else.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if OUT=$work/bundle bash "$(dirname -- "$0")/../evidence-demo.sh" >"$work/out" 2>&1; then echo "ok - each planted fact in its file, nothing else"; else
	echo "not ok - each planted fact in its file, nothing else"; tail -30 "$work/out" | sed 's/^/#   /'; exit 1; fi
