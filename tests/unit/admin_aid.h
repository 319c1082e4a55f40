/*
 * admin_aid.h - callgate-admin's floor on real sockets, with this test as all its neighbours.
 * The neighbours speak the frames of msg.tbl.h; the journal they keep is a real one, so that it can be folded again.
 */
#ifndef TESTS_ADMIN_AID_H
#define TESTS_ADMIN_AID_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/client.h"
#include "admin/job.h"
#include "admin/journal.h"
#include "admin/world.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "bpf/abi.h"

enum { RIG_TURNS = 4000 };

struct rig {
	struct admin a;
	struct edge sup, ident, vault, audit, worker;
	char dir[32], sock[64];
	struct buf journal;   /* lines */
	uint64_t seq;
	struct buf world;     /* what the worker got last */
	struct buf hosts;     /* what the vault got last */
	struct buf dests;
	char secret[256];     /* of the last vault request */
	uint32_t version;
	size_t worlds;
	uint32_t agent_class; /* what ident says of everybody */
	int32_t journal_status, worker_status;
	bool ident_mute, audit_mute, vault_mute, worker_mute, sup_mute;
	struct m_approval said; /* to the worker, last */
	uint64_t said_tag;
	size_t says, news;
	uint32_t login;       /* login uid of every client; 0: none */
	void (*vault_do)(void *arg, struct view body, struct buf *answer); /* a real one; NULL: what rig_vault() says */
	void *vault_arg;
	int journal_fails_in;  /* lines until one cannot be written; 0: none */
	struct buf kept;      /* what admin made of the first kept_n bytes of the journal */
	size_t kept_n, handed; /* handed: bytes of it that admin was given whole, last */
	size_t wholes, alerts;
	bool whole_mute;      /* the whole journal is not handed out for now */
	uint64_t whole_ms;    /* when the rest is asked for; 0: as ever */
	uint64_t early_ms;    /* how long what was kept is in force without it; 0: as ever */
	uint64_t held; /* tag of a journal line that was not acknowledged */
};

static inline void rig_edge(struct rig *r, struct edge *mine, enum party me)
{
	int fd[2];
	struct edge theirs;

	edge_close(mine);
	assert_int_equal(edge_pair(fd), 0);
	edge_init(mine, fd[0], me, P_ADMIN, 0);
	edge_init(&theirs, fd[1], P_ADMIN, me, 0);
	admin_edge(&r->a, theirs);
}

static inline void rig_say(struct edge *e, enum msg type, uint64_t tag, struct view body, int fd)
{
	assert_int_equal(edge_send(e, type, tag, body, fd), 0);
}

static inline void rig_ident(struct rig *r, const struct frame *f)
{
	const struct m_describe *q = (const void *)f->body.p;
	struct m_described d = {.agent_class = r->agent_class, .loginuid = r->login ? r->login : UINT32_MAX, .start_ns = 77, .uid = geteuid()};

	if (r->ident_mute)
		return;
	snprintf(d.exe, sizeof(d.exe), "/usr/bin/\xff-%u", q->tgid != 0);
	snprintf(d.agent, sizeof(d.agent), "%s", r->agent_class ? "codex" : "");
	rig_say(&r->ident, M_DESCRIBED, f->tag, view_of(&d, sizeof(d)), -1);
}

/* One journal line, as callgate-audit would write it. */
static inline void rig_write(struct rig *r, struct view body)
{
	json_t *o = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	/* Its own to say; a body that says them is not written. */
	assert_true(json_is_object(o) && !json_object_get(o, "seq") && !json_object_get(o, "ts") && !json_object_get(o, "host"));
	json_decref(o);
	assert_int_equal(buf_printf(&r->journal, "{\"seq\":%llu,\"ts\":\"2026-11-03T10:00:00.000000Z\",", (unsigned long long)++r->seq), 0);
	/* callgate-audit writes "kind" first and takes it out of the body; here it stays where it is. */
	assert_int_equal(buf_put(&r->journal, view_skip(body, 1)), 0);
	assert_int_equal(buf_puts(&r->journal, "\n"), 0);
}

