/*
 * url.h - an http or https URL, as far as a gate needs it: where it leads.
 * Floor: clients.      Source: RFC 3986.      Pure.
 */
#ifndef CLIENTS_URL_H
#define CLIENTS_URL_H

#include "base/view.h"

enum { URL_HOST = 256, URL_PATH = 256 };

struct url {
	bool tls;
	char host[URL_HOST]; /* lower case, without brackets and final dot */
	uint16_t port;
	char path[URL_PATH]; /* "/" at least */
	bool more;           /* a user, a password, a query or a fragment was there, in which a key may be */
};

/** url_read(v, out): 0, or -ERR_MALFORMED, -ERR_UNSUPPORTED (another scheme), -ERR_TOO_LONG. */
int url_read(struct view v, struct url *out) __attribute__((warn_unused_result));

#endif
