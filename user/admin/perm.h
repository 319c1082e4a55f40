/*
 * perm.h - who may change anything.
 * Floor: admin.      Pure.      The zero answer is no, and what is not known is no.
 */
#ifndef ADMIN_PERM_H
#define ADMIN_PERM_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/msg.h"

enum { PERM_WHY = 256, PERM_UIDS = 1024, PERM_GROUPS = 65536 /* of a process, the kernel's limit */ };

/* Roles: unix groups, each with work of its own (request.tbl.h). */
enum perm_role { PERM_ADMIN, PERM_POLICY, PERM_KEYS, PERM_AUDITOR, PERM_APPROVER, PERM_ROLES };

struct perm_set {
	uint32_t uid[PERM_UIDS]; /* the governed ones */
	size_t n;
	struct {
		bool there; /* the machine has such a group */
		uint32_t gid;
	} role[PERM_ROLES];
	bool root_by_role; /* root needs the group, too */
	unsigned four_eyes; /* bits of the roles whose grants and policies another person confirms */
};

struct perm_caller {
	uint32_t uid;                  /* of the socket's other end, as the kernel says */
	const uint32_t *group;         /* its groups when it connected, as the kernel says */
	size_t groups;
	uint32_t sender;               /* another process sent bytes of the request over its connection; 0: none did; UINT32_MAX: nobody knows which */
	uint32_t sender_uid;
	bool alive;                    /* it still ran when ${who} had been read */
	const struct m_described *who; /* NULL: callgate-ident gave no answer in time */
};

/** perm_governed(set, uid): Is ${uid} in the set? */
bool perm_governed(const struct perm_set *set, uint32_t uid);

/** perm_role_name(role): "admin" and so on; the group is "callgate-" and that. */
const char *perm_role_name(enum perm_role role);

/**
 * perm_change(caller, set, work, why):
 * May ${caller} do this ${work} (one bit 1 << enum perm_role; 0: root's alone)?  When not, ${why} says it in one line.  In this order: governed
 * uid, somebody else's bytes, not in the role, unknown to callgate-ident, gone, other uid than the socket's, an agent or below one, an account
 * under which agents run.
 */
bool perm_change(const struct perm_caller *caller, const struct perm_set *set, unsigned work, char why[PERM_WHY]);

/**
 * perm_approve(caller, set, work, uid, auid, why):
 * May ${caller} decide on a call that a process of ${uid}, logged in as ${auid} (UINT32_MAX: unknown), wants to make?  Who may do this ${work},
 * and is not the one who asks: neither by uid nor by log-in.
 */
bool perm_approve(const struct perm_caller *caller, const struct perm_set *set, unsigned work, uint32_t uid, uint32_t auid, char why[PERM_WHY]);

#endif
