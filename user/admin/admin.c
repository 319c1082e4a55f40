/* admin.c - see admin.h.  Edges, frames, settings, deadlines. */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/client.h"
#include "admin/job.h"
#include "admin/journal.h"
#include "admin/world.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { ACCOUNTS_MAX = 65536 };

/* Account names are for people; read once, before the sandbox closes /etc. */
static json_t *names(void)
{
	json_t *out = json_object();
	const struct passwd *p;
	char key[16];

	setpwent();
	for (int i = 0; out && i < ACCOUNTS_MAX && (p = getpwent()); i++) {
		snprintf(key, sizeof(key), "%u", p->pw_uid);
		if (!json_object_get(out, key))
			json_object_set_new(out, key, json_string(p->pw_name));
	}
	endpwent();
	return out;
}

int admin_init(struct admin *a, int listener)
{
	*a = (struct admin){.listener = listener, .world_fd = -1, .mode = "enforce", .whole_ms = JOURNAL_WHOLE_MS, .early_ms = JOURNAL_EARLY_MS, .pump = pump_new(), .names = names(),
	    .heard = json_object(), .learned_of = json_object()};
	char host[256] = "";
	if (gethostname(host, sizeof(host) - 1) < 0)
		return -errno;
	names_host(host, a->host);
	list_init(&a->clients);
	list_init(&a->jobs);
	approvals_init(&a->approvals);
	edge_init(&a->sup, -1, P_ADMIN, P_SUP, 0);
	edge_init(&a->ident, -1, P_ADMIN, P_IDENT, 0);
	edge_init(&a->vault, -1, P_ADMIN, P_VAULT, 0);
	edge_init(&a->audit, -1, P_ADMIN, P_AUDIT, 0);
	edge_init(&a->fetch, -1, P_ADMIN, P_FETCH, 0);
	for (uint32_t i = 0; i < ADMIN_WORKERS; i++)
		edge_init(&a->worker[i].edge, -1, P_ADMIN, P_PROXY, i);
	int r = roster_init(&a->roster);
	return a->pump && a->names && a->heard && a->learned_of ? r : -ENOMEM;
}

void admin_free(struct admin *a)
{
	job_drop_all(a);
	while (!list_empty(&a->clients))
		client_drop(LIST_ENTRY(a->clients.next, struct client, node));
	edge_close(&a->sup);
	edge_close(&a->ident);
	edge_close(&a->vault);
	edge_close(&a->audit);
	edge_close(&a->fetch);
	for (size_t i = 0; i < ADMIN_WORKERS; i++)
		edge_close(&a->worker[i].edge);
	roster_free(&a->roster);
	world_untry(a);
	fd_close(&a->world_fd);
	fd_close(&a->listener);
	approvals_free(&a->approvals);
	json_decref(a->names);
	json_decref(a->heard);
	json_decref(a->learned_of);
	pump_free(&a->pump);
}

const char *admin_name_of(const struct admin *a, uint32_t uid)
{
	char key[16];

	snprintf(key, sizeof(key), "%u", uid);
	return json_string_value(json_object_get(a->names, key));
}

static bool conf_users(const json_t *list, struct perm_set *out)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > PERM_UIDS)
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(list, i);
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= UINT32_MAX)
			return false;
		out->uid[out->n++] = (uint32_t)json_integer_value(v);
	}
	return true;
}

/* "roles": {"admin": GID, ...}; a group that the machine does not have is left out. */
static bool conf_roles(const json_t *roles, struct perm_set *out)
{
	for (size_t i = 0; i < PERM_ROLES; i++) {
		const json_t *v = json_object_get(roles, perm_role_name((enum perm_role)i));
		if (v && (!json_is_integer(v) || json_integer_value(v) <= 0 || json_integer_value(v) >= UINT32_MAX))
			return false;
		out->role[i].there = v;
		out->role[i].gid = (uint32_t)json_integer_value(v);
	}
	out->root_by_role = json_is_true(json_object_get(roles, "root_by_role"));
	out->four_eyes = (json_is_true(json_object_get(roles, "four_eyes_grants")) ? 1u << PERM_ADMIN : 0) |
	                 (json_is_true(json_object_get(roles, "four_eyes_policy")) ? 1u << PERM_POLICY : 0);
	return true;
}

