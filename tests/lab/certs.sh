#!/bin/bash
# certs.sh - make the lab's certificates, when nothing else of it is wanted.
. "$(dirname -- "$0")/lab.sh"
