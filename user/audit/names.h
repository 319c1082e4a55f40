/*
 * names.h - the names of segment files.
 * Floor: audit.      open/HOST-EPOCH-FIRST.jsonl.gz      sealed/HOST-EPOCH-FIRST-LAST-SHA16.jsonl.gz
 * SHA16 is the first half of the file's SHA-256 in hex, so a name is never used twice for other bytes.
 */
#ifndef AUDIT_NAMES_H
#define AUDIT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAMES_HOST = 64, NAMES_SHA = 17, NAMES_MAX = 200 };

struct names {
	char host[NAMES_HOST];
	uint64_t epoch, first;
	uint64_t last;       /* sealed only */
	char sha[NAMES_SHA]; /* sealed only */
};

/** names_host(in, out): ${in} with every byte outside [A-Za-z0-9._-] made '_', cut to fit; "host" when empty. */
void names_host(const char *in, char out[NAMES_HOST]);

void names_open(const struct names *n, char out[NAMES_MAX]);
void names_sealed(const struct names *n, char out[NAMES_MAX]);

/** names_parse(name, sealed, n): Read a name of the given kind; false when it is not one. */
bool names_parse(const char *name, bool sealed, struct names *n);

struct names_list {
	struct names *at;
	size_t n;
};

/** names_read(dirfd, sub, sealed, list): Every segment in the directory ${sub}, by first line.  A missing directory is empty.  0 or negative errno. */
int names_read(int dirfd, const char *sub, bool sealed, struct names_list *list) __attribute__((warn_unused_result));
void names_free(struct names_list *list);

#endif
