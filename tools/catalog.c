/* catalog.c - callgate catalog.  classify needs no daemon: it links the rules that the gate classifies with. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "policy/catalogue.h"
#include "tools/csv.h"
#include "tools/tools.h"

enum { CSV_MAX = 256 << 20 };

/* The columns that are read; whatever else a file has, a label for instance, is not looked at. */
enum { C_SERVER, C_TOOL, C_DESCRIPTION, COLUMNS };
static const char *const title[COLUMNS] = {"server", "tool", "description"};

static bool columns(const struct csv *c, int at[COLUMNS])
{
	for (int k = 0; k < COLUMNS; k++) {
		at[k] = -1;
		for (size_t i = 0; i < c->n; i++)
			if (view_ieq(c->field[i], view_str(title[k])))
				at[k] = (int)i;
	}
	return at[C_SERVER] >= 0 && at[C_TOOL] >= 0;
}

static struct view column(const struct csv *c, int at)
{
	return at >= 0 && (size_t)at < c->n ? c->field[at] : view_of(NULL, 0);
}

static void print_class(const struct catalogue_tool *t, json_t *rows)
{
	struct catalogue_class k;
	char text[16];

	catalogue_classify(t, &k);
	if (rows) {
		json_array_append_new(rows, json_pack("{s:s% s:s% s:s s:f s:s s:b s:s}", "server", t->server.p, t->server.n, "tool", t->name.p,
		    t->name.n, "class", catalogue_name(k.risk), "confidence", k.confidence / 100.0, "evidence", k.evidence, "known", k.known,
		    "method", CATALOGUE_METHOD));
		return;
	}
	snprintf(text, sizeof(text), "%u.%02u", k.confidence / 100, k.confidence % 100);
	csv_put(t->server, ',');
	csv_put(t->name, ',');
	csv_put(view_str(catalogue_name(k.risk)), ',');
	csv_put(view_str(text), ',');
	csv_put(view_str(k.evidence), '\n');
}

static int classify(const char *file, struct buf *text)
{
	struct csv c;
	int at[COLUMNS], r;
	json_t *rows = tool_opts.json ? json_array() : NULL;

	csv_begin(&c, text->mem + text->off, text->len);
	r = csv_row(&c);
	if (r == 1 && !columns(&c, at)) {
		json_decref(rows);
		return tool_fail(EXIT_NO, "%s: line %u: the first line must name the columns server, tool and, if there is one, description", file, c.line);
	}
	if (r == 1 && !rows)
		puts("server,tool,class,confidence,evidence");
	while (r == 1 && (r = csv_row(&c)) == 1) {
		struct catalogue_tool t = {.server = column(&c, at[C_SERVER]), .name = column(&c, at[C_TOOL]), .description = column(&c, at[C_DESCRIPTION])};
		print_class(&t, rows);
	}
	if (r == 0 && rows)
		tool_json(rows);
	json_decref(rows);
	return r ? tool_fail(EXIT_NO, "%s: line %u: %s", file, c.line, err_text(r)) : EXIT_YES;
}

static int do_classify(int argc, char **argv)
{
	const char *file = NULL;
	const struct tool_flag flags[] = {{"--csv", &file, NULL}, {NULL, NULL, NULL}};
	struct buf text = {0};
	int n = tool_flags("catalog classify", flags, argc, argv, NULL, 0);

	if (n < 0)
		return EXIT_USAGE;
	if (!file)
		return tool_fail(EXIT_USAGE, "catalog classify: which file?  callgate catalog classify --csv FILE");
	int status = tool_file(file, CSV_MAX, &text);
	if (!status)
		status = classify(file, &text);
	buf_free(&text);
	return status;
}

int cmd_catalog(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"classify", do_classify, "--csv FILE", "the risk class of tools in a file (server,tool,description); asks no daemon"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("catalog", verbs, argc, argv);
}
