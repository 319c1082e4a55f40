/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * lsm.bpf.c - the denials as programs of the BPF security module (5.7), which the kernel must have been booted with.
 */
#include "vmlinux.h"
#define DENY(hook) "lsm/" #hook
#include "bpf/lib/deny.bpf.h"
