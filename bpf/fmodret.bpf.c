/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * fmodret.bpf.c - the denials as programs before the kernel's own security functions (5.7): for kernels whose BPF security module is built, but
 * not in use.
 */
#include "vmlinux.h"
#define DENY(hook) "fmod_ret/security_" #hook
#include "bpf/lib/deny.bpf.h"
