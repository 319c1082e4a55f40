/* audit_edges.c - the channels of callgate-audit: callgated, callgate-admin, callgate-vault. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/handout.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/audit_internal.h"

/* ---- the journal ---- */

static void watch(struct audit *a, struct edge *e);

static int journal_add(struct audit *a, struct view body, uint64_t *seq)
{
	char kind[NAME_LEN];

	struct jsonw *w = trail_line(a->journal, "journal", wall_now());
	int r = entry_object(w, body, kind, sizeof(kind));
	if (!r && kind[0] && strcmp(kind, "journal") != 0)
		r = -ERR_MALFORMED;
	if (r) {
		trail_undo(a->journal);
		return r;
	}
	r = trail_end(a->journal);
	if (r)
		return r;
	r = trail_commit(a->journal, TRAIL_DURABLE);
	if (r && trail_may_try(a->journal))
		r = trail_commit(a->journal, TRAIL_DURABLE);
	/* The asker is told that it failed: the line must not appear later. */
	if (r)
		trail_forget(a->journal);
	*seq = trail_state(a->journal).seq;
	return r;
}

static void on_journal_add(struct audit *a, struct edge *e, const struct frame *f)
{
	struct m_journal_ack ack = {0};

	ack.status = journal_add(a, f->body, &ack.seq);
	if (ack.status)
		log_warning("a change was not written to the journal: %s", err_text(ack.status));
	int r = edge_send(e, M_JOURNAL_ACK, f->tag, view_of(&ack, sizeof(ack)), -1);
	if (r)
		log_warning("callgate-admin cannot be answered: %s", err_text(r));
}

void audit_hand_off(struct audit *a)
{
	handout_end(&a->handing.run);
	fd_close(&a->handing.fd);
}

