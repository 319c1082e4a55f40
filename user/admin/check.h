/*
 * check.h - is what a request asks for well-formed, and does it fit what is there?
 * Floor: admin.      Pure.      Every function returns a new object, or NULL with one line in ${why}.
 */
#ifndef ADMIN_CHECK_H
#define ADMIN_CHECK_H

#include "admin/roster.h"
#include "base/mtime.h"

enum { CHECK_WHY = 512, CHECK_NAME_MAX = 63, CHECK_TEXT_MAX = 256, CHECK_MATCHES = 32 };

/** check_name(s): A name: 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit. */
bool check_name(const char *s);

/** check_host(s): A DNS name in lower case without a final dot, or the usual spelling of an address literal. */
bool check_host(const char *s);

/** check_line(s): Text of at most CHECK_TEXT_MAX bytes without control characters. */
bool check_line(const char *s);

/** check_server(args, r, why): The server object, with the defaults filled in; no other server of ${r} may answer at the same place. */
json_t *check_server(const json_t *args, const struct roster *r, char why[CHECK_WHY]);

/** check_server_gone(name, r, why): May ${name} be removed?  0, -ERR_NOT_FOUND or -ERR_EXISTS (grants refer to it). */
int check_server_gone(const char *name, const struct roster *r, char why[CHECK_WHY]);

/** check_grant(args, r, now, why): The grant without its id and issuer; refused when an equal one is in force. */
json_t *check_grant(const json_t *args, const struct roster *r, struct wall now, char why[CHECK_WHY]);

/**
 * check_grant_equal(args, r, now, id): A grant in force of the same subject on the same server: nothing could say which one holds.
 * ${id} is to be freed; NULL: there is none.  0 or negative.
 */
int check_grant_equal(const json_t *args, const struct roster *r, struct wall now, char **id) __attribute__((warn_unused_result));

/** check_grant_id(r, id): A new id "g-XXXXXXXX" that no grant of ${r} has.      check_id(map, id): A new "p-XXXXXXXX" that is no member of ${map}. */
int check_grant_id(const struct roster *r, char id[16]) __attribute__((warn_unused_result));
int check_id(const json_t *map, char id[16]) __attribute__((warn_unused_result));

#endif
