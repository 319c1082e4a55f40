/* catalog.c - callgate catalog.  classify needs no daemon: it links the rules that the gate classifies with. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "policy/catalogue.h"
#include "codec/csv.h"
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

/* A field of RFC 4180, quoted where needed, and what ends it. */
static void put_field(struct view v, char end)
{
	bool quote = false;

	for (size_t i = 0; i < v.n; i++)
		quote = quote || v.p[i] == ',' || v.p[i] == '"' || v.p[i] == '\n' || v.p[i] == '\r';
	if (quote)
		putchar('"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			putchar('"');
		putchar(v.p[i]);
	}
	if (quote)
		putchar('"');
	putchar(end);
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
	put_field(t->server, ',');
	put_field(t->name, ',');
	put_field(view_str(catalogue_name(k.risk)), ',');
	put_field(view_str(text), ',');
	put_field(view_str(k.evidence), '\n');
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

static void print_list(const json_t *answer)
{
	static const struct tool_column column[] = {{"SERVER", "server"}, {"TOOL", "tool"}, {"CLASS", "class"}, {"STATE", "state"}, {"BY", "override.by.user"},
	    {"CONFIDENCE", "confidence"}, {"CHANGES", "changes"}, {"SHA256", "hash"}, {"EVIDENCE", "evidence"}};

	tool_table(column, sizeof(column) / sizeof(*column), json_object_get(answer, "tools"));
}

static int do_list(int argc, char **argv)
{
	const char *server = NULL;
	const struct tool_flag flags[] = {{"--server", &server, NULL}, {NULL, NULL, NULL}};

	if (tool_flags("catalog list", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	return tool_simple("catalog.list", json_pack("{s:s*}", "server", server), print_list);
}

static void print_tool(const json_t *answer)
{
	tool_pairs(json_object_get(answer, "tool"), 0);
}

static int do_show(int argc, char **argv)
{
	const char *word[2] = {NULL, NULL};
	int n = tool_flags("catalog show", NULL, argc, argv, word, 2);

	if (n >= 0 && n < 2)
		return tool_fail(EXIT_USAGE, "catalog show: callgate catalog show SERVER TOOL");
	return n < 0 ? EXIT_USAGE : tool_simple("catalog.show", json_pack("{s:s s:s}", "server", word[0], "tool", word[1]), print_tool);
}

static void print_override(const json_t *answer)
{
	printf("%s is %s now\n", tool_text(json_object_get(answer, "tool")), json_is_null(json_object_get(answer, "class")) ? "what the rules say"
	    : tool_text(json_object_get(answer, "class")));
}

static int do_override(int argc, char **argv)
{
	const char *word[3] = {NULL, NULL, NULL}, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("catalog override", flags, argc, argv, word, 3);

	if (n < 0)
		return EXIT_USAGE;
	if (n < 3 || !reason)
		return tool_fail(EXIT_USAGE, "catalog override: callgate catalog override SERVER TOOL CLASS|none --reason TEXT");
	return tool_simple("catalog.override", json_pack("{s:s s:s s:s s:s s:s*}", "server", word[0], "tool", word[1], "class", word[2], "reason", reason, "ticket",
	    ticket), print_override);
}

static void print_approved(const json_t *answer)
{
	printf("%s definitions are approved: another one of these tools is refused from now on\n", tool_text(json_object_get(answer, "approved")));
}

static void print_forgotten(const json_t *answer)
{
	printf("%s tools have no approval any more\n", tool_text(json_object_get(answer, "forgotten")));
}

enum { TOOLS = 256 };

static int named(const char *verb, const char *request, int argc, char **argv, void (*done)(const json_t *))
{
	const char *word[TOOLS + 1] = {NULL}, *hash = NULL, *reason = NULL, *ticket = NULL;
	bool all = false;
	const struct tool_flag flags[] = {{"--all", NULL, &all}, {"--hash", &hash, NULL}, {"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags(verb, flags, argc, argv, word, TOOLS + 1);

	if (n < 0)
		return EXIT_USAGE;
	if (n == 0 || (n == 1) != all || (hash && n != 2))
		return tool_fail(EXIT_USAGE, "%s: callgate %s SERVER TOOL... | SERVER --all [--reason TEXT]; --hash goes with one tool", verb, verb);
	json_t *args = json_pack("{s:s s:s* s:s* s:s*}", "server", word[0], "hash", hash, "reason", reason, "ticket", ticket), *tools = json_array();
	for (int i = 1; i < n; i++)
		json_array_append_new(tools, json_string(word[i]));
	if (!all)
		json_object_set(args, "tools", tools);
	json_decref(tools);
	return tool_simple(request, args, done);
}

static int do_approve(int argc, char **argv)
{
	return named("catalog approve", "catalog.approve", argc, argv, print_approved);
}

static int do_forget(int argc, char **argv)
{
	return named("catalog forget", "catalog.forget", argc, argv, print_forgotten);
}

int cmd_catalog(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"list", do_list, "[--server NAME]", "the tools that servers have listed, their classes, and whether they changed"},
	    {"show", do_show, "SERVER TOOL", "all that is known of one"},
	    {"classify", do_classify, "--csv FILE", "the risk class of tools in a file (server,tool,description); asks no daemon"},
	    {"approve", do_approve, "SERVER TOOL... | SERVER --all [--hash HEX] [--reason TEXT] [--ticket TEXT]", "their definitions of now are good: a changed one is refused"},
	    {"forget", do_forget, "SERVER TOOL... | SERVER --all [--reason TEXT] [--ticket TEXT]", "take the approvals back"},
	    {"override", do_override, "SERVER TOOL CLASS|none --reason TEXT [--ticket TEXT]", "say what its class is; none: what the rules say"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("catalog", verbs, argc, argv);
}