/* A journal that is not whole would be folded into a state with grants missing or, worse, not revoked: no answer at all. */
static void handed(struct audit *a, int r, const struct handout *out)
{
	if (!r && fcntl(a->handing.fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		r = -errno;
	if (!r) {
		struct m_journal m = {out->state_bytes, out->lines, out->mark.seq};
		a->mark = out->mark;
		r = edge_send(&a->admin, M_JOURNAL, a->handing.tag, view_of(&m, sizeof(m)), a->handing.fd);
	}
	if (r)
		log_error("the journal was not handed to callgate-admin: %s", err_text(r));
	audit_hand_off(a);
}

static void on_journal_get(struct audit *a, struct edge *e, const struct frame *f)
{
	const struct m_journal_get *get = (const void *)f->body.p;
	int fd = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	a->handing.fd = fd;
	a->handing.tag = f->tag;
	int r = fd < 0 ? -errno : handout_begin(a->journal_dir, a->journal, get->whole, fd, &a->handing.run);
	if (r)
		handed(a, r, NULL);
	else
		pump_del(a->pump, e->fd); /* what it sends meanwhile comes after this, as it did */
}

bool audit_hand(struct audit *a)
{
	struct handout out;

	if (!a->handing.run)
		return false;
	int r = handout_step(a->handing.run, &out);
	if (r > 0)
		return true;
	handed(a, r, &out);
	watch(a, &a->admin);
	return true;
}

/* What it is bound to is the line that we know ourselves. */
static void on_keep(struct audit *a, struct edge *e, const struct frame *f)
{
	const struct m_keep *k = (const void *)f->body.p;
	struct view state = {0};
	int fd = f->fd[0];

	(void)e;
	int r = k->seq && k->seq == a->mark.seq ? fd_map_sealed(fd, KEPT_STATE, &state) : -ERR_RANGE;
	if (!r)
		r = kept_save(a->journal_dir, a->journal, &a->mark, state);
	if (r)
		log_warning("no state of the journal is kept for the next start: %s", err_text(r));
	fd_unmap(&state);
	fd_close(&fd);
}

/* ---- the audit stream ---- */

static void note(struct audit *a, struct view body)
{
	static const char *const kinds[] = {"note", "coverage", "refused", "alert"};
	char kind[NAME_LEN];

	struct jsonw *w = trail_line(a->trail, "note", wall_now());
	int r = entry_object(w, body, kind, sizeof(kind));
	for (size_t i = 0; !r && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kind, kinds[i]) == 0)
			trail_kind(a->trail, kinds[i]);
	if (!r) {
		r = trail_end(a->trail);
	} else {
		trail_undo(a->trail);
		/* That something was to be recorded is recorded in any case. */
		w = trail_line(a->trail, "alert", wall_now());
		jsonw_str(w, "event", "malformed-note");
		r = trail_end(a->trail);
		a->notes_refused++;
	}
	if (r)
		log_error("a note was not recorded: %s", err_text(r));
}

static void on_note(struct audit *a, struct edge *e, const struct frame *f)
{
	if (e == &a->admin)
		audit_cover_note(a, f->body);
	note(a, f->body);
}

static void on_cover(struct audit *a, struct edge *e, const struct frame *f)
{
	(void)e;
	audit_cover(a, f->body);
}

static void on_release(struct audit *a, struct edge *e, const struct frame *f)
{
	const struct m_release *m = (const void *)f->body.p;
	struct jsonw *w = trail_line(a->trail, "release", wall_now());

	(void)e;
	entry_release(w, m);
	int r = trail_end(a->trail);
	if (r)
		log_error("a release was not recorded: %s", err_text(r));
}

static void on_forwarded(struct audit *a, struct edge *e, const struct frame *f)
{
	(void)e;
	audit_forward_told(a, (const void *)f->body.p);
}

static void put_trail(struct jsonw *w, const char *key, const struct trail *s)
{
	struct trail_state st = trail_state(s);

	jsonw_open(w, key, '{');
	jsonw_uint(w, "epoch", st.epoch);
	jsonw_uint(w, "seq", st.seq);
	jsonw_uint(w, "synced", st.safe_seq);
	jsonw_hex(w, "head", view_of(st.head.head, CHAIN_LEN));
	jsonw_uint(w, "sealed", st.sealed);
	jsonw_uint(w, "seals", st.seals);
	jsonw_str(w, "key", st.key_id);
	jsonw_bool(w, "key_waiting", st.key_waiting);
	jsonw_uint(w, "errors", st.errors);
	jsonw_uint(w, "repaired", st.repaired);
	jsonw_str(w, "state", st.err ? err_text(st.err) : "writing");
	jsonw_str(w, "disk", room_word(st.stage));
	jsonw_uint(w, "disk_free", st.disk.free);
	jsonw_bool(w, "reserve", st.reserve);
	if (st.second) {
		jsonw_str(w, "directory", st.away ? "second" : "first");
		jsonw_uint(w, "files_in_second", st.abroad);
	}
	if (st.away && !st.paused) {
		char text[160];
		snprintf(text, sizeof(text), "records go to the second directory (%s); mend the first: files go back and it is used again by itself",
		    st.away_err ? err_text(st.away_err) : "files of an earlier run lie there");
		jsonw_str(w, "attention", text);
	} else if (st.paused)
		jsonw_str(w, "paused", "the disk is full: calls are refused until there is room; refusals and results go to the reserve");
	else if (st.stage)
		jsonw_str(w, "attention", "the disk fills up: make room; when it is full, calls are refused");
	jsonw_close(w, '}');
}

static void on_audit_get(struct audit *a, struct edge *e, const struct frame *f)
{
	struct buf b = {.max = MSG_MAX};
	struct jsonw w = jsonw_on(&b);

	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "strict", a->strict_name);
	jsonw_uint(&w, "records", a->records);
	jsonw_uint(&w, "notes_refused", a->notes_refused);
	put_trail(&w, "audit", a->trail);
	put_trail(&w, "journal", a->journal);
	jsonw_uint(&w, "removed_files", a->removed);
	feed_state(a->feed, &w);
	audit_forward_state(a, &w);
	jsonw_close(&w, '}');
	int r = jsonw_end(&w);
	if (!r)
		r = edge_send(e, M_AUDIT, f->tag, buf_view(&b), -1);
	if (r)
		log_warning("the state was not handed out: %s", err_text(r));
	buf_free(&b);
}

/* ---- callgated ---- */

static void on_stop(struct audit *a, struct edge *e, const struct frame *f)
{
	(void)e;
	(void)f;
	a->stopping = true;
}

static void on_ignored(struct audit *a, struct edge *e, const struct frame *f)
{
	(void)a;
	(void)e;
	(void)f;
}

static const struct {
	uint16_t type;
	void (*fn)(struct audit *a, struct edge *e, const struct frame *f);
} answers[] = {
    {M_JOURNAL_ADD, on_journal_add},
    {M_JOURNAL_GET, on_journal_get},
    {M_KEEP, on_keep},
    {M_AUDIT_GET, on_audit_get},
    {M_AUDIT_NOTE, on_note},
    {M_COVER, on_cover},
    {M_RELEASE, on_release},
    {M_FORWARDED, on_forwarded},
    {M_STOP, on_stop},
    {M_GO, on_ignored},
};

