/*
 * fleet_status.h - `callgate fleet status`: one JSON value that the terminal, --json and the page all show.
 */
#ifndef TOOLS_FLEET_STATUS_H
#define TOOLS_FLEET_STATUS_H

#include <jansson.h>

#include "base/buf.h"
#include "fleet/status.h"

/** fleet_host_json(h, findings): One host; what is to be looked into is appended to ${findings}.  New. */
json_t *fleet_host_json(const struct status_host *h, json_t *findings);

/** fleet_page(status, out): A page that needs nothing but itself.  0 or negative. */
int fleet_page(const json_t *status, struct buf *out) __attribute__((warn_unused_result));

#endif
