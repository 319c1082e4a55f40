/* journal.c - see journal.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/job.h"
#include "admin/journal.h"
#include "admin/state.h"
#include "admin/world.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"

/*
 * Whoever keeps the journal from being read must not gain by it.  The servers stay: what goes to one that a worker does not know it would let pass, with
 * whatever key the caller has.
 */
static void withdraw(void *arg)
{
	struct admin *a = arg;
	struct roster next;

	if (roster_copy(&a->roster, &next))
		exit(1);
	grants_free(&next.grants);
	snprintf(next.damage, sizeof(next.damage), "the journal is not read after %llu s: what was kept of it is no longer in force, and no grant is", (unsigned long long)a->early_ms / 1000);
	log_error("%s", next.damage);
	a->early = false;
	a->kept_bad = true;
	world_adopt(a, &next, a->generation);
}

static void ask(void *arg)
{
	struct admin *a = arg;
	struct m_journal_get get = {.whole = a->world_fd >= 0 || a->kept_bad};

	if (a->folded || a->audit.fd < 0)
		return;
	if (edge_send(&a->audit, M_JOURNAL_GET, 0, view_of(&get, sizeof(get)), -1))
		log_warning("the journal cannot be asked for now");
	/* callgate-audit answers only with a whole journal; until it has one it is asked again. */
	if (pump_timer(a->pump, mono_after_ms(mono_now(), ADMIN_FOLD_MS), ask, a))
		log_error("no room for a timer");
}

void journal_ask(struct admin *a)
{
	ask(a);
}

void journal_lost(struct admin *a)
{
	a->folded = a->rereading = false;
}

/* ---- from what was kept ---- */

/* Nothing is lost when it cannot be used: then the whole journal is read first. */
static void early(struct admin *a, struct view state, struct view lines)
{
	struct roster next;
	char why[STATE_WHY];
	int r = state_take(state, &next, why);

	if (!r) {
		r = roster_fold(&next, lines);
		snprintf(why, sizeof(why), "%s", r < 0 ? err_text(r) : next.damage);
	}
	/* By the clock alone: whether anybody can be asked for the journal makes no difference. */
	if (!r && (r = pump_timer(a->pump, mono_after_ms(mono_now(), a->early_ms), withdraw, a)))
		snprintf(why, sizeof(why), "%s", err_text(r));
	if (r) {
		log_warning("the kept state of the journal is not used: %s; the whole journal is read", why);
		roster_free(&next);
		a->kept_bad = true;
		ask(a);
		return;
	}
	log_notice("from the kept state of the journal, up to %llu: %zu servers, %zu grants, %zu policies; the journal is read next", (unsigned long long)next.seq,
	    json_object_size(next.servers), grants_count(&next.grants), json_object_size(next.policies));
	a->early = true;
	world_adopt(a, &next, next.seq);
	if (pump_timer(a->pump, mono_after_ms(mono_now(), a->whole_ms), ask, a))
		ask(a);
}

/* ---- the whole journal ---- */

static int fold(struct view lines, struct roster *next)
{
	int r = roster_init(next);

	return r ? r : roster_fold(next, lines);
}

/* What was in force is not what the journal says. */
static void differs(struct admin *a, const struct roster *next)
{
	struct buf out = {.max = MSG_MAX};
	struct jsonw w = jsonw_on(&out);
	char id[64];

	bool grants = !grants_same(&a->roster.grants, &next->grants, id);
	log_error("what was in force is not what the journal says%s%s: the journal holds now", grants ? "; they differ in grant " : "", id);
	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "kind", "alert");
	jsonw_str(&w, "event", "roster-differs");
	jsonw_uint(&w, "generation", a->generation);
	if (grants)
		jsonw_str(&w, "grant", id);
	jsonw_close(&w, '}');
	if (jsonw_end(&w) || a->audit.fd < 0 || edge_send(&a->audit, M_AUDIT_NOTE, 0, buf_view(&out), -1))
		log_error("that could not be recorded");
	buf_free(&out);
}

/* For the next start. */
static void keep(struct admin *a, const struct roster *r, const struct m_journal *m)
{
	struct m_keep k = {.seq = m->seq};
	struct buf out = {0};

	a->since = 0;
	if (!m->seq || m->lines < JOURNAL_KEEP || r->damage[0])
		return;
	int ret = state_put(r, &out), fd = ret ? ret : fd_sealed("callgate-state", buf_view(&out));
	ret = fd < 0 ? fd : edge_send(&a->audit, M_KEEP, 0, view_of(&k, sizeof(k)), fd);
	if (ret)
		log_warning("no state of the journal is kept: %s", err_text(ret));
	fd_close(&fd);
	buf_free(&out);
}

static void whole(struct admin *a, struct view lines, const struct m_journal *m)
{
	struct roster next;
	int r = fold(lines, &next);

	if (r < 0) {
		log_error("the journal cannot be read: %s", err_text(r));
		roster_free(&next);
		exit(1);
	}
	if (r > 0)
		log_error("%d lines of the journal cannot be understood: %s; no grant is in force until that is repaired", r, next.damage);
	uint64_t seq = next.seq;
	log_notice("journal read up to %llu: %zu servers, %zu grants, %zu policies", (unsigned long long)seq,
	    json_object_size(next.servers), grants_count(&next.grants), json_object_size(next.policies));
	keep(a, &next, m);
	/* What has been published already need not be again. */
	if (a->early && world_same(a, &next)) {
		world_hold(a, &next);
	} else {
		if (a->early)
			differs(a, &next);
		world_adopt(a, &next, seq);
	}
	a->folded = true;
	a->early = false;
	pump_timer_off(a->pump, ask, a);
	pump_timer_off(a->pump, withdraw, a);
	job_next(a);
}

/* Read while it is in use: every change up to here is in force by now, for its acknowledgement came before this. */
static void again(struct admin *a, struct view lines, const struct m_journal *m)
{
	struct roster next;
	int r = fold(lines, &next);

	a->rereading = false;
	a->since = JOURNAL_AGAIN / 2;
	if (r) {
		log_error("the journal cannot be read again: %s", r < 0 ? err_text(r) : next.damage);
	} else if (!a->holder && !world_same(a, &next)) {
		differs(a, &next);
		world_adopt(a, &next, next.seq > a->generation ? next.seq : a->generation);
	} else {
		keep(a, &next, m);
	}
	roster_free(&next);
}

void journal_came(struct admin *a, struct edge *e, const struct frame *f)
{
	struct m_journal m;
	struct view all = {0};

	memcpy(&m, f->body.p, sizeof(m));
	if (e != &a->audit || (a->folded && !a->rereading) || (m.state_bytes && (a->early || a->folded)))
		return;
	int r = fd_map_sealed(f->fd[0], ADMIN_JOURNAL_MAX, &all);
	if (!r && m.state_bytes > all.n)
		r = -ERR_MALFORMED;
	if (r) {
		log_error("the journal cannot be read: %s", err_text(r));
		exit(1);
	}
	struct view lines = view_skip(all, m.state_bytes);
	if (m.state_bytes)
		early(a, view_head(all, m.state_bytes), lines);
	else if (a->folded)
		again(a, lines, &m);
	else
		whole(a, lines, &m);
	fd_unmap(&all);
}

void journal_changed(struct admin *a)
{
	static const struct m_journal_get get = {.whole = 1};

	if (++a->since < JOURNAL_AGAIN || a->rereading || a->audit.fd < 0)
		return;
	a->rereading = edge_send(&a->audit, M_JOURNAL_GET, 0, view_of(&get, sizeof(get)), -1) == 0;
}
