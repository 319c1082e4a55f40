/*
 * perm.h - who may change anything.
 * Floor: admin.      Pure.      The zero answer is no, and what is not known is no.
 */
#ifndef ADMIN_PERM_H
#define ADMIN_PERM_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/msg.h"

enum { PERM_WHY = 256, PERM_UIDS = 1024 };

struct perm_set { /* the governed uids */
	uint32_t uid[PERM_UIDS];
	size_t n;
};

struct perm_caller {
	uint32_t uid;                  /* of the socket's other end, as the kernel says */
	bool alive;                    /* it still ran when ${who} had been read */
	const struct m_described *who; /* NULL: callgate-ident gave no answer in time */
};

/** perm_governed(set, uid): Is ${uid} in the set? */
bool perm_governed(const struct perm_set *set, uint32_t uid);

/**
 * perm_change(caller, set, why):
 * May ${caller} change what is in force?  When not, ${why} says it in one line.  In this order: governed uid, uid neither 0 nor of a
 * role, unknown to callgate-ident, gone, other uid than the socket's, an agent or below one.
 */
bool perm_change(const struct perm_caller *caller, const struct perm_set *set, char why[PERM_WHY]);

#endif
