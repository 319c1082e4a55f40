/*
 * audit_forward.c - hand copies of the lines that were written to callgate-fetch.
 * A copy may be lost and is then counted; nothing here waits, and what it may cost in a second is bounded: the gate is never slower for it.
 */
#include <errno.h>

#include "base/err.h"
#include "base/log.h"
#include "proc/audit_internal.h"

enum { KEPT_MAX = 1 << 20, LINES_A_SECOND = 10000, SECOND_MS = 1000 };

/* Lines that may be copied now. */
static unsigned budget(struct audit_forward *f)
{
	if (f->budget)
		return f->budget;
	struct mono now = mono_now();
	if (!f->second.ns || now.ns >= mono_after_ms(f->second, SECOND_MS).ns) {
		f->second = now;
		f->budget = LINES_A_SECOND;
	}
	return f->budget;
}

void audit_forward_copy(void *arg, struct view line)
{
	struct audit *a = arg;
	struct audit_forward *f = &a->forward;

	if (!f->on)
		return;
	if (!budget(f) || line.n > MSG_MAX || f->kept.len + line.n > KEPT_MAX || buf_put(&f->kept, line)) {
		f->lost++;
		return;
	}
	f->budget--;
}

/* As many whole lines as fit into a frame, from the start of ${v}. */
static struct view frame_of(struct view v, uint64_t *lines)
{
	size_t n = 0;

	*lines = 0;
	while (n < v.n) {
		const uint8_t *nl = memchr(v.p + n, '\n', v.n - n);
		size_t end = nl ? (size_t)(nl - v.p) + 1 : v.n;
		if (end > MSG_MAX)
			break;
		n = end;
		(*lines)++;
	}
	return view_head(v, n);
}

void audit_forward_flush(struct audit *a)
{
	struct audit_forward *f = &a->forward;

	/* What a failed commit gave to the file has no number yet; it is copied again when it has one. */
	bool failed = trail_state(a->trail).err || trail_state(a->journal).err;
	/* At the start, or between two lives of callgate-fetch: what there is room for waits for it. */
	if (f->edge.fd < 0 && !failed)
		return;
	for (struct view v = buf_view(&f->kept); !failed && v.n;) {
		uint64_t lines;
		struct view part = frame_of(v, &lines);
		int r = edge_send(&f->edge, M_FORWARD, 0, part, -1);
		f->handed += r ? 0 : lines;
		f->lost += r ? lines : 0;
		v = view_skip(v, part.n);
	}
	buf_reset(&f->kept);
}

void audit_forward_told(struct audit *a, const struct m_forwarded *m)
{
	struct audit_forward *f = &a->forward;

	/* A callgate-fetch that started anew counts from nothing. */
	if (m->sent + m->lost < f->told.sent + f->told.lost) {
		f->before.sent += f->told.sent;
		f->before.lost += f->told.lost;
	}
	f->told = *m;
}

void audit_forward_state(const struct audit *a, struct jsonw *w)
{
	const struct audit_forward *f = &a->forward;

	jsonw_open(w, "forward", '{');
	jsonw_bool(w, "on", f->on);
	jsonw_uint(w, "handed", f->handed);
	jsonw_uint(w, "lost", f->lost);
	jsonw_uint(w, "sent", f->before.sent + f->told.sent);
	jsonw_uint(w, "lost_on_the_way", f->before.lost + f->told.lost);
	jsonw_close(w, '}');
}
