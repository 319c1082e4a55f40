/*
 * question.c - see question.h.
 * An entry's name is the uid, a kind, the session, a NUL and the unescaped id: 's' for text, 'n' for a number, 'u' for a session of which events passed unread.
 */
#include "gate/downlink.h"
#include "gate/question.h"
#include "gate/session.h"

enum { ID_MAX = 256, SESSION_MAX = 4096, FULL_MAX = SESSION_MAX + ID_MAX + 8 };

/* How the client names its session: by the header, or by where it posts to; else there is one for all of a server. */
static struct view session_of(struct conn *c)
{
	const struct http1_head *h = call_head(c);
	struct view id = http1_get(h, "mcp-session-id", NULL);

	if (id.n)
		return view_head(id, SESSION_MAX);
	if (c->call->kind == CALL_GET)
		return view_head(buf_view(&c->call->endpoint), SESSION_MAX);
	return view_is(h->method, "POST") && downlink_find(c, h->target) ? view_head(h->target, SESSION_MAX) : view_of(NULL, 0);
}

/* "UID KIND SESSION NUL ID" in ${to}, which has FULL_MAX bytes.  Two users of a server without sessions are asked with the same ids. */
static struct view name(const struct conn *c, uint8_t *to, uint8_t kind, struct view session, struct view id)
{
	size_t n = sizeof(c->flow.uid);

	memcpy(to, &c->flow.uid, n);
	to[n++] = kind;
	if (session.n)
		memcpy(to + n, session.p, session.n);
	n += session.n;
	to[n++] = '\0';
	if (id.n)
		memcpy(to + n, id.p, id.n);
	return view_of(to, n + id.n);
}

/* The id of ${msg}, unescaped into ${to}, which has ID_MAX bytes; its kind, or 0: none that a client could repeat. */
static uint8_t id_of(const struct json_doc *doc, const struct json_node *msg, uint8_t *to, struct view *out)
{
	const struct json_node *id = json_get(doc, msg, VIEW_LIT("id"));

	if (!id || (id->type != JSON_STRING && id->type != JSON_NUMBER))
		return 0;
	if (id->type == JSON_NUMBER) {
		*out = json_raw(doc, id);
		return out->n <= ID_MAX ? 'n' : 0;
	}
	int n = json_str(doc, id, to, ID_MAX);
	*out = view_of(to, n < 0 ? 0 : (size_t)n);
	return n < 0 ? 0 : 's';
}

static void one(struct conn *c, struct view session, const struct json_node *msg)
{
	struct gate *g = c->g;
	uint8_t text[ID_MAX], full[FULL_MAX], kind;
	struct view id;

	if (msg->type != JSON_OBJECT || !json_get(&g->doc, msg, VIEW_LIT("method")) || !(kind = id_of(&g->doc, msg, text, &id)))
		return;
	session_bind(g->questions, c->call->server->name, name(c, full, kind, session, id), c->flow.uid);
}

void question_heard(struct conn *c)
{
	const struct json_doc *doc = &c->g->doc;
	const struct json_node *root = &doc->node[0];
	struct view session = session_of(c);

	if (root->type != JSON_ARRAY) {
		one(c, session, root);
		return;
	}
	for (const struct json_node *m = json_first(doc, root); m; m = json_next(doc, root, m))
		one(c, session, m);
}

void question_unseen(struct conn *c)
{
	uint8_t full[FULL_MAX];

	if (c->call->server)
		session_bind(c->g->questions, c->call->server->name, name(c, full, 'u', session_of(c), view_of(NULL, 0)), c->flow.uid);
}

bool question_answered(struct conn *c)
{
	struct gate *g = c->g;
	const char *server = c->call->server->name;
	uint8_t text[ID_MAX], full[FULL_MAX];
	struct view id, session = session_of(c), none = view_of(NULL, 0), header = http1_get(call_head(c), "mcp-session-id", NULL);
	uint8_t kind = id_of(&g->doc, &g->doc.node[0], text, &id);

	/* With other workers beside it, or from before its time, a session has streams that this one does not see. */
	if (g->conf.workers > 1 || (header.n && !session_has(g->sessions, server, header, c->flow.uid)))
		return true;
	/* What is asked while a session begins comes before its name is known. */
	const struct view in[] = {session, none};
	for (size_t i = 0; i < 2; i++) {
		if (session_has(g->questions, server, name(c, full, 'u', in[i], none), c->flow.uid))
			return true;
		struct view asked = name(c, full, kind, in[i], id);
		if (!kind || !session_has(g->questions, server, asked, c->flow.uid))
			continue;
		session_end(g->questions, server, asked);
		return true;
	}
	return false;
}
