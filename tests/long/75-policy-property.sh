#!/bin/bash
# Random policies and random calls, judged by policy/ and by an evaluator that shares no code with it: no difference in 100,000.
cd "$(dirname -- "$0")/../.." || exit 1
SEED=${SEED:-11} CALLS=${CALLS:-100000} exec "${BUILD:-build}/unit/pol_property_test"
