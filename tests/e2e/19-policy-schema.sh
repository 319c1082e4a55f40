#!/bin/bash
# The JSON Schema for editors against the loader: it takes every document that is shipped, and what it refuses the loader refuses too.
cd "$(dirname -- "$0")/../.." || exit 1
for py in python3 /usr/bin/python3; do $py -c 'import jsonschema' 2>/dev/null && break; done
exec $py tests/e2e/policy_schema.py "${BUILD:-build}/callgate"
