/*
 * ident_dns.h - callgate-ident's reading of DNS answers.
 * Floor: proc (uses ident, ipc, base).      Process: callgate-ident.
 */
#ifndef PROC_IDENT_DNS_H
#define PROC_IDENT_DNS_H

#include "ipc/edge.h"
#include "ipc/pump.h"

/** ident_dns_open(pump, procfs, fd, sup): Read answers from the ring buffer ${fd} (-1: there is none) and tell ${sup} what is learned. */
int ident_dns_open(struct pump *pump, int procfs, int fd, struct edge *sup) __attribute__((warn_unused_result));
/** ident_dns_hosts(frame): The names of M_HOSTS. */
void ident_dns_hosts(struct view frame);

#endif