int admin_conf(struct admin *a, struct view text)
{
	json_error_t err;
	struct perm_set users = {0};
	json_t *o = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &err);
	const char *mode = json_string_value(json_object_get(o, "mode"));
	int r = 0;

	if (!conf_users(json_object_get(o, "users"), &users) || !conf_roles(json_object_get(o, "roles"), &users) || !mode || (strcmp(mode, "enforce") != 0 && strcmp(mode, "observe") != 0)) {
		r = -ERR_MALFORMED;
	} else {
		bool changed = strcmp(mode, a->mode) != 0;
		a->users = users;
		snprintf(a->mode, sizeof(a->mode), "%s", mode);
		/* The same state of the journal in another mode. */
		if (changed)
			world_untry(a); /* it was for the other mode */
		if (changed && a->world_fd >= 0)
			world_adopt(a, &a->roster, a->generation);
	}
	json_decref(o);
	return r;
}

/* ---- deadlines ---- */

static void on_time(void *arg)
{
	struct admin *a = arg;
	struct mono now = mono_now();

	job_expire(a, now);
	client_expire(a, now);
	admin_wake_at(a);
}

void admin_wake_at(struct admin *a)
{
	struct mono first = {UINT64_MAX};

	LIST_EACH(n, &a->jobs) {
		const struct job *j = LIST_ENTRY(n, struct job, node);
		if (j->deadline.ns < first.ns)
			first = j->deadline;
	}
	LIST_EACH(n, &a->clients) {
		const struct client *c = LIST_ENTRY(n, struct client, node);
		if (!c->job && c->deadline.ns < first.ns)
			first = c->deadline;
	}
	if (first.ns == UINT64_MAX)
		pump_timer_off(a->pump, on_time, a);
	else if (pump_timer(a->pump, first, on_time, a))
		log_error("no room for a timer");
}

/* ---- frames ---- */

static void on_world_ack(struct admin *a, struct edge *e, const struct frame *f)
{
	struct m_world_ack ack;
	struct admin_worker *w = &a->worker[e->slot];

	memcpy(&ack, f->body.p, sizeof(ack));
	if (ack.status)
		log_error("worker %u did not take what is in force and keeps generation %llu: %s", e->slot, (unsigned long long)ack.generation, err_text(ack.status));
	w->answered++;
	w->holds = ack.generation;
	w->status = ack.status;
	if (w->behind)
		world_to_worker(a, w);
	job_world(a);
}

static void on_tool(struct admin *a, struct edge *e, const struct frame *f)
{
	(void)e;
	job_catalog_hear(a, (const struct m_tool *)(const void *)f->body.p, view_skip(f->body, sizeof(struct m_tool)));
}

static void on_hosts_taken(struct admin *a, const struct frame *f)
{
	static const char ok[] = "{\"ok\":true";

	a->hosts_taken++;
	if (!view_starts(f->body, view_str(ok)))
		log_error("the vault did not take the list of hosts: " VIEW_FMT, VIEW_ARG(f->body));
	job_world(a);
}

static void on_conf(struct admin *a, struct edge *e, const struct frame *f)
{
	(void)e;
	if (admin_conf(a, f->body))
		log_error("settings from callgated cannot be read; the old ones stay");
}

static void on_stop(struct admin *a, struct edge *e, const struct frame *f)
{
	(void)e;
	(void)f;
	pump_stop(a->pump);
}

