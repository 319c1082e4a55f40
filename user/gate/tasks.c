/* tasks.c - see tasks.h. */
#include "gate/session.h"
#include "gate/tasks.h"

enum { ID_MAX = 1024 };

/* The member taskId of ${obj}, unescaped; ${scratch} has ID_MAX bytes. */
static bool task_id(const struct json_doc *doc, const struct json_node *obj, uint8_t *scratch, struct view *out)
{
	const struct json_node *id = obj && obj->type == JSON_OBJECT ? json_get(doc, obj, VIEW_LIT("taskId")) : NULL;

	if (!id || id->type != JSON_STRING)
		return false;
	if (json_plain(doc, id, out))
		return true;
	int n = json_str(doc, id, scratch, ID_MAX);
	*out = view_of(scratch, n < 0 ? 0 : (size_t)n);
	return n >= 0;
}

void tasks_heard(struct conn *c, const struct json_node *result)
{
	const struct json_doc *doc = &c->g->doc;
	uint8_t scratch[ID_MAX];
	struct view id;

	if (result->type == JSON_OBJECT && (task_id(doc, json_get(doc, result, VIEW_LIT("task")), scratch, &id) || task_id(doc, result, scratch, &id)))
		session_bind(c->g->tasks, c->call->server->name, id, c->flow.uid);
}

bool tasks_ok(struct conn *c)
{
	struct gate *g = c->g;
	uint8_t scratch[ID_MAX];
	struct view id;

	if (!view_starts(g->rpc.method, VIEW_LIT("tasks/")) || !task_id(&g->doc, g->rpc.params, scratch, &id))
		return true;
	return session_ok(g->tasks, c->call->server->name, id, c->flow.uid);
}
