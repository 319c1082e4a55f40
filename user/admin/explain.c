/* explain.c - see explain.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/explain.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "policy/pol_explain.h"
#include "policy/world.h"

enum { NODES = 65536 };

static void step(void *arg, const struct pol_step *s)
{
	static const char *const says[] = {[POL_SAYS_DENIES] = "denies", [POL_SAYS_PASSES] = "passes", [POL_SAYS_DEPENDS] = "depends",
	    [POL_SAYS_AFTER] = "after", [POL_SAYS_COUNTS] = "counts"};
	struct jsonw *w = arg;

	jsonw_open(w, NULL, '{');
	jsonw_str(w, "rule", s->rule);
	jsonw_str(w, "says", says[s->says]);
	jsonw_str(w, "text", s->text);
	jsonw_close(w, '}');
}

/* The arguments have to be what a call may bring: one strict object. */
static int scan(struct view args, struct json_doc *doc, struct json_node **nodes, const struct json_node **root, char *why)
{
	struct json_error at;

	*root = NULL;
	*nodes = calloc(NODES, sizeof(**nodes));
	if (!*nodes)
		return -ENOMEM;
	int r = json_scan(doc, args.n ? args : VIEW_LIT("{}"), *nodes, NODES, &at);
	if (r)
		snprintf(why, EXPLAIN_WHY, "the arguments, line %u, column %u: %s", at.line, at.column, err_text(r));
	else if (doc->node[0].type != JSON_OBJECT) {
		r = -ERR_MALFORMED;
		snprintf(why, EXPLAIN_WHY, "the arguments are no object");
	}
	if (!r && args.n)
		*root = &doc->node[0];
	return r;
}

static int judge(const struct pol *p, const struct explain_call *call, struct jsonw *w, char *why)
{
	struct json_doc doc;
	struct json_node *nodes = NULL;
	const struct json_node *args;
	struct pol_decision d;
	int r = scan(call->args, &doc, &nodes, &args, why);

	if (!r) {
		jsonw_open(w, "steps", '[');
		pol_explain(p, call->tool, &doc, args, step, w, &d);
		jsonw_close(w, ']');
		jsonw_str(w, "verdict", d.verdict == POL_ALLOW ? "allow" : "deny");
		jsonw_str(w, "rule", d.rule);
		jsonw_str(w, "authorised_by", d.authorised_by);
		jsonw_str(w, "text", d.text);
		jsonw_uint(w, "limits", d.limits);
		jsonw_bool(w, "listed", pol_visible(p, call->tool) == POL_LISTED);
	}
	free(nodes);
	return r;
}

static void no_grant(struct jsonw *w, const char *rule)
{
	struct pol_step s = {.rule = rule, .says = POL_SAYS_DENIES, .text = "no grant in force fits this user and program on this server"};

	jsonw_open(w, "steps", '[');
	step(w, &s);
	jsonw_close(w, ']');
	jsonw_str(w, "verdict", "deny");
	jsonw_str(w, "rule", rule);
}

int explain_world(struct view text, const struct explain_call *call, char why[EXPLAIN_WHY], struct buf *out)
{
	struct world *world = NULL;
	struct jsonw w = jsonw_on(out);
	const char *rule = "(no grant)";
	int r = world_load(text, why, EXPLAIN_WHY, &world);

	if (r)
		return r;
	const struct world_server *server = world_server_named(world, call->server);
	if (!server) {
		snprintf(why, EXPLAIN_WHY, "there is no server %.63s", call->server.n ? (const char *)call->server.p : "");
		world_unref(&world);
		return -ERR_NOT_FOUND;
	}
	struct subject who = {.uid = call->uid, .login_uid = call->login_uid, .agent = call->agent};
	const struct world_grant *g = world_grant(world, &who, server, wall_now(), &rule);
	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "mode", server->observe ? "observe" : "enforce");
	if (g) {
		jsonw_str(&w, "grant", g->id);
		if (g->policy_name)
			jsonw_str(&w, "policy_name", g->policy_name);
		if (g->policy_hash)
			jsonw_str(&w, "policy", g->policy_hash);
		r = judge(g->policy, call, &w, why);
	} else {
		no_grant(&w, rule);
	}
	jsonw_close(&w, '}');
	world_unref(&world);
	return r ? r : jsonw_end(&w);
}

static void first(void *arg, const struct pol_problem *p)
{
	char *why = arg;

	if (!p->warning && !why[0])
		snprintf(why, EXPLAIN_WHY, "line %u, column %u, %.100s: %.120s", p->line, p->column, p->pointer, p->text);
}

int explain_document(struct view document, const struct explain_call *call, char why[EXPLAIN_WHY], struct buf *out)
{
	struct jsonw w = jsonw_on(out);
	struct pol *p = NULL;

	why[0] = '\0';
	int r = pol_load(document, first, why, &p);
	if (!r) {
		jsonw_open(&w, NULL, '{');
		jsonw_str(&w, "policy", pol_hash(p));
		r = judge(p, call, &w, why);
		jsonw_close(&w, '}');
	}
	pol_free(&p);
	return r ? r : jsonw_end(&w);
}
