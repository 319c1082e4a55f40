/*
 * dns.h - read one DNS answer.
 * Floor: ident.      Source: RFC 1035 4.1; RFC 9460 2.2 (HTTPS records, whose address hints programs use).
 * Units: TTL in seconds.      Owns: nothing.
 */
#ifndef IDENT_DNS_H
#define IDENT_DNS_H

#include "base/view.h"

enum { DNS_NAME = 256, DNS_RECORDS = 64, DNS_ADDRS = 32, DNS_CHAIN = 9 };

struct dns_addr {
	uint8_t addr[16]; /* IPv6, or IPv4-mapped */
	uint32_t ttl;     /* the least along the way to it */
};

struct dns_answer {
	char name[DNS_NAME]; /* what was asked, lower case, no dot at the end; only letters, digits, '-', '_', '.' */
	struct dns_addr addr[DNS_ADDRS];
	size_t addrs;
};

/**
 * dns_read(in, out):
 * The addresses that the answer gives to the name it was asked for, itself or by CNAME.  0; -ERR_MALFORMED; -ERR_UNSUPPORTED when it is no answer to
 * a question for addresses.  A message that is cut short gives what is whole.  Any input is legal to pass.
 */
int dns_read(struct view in, struct dns_answer *out) __attribute__((warn_unused_result));

#endif
