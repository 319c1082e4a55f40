/* world.c - see admin/world.h. */
#include <errno.h>
#include <stdio.h>

#include "admin/publish.h"
#include "admin/tryout.h"
#include "admin/world.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"


int world_try(struct admin *a, const struct roster *next, uint64_t generation, char why[CHECK_WHY])
{
	struct buf text = {0}, hosts = {.max = MSG_MAX}, dests = {.max = MSG_MAX};
	int r = publish_world(next, generation, a->mode, &text);

	snprintf(why, CHECK_WHY, "%s", r ? err_text(r) : "");
	if (!r)
		r = tryout_world(buf_view(&text), why, CHECK_WHY);
	if (!r) {
		r = publish_hosts(next, &hosts);
		if (!r)
			r = publish_dests(next, &dests);
		if (r)
			snprintf(why, CHECK_WHY, "too many servers: their list no longer fits one frame of %d bytes", MSG_MAX);
	}
	if (!r) {
		r = fd_sealed("callgate-world", buf_view(&text));
		if (r < 0)
			snprintf(why, CHECK_WHY, "no memory for the new state: %s", err_text(r));
	}
	buf_free(&text);
	buf_free(&hosts);
	buf_free(&dests);
	return r;
}

void world_to_worker(struct admin *a, struct admin_worker *w)
{
	if (a->world_fd < 0 || w->edge.fd < 0)
		return;
	int r = edge_send(&w->edge, M_WORLD, a->generation, view_of(NULL, 0), a->world_fd);
	if (r)
		log_error("worker %u cannot be told what is in force: %s", w->edge.slot, err_text(r));
	/* A full queue is emptied by the worker's next acknowledgement, at which the newest world is sent again. */
	w->behind = r == -EAGAIN;
}

void world_to_vault(struct admin *a)
{
	struct buf out = {.max = MSG_MAX};
	int r = publish_hosts(&a->roster, &out);

	if (a->vault.fd >= 0 && a->folded) {
		if (!r)
			r = edge_send(&a->vault, M_VAULT_DO, 0, buf_view(&out), -1);
		if (r)
			log_error("the vault cannot be told where credentials may go: %s", err_text(r));
	}
	buf_free(&out);
}

void world_to_sup(struct admin *a)
{
	struct buf out = {.max = MSG_MAX};
	int r = publish_dests(&a->roster, &out);

	if (a->sup.fd >= 0 && a->folded) {
		if (!r)
			r = edge_send(&a->sup, M_DESTS, 0, buf_view(&out), -1);
		if (r)
			log_error("callgated cannot be told which destinations matter: %s", err_text(r));
	}
	buf_free(&out);
}

void world_adopt(struct admin *a, struct roster *next, uint64_t generation, int fd)
{
	if (next != &a->roster) {
		roster_free(&a->roster);
		a->roster = *next;
		*next = (struct roster){0};
	}
	fd_close(&a->world_fd);
	a->world_fd = fd;
	a->generation = generation;
	/* The kernel and the vault first: a worker that knows a server can then also reach it with its credential. */
	world_to_sup(a);
	world_to_vault(a);
	for (size_t i = 0; i < ADMIN_WORKERS; i++)
		world_to_worker(a, &a->worker[i]);
}

bool world_taken(const struct admin *a, uint64_t generation)
{
	for (size_t i = 0; i < ADMIN_WORKERS; i++)
		if (a->worker[i].edge.fd >= 0 && a->worker[i].acked < generation)
			return false;
	return true;
}
