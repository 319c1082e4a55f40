/* inforce.c - see inforce.h. */
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "gate/cert.h"
#include "gate/ended.h"
#include "gate/inforce.h"
#include "gate/relist.h"

static int load(int fd, char *why, size_t why_len, struct world **out)
{
	struct view v = {0};
	int r = fd_map_sealed(fd, WORLD_FILE_MAX, &v);

	if (r)
		return r;
	r = world_load(v, why, why_len, out);
	fd_unmap(&v);
	return r;
}

void inforce_world(struct gate *g, int fd)
{
	struct world *w = NULL;
	char why[256] = "";
	int r = load(fd, why, sizeof(why), &w);
	struct m_world_ack ack = {.status = r, .generation = r ? 0 : world_generation(w)};

	fd_close(&fd);
	if (r) {
		log_error("what is in force was not changed: %s: %s", err_text(r), why);
		if (g->world)
			ack.generation = world_generation(g->world);
	} else {
		world_unref(&g->world);
		g->world = w;
		ended_by_world(g);
		relist_by_world(g);
		gate_listen(g);
	}
	r = edge_send(&g->admin, M_WORLD_ACK, 0, view_of(&ack, sizeof(ack)), -1);
	if (r)
		log_warning("cannot acknowledge what is in force: %s", err_text(r));
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
