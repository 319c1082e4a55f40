/*
 * roster.h - servers, grants, policies and names of credentials: the fold of the journal.
 * Floor: admin.      Owns: its values, which are immutable and shared between copies.
 * What else it is to hold is a member here, a row of roster_map() and the events that change it.
 *
 * Invariants:
 *  1. A roster changes by events alone, and the same events give the same roster.
 *  2. An event that cannot be understood leaves the roster as it was and is damage: roster_fold() says where.
 *  3. While there is damage no grant is in force, because what was not understood may have been a revocation.
 */
#ifndef ADMIN_ROSTER_H
#define ADMIN_ROSTER_H

#include <jansson.h>

#include "admin/grants.h"

struct roster {
	json_t *servers;     /* name -> {"name","match",...} */
	struct grants grants; /* {"id","uid","server",...}; live ones */
	json_t *policies;    /* name -> a policy of history.h */
	json_t *credentials; /* name -> {"name","version","type"}; "item": the vault's name for it, when it came with a bundle */
	json_t *catalog;     /* server -> tool -> an entry of catalog.h */
	json_t *placeholders; /* id -> {"id","credential","mark","sha256","prefix"?,"for"?,"issued_by","issued_at"} */
	json_t *proposals;   /* id -> {"id","do","proposed_by","proposed_at","reason"?,"ticket"?} and "grant", or "name","hash","document","rollback_to"? */
	json_t *bundle;      /* of signed bundles (parcel.h): "signer"; of the one in force "version", "sha256", "for", "local", "at"; "stale": [name in the vault] */
	json_t *held;        /* number -> event: of a bundle that is not whole yet */
	json_t *parts;       /* hash -> [text], while folding: documents in pieces */
	uint64_t seq;        /* of the last line folded */
	char damage[160];    /* empty: none */
};

/** roster_map(r, i, name): The ${i}th map of all but the grants, and its name; NULL: there are no more. */
json_t **roster_map(struct roster *r, size_t i, const char **name);
/** roster_event(i): The name of the ${i}th event that changes something; NULL: there are no more. */
const char *roster_event(size_t i);

/** roster_init(r): An empty one.  0 or -ENOMEM. */
int roster_init(struct roster *r) __attribute__((warn_unused_result));
void roster_free(struct roster *r);

/** roster_copy(from, to): A copy that can be changed apart; the values are shared.  0 or -ENOMEM. */
int roster_copy(const struct roster *from, struct roster *to) __attribute__((warn_unused_result));

/** roster_item(r, credential): The vault's name for it. */
const char *roster_item(const struct roster *r, const char *credential);

/** roster_bundle(r): The version of the signed bundle in force; 0: none. */
uint64_t roster_bundle(const struct roster *r);

/** roster_of_bundle(event): Is it one of several that count when the event "bundle.apply" follows them, and not before?  The first one has item 0. */
bool roster_of_bundle(const json_t *event);

/** roster_apply(r, event): Take in one event object; one of another kind changes nothing.  0, -ERR_MALFORMED, -ENOMEM. */
int roster_apply(struct roster *r, const json_t *event) __attribute__((warn_unused_result));

/**
 * roster_fold(r, text):
 * Take in journal lines, oldest first.  A last line without its newline was never acknowledged and is left out.
 * Returns how many lines were damaged (r->damage tells the first), or -ENOMEM.
 */
int roster_fold(struct roster *r, struct view text) __attribute__((warn_unused_result));

#endif