static void take_frame(struct admin *a, struct edge *e, const struct frame *f)
{
	static const struct {
		enum msg type;
		void (*fn)(struct admin *, struct edge *, const struct frame *);
	} row[] = {
	    {M_JOURNAL, journal_came},
	    {M_WORLD_ACK, on_world_ack},
	    {M_TOOL, on_tool},
	    {M_APPROVAL_ASK, job_approve_ask},
	    {M_CONF, on_conf},
	    {M_RELOAD, on_conf},
	    {M_STOP, on_stop},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (row[i].type != f->type)
			continue;
		row[i].fn(a, e, f);
		return;
	}
	/* Answers to what world.c says on its own carry tag 0. */
	if (f->tag && (e->peer != P_AUDIT || !job_approve_line(a, f)))
		job_reply(a, e->peer, f);
	else if (!f->tag && f->type == M_VAULT_DID)
		on_hosts_taken(a, f);
}

/* ---- edges ---- */

static struct edge *place(struct admin *a, enum party peer, uint32_t slot)
{
	switch (peer) {
	case P_SUP:
		return &a->sup;
	case P_IDENT:
		return &a->ident;
	case P_VAULT:
		return &a->vault;
	case P_AUDIT:
		return &a->audit;
	case P_FETCH:
		return &a->fetch;
	case P_PROXY:
		return slot < ADMIN_WORKERS ? &a->worker[slot].edge : NULL;
	default:
		return NULL;
	}
}

static void gone(struct admin *a, struct edge *e)
{
	pump_del(a->pump, e->fd);
	edge_close(e);
	if (e->peer == P_SUP) {
		log_error("callgated has gone: ending");
		pump_stop(a->pump);
	}
	/* What holds stays in force; what the journal says is known again when it is back. */
	if (e->peer == P_AUDIT) {
		journal_lost(a);
		job_approve_lost(a);
	}
	if (e->peer == P_PROXY)
		job_approve_worker(a, e->slot);
	if (e->peer != P_PROXY)
		job_lost(a, e->peer);
	job_world(a);
}

static void on_edge(void *arg, int fd, short what)
{
	struct admin *a = arg;
	struct edge *all[] = {&a->sup, &a->ident, &a->vault, &a->audit, &a->fetch};
	struct edge *e = NULL;

	(void)what;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		e = all[i]->fd == fd ? all[i] : e;
	for (size_t i = 0; i < ADMIN_WORKERS; i++)
		e = a->worker[i].edge.fd == fd ? &a->worker[i].edge : e;
	/* A handler may close the edge it came by, or stop the loop. */
	while (e && e->fd == fd) {
		struct frame f;
		int r = edge_recv(e, &f);
		if (r == 0)
			return;
		if (r < 0) {
			if (r != -ERR_CLOSED)
				log_error("a frame of %s breaks the rules: %s", party_name(e->peer), err_name(r));
			gone(a, e);
			return;
		}
		if (e == &a->sup && a->on_means && a->on_means(a->means, &f))
			continue;
		take_frame(a, e, &f);
		for (size_t i = 0; i < MSG_FDS; i++)
			fd_close(&f.fd[i]);
	}
}

static void greet(struct admin *a, struct edge *e)
{
	if (e->peer == P_PROXY) {
		struct admin_worker *w = &a->worker[e->slot];
		w->sent = w->answered = w->holds = 0;
		w->status = 0;
		world_to_worker(a, w);
	} else if (e->peer == P_VAULT) {
		a->hosts_sent = a->hosts_taken = 0;
		world_to_vault(a);
	} else if (e->peer == P_SUP) {
		world_to_sup(a);
	} else if (e->peer == P_FETCH || e->peer == P_IDENT) {
		world_names_to(a, e);
	} else if (e->peer == P_AUDIT) {
		/* It may have written what it could not acknowledge: only its journal says what holds. */
		journal_ask(a);
		world_to_audit(a);
	}
}

void admin_edge(struct admin *a, struct edge e)
{
	struct edge *at = place(a, e.peer, e.slot);

	if (!at) {
		log_error("an edge to %s[%u] has no place here", party_name(e.peer), e.slot);
		edge_close(&e);
		return;
	}
	if (at->fd >= 0)
		gone(a, at);
	*at = e;
	if (pump_add(a->pump, at->fd, POLLIN, on_edge, a))
		log_error("the loop is full");
	greet(a, at);
}
