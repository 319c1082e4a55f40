/*
 * approval.h - the calls that wait for a person's word, and what the person said.
 * Floor: admin.      Pure: no I/O, the caller brings the time.      Owns: its rows; arguments are wiped when their row goes.
 * Source: docs/POLICY.md "approval".      Units: CLOCK_BOOTTIME, so that no
 * machine keeps a yes while it sleeps; wall time is only for showing.
 *
 * A row is one call that would be made: user, grant, policy hash, server, tool, digest of the arguments.  The same call asked again is
 * the same row.  States:
 *   ASKED    the journal does not have the request yet: nobody sees it
 *   WAITING  for APPROVAL_ASK_S; then it is forgotten
 *   NO       for APPROVAL_HOLDS_S: the same call is refused without asking again
 *   YES      for APPROVAL_HOLDS_S, or until it is used
 *   USED     the journal does not have the use yet; then it is forgotten
 * Nothing of this is kept on disk: what was not used when callgate-admin ends is void.
 */
#ifndef ADMIN_APPROVAL_H
#define ADMIN_APPROVAL_H

#include "base/buf.h"
#include "base/list.h"
#include "base/mtime.h"
#include "ipc/msg.h"

enum {
	APPROVAL_ASK_S = 1800,
	APPROVAL_HOLDS_S = 600,
	APPROVAL_LINE_S = 60, /* the journal may take so long; what comes of it later is not waited for */
	APPROVAL_ROWS = 512,
	APPROVAL_USER = 16,   /* rows of one uid */
	APPROVAL_SLOT = 256,  /* rows that one worker asked for: one that was taken cannot fill the table */
};

enum approval_state { APPROVAL_S_ASKED, APPROVAL_S_WAITING, APPROVAL_S_NO, APPROVAL_S_YES, APPROVAL_S_USED };

struct approval {
	struct list node;
	char id[APPROVAL_ID];
	enum approval_state state;
	struct m_approval_ask call;
	struct buf tail; /* names of the arguments, then the arguments: call.keys_len and call.args_len bytes */
	uint32_t slot;   /* the worker that asked first */
	struct wall asked, decided;
	struct mono until;
	char reason[APPROVAL_REASON];
	/* A line of the journal on its way, and who waits for it. */
	uint64_t line; /* its tag; 0: none */
	uint32_t to_slot;
	uint64_t to_tag;
};

struct approvals {
	struct list rows; /* oldest first */
	size_t n;
};

void approvals_init(struct approvals *t);
void approvals_free(struct approvals *t);

/** approval_take(body, out, tail): Read an M_APPROVAL_ASK.  ${tail} is borrowed.  0 or -ERR_MALFORMED: any bytes are legal. */
int approval_take(struct view body, struct m_approval_ask *out, struct view *tail) __attribute__((warn_unused_result));

/**
 * approval_ask(t, call, tail, slot, now, out):
 * The row of this call.  1: it is new, ASKED, and the caller journals it or drops it; 0: it was there; -ERR_FULL; -ENOMEM; -EIO (no random id).
 */
int approval_ask(struct approvals *t, const struct m_approval_ask *call, struct view tail, uint32_t slot, struct mono now, struct approval **out)
    __attribute__((warn_unused_result));

/** approval_open(ap, now): The journal has the request: it may be decided. */
void approval_open(struct approval *ap, struct mono now);
/** approval_decide(ap, yes, reason, now): A person's word (${reason} may be NULL).  False, and nothing done, unless it is WAITING. */
bool approval_decide(struct approval *ap, bool yes, const char *reason, struct mono now) __attribute__((warn_unused_result));
/** approval_drop(t, ap): Forget it; a yes is spent. */
void approval_drop(struct approvals *t, struct approval *ap);

/** approval_find(t, id), approval_by_line(t, tag): Or NULL. */
struct approval *approval_find(const struct approvals *t, const char *id);
struct approval *approval_by_line(const struct approvals *t, uint64_t tag);

/** approval_prune(t, stands, arg): Drop what nobody can use any more, but for what the journal is writing. */
void approval_prune(struct approvals *t, bool (*stands)(void *arg, const struct m_approval_ask *call), void *arg);

/** approval_sweep(t, now): Drop what is over.  Every other call expects that this was done for the same ${now}. */
void approval_sweep(struct approvals *t, struct mono now);

const char *approval_state_name(enum approval_state s);

#endif
