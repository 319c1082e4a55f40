/*
 * publish.h - what the other processes must know of a roster, in their forms.
 * Floor: admin.      Pure: a roster in, bytes out.
 */
#ifndef ADMIN_PUBLISH_H
#define ADMIN_PUBLISH_H

#include "admin/roster.h"
#include "base/buf.h"

/** publish_world(r, generation, mode, out): The file of policy/world.h. */
int publish_world(const struct roster *r, uint64_t generation, const char *mode, struct buf *out)
    __attribute__((warn_unused_result));

/** publish_generation(text): How many bytes of such a file its generation takes, at its front: the rest does not depend on it. */
size_t publish_generation(struct view text);

/** publish_hosts(r, out): {"op":"hosts","servers":[...]} for the vault: where each credential may go. */
int publish_hosts(const struct roster *r, struct buf *out) __attribute__((warn_unused_result));

/** publish_names(r, out): For M_HOSTS: "PORT NAME" and NUL for each host that is a name. */
int publish_names(const struct roster *r, struct buf *out) __attribute__((warn_unused_result));

/** publish_dests(r, out): An array of struct m_dest for callgated, each destination once. */
int publish_dests(const struct roster *r, struct buf *out) __attribute__((warn_unused_result));

#endif
