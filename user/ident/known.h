/*
 * known.h - addresses of registered hosts, learned from DNS answers that processes got.
 * Floor: ident.      Owns: the names and the addresses.
 *
 * Believed is an answer for a registered name from a name server that this machine is set up to ask: one of resolv.conf(5), or of
 * systemd-resolved's own.  What a server of somebody's own choice says is not.  An address stays for KNOWN_KEEP_S or its TTL, whichever is longer: a
 * program may hold it that long, and an address too many costs only a look.
 */
#ifndef IDENT_KNOWN_H
#define IDENT_KNOWN_H

#include "base/mtime.h"
#include "base/view.h"
#include "bpf/abi.h"
#include "ipc/msg.h"

enum { KNOWN_HOSTS = 4096, KNOWN_ADDRS = 2048, KNOWN_SERVERS = 16, KNOWN_KEEP_S = 3600, KNOWN_TTL_MAX_S = 7 * 86400 };

struct known;

struct known *known_new(void);
void known_free(struct known **k);

/** known_hosts(k, frame): The names of M_HOSTS instead of the former ones.  -ERR_MALFORMED changes nothing. */
int known_hosts(struct known *k, struct view frame) __attribute__((warn_unused_result));

/** known_servers(k, text, more): Read "nameserver" lines of a resolv.conf; ${more} adds to what is there. */
void known_servers(struct known *k, struct view text, bool more);

/** known_take(k, e, now, out, n): Take in an answer; addresses that are new come in ${out} (room for DNS_ADDRS), their number in *${n}. */
void known_take(struct known *k, const struct cg_dns *e, struct mono now, struct m_known *out, size_t *n);

/** known_expire(k, now): Forget what is over its time, and what is of no registered host; true when something went. */
bool known_expire(struct known *k, struct mono now);
/** known_all(k, out): Everything (room for KNOWN_ADDRS); the number. */
size_t known_all(const struct known *k, struct m_known *out);

#endif
