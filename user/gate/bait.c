/* bait.c - see bait.h. */
#include "gate/bait.h"
#include "gate/headers.h"
#include "gate/record.h"

enum { BASIC_MAX = 2048 };

struct site {
	const struct world *w;
	const struct world_server *server;
	struct view host;
	uint16_t port;
};

static const struct placeholder *stray(const struct site *at, struct view text)
{
	return world_stray(at->w, text, at->server, at->host, at->port);
}

/* Git and package managers send a token as the password of Basic. */
static const struct placeholder *basic(const struct site *at, const struct http1_head *h, const char *name)
{
	struct view v = http1_get(h, name, NULL);
	uint8_t text[BASIC_MAX];

	if (v.n <= 6 || !view_ieq(view_head(v, 6), VIEW_LIT("basic ")))
		return NULL;
	int n = headers_base64(view_skip(v, 6), text, sizeof(text));
	return n > 0 ? stray(at, view_of(text, (size_t)n)) : NULL;
}

static const struct placeholder *in_head(const struct site *at, struct view head, const struct http1_head *h)
{
	const struct placeholder *p = stray(at, head);

	p = p ? p : basic(at, h, "authorization");
	return p ? p : basic(at, h, "proxy-authorization");
}

bool bait_look(struct conn *c)
{
	struct call *k = c->call;

	k->bait = NULL;
	if (!world_baited(k->world))
		return false;
	struct site at = {k->world, k->server, view_str(c->host), c->port};

	k->bait_where = "in the head of a request";
	k->bait = in_head(&at, view_head(stream_in(c->cl), k->head_len), call_head(c));
	if (!k->bait) {
		/* In what a tool is given it has no business, whoever the server is. */
		k->bait_where = "in the body of a request";
		k->bait = world_stray(k->world, call_body(c), NULL, view_of(NULL, 0), 0);
	}
	return k->bait != NULL;
}

void bait_tell(struct conn *c)
{
	struct call *k = c->call;

	if (!k->bait || k->bait_told)
		return;
	k->bait_told = true;
	record_stray(c, k->bait, k->bait_where);
}

const struct placeholder *bait_plain(struct conn *c, struct view head, const struct http1_head *h)
{
	struct site at = {.w = c->g->world};

	return world_baited(at.w) ? in_head(&at, head, h) : NULL;
}

const struct placeholder *bait_piece(const struct conn *c, struct view data)
{
	uint8_t seam[2 * (PLACEHOLDER_LEN - 1)];

	if (!world_baited(c->g->world))
		return NULL;
	size_t before = c->plain_end_n, after = data.n < PLACEHOLDER_LEN - 1 ? data.n : PLACEHOLDER_LEN - 1;

	memcpy(seam, c->plain_end, before);
	if (after)
		memcpy(seam + before, data.p, after);
	const struct placeholder *p = before ? world_stray(c->g->world, view_of(seam, before + after), NULL, view_of(NULL, 0), 0) : NULL;
	return p ? p : world_stray(c->g->world, data, NULL, view_of(NULL, 0), 0);
}

void bait_passed(struct conn *c, struct view data)
{
	const size_t most = sizeof(c->plain_end);

	if (!world_baited(c->g->world)) {
		c->plain_end_n = 0;
		return;
	}
	if (data.n < most) {
		size_t keep = c->plain_end_n < most - data.n ? c->plain_end_n : most - data.n;
		memmove(c->plain_end, c->plain_end + c->plain_end_n - keep, keep);
		c->plain_end_n = (uint8_t)keep;
	} else {
		data = view_skip(data, data.n - most);
		c->plain_end_n = 0;
	}
	if (data.n)
		memcpy(c->plain_end + c->plain_end_n, data.p, data.n);
	c->plain_end_n = (uint8_t)(c->plain_end_n + data.n);
}
