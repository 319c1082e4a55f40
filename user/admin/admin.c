/* admin.c - see admin.h: edges, frames, the timer. */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/client.h"
#include "admin/job.h"
#include "admin/world.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { RETRY_MS = 500 };

/* Names are for showing.  They are read once: after the sandbox is on, no file can be. */
static json_t *account_names(void)
{
	json_t *names = json_object();
	struct passwd *pw;
	char key[16];

	setpwent();
	while ((pw = getpwent())) {
		snprintf(key, sizeof(key), "%u", pw->pw_uid);
		if (!json_object_get(names, key))
			json_object_set_new(names, key, json_string(pw->pw_name));
	}
	endpwent();
	return names;
}

const char *admin_name_of(const struct admin *a, uint32_t uid)
{
	char key[16];

	snprintf(key, sizeof(key), "%u", uid);
	return json_string_value(json_object_get(a->names, key));
}

int admin_init(struct admin *a, int listener)
{
	*a = (struct admin){.world_fd = -1, .listener = listener, .mode = "enforce"};
	edge_init(&a->ident, -1, P_ADMIN, P_IDENT, 0);
	edge_init(&a->vault, -1, P_ADMIN, P_VAULT, 0);
	edge_init(&a->audit, -1, P_ADMIN, P_AUDIT, 0);
	edge_init(&a->sup, -1, P_ADMIN, P_SUP, 0);
	for (size_t i = 0; i < ADMIN_WORKERS; i++)
		edge_init(&a->worker[i].edge, -1, P_ADMIN, P_PROXY, (uint32_t)i);
	list_init(&a->clients);
	list_init(&a->jobs);
	a->names = account_names();
	a->pump = pump_new();
	if (!a->pump || roster_init(&a->roster))
		return -ENOMEM;
	return client_listen(a);
}

void admin_free(struct admin *a)
{
	LIST_EACH(it, &a->clients)
		client_drop(LIST_ENTRY(it, struct client, node));
	LIST_EACH(it, &a->jobs)
		job_free(LIST_ENTRY(it, struct job, node));
	roster_free(&a->roster);
	json_decref(a->names);
	fd_close(&a->world_fd);
	fd_close(&a->listener);
	edge_close(&a->ident);
	edge_close(&a->vault);
	edge_close(&a->audit);
	for (size_t i = 0; i < ADMIN_WORKERS; i++)
		edge_close(&a->worker[i].edge);
	pump_free(&a->pump);
}

int admin_conf(struct admin *a, struct view json)
{
	json_t *c = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL), *u;
	const json_t *users = json_object_get(c, "users");
	const char *mode = json_string_value(json_object_get(c, "mode"));
	struct perm_set set = {.n = 0};
	size_t i;
	int r = json_is_array(users) && json_array_size(users) <= PERM_UIDS && mode ? 0 : -ERR_MALFORMED;

	json_array_foreach(users, i, u) {
		if (r || !json_is_integer(u))
			r = -ERR_MALFORMED;
		else
			set.uid[set.n++] = (uint32_t)json_integer_value(u);
	}
	if (!r) {
		a->users = set;
		snprintf(a->mode, sizeof(a->mode), "%s", mode);
	}
	json_decref(c);
	return r;
}

static void retry_journal(void *arg);

static void ask_journal(struct admin *a)
{
	if (a->folded || a->audit.fd < 0)
		return;
	if (edge_send(&a->audit, M_JOURNAL_GET, 0, view_of(NULL, 0), -1))
		log_warning("the journal cannot be asked for");
	/* callgate-audit does not answer with half a journal; ask again until it has a whole one. */
	if (pump_timer(a->pump, mono_after_ms(mono_now(), 10 * RETRY_MS), retry_journal, a))
		log_error("no timer is left");
}

static void retry_journal(void *arg)
{
	ask_journal(arg);
}

static void on_journal(struct admin *a, const struct frame *f)
{
	struct view text;
	char why[CHECK_WHY];
	struct roster r;

	if (a->folded)
		return;
	int e = fd_map_sealed(f->fd[0], ADMIN_JOURNAL_MAX, &text);
	if (!e)
		e = roster_init(&r);
	if (e) {
		log_error("the journal cannot be read: %s", err_text(e));
		return;
	}
	e = roster_fold(&r, text);
	fd_unmap(&text);
	if (e < 0) {
		log_error("the journal cannot be read: %s", err_text(e));
		roster_free(&r);
		return;
	}
	if (e > 0)
		log_error("%s; no grant is in force until it is mended", r.damage);
	uint64_t generation = a->generation + 1 + (uint64_t)(wall_now().ns / 1000000000) * (a->generation == 0);
	int fd = world_try(a, &r, generation, why);
	if (fd < 0) {
		log_error("what the journal says cannot be put in force: %s", why);
		roster_free(&r);
		return;
	}
	a->folded = true;
	world_adopt(a, &r, generation, fd);
	log_notice("%zu servers, %zu grants, %zu policies are in force", json_object_size(a->roster.servers), json_object_size(a->roster.grants),
	    json_object_size(a->roster.policies));
	job_next(a);
}

