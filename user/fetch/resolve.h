/*
 * resolve.h - the addresses of one host name.
 * Floor: fetch.      Source: getaddrinfo(3) over files and DNS, as resolv.conf(5) says.
 */
#ifndef FETCH_RESOLVE_H
#define FETCH_RESOLVE_H

#include "fetch/errand.h"

enum { RESOLVE_ADDRS = 64, RESOLVE_MS = 20000 };

struct resolve_addr {
	uint8_t addr[16]; /* IPv6, or IPv4-mapped */
};

/** resolve_prepare(): Before the sandbox: no module is loaded later. */
void resolve_prepare(void);

/* The question: the name.  The answer: an array of struct resolve_addr, none of them twice; -ERR_NOT_FOUND: the name has none;
 * -ERR_UNAVAILABLE: nobody could be asked. */
extern const struct errand_kind resolve_kind;

/** resolve_usable(a): Can a server be there?  Not the unspecified address, a broadcast or a multicast one. */
bool resolve_usable(const struct resolve_addr *a);
/** resolve_local(a): A loopback address. */
bool resolve_local(const struct resolve_addr *a);

#endif
