/*
 * path.h - request targets: only forms that every server reads the same way, and the probes that are never passed on.
 * Floor: gate.      Source: RFC 3986 section 6, RFC 9112 section 3.2; docs/WIRE.md "strict profile".      Pure.
 */
#ifndef GATE_PATH_H
#define GATE_PATH_H

#include "base/view.h"

/** path_of(target, path): The path of an origin-form target, without its query.  0; -ERR_UNSUPPORTED (another form); -ERR_AMBIGUOUS. */
int path_of(struct view target, struct view *path) __attribute__((warn_unused_result));

/** path_is_oauth(path): A place where clients look for, or talk to, an authorization server.  A brokered host has none. */
bool path_is_oauth(struct view path);

/** path_host(host, name, port): Split a Host header "name[:port]" or "[v6][:port]"; ${port} 0 when absent.  0 or -ERR_MALFORMED. */
int path_host(struct view host, struct view *name, uint16_t *port) __attribute__((warn_unused_result));

/** path_authority(target, host): The authority of an absolute-form target (http://host/...), or false. */
bool path_authority(struct view target, struct view *host);

#endif
