/*
 * map.h - a table of equal entries under byte strings, with a ceiling.
 * Floor: evidence.      Owns: entries and keys.
 * Entries never move.  A full table takes nothing more and counts what it turned away.
 */
#ifndef EVIDENCE_MAP_H
#define EVIDENCE_MAP_H

#include "base/view.h"

struct map_entry {
	struct view key; /* owned by the map */
	struct map_entry *next; /* in the order of their coming */
	uint64_t hash;
	_Alignas(16) unsigned char data[];
};

struct map {
	size_t size, max; /* of an entry's data; most entries, 0: no ceiling */
	struct map_entry **slot;
	size_t slots, n;
	struct map_entry *first, **last;
	uint64_t turned_away;
};

/** map_hash(v): Of this process alone: what a host writes into its records cannot aim at equal ones. */
uint64_t map_hash(struct view v);
/** map_init(m, size, max): An empty one. */
void map_init(struct map *m, size_t size, size_t max);
/** map_free(m): Entries are released; what they point to is not. */
void map_free(struct map *m);
/** map_find(m, key): The entry's data, or NULL. */
void *map_find(const struct map *m, struct view key);
/** map_get(m, key): The same, made (all zero) if it was not there; NULL: full (counted) or no memory. */
void *map_get(struct map *m, struct view key);
/** map_sorted(m): New array of the n entries by key, bytes compared; NULL: none, or no memory. */
struct map_entry **map_sorted(const struct map *m);

#endif
