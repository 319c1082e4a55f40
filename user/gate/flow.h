/*
 * flow.h - the kernel's record of an accepted connection.
 * Floor: gate.      Source: bpf(2), BPF_MAP_LOOKUP_ELEM on socket storage with a descriptor as key.
 */
#ifndef GATE_FLOW_H
#define GATE_FLOW_H

#include <stddef.h>
#include <sys/socket.h>

#include "bpf/abi.h"

/** flow_lookup(map_fd, fd, out): The record, or -ERR_NO_RECORD (none, another ABI, or no redirect). */
int flow_lookup(int map_fd, int fd, struct cg_flow *out) __attribute__((warn_unused_result));

/** flow_addr(f, out): The original destination as a socket address; its length. */
socklen_t flow_addr(const struct cg_flow *f, struct sockaddr_storage *out);
unsigned short flow_port(const struct cg_flow *f); /* host order */

/** flow_addr_text(f, out, n): The address alone, without port. */
void flow_addr_text(const struct cg_flow *f, char *out, size_t n);

#endif
