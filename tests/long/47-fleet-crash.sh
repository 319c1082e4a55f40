#!/bin/bash
# 200 kills and 200 power cuts of ingest.
KILLS=${KILLS:-200} CUTS=${CUTS:-200} exec bash "$(dirname -- "$0")/../e2e/47-fleet-crash.sh"
