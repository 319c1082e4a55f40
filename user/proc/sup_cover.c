/*
 * sup_cover.c - what is covered, told to callgate-audit: a coverage record at start, stop and whenever hooks, processes or settings change,
 * and each second the counters that go into the next seal.  Programs and settings are handed over by descriptor: audit can hash, root need not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "proc/sup.h"

static struct sup_child *audit_of(struct sup *s)
{
	struct sup_child *audit = sup_child_find(s, P_AUDIT, 0);
	return audit && audit->edge.fd >= 0 && audit->life != LIFE_NONE ? audit : NULL;
}

static void say(struct sup *s, enum msg type, const struct jsonw *w)
{
	struct sup_child *audit = audit_of(s);
	int r = jsonw_end(w);

	if (!r && audit)
		r = edge_send(&audit->edge, type, 0, buf_view(w->out), -1);
	if (r && r != -ERR_CLOSED)
		log_warning("what is covered cannot be recorded now: %s", err_text(r));
}

void sup_cover(struct sup *s, const char *event)
{
	struct buf out = {.max = MSG_MAX};
	struct jsonw w = jsonw_on(&out);

	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "kind", "coverage");
	jsonw_str(&w, "event", event);
	jsonw_str(&w, "mode", s->conf.mode);
	jsonw_str(&w, "strict", s->conf.strict);
	jsonw_uint(&w, "generation", s->generation);
	jsonw_open(&w, "governed", '[');
	for (size_t i = 0; i < s->conf.user_count; i++)
		jsonw_uint(&w, NULL, s->conf.users[i]);
	jsonw_close(&w, ']');
	if (s->kern)
		sup_status_parts(s, &w);
	jsonw_close(&w, '}');
	say(s, M_AUDIT_NOTE, &w);
	buf_free(&out);
}

struct sums {
	uint64_t intercepted, refused, dropped;
};

/* By the names in bpf/count.tbl.h: what was refused says "denied", what could not be kept "lost" or "full". */
static void sum(void *arg, const char *name, uint64_t n)
{
	struct sums *t = arg;
	size_t len = strlen(name);

	if (strcmp(name, "redirected") == 0)
		t->intercepted += n;
	else if (strncmp(name, "denied-", 7) == 0)
		t->refused += n;
	else if (len > 5 && (strcmp(name + len - 5, "-lost") == 0 || strcmp(name + len - 5, "-full") == 0))
		t->dropped += n;
}

struct missing {
	struct jsonw *w;
	unsigned attached;
};

static void not_attached(void *arg, const char *name, bool attached, const char *note)
{
	struct missing *m = arg;

	(void)note;
	m->attached += attached;
	if (!attached)
		jsonw_str(m->w, NULL, name);
}

/* What protects, and what is missing of it. */
static void enforcement(struct sup *s, struct jsonw *w)
{
	struct missing m = {.w = w};
	unsigned ready = 0;

	jsonw_open(w, "enforcement_state", '{');
	jsonw_str(w, "mode", s->conf.mode);
	jsonw_open(w, "missing", '[');
	kern_each_hook(s->kern, not_attached, &m);
	for (size_t i = 0; i < s->children; i++) {
		if (s->child[i].life == LIFE_READY)
			ready++;
		else
			jsonw_str(w, NULL, party_name(s->child[i].party));
		if (s->child[i].ready.note[0])
			jsonw_str(w, NULL, s->child[i].ready.note);
	}
	jsonw_close(w, ']');
	jsonw_uint(w, "hooks", m.attached);
	jsonw_uint(w, "processes", ready);
	jsonw_uint(w, "restarts", s->restarts);
	jsonw_uint(w, "generation", s->generation);
	jsonw_close(w, '}');
}

void sup_cover_beat(struct sup *s)
{
	struct buf out = {.max = MSG_MAX}, state = {.max = MSG_MAX};
	struct jsonw w = jsonw_on(&out), e = jsonw_on(&state);
	struct sums t = {0};

	if (s->cover_beats++ % 2)
		return;
	enforcement(s, &e);
	if (!jsonw_end(&e) && !view_eq(buf_view(&state), buf_view(&s->covered))) {
		buf_reset(&s->covered);
		/* Compared only: without memory it is said again. */
		if (buf_put(&s->covered, buf_view(&state)) == 0 && s->cover_beats > 1)
			sup_cover(s, "changed");
	}
	kern_each_counter(s->kern, sum, &t);
	jsonw_open(&w, NULL, '{');
	jsonw_open(&w, "kernel", '{');
	jsonw_uint(&w, "intercepted", t.intercepted);
	jsonw_uint(&w, "refused", t.refused);
	jsonw_uint(&w, "dropped", t.dropped);
	jsonw_close(&w, '}');
	enforcement(s, &w);
	jsonw_close(&w, '}');
	say(s, M_COVER, &w);
	buf_free(&state);
	buf_free(&out);
}

static int send_file(struct sup_child *audit, enum fd_what what, uint32_t slot, const char *path)
{
	struct m_fd m = {.what = what, .slot = slot};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = edge_send(&audit->edge, M_FD, 0, view_of(&m, sizeof(m)), fd);
	close(fd);
	return r;
}

void sup_cover_binary(struct sup *s, struct sup_child *audit, enum party p)
{
	char path[PATH_MAX];

	if (!audit && !(audit = audit_of(s)))
		return;
	snprintf(path, sizeof(path), p == P_SUP ? "/proc/self/exe" : "%s/%s", s->path.libexec, party_name(p));
	int r = send_file(audit, FD_BINARY, p, path);
	if (r && r != -ERR_CLOSED)
		log_warning("%s: callgate-audit cannot be given the program to hash: %s", path, err_text(r));
}

int sup_cover_means(struct sup *s, struct sup_child *audit)
{
	char path[PATH_MAX];

	sup_cover_binary(s, audit, P_SUP);
	for (size_t i = 0; i < s->children; i++)
		if (s->child[i].slot == 0)
			sup_cover_binary(s, audit, s->child[i].party);
	snprintf(path, sizeof(path), "%s/callgate.json", s->path.etc);
	return send_file(audit, FD_CONFIG, 0, path);
}
