/*
 * flow.h - the kernel's record of an accepted connection.
 * Floor: gate.      Source: bpf(2), BPF_MAP_LOOKUP_ELEM on socket storage with a descriptor as key.
 */
#ifndef GATE_FLOW_H
#define GATE_FLOW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bpf/abi.h"

/** flow_lookup(map_fd, fd, out): The record, or -ERR_NO_RECORD (none, another ABI, or no redirect). */
int flow_lookup(int map_fd, int fd, struct cg_flow *out) __attribute__((warn_unused_result));

/** flow_addr(addr, port, out): Of an address, IPv6 or IPv4-mapped, and a port, a socket address; its length. */
socklen_t flow_addr(const uint8_t addr[16], __be16 port_be, struct sockaddr_storage *out);
unsigned short flow_port(const struct cg_flow *f); /* host order */

/** flow_addr_text(addr, out, n): An address as text. */
void flow_addr_text(const uint8_t addr[16], char *out, size_t n);

#endif