static void on_world_ack(struct admin *a, struct edge *e, const struct frame *f)
{
	struct m_world_ack ack;

	memcpy(&ack, f->body.p, sizeof(ack));
	for (size_t i = 0; i < ADMIN_WORKERS; i++) {
		struct admin_worker *w = &a->worker[i];
		if (&w->edge != e)
			continue;
		w->acked = ack.generation;
		w->status = ack.status;
		if (ack.status)
			log_error("worker %zu does not take generation %llu: %s", i, (unsigned long long)ack.generation, err_text(ack.status));
		if (w->behind)
			world_to_worker(a, w);
	}
	job_world(a);
}

void admin_frame(struct admin *a, struct edge *e, const struct frame *f)
{
	switch (f->type) {
	case M_JOURNAL:
		on_journal(a, f);
		break;
	case M_WORLD_ACK:
		on_world_ack(a, e, f);
		break;
	case M_STOP:
		pump_stop(a->pump);
		break;
	case M_RELOAD:
		if (admin_conf(a, f->body))
			log_error("new settings cannot be read; the old ones stay");
		break;
	default:
		job_reply(a, e->peer, f);
		break;
	}
}

struct source { /* pump callbacks carry one pointer */
	struct admin *a;
	struct edge *e;
};
static struct source sources[ADMIN_WORKERS + 4];

static void on_edge(void *arg, int fd, short what)
{
	struct source *s = arg;
	struct frame f;
	int r;

	(void)what;
	while ((r = edge_recv(s->e, &f)) > 0) {
		admin_frame(s->a, s->e, &f);
		for (size_t i = 0; i < MSG_FDS; i++)
			fd_close(&f.fd[i]);
		if (s->e->fd != fd)
			return; /* replaced meanwhile */
	}
	if (r == 0)
		return;
	if (r != -ERR_CLOSED)
		log_error("%s sent a frame it may not send: %s", party_name(s->e->peer), err_name(r));
	pump_del(s->a->pump, fd);
	edge_close(s->e);
	job_lost(s->a, s->e->peer);
	job_world(s->a);
}

void admin_edge(struct admin *a, struct edge fresh)
{
	struct edge *slot = fresh.peer == P_IDENT ? &a->ident : fresh.peer == P_VAULT ? &a->vault : fresh.peer == P_AUDIT ? &a->audit
	    : fresh.peer == P_SUP                                                                                           ? &a->sup
	    : fresh.peer == P_PROXY && fresh.slot < ADMIN_WORKERS                                                           ? &a->worker[fresh.slot].edge
	                                                                                                                    : NULL;
	size_t i = fresh.slot;
	if (fresh.peer != P_PROXY)
		i = ADMIN_WORKERS + (size_t)(fresh.peer == P_VAULT ? 1 : fresh.peer == P_AUDIT ? 2 : fresh.peer == P_SUP ? 3 : 0);

	if (!slot) {
		edge_close(&fresh);
		return;
	}
	if (slot->fd >= 0) {
		pump_del(a->pump, slot->fd);
		edge_close(slot);
		job_lost(a, slot->peer);
	}
	*slot = fresh;
	sources[i] = (struct source){a, slot};
	if (pump_add(a->pump, slot->fd, POLLIN, on_edge, &sources[i]))
		log_error("the loop is full");
	if (fresh.peer == P_PROXY) {
		a->worker[fresh.slot].acked = 0;
		world_to_worker(a, &a->worker[fresh.slot]);
	} else if (fresh.peer == P_VAULT) {
		world_to_vault(a);
	} else if (fresh.peer == P_AUDIT) {
		ask_journal(a);
	}
}

static void on_time(void *arg)
{
	struct admin *a = arg;
	struct mono now = mono_now();

	client_expire(a, now);
	job_expire(a, now);
	admin_wake_at(a);
}

void admin_wake_at(struct admin *a)
{
	uint64_t next = UINT64_MAX;

	LIST_EACH(it, &a->clients) {
		const struct client *c = LIST_ENTRY(it, struct client, node);
		if (!c->job && c->deadline.ns < next)
			next = c->deadline.ns;
	}
	LIST_EACH(it, &a->jobs) {
		const struct job *j = LIST_ENTRY(it, struct job, node);
		if (j->deadline.ns < next)
			next = j->deadline.ns;
	}
	if (next == UINT64_MAX)
		pump_timer_off(a->pump, on_time, a);
	else if (pump_timer(a->pump, (struct mono){next}, on_time, a))
		log_error("no timer is left");
}
