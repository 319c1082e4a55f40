/* inforce.c - see inforce.h. */
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "gate/approve.h"
#include "gate/cert.h"
#include "gate/ended.h"
#include "gate/ended.h"
#include "gate/inforce.h"
#include "gate/relist.h"

static void acknowledge(struct gate *g, int status, uint64_t generation)
{
	struct m_world_ack ack = {.status = status, .generation = generation};
	int r = edge_send(&g->admin, M_WORLD_ACK, 0, view_of(&ack, sizeof(ack)), -1);

	if (r)
		log_warning("cannot acknowledge what is in force: %s", err_text(r));
}

static void refused(struct gate *g, int err, const char *why)
{
	log_error("what is in force was not changed: %s: %s", err_text(err), why);
	acknowledge(g, err, g->world ? world_generation(g->world) : 0);
}

void inforce_world(struct gate *g, int fd)
{
	int r = loader_put(g->loader, fd);

	if (r)
		refused(g, r, "it cannot be read");
}

/* Between two turns: no step of a connection is under way. */
static void on_loaded(void *arg, int fd)
{
	struct gate *g = arg;
	struct loaded l;
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
	while (loader_take(g->loader, &l)) {
		if (l.err) {
			refused(g, l.err, l.why);
			continue;
		}
		world_unref(&g->world);
		g->world = l.world;
		ended_by_world(g);
		relist_by_world(g);
		gate_listen(g);
		acknowledge(g, 0, world_generation(l.world));
		approve_news(g, NULL);
	}
}

int inforce_begin(struct gate *g)
{
	int r = g->loader ? 0 : loader_new(&g->loader);

	return r ? r : loop_watch(g->loop, loader_bell(g->loader), on_loaded, g);
}

void inforce_ca(struct gate *g, struct view pem)
{
	struct tls_back *back = NULL;

	/* A restarted vault says the same again: keep certificates and sessions. */
	if (g->ca_known && view_eq(buf_view(&g->ca), pem))
		return;
	int r = tls_back_new(g->conf.trust, pem, &back);
	buf_reset(&g->ca);
	r = r ? r : buf_put(&g->ca, pem);
	if (r) {
		log_error("upstream trust was not changed: %s", err_text(r));
		tls_back_free(&back);
	} else {
		tls_back_free(&g->back);
		g->back = back;
	}
	/* A new root makes what the old one signed worthless. */
	cert_drop_all(g);
	g->ca_known = true;
	gate_listen(g);
}
