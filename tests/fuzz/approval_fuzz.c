/*
 * approval_fuzz.c - frames of a worker that asks for approvals, any bytes in them, with decisions and time between.
 * The input is steps: a byte what, two bytes how much (little endian); a frame's bytes follow a step 0.
 */
#include <assert.h>
#include <errno.h>

#include "admin/approval.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No bound is passed, every row is whole, and no two are the same call. */
static void sound(const struct approvals *t)
{
	size_t n = 0;

	LIST_EACH(it, &t->rows) {
		const struct approval *ap = LIST_ENTRY(it, struct approval, node);
		n++;
		assert(approval_find(t, ap->id) == ap && ap->tail.len == (size_t)ap->call.keys_len + ap->call.args_len);
		assert(!ap->call.args_len || ap->state <= APPROVAL_S_WAITING);
	}
	assert(n == t->n && n <= APPROVAL_ROWS);
}

static void ask(struct approvals *t, struct view frame, struct mono now)
{
	struct m_approval_ask call;
	struct approval *ap, *again;
	struct view tail;

	if (approval_take(frame, &call, &tail))
		return;
	assert(strlen(call.tool) < sizeof(call.tool) && strlen(call.agent) < sizeof(call.agent) && strlen(call.policy) == 64);
	int r = approval_ask(t, &call, tail, call.pid % 3, now, &ap);
	assert(r == 1 || r == 0 || r == -ERR_FULL);
	if (r < 0)
		return;
	if (r == 1)
		approval_open(ap, now);
	assert(approval_ask(t, &call, tail, 0, now, &again) == 0 && again == ap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	struct approvals t;
	struct mono now = {1};

	approvals_init(&t);
	while (in.n >= 3) {
		uint8_t what = in.p[0] % 4;
		size_t much = in.p[1] | (size_t)in.p[2] << 8;
		in = view_skip(in, 3);
		struct approval *first = list_empty(&t.rows) ? NULL : LIST_ENTRY(t.rows.next, struct approval, node);
		if (what == 0) {
			ask(&t, view_head(in, much), now);
			in = view_skip(in, much);
		} else if (what == 1 && first) {
			bool could = first->state == APPROVAL_S_WAITING;
			assert(approval_decide(first, much & 1, "r", now) == could);
		} else if (what == 2 && first && first->state == APPROVAL_S_YES) {
			approval_drop(&t, first);
		} else if (what == 3) {
			now = mono_after_ms(now, much * 100);
			approval_sweep(&t, now);
		}
		sound(&t);
	}
	approvals_free(&t);
	return 0;
}