static void answer(struct audit *a, struct edge *e, const struct frame *f)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].type == f->type)
			answers[i].fn(a, e, f);
}

static void on_edge(void *arg, int fd, short what);

static struct edge *edge_of(struct audit *a, int fd)
{
	struct edge *all[] = {&a->child.sup, &a->admin, &a->vault, &a->forward.edge};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->fd == fd)
			return all[i];
	return NULL;
}

static void close_edge(struct audit *a, struct edge *e, int why)
{
	if (why != -ERR_CLOSED)
		log_error("a frame of %s breaks the table: %s", party_name(e->peer), err_text(why));
	pump_del(a->pump, e->fd);
	/* Without callgated nobody will start anything again: finish as if told to. */
	if (e == &a->child.sup)
		a->stopping = true;
	edge_close(e);
}

static void on_edge(void *arg, int fd, short what)
{
	struct audit *a = arg;
	struct edge *e = edge_of(a, fd);
	struct frame f;
	int r = 0;

	(void)what;
	while (e && e->fd == fd && !(e == &a->admin && a->handing.run) && (r = edge_recv(e, &f)) > 0) {
		if (e == &a->child.sup && child_frame(&a->child, &f)) {
			audit_edges(a);
			audit_rings(a);
			audit_files(a);
			if (f.type == M_CONF)
				audit_conf(a);
			continue;
		}
		answer(a, e, &f);
	}
	if (e && e->fd == fd && r < 0)
		close_edge(a, e, r);
}

static void watch(struct audit *a, struct edge *e)
{
	if (e->fd >= 0 && pump_add(a->pump, e->fd, POLLIN, on_edge, a))
		log_error("too many channels");
}

static void replace(struct audit *a, struct edge *e, enum party peer)
{
	struct edge fresh;

	if (!child_take_edge(&a->child, peer, 0, &fresh))
		return;
	if (e == &a->admin)
		audit_hand_off(a);
	if (e->fd >= 0) {
		pump_del(a->pump, e->fd);
		edge_close(e);
	}
	*e = fresh;
	watch(a, e);
}

void audit_edges(struct audit *a)
{
	if (!a->started)
		watch(a, &a->child.sup);
	replace(a, &a->admin, P_ADMIN);
	replace(a, &a->vault, P_VAULT);
	replace(a, &a->forward.edge, P_FETCH);
}

/* ---- rings ---- */

static struct ring_parts *parts_of(struct audit *a, uint64_t id)
{
	struct ring_parts *free_one = NULL;

	for (size_t i = 0; i < FEED_RINGS; i++) {
		if (a->parts[i].id == id)
			return &a->parts[i];
		if (!a->parts[i].id)
			free_one = &a->parts[i];
	}
	if (free_one)
		*free_one = (struct ring_parts){.id = id, .fd = {-1, -1, -1, -1}};
	return free_one;
}

static void complete(struct audit *a, struct ring_parts *p)
{
	for (size_t i = 0; i < 4; i++)
		if (p->fd[i] < 0)
			return;
	int64_t slot = p->slot == UINT32_MAX ? FEED_NO_SLOT : (int64_t)p->slot;
	int r = feed_ring(a->feed, p->id, slot, p->fd, a->started);
	if (r)
		log_error("the record ring %012llx cannot be read: %s", (unsigned long long)p->id, err_text(r));
	*p = (struct ring_parts){0};
	a->rang = true;
}

void audit_rings(struct audit *a)
{
	static const uint32_t order[] = {FD_RING, FD_RING_ACK, FD_RING_BELL, FD_RING_ACKBELL};
	struct child *c = &a->child;

	for (size_t i = 0; i < c->fds;) {
		size_t part = 0;
		while (part < 4 && order[part] != c->fd[i].what.what)
			part++;
		struct ring_parts *p = part < 4 && c->fd[i].what.ring ? parts_of(a, c->fd[i].what.ring) : NULL;
		if (part == 4) {
			i++;
			continue;
		}
		struct child_fd got = c->fd[i];
		c->fd[i] = c->fd[--c->fds];
		if (!p || p->fd[part] >= 0) {
			fd_close(&got.fd);
			continue;
		}
		p->slot = got.what.slot;
		p->fd[part] = got.fd;
		complete(a, p);
	}
}