/* All of it, or what was kept and the lines behind that. */
static inline void rig_journal(struct rig *r, const struct frame *f)
{
	const struct m_journal_get *get = (const void *)f->body.p;
	struct m_journal m = {.state_bytes = get->whole ? 0 : r->kept.len};
	struct view lines = view_skip(buf_view(&r->journal), m.state_bytes ? r->kept_n : 0);
	struct buf all = {0};

	if (!m.state_bytes && r->whole_mute)
		return;
	for (size_t i = 0; i < lines.n; i++)
		m.lines += lines.p[i] == '\n';
	if (m.state_bytes) {
		assert_int_equal(buf_put(&all, buf_view(&r->kept)), 0);
	} else {
		r->handed = r->journal.len;
		m.seq = r->handed + 1; /* any number that is no other journal's */
		r->wholes++;
	}
	assert_int_equal(buf_put(&all, lines), 0);
	int fd = fd_sealed("journal", buf_view(&all));
	assert_true(fd >= 0);
	rig_say(&r->audit, M_JOURNAL, f->tag, view_of(&m, sizeof(m)), fd);
	close(fd);
	buf_free(&all);
}

static inline void rig_audit(struct rig *r, const struct frame *f)
{
	if (f->type == M_JOURNAL_GET) {
		rig_journal(r, f);
	} else if (f->type == M_KEEP) {
		struct view v;
		assert_int_equal(fd_map_sealed(f->fd[0], SIZE_MAX, &v), 0);
		assert_int_equal(((const struct m_keep *)(const void *)f->body.p)->seq, r->handed + 1);
		buf_reset(&r->kept);
		assert_int_equal(buf_put(&r->kept, v), 0);
		r->kept_n = r->handed;
		fd_unmap(&v);
	} else if (f->type == M_AUDIT_NOTE) {
		r->alerts += memmem(f->body.p, f->body.n, "roster-differs", 14) != NULL;
	} else if (f->type == M_AUDIT_GET) {
		if (!r->audit_mute)
			rig_say(&r->audit, M_AUDIT, f->tag, VIEW_LIT("{\"files\":3}"), -1);
	} else if (f->type == M_JOURNAL_ADD) {
		struct m_journal_ack ack = {.status = r->journal_status};
		if (r->journal_fails_in && --r->journal_fails_in == 0)
			ack.status = -ENOSPC;
		if (!ack.status)
			rig_write(r, f->body);
		ack.seq = r->seq;
		r->held = f->tag;
		if (!r->audit_mute)
			rig_say(&r->audit, M_JOURNAL_ACK, f->tag, view_of(&ack, sizeof(ack)), -1);
	}
}

static inline void rig_vault(struct rig *r, const struct frame *f)
{
	char answer[128];
	const char *op = (const char *)f->body.p;

	if (memmem(op, f->body.n, "\"hosts\",\"servers\"", 17)) {
		buf_reset(&r->hosts);
		assert_int_equal(buf_put(&r->hosts, f->body), 0);
		if (!r->vault_mute)
			rig_say(&r->vault, M_VAULT_DID, f->tag, VIEW_LIT("{\"ok\":true,\"changed\":true}"), -1);
		return;
	}
	if (r->vault_do) {
		struct buf said = {.max = MSG_MAX};
		r->vault_do(r->vault_arg, f->body, &said);
		rig_say(&r->vault, M_VAULT_DID, f->tag, buf_view(&said), -1);
		buf_free(&said);
		return;
	}
	const uint8_t *nul = memchr(f->body.p, 0, f->body.n);
	struct view secret = nul ? view_skip(f->body, (size_t)(nul - f->body.p) + 1) : view_of(NULL, 0);
	snprintf(r->secret, sizeof(r->secret), VIEW_FMT, VIEW_ARG(secret));
	if (r->vault_mute)
		return;
	if (memmem(op, f->body.n, "\"op\":\"ca\"", 9))
		snprintf(answer, sizeof(answer), "{\"ok\":true,\"sha256\":\"ab\",\"pem\":\"-----BEGIN CERTIFICATE-----\\nMA==\\n-----END CERTIFICATE-----\\n\"}");
	else if (memmem(op, f->body.n, "\"op\":\"list\",\"after\"", 19))
		snprintf(answer, sizeof(answer), "{\"ok\":true,\"credentials\":[{\"name\":\"b\"}],\"more\":false}");
	else if (memmem(op, f->body.n, "\"op\":\"list\"", 11))
		snprintf(answer, sizeof(answer), "{\"ok\":true,\"credentials\":[{\"name\":\"a\"}],\"more\":true}");
	else if (memmem(op, f->body.n, "\"missing\"", 9))
		snprintf(answer, sizeof(answer), "{\"ok\":false,\"error\":\"not-found\",\"text\":\"no such credential\"}");
	else if (memmem(op, f->body.n, "\"op\":\"revert\"", 13))
		snprintf(answer, sizeof(answer), "{\"ok\":true,\"from\":1,\"type\":\"basic\",\"name\":\"k\",\"version\":%u}", ++r->version);
	else if (memmem(op, f->body.n, "\"overlap\":3600", 14))
		snprintf(answer, sizeof(answer), "{\"ok\":true,\"name\":\"k\",\"version\":%u,\"previous\":1,\"previous_until\":\"2027-01-01T00:00:00.000000Z\"}", ++r->version);
	else
		snprintf(answer, sizeof(answer), "{\"ok\":true,\"name\":\"k\",\"version\":%u}", ++r->version);
	rig_say(&r->vault, M_VAULT_DID, f->tag, view_str(answer), -1);
}

