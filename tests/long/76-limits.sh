#!/bin/bash
# Eight processes with 100,000 reservations each, four killed at random moments, a power cut in the middle: three times.
cd "$(dirname -- "$0")/../.." || exit 1
SEED=${SEED:-21} CALLS=${CALLS:-100000} ROUNDS=${ROUNDS:-3} exec "${BUILD:-build}/unit/limits_crash_test"
