/* pol_aid.h - a policy of a few lines: what loading it says, what it says to a call.  After the headers that cmocka wants. */
#ifndef TESTS_POL_AID_H
#define TESTS_POL_AID_H

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "policy/pol.h"

enum { POL_NODES = 512 };

struct notes { /* every problem, one a line: "E /pointer: text" */
	char text[4096];
	unsigned errors, warnings;
	struct pol_problem last;
};

static void note(void *arg, const struct pol_problem *p)
{
	struct notes *n = arg;
	size_t len = strlen(n->text);
	snprintf(n->text + len, sizeof(n->text) - len, "%c %s: %s\n", p->warning ? 'W' : 'E', p->pointer, p->text);
	*(p->warning ? &n->warnings : &n->errors) += 1;
	n->last = *p;
}

static struct pol *load(const char *doc)
{
	struct notes n = {0};
	struct pol *p;
	int e = pol_load(view_str(doc), note, &n, &p);
	if (e)
		fail_msg("%s\ndoes not load: %s", doc, n.text);
	return p;
}

/* Judge tool(args); args is JSON text or NULL for none. */
static struct pol_decision judge(const struct pol *p, const char *tool, const char *args)
{
	static struct json_node nodes[POL_NODES];
	struct json_doc doc = {0};
	struct pol_decision d;
	memset(&d, 0xa5, sizeof(d));
	if (args)
		assert_int_equal(json_scan(&doc, view_str(args), nodes, POL_NODES, NULL), 0);
	pol_judge(p, view_str(tool), &doc, args ? doc.node : NULL, &d);
	return d;
}

#define V "\"version\":\"1\","
#define T(rules) "{" V "\"default\":\"deny\",\"tools\":{\"t\":{" rules "}}}"
#define LIMIT(rest) T("\"limits\":[{\"counter\":\"c\",\"window\":\"hour\",\"max\":1" rest "}]")
#define COND(path, op, value) T("\"deny_if\":[{\"conditions\":[{\"path\":\"" path "\",\"op\":\"" op "\",\"value\":" value "}]}]")

#define X(rest) "{" V "\"default\":\"deny\",\"x-callgate\":{\"version\":1," rest "}}"
#define XT(rest) X("\"tools\":{\"t\":{" rest "}}")

#endif
