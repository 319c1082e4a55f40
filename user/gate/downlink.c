/* downlink.c - see downlink.h. */
#include "gate/downlink.h"
#include "gate/passing.h"
#include "gate/path.h"

enum { TARGET_MAX = 2048 };

/* "https://host[:port]" of this connection in front of a target is taken away; another one's is refused. */
static bool own_origin(const struct conn *c, struct view *v)
{
	struct view host, name;
	uint16_t port;

	if (!view_starts(*v, VIEW_LIT("https://")))
		return !memchr(v->p, ':', v->n) || v->p[0] == '/';
	host = view_skip(*v, 8);
	const uint8_t *slash = memchr(host.p, '/', host.n);
	if (!slash)
		return false;
	*v = view_of(slash, (size_t)(host.p + host.n - slash));
	host.n = (size_t)(slash - host.p);
	return path_host(host, &name, &port) == 0 && view_ieq(name, view_str(c->host)) && (port ? port : 443) == c->port;
}

/* Of the open streams those that may have named ${target}.  Every POST asks: mostly there is none at all. */
static struct list *chain(struct gate *g, struct view target)
{
	uint32_t h = 0x811c9dc5u;

	for (size_t i = 0; i < target.n; i++)
		h = (h ^ target.p[i]) * 0x01000193u;
	return &g->downlinks[(h ^ h >> 16) % GATE_DOWNLINKS];
}

void downlink_learn(struct conn *c, struct view data)
{
	struct call *k = c->call;
	struct view path, v = data;

	downlink_forget(c);
	if (!v.n || v.n > TARGET_MAX || !own_origin(c, &v) || path_of(call_head(c)->target, &path))
		return;
	k->endpoint.max = 2 * TARGET_MAX;
	if (v.n && v.p[0] != '/') {
		/* Relative to the stream's own path, up to its last '/'. */
		while (path.n && path.p[path.n - 1] != '/')
			path.n--;
		if (buf_put(&k->endpoint, path))
			return;
	}
	if (!v.n || buf_put(&k->endpoint, v) || path_of(buf_view(&k->endpoint), &path))
		buf_reset(&k->endpoint);
	else
		list_add_tail(chain(c->g, buf_view(&k->endpoint)), &c->downlink);
}

void downlink_forget(struct conn *c)
{
	list_del(&c->downlink);
	buf_reset(&c->call->endpoint);
}

struct conn *downlink_find(const struct conn *c, struct view target)
{
	LIST_EACH(it, chain(c->g, target)) {
		struct conn *s = LIST_ENTRY(it, struct conn, downlink);
		if (s->port == c->port && view_eq(buf_view(&s->call->endpoint), target) && view_ieq(view_str(s->host), view_str(c->host)))
			return s;
	}
	return NULL;
}

bool downlink_answer(struct conn *c, struct view json)
{
	struct conn *s = downlink_find(c, call_head(c)->target);
	struct buf event = {.max = json.n + 64};

	if (!s || s->flow.uid != c->flow.uid)
		return false;
	int r = buf_puts(&event, "event: message\ndata: ");
	r = r ? r : buf_put(&event, json);
	r = r ? r : buf_puts(&event, "\n\n");
	r = r ? r : passing_event(s, buf_view(&event));
	buf_free(&event);
	return r == 0;
}