static inline void rig_worker(struct rig *r, const struct frame *f)
{
	struct m_world_ack ack = {.status = r->worker_status, .generation = r->worker_status ? 0 : f->tag};
	struct view v;

	if (f->type == M_APPROVAL) {
		memcpy(&r->said, f->body.p, sizeof(r->said));
		r->said_tag = f->tag;
		r->says++;
		return;
	}
	if (f->type == M_APPROVAL_NEWS) {
		r->news++;
		return;
	}
	assert_int_equal(f->type, M_WORLD);
	assert_int_equal(fd_map_sealed(f->fd[0], WORLD_MAX, &v), 0);
	buf_reset(&r->world);
	assert_int_equal(buf_put(&r->world, v), 0);
	fd_unmap(&v);
	r->worlds++;
	if (!r->worker_mute)
		rig_say(&r->worker, M_WORLD_ACK, 0, view_of(&ack, sizeof(ack)), -1);
}

static inline void rig_sup(struct rig *r, const struct frame *f)
{
	if (f->type == M_DESTS) {
		buf_reset(&r->dests);
		assert_int_equal(buf_put(&r->dests, f->body), 0);
	} else if (f->type == M_STATUS_GET && !r->sup_mute) {
		rig_say(&r->sup, M_STATUS, f->tag, VIEW_LIT("{\"host\":\"box\",\"processes\":[{\"name\":\"callgated\",\"pid\":1}]}"), -1);
	}
}

/* One round of everybody. */
static inline void rig_turn(struct rig *r)
{
	struct {
		struct edge *e;
		void (*fn)(struct rig *, const struct frame *);
	} peer[] = {{&r->ident, rig_ident}, {&r->audit, rig_audit}, {&r->vault, rig_vault}, {&r->worker, rig_worker}, {&r->sup, rig_sup}};
	struct frame f;

	assert_int_equal(pump_turn(r->a.pump, 1), 0);
	for (size_t i = 0; i < sizeof(peer) / sizeof(*peer); i++) {
		while (peer[i].e->fd >= 0 && edge_recv(peer[i].e, &f) > 0) {
			peer[i].fn(r, &f);
			for (size_t k = 0; k < MSG_FDS; k++)
				fd_close(&f.fd[k]);
		}
	}
}

static inline void rig_turns(struct rig *r, int n)
{
	while (n--)
		rig_turn(r);
}

/* callgate-audit is another one, and its journal is folded anew. */
static inline void rig_read_again(struct rig *r)
{
	rig_edge(r, &r->audit, P_AUDIT);
	rig_turns(r, 4);
}

static inline int rig_dial(struct rig *r)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", r->sock);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static inline void rig_send(struct rig *r, int fd, struct view v)
{
	while (v.n) {
		ssize_t n = send(fd, v.p, v.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			v = view_skip(v, (size_t)n);
		else if (errno != EAGAIN)
			return;
		rig_turn(r);
	}
}

/* The next answer line, or NULL when the other end closed. */
static inline json_t *rig_answer(struct rig *r, int fd)
{
	struct buf in = {0};
	char c = 0;

	for (int turns = 0; c != '\n';) {
		ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			buf_free(&in);
			return NULL;
		}
		if (n < 0 && ++turns > RIG_TURNS)
			fail_msg("no answer");
		if (n < 0)
			rig_turn(r);
		else
			assert_int_equal(buf_put(&in, view_of(&c, 1)), 0);
	}
	json_t *v = json_loadb((const char *)buf_view(&in).p, in.len, 0, NULL);
	buf_free(&in);
	assert_non_null(v);
	return v;
}

