/* world.c - see admin/world.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/problems.h"
#include "admin/publish.h"
#include "admin/world.h"
#include "audit/chain.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"

int world_try(struct admin *a, const struct roster *next, char why[CHECK_WHY])
{
	struct buf text = {0}, hosts = {.max = MSG_MAX}, dests = {.max = MSG_MAX}, host_names = {.max = MSG_MAX};
	int r = publish_world(next, a->generation + 1, a->mode, &text);

	snprintf(why, CHECK_WHY, "%s", r ? err_text(r) : "");
	if (!r)
		r = problems_world(buf_view(&text), why, CHECK_WHY);
	if (!r && text.len > WORLD_MAX) {
		r = -ERR_TOO_LONG;
		snprintf(why, CHECK_WHY, "all policies together are larger than %d MiB", WORLD_MAX >> 20);
	}
	if (!r) {
		r = publish_hosts(next, &hosts);
		if (!r)
			r = publish_dests(next, &dests);
		if (!r)
			r = publish_names(next, &host_names);
		if (r)
			snprintf(why, CHECK_WHY, "too many servers: their list no longer fits one frame of %d bytes", MSG_MAX);
	}
	world_untry(a);
	if (!r)
		a->tried = text;
	else
		buf_free(&text);
	buf_free(&hosts);
	buf_free(&dests);
	buf_free(&host_names);
	return r;
}

void world_untry(struct admin *a)
{
	buf_free(&a->tried);
}

void world_to_worker(struct admin *a, struct admin_worker *w)
{
	if (a->world_fd < 0 || w->edge.fd < 0)
		return;
	int r = edge_send(&w->edge, M_WORLD, a->generation, view_of(NULL, 0), a->world_fd);
	if (r)
		log_error("worker %u cannot be told what is in force: %s", w->edge.slot, err_text(r));
	else
		w->sent++;
	/* A full queue is emptied by the worker's next acknowledgement, at which the newest world is sent again. */
	w->behind = r == -EAGAIN;
}

void world_to_vault(struct admin *a)
{
	struct buf out = {.max = MSG_MAX};
	int r = publish_hosts(&a->roster, &out);

	if (a->vault.fd >= 0 && a->world_fd >= 0) {
		if (!r)
			r = edge_send(&a->vault, M_VAULT_DO, 0, buf_view(&out), -1);
		if (!r)
			a->hosts_sent++;
		if (r)
			log_error("the vault cannot be told where credentials may go: %s", err_text(r));
	}
	buf_free(&out);
}

void world_to_sup(struct admin *a)
{
	struct buf out = {.max = MSG_MAX};
	int r = publish_dests(&a->roster, &out);

	if (a->sup.fd >= 0 && a->world_fd >= 0) {
		if (!r)
			r = edge_send(&a->sup, M_DESTS, 0, buf_view(&out), -1);
		if (r)
			log_error("callgated cannot be told which destinations matter: %s", err_text(r));
	}
	buf_free(&out);
}

void world_names_to(struct admin *a, struct edge *e)
{
	struct buf out = {.max = MSG_MAX};
	int r = publish_names(&a->roster, &out);

	if (e->fd >= 0 && a->world_fd >= 0) {
		if (!r)
			r = edge_send(e, M_HOSTS, 0, buf_view(&out), -1);
		if (r)
			log_error("%s cannot be told which hosts matter: %s", party_name(e->peer), err_text(r));
	}
	buf_free(&out);
}

