#!/bin/bash
# A thousand network namespaces come and go.
COUNT=${COUNT:-1000} exec bash "$(dirname -- "$0")/../e2e/35-namespaces.sh"
