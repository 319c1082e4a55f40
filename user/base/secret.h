/*
 * secret.h - bytes that must not be printed, swapped or left behind.
 * Floor: base.      Owns: its memory, wiped by secret_free().      There is no way to print one.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/view.h"

struct secret;

/** secret_new(v): A locked, undumpable copy of ${v}, or NULL when memory is out.  The source is the caller's to wipe. */
struct secret *secret_new(struct view v);

/** secret_view(s): The bytes, borrowed until secret_free(). */
struct view secret_view(const struct secret *s);

/** secret_free(s): Wipe, release, set to NULL.  NULL-safe. */
void secret_free(struct secret **s);

#endif
