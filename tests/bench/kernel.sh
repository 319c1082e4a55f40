#!/bin/bash
# kernel.c in a workstation of its own (tests/lab): its cgroup, namespaces and processes go with it, also when it is killed.  ROUNDS (40), WITHOUT (a program).
. "$(dirname -- "$0")/../lab/lab.sh"
mkdir "$LAB_CGROUP/agents" "$LAB_CGROUP/others"
"$BUILD/bench/kernel" --cgroup "$LAB_CGROUP" --rounds "${ROUNDS:-40}" ${WITHOUT:+--without "$WITHOUT"}