static inline json_t *rig_ask(struct rig *r, const char *text)
{
	int fd = rig_dial(r);

	rig_send(r, fd, view_str(text));
	json_t *v = rig_answer(r, fd);
	close(fd);
	return v;
}

/* How it ended: "ok" or the error's word. */
static inline const char *rig_word(json_t *v)
{
	static char word[64];
	const char *error = json_string_value(json_object_get(v, "error"));

	snprintf(word, sizeof(word), "%s", json_is_true(json_object_get(v, "ok")) ? "ok" : error ? error : "closed");
	json_decref(v);
	return word;
}

static inline const char *rig_end(struct rig *r, const char *text)
{
	return rig_word(rig_ask(r, text));
}

static inline size_t rig_events(const struct rig *r, const char *event)
{
	char text[64];
	size_t n = 0;
	struct view v = buf_view(&r->journal);
	int len = snprintf(text, sizeof(text), "\"event\":\"%s\"", event);

	for (const uint8_t *p; v.n && (p = memmem(v.p, v.n, text, (size_t)len)); n++)
		v = view_skip(v, (size_t)(p - v.p) + 1);
	return n;
}

static inline bool rig_world_has(const struct rig *r, const char *text)
{
	struct view v = buf_view(&r->world);
	return v.n && memmem(v.p, v.n, text, strlen(text));
}

/* How many grants the newest world of the worker holds. */
static inline uint32_t rig_world_grants(const struct rig *r)
{
	struct view v = buf_view(&r->world);
	struct grant_table t;
	char why[256] = "";

	if (grant_table_open(view_skip(v, strnlen((const char *)v.p, v.n) + 1), &t, why, sizeof(why)))
		fail_msg("%s", why);
	return t.rows;
}

/* callgate-admin starts, with the journal that is there. */
static inline void rig_start(struct rig *r, const char *conf)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(r->dir, sizeof(r->dir), "/tmp/callgate-rig-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->sock, sizeof(r->sock), "%s/control.sock", r->dir);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", r->sock);
	assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(listener, 64), 0);
	assert_int_equal(admin_init(&r->a, listener), 0);
	r->a.whole_ms = r->whole_ms ? r->whole_ms : r->a.whole_ms;
	r->a.early_ms = r->early_ms ? r->early_ms : r->a.early_ms;
	assert_int_equal(admin_conf(&r->a, view_str(conf)), 0);
	assert_int_equal(client_listen(&r->a), 0);
	buf_reset(&r->world);
	rig_edge(r, &r->sup, P_SUP);
	rig_edge(r, &r->ident, P_IDENT);
	rig_edge(r, &r->vault, P_VAULT);
	rig_edge(r, &r->worker, P_PROXY);
	rig_edge(r, &r->audit, P_AUDIT);
	rig_turns(r, 4);
}

static inline void rig_open(struct rig *r, const char *conf)
{
	log_open("test", LOG_ERROR);
	*r = (struct rig){0};
	struct edge *all[] = {&r->sup, &r->ident, &r->vault, &r->audit, &r->worker};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		all[i]->fd = -1;
	rig_start(r, conf);
}

static inline void rig_stop(struct rig *r)
{
	admin_free(&r->a);
	unlink(r->sock);
	rmdir(r->dir);
}

static inline void rig_close(struct rig *r)
{
	rig_stop(r);
	edge_close(&r->sup);
	edge_close(&r->ident);
	edge_close(&r->vault);
	edge_close(&r->audit);
	edge_close(&r->worker);
	buf_free(&r->journal);
	buf_free(&r->world);
	buf_free(&r->hosts);
	buf_free(&r->dests);
	buf_free(&r->kept);
}

/* Every row of what needs uid 0 to be allowed. */
static inline bool not_root(void)
{
	if (geteuid() == 0)
		return false;
	print_message("# needs uid 0\n");
	return true;
}

#endif
