/*
 * admin.h - the state of callgate-admin, and what its files share.
 * Process: callgate-admin.      Floor: admin.      One thread, one loop (ipc/pump.h); nothing here blocks.
 *
 * A change goes through these stages, one change at a time, so that what was checked is what is written and then holds:
 *   who is asking (callgate-ident) -> may it (perm.h) -> is it right (check.h, world_load) -> journal, durable -> in force here ->
 *   published -> taken by the workers -> answered.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/approval.h"
#include "admin/perm.h"
#include "admin/roster.h"
#include "audit/names.h"
#include "base/buf.h"
#include "base/list.h"
#include "ipc/edge.h"
#include "ipc/pump.h"

enum {
	ADMIN_WORKERS = 32,
	ADMIN_CLIENTS = 64,
	ADMIN_CLIENTS_PLAIN = 48, /* of these at most so many for uids other than 0: a crowd cannot lock root out */
	ADMIN_CLIENTS_UID = 8,
	ADMIN_BIG = 2,            /* clients that send a long line at the same time */
	ADMIN_SILENT_MS = 30000,
	ADMIN_WHO_MS = 1000,
	ADMIN_PEER_MS = 5000,
	ADMIN_WORLD_MS = 2000,
	ADMIN_STATUS_MS = 1000,
	ADMIN_REFUSALS = 20,      /* in ADMIN_REFUSALS_MS; the answers to more wait for ADMIN_HELD_MS each */
	ADMIN_REFUSALS_MS = 10000,
	ADMIN_HELD_MS = 1000,
	ADMIN_FOLD_MS = 5000,     /* ask for the journal again */
	ADMIN_JOURNAL_MAX = 1 << 30,
};

struct admin_worker {
	struct edge edge;
	uint64_t sent, answered; /* worlds: each is answered once, in order */
	uint64_t holds;          /* the generation that it says is in force there */
	int32_t status;          /* of its last answer */
	bool behind;             /* its queue was full: it lacks the newest world */
};

struct job;

struct admin {
	struct pump *pump;
	struct edge sup, ident, vault, audit, fetch;
	struct admin_worker worker[ADMIN_WORKERS];
	struct roster roster;
	char host[NAMES_HOST]; /* as the records have it */
	bool folded; /* the journal has been read, and its keeper still runs: until then nothing is changed */
	bool early;     /* what is in force was made of what was kept of the journal; all of it is being asked for */
	uint64_t whole_ms; /* after that the whole journal is asked for: at once it would be read while the workers load, on the same processors */
	uint64_t early_ms; /* so long at most it is in force without that */
	bool kept_bad;  /* and could not be used */
	bool rereading; /* it is asked for while it is in use */
	uint32_t since; /* changes since it was last read whole */
	struct perm_set users;
	struct approvals approvals;
	char mode[16];
	uint64_t generation; /* of the world in force */
	int world_fd;        /* the sealed file, -1: none yet */
	struct buf tried;    /* the text of the world that the change being made would give, but for its generation; empty: none */
	int listener;
	struct list clients, jobs;
	size_t client_count;
	struct job *holder;  /* the change that is being made */
	json_t *heard, *learned_of; /* definitions that workers told and the journal has not; events of this hour by server */
	struct mono learn_from;
	uint32_t learned;
	bool learning;       /* such an event is on its way */
	json_t *names;       /* uid in decimal -> account name, as of the start */
	uint64_t last_tag;
	struct mono refusals_from; /* when counting began */
	uint32_t refusals;
	uint64_t hosts_sent, hosts_taken; /* lists of hosts, to the vault of now */
	/* A frame of callgated that brings means (edges, descriptors): handled by main; returns whether it took it. */
	int (*on_means)(void *arg, const struct frame *f);
	void *means;
};

/* admin.c: edges and the loop. */
int admin_init(struct admin *a, int listener) __attribute__((warn_unused_result));
void admin_free(struct admin *a);
/** admin_conf(a, json): Settings of M_CONF and M_RELOAD; a bad one changes nothing. */
int admin_conf(struct admin *a, struct view json) __attribute__((warn_unused_result));
/** admin_edge(a, e): Use ${e} (taken over) instead of an earlier edge to the same party and slot. */
void admin_edge(struct admin *a, struct edge e);
/** admin_wake_at(a): Set the timer to the next deadline of a client or job. */
void admin_wake_at(struct admin *a);
/** admin_name_of(a, uid): The account's name, or NULL. */
const char *admin_name_of(const struct admin *a, uint32_t uid);

#endif
