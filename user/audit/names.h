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

enum { NAMES_HOST = 64, NAMES_SHA = 17, NAMES_MAX = 200 }; /* with what ends them */

struct names {
	bool sealed;
	bool second; /* it lies in the second directory */
	char host[NAMES_HOST];
	uint64_t epoch, first;
	uint64_t last;       /* sealed only */
	char sha[NAMES_SHA]; /* sealed only */
};

/** names_host(in, out): ${in} with every byte outside [A-Za-z0-9._-] made '_', cut to fit; "host" when empty. */
void names_host(const char *in, char out[NAMES_HOST]);

/** names_path(n, out): "open/NAME" or "sealed/NAME", as n->sealed says. */
void names_path(const struct names *n, char out[NAMES_MAX]);

/** names_parse(name, sealed, n): Read a name of the given kind; false when it is not one. */
bool names_parse(const char *name, bool sealed, struct names *n);

struct names_list {
	struct names *at;
	size_t n;
};

enum names_which { NAMES_OPEN = 1, NAMES_SEALED = 2 };

/**
 * names_read(dirfd, which, list):
 * Every segment below ${dirfd} of the kinds in ${which}, by first line.  A file that is sealed meanwhile is in the list once, never
 * missing.  A directory that is not there is empty.  0 or negative errno.
 */
int names_read(int dirfd, unsigned which, struct names_list *list) __attribute__((warn_unused_result));

/**
 * names_read_two(dirfd, second, which, list):
 * The same of a stream whose files lie in two directories (trail.h); ${second} 0: of one.  What is in both, on its way back, is in the list once.
 */
int names_read_two(int dirfd, int second, unsigned which, struct names_list *list) __attribute__((warn_unused_result));

/** names_dir(n, dirfd, second): The directory that ${n} lies in. */
int names_dir(const struct names *n, int dirfd, int second);

void names_free(struct names_list *list);

#endif
