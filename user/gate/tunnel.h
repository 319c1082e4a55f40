/*
 * tunnel.h - the client's own HTTP proxy on the way to a registered server.
 * Floor: gate.      Source: RFC 9110 9.3.6 (CONNECT); docs/WIRE.md "http around mcp".
 *
 * The client said CONNECT to a proxy that somebody configured for it, and the gate stands between the two.  The same CONNECT goes to the
 * proxy, once a connection; what comes through the tunnel is TLS, which the gate ends on the client's side and begins anew on the server's,
 * as without a proxy.  The proxy sees neither request nor credential.  A connection through a proxy is kept for no other client.
 */
#ifndef GATE_TUNNEL_H
#define GATE_TUNNEL_H

#include "gate/conn.h"

/** tunnel_begin(c, head, target): The client's CONNECT ${head}, whole, is for a registered server: pass it on.  The next state. */
enum step tunnel_begin(struct conn *c, struct view head, struct view target);

/** tunnel_up(c): Does the connection to the server stand, as far as the proxy is concerned?  Works towards it; drops c->up, with a reason in c->up_err, when the proxy refuses. */
bool tunnel_up(struct conn *c);

#endif
