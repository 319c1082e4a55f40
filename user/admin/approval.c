/* approval.c - see approval.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "admin/approval.h"
#include "base/err.h"

void approvals_init(struct approvals *t)
{
	list_init(&t->rows);
	t->n = 0;
}

void approvals_free(struct approvals *t)
{
	LIST_EACH(it, &t->rows)
		approval_drop(t, LIST_ENTRY(it, struct approval, node));
}

static bool ends(const char *s, size_t cap)
{
	return memchr(s, '\0', cap) != NULL;
}

static bool is_hash(const char *s)
{
	return strspn(s, "0123456789abcdef") == 64 && s[64] == '\0';
}

int approval_take(struct view body, struct m_approval_ask *out, struct view *tail)
{
	*tail = view_of(NULL, 0);
	if (body.n < sizeof(*out))
		return -ERR_MALFORMED;
	memcpy(out, body.p, sizeof(*out));
	*tail = view_skip(body, sizeof(*out));
	if (!ends(out->server, sizeof(out->server)) || !ends(out->grant, sizeof(out->grant)) || !ends(out->policy, sizeof(out->policy)) ||
	    !ends(out->agent, sizeof(out->agent)) || !ends(out->tool, sizeof(out->tool)))
		return -ERR_MALFORMED;
	if (!out->server[0] || !out->grant[0] || !is_hash(out->policy) || out->keys_len > APPROVAL_KEYS_MAX || out->args_len > APPROVAL_ARGS_MAX)
		return -ERR_MALFORMED;
	/* All of the arguments or nothing: a beginning could hide what matters. */
	if ((size_t)out->keys_len + out->args_len != tail->n || (out->args_len && out->args_len != out->args_bytes))
		return -ERR_MALFORMED;
	return 0;
}

/* Which process of the user asks does not count, nor what it calls itself. */
static bool same(const struct m_approval_ask *a, const struct m_approval_ask *b)
{
	return a->uid == b->uid && memcmp(a->canon, b->canon, sizeof(a->canon)) == 0 && strcmp(a->server, b->server) == 0 &&
	       strcmp(a->grant, b->grant) == 0 && strcmp(a->policy, b->policy) == 0 && strcmp(a->tool, b->tool) == 0;
}

static int new_id(const struct approvals *t, char id[APPROVAL_ID])
{
	/* To be read aloud and typed: no letter that looks like another. */
	static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789";

	for (int tries = 0; tries < 64; tries++) {
		unsigned char rnd[8];
		if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
			return -EIO;
		memcpy(id, "a-", 2);
		for (size_t i = 0; i < sizeof(rnd); i++)
			id[2 + i] = set[rnd[i] & 31];
		id[2 + sizeof(rnd)] = '\0';
		if (!approval_find(t, id))
			return 0;
	}
	return -EIO;
}

static bool room(const struct approvals *t, uint32_t uid, uint32_t slot)
{
	size_t of_user = 0, of_slot = 0;

	LIST_EACH(it, &t->rows) {
		const struct approval *ap = LIST_ENTRY(it, struct approval, node);
		of_user += ap->call.uid == uid;
		of_slot += ap->slot == slot;
	}
	return t->n < APPROVAL_ROWS && of_user < APPROVAL_USER && of_slot < APPROVAL_SLOT;
}

static struct mono after(struct mono now, uint64_t seconds)
{
	return mono_after_ms(now, seconds * 1000);
}

int approval_ask(struct approvals *t, const struct m_approval_ask *call, struct view tail, uint32_t slot, struct mono now, struct approval **out)
{
	struct approval *ap;

	LIST_EACH(it, &t->rows) {
		*out = LIST_ENTRY(it, struct approval, node);
		if (same(&(*out)->call, call))
			return 0;
	}
	*out = NULL;
	if (!room(t, call->uid, slot))
		return -ERR_FULL;
	ap = calloc(1, sizeof(*ap));
	int r = ap ? buf_put(&ap->tail, tail) : -ENOMEM;
	r = r ? r : new_id(t, ap->id);
	if (r) {
		if (ap)
			buf_wipe(&ap->tail);
		free(ap);
		return r;
	}
	ap->call = *call;
	ap->slot = slot;
	ap->asked = wall_now();
	ap->until = now; /* and the time that its line may take */
	list_add_tail(&t->rows, &ap->node);
	t->n++;
	*out = ap;
	return 1;
}

void approval_open(struct approval *ap, struct mono now)
{
	ap->state = APPROVAL_S_WAITING;
	ap->until = after(now, APPROVAL_ASK_S);
}

bool approval_decide(struct approval *ap, bool yes, const char *reason, struct mono now)
{
	if (ap->state != APPROVAL_S_WAITING)
		return false;
	ap->state = yes ? APPROVAL_S_YES : APPROVAL_S_NO;
	ap->decided = wall_now();
	ap->until = after(now, APPROVAL_HOLDS_S);
	snprintf(ap->reason, sizeof(ap->reason), "%s", reason ? reason : "");
	/* They were for the eyes of whoever decided. */
	struct view args = view_skip(buf_view(&ap->tail), ap->call.keys_len);
	if (args.n)
		explicit_bzero(ap->tail.mem + ap->tail.off + ap->call.keys_len, args.n);
	buf_truncate(&ap->tail, ap->call.keys_len);
	ap->call.args_len = 0;
	return true;
}

void approval_drop(struct approvals *t, struct approval *ap)
{
	list_del(&ap->node);
	t->n--;
	buf_wipe(&ap->tail);
	free(ap);
}

struct approval *approval_find(const struct approvals *t, const char *id)
{
	LIST_EACH(it, &t->rows) {
		struct approval *ap = LIST_ENTRY(it, struct approval, node);
		if (id && strcmp(ap->id, id) == 0)
			return ap;
	}
	return NULL;
}

struct approval *approval_by_line(const struct approvals *t, uint64_t tag)
{
	LIST_EACH(it, &t->rows) {
		struct approval *ap = LIST_ENTRY(it, struct approval, node);
		if (tag && ap->line == tag)
			return ap;
	}
	return NULL;
}

void approval_sweep(struct approvals *t, struct mono now)
{
	LIST_EACH(it, &t->rows) {
		struct approval *ap = LIST_ENTRY(it, struct approval, node);
		/* What the journal is writing has its answer first. */
		if (now.ns >= (ap->line ? after(ap->until, APPROVAL_LINE_S) : ap->until).ns)
			approval_drop(t, ap);
	}
}

void approval_prune(struct approvals *t, bool (*stands)(void *arg, const struct m_approval_ask *call), void *arg)
{
	LIST_EACH(it, &t->rows) {
		struct approval *ap = LIST_ENTRY(it, struct approval, node);
		if (!ap->line && !stands(arg, &ap->call))
			approval_drop(t, ap);
	}
}

const char *approval_state_name(enum approval_state s)
{
	static const char *const name[] = {"asked", "waiting", "no", "yes", "used"};

	return name[s];
}
