#!/bin/bash
# More kills and power cuts of ingest than the end-to-end test; `make campaign-ingest` has 200 of each.
KILLS=${KILLS:-60} CUTS=${CUTS:-120} exec bash "$(dirname -- "$0")/../e2e/47-fleet-crash.sh"