/* Which policies, grants and servers are in force: the hash goes into the audit's seals. */
void world_to_audit(struct admin *a)
{
	struct buf out = {.max = MSG_MAX};
	struct view text = {0};
	struct jsonw w = jsonw_on(&out);
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];

	if (a->world_fd < 0) {
		chain_sum_free(&s);
		return;
	}
	int r = s ? fd_map_sealed(a->world_fd, SIZE_MAX, &text) : -ENOMEM;
	if (!r)
		r = chain_sum_add(s, text);
	if (!r)
		r = chain_sum_end(s, sum);
	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "kind", "coverage");
	jsonw_str(&w, "event", "policy");
	jsonw_uint(&w, "generation", a->generation);
	jsonw_hex(&w, "sha256", view_of(sum, CHAIN_LEN));
	jsonw_uint(&w, "servers", json_object_size(a->roster.servers));
	jsonw_uint(&w, "grants", grants_count(&a->roster.grants));
	jsonw_uint(&w, "policies", json_object_size(a->roster.policies));
	if (roster_bundle(&a->roster)) {
		jsonw_uint(&w, "bundle", roster_bundle(&a->roster));
		jsonw_str(&w, "bundle_sha256", json_string_value(json_object_get(a->roster.bundle, "sha256")));
	}
	jsonw_close(&w, '}');
	if (!r)
		r = jsonw_end(&w);
	if (!r && a->audit.fd >= 0)
		r = edge_send(&a->audit, M_AUDIT_NOTE, 0, buf_view(&out), -1);
	if (r)
		log_error("what is in force cannot be recorded: %s", err_text(r));
	chain_sum_free(&s);
	fd_unmap(&text);
	buf_free(&out);
}

/* The file for the workers: of what was tried only the generation is another. */
static int seal(struct admin *a, uint64_t generation)
{
	struct buf text = {0};
	int r;

	if (a->tried.len) {
		r = buf_printf(&text, "{\"generation\":%llu", (unsigned long long)generation);
		r = r ? r : buf_put(&text, view_skip(buf_view(&a->tried), publish_generation(buf_view(&a->tried))));
	} else {
		r = publish_world(&a->roster, generation, a->mode, &text);
	}
	if (!r)
		r = fd_sealed("callgate-world", buf_view(&text));
	buf_free(&text);
	return r;
}

bool world_same(struct admin *a, const struct roster *next)
{
	struct buf text = {0};
	struct view now = {0};
	int r = publish_world(next, a->generation, a->mode, &text);

	if (!r)
		r = fd_map_sealed(a->world_fd, SIZE_MAX, &now);
	bool same = !r && view_eq(now, buf_view(&text));
	fd_unmap(&now);
	buf_free(&text);
	return same;
}

void world_hold(struct admin *a, struct roster *next)
{
	roster_free(&a->roster);
	a->roster = *next;
	*next = (struct roster){0};
}

void world_adopt_tried(struct admin *a, struct roster *next, uint64_t generation)
{
	if (next != &a->roster)
		world_hold(a, next);
	if (grants_settle(&a->roster.grants))
		log_warning("no memory to put the grants in order; the next change tries again");
	int fd = seal(a, generation);
	world_untry(a);
	if (fd < 0) {
		log_error("the state of generation %llu cannot be written down: %s", (unsigned long long)generation, err_text(fd));
		exit(1);
	}
	fd_close(&a->world_fd);
	a->world_fd = fd;
	a->generation = generation;
	/* The kernel and the vault first: a worker that knows a server can then also reach it with its credential. */
	world_to_sup(a);
	world_names_to(a, &a->fetch);
	world_names_to(a, &a->ident);
	world_to_vault(a);
	for (size_t i = 0; i < ADMIN_WORKERS; i++)
		world_to_worker(a, &a->worker[i]);
	world_to_audit(a);
}

void world_adopt(struct admin *a, struct roster *next, uint64_t generation)
{
	world_untry(a);
	world_adopt_tried(a, next, generation);
}

/* A worker that refused a world has answered too: nothing more will come. */
bool world_taken_by(const struct admin_worker *w, uint64_t generation)
{
	return w->holds >= generation || (w->answered == w->sent && !w->behind);
}

bool world_taken(const struct admin *a, uint64_t generation)
{
	/* Without the list of hosts the vault refuses the lease of a call that the worker already lets pass. */
	if (a->vault.fd >= 0 && a->hosts_taken < a->hosts_sent)
		return false;
	for (size_t i = 0; i < ADMIN_WORKERS; i++)
		if (a->worker[i].edge.fd >= 0 && !world_taken_by(&a->worker[i], generation))
			return false;
	return true;
}
