/*
 * packs_test.c - each pack of policy/packs loads without an error or warning, its vectors pass and are about it, every tool has a source, and what
 * is grave is not simply allowed.  Runs in the repository's root.
 */
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "policy/catalogue.h"
#include "policy/pol.h"
#include "policy/pol_vectors.h"

enum { NODES = 1 << 16, TOOLS = 512 };

struct source { /* a line of source.txt */
	char name[256];
	enum risk risk;
};

struct file {
	struct buf text;
	struct json_node *node;
	struct json_doc doc;
};

static void open_file(struct file *f, const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", dir, name);
	*f = (struct file){.node = calloc(NODES, sizeof(*f->node))};
	if (fd_slurp(AT_FDCWD, path, 4 << 20, &f->text))
		fail_msg("%s cannot be read", path);
	assert_int_equal(json_scan(&f->doc, buf_view(&f->text), f->node, NODES, NULL), 0);
}

static void close_file(struct file *f)
{
	buf_free(&f->text);
	free(f->node);
}

static size_t read_source(const char *dir, char from[512], struct source *s)
{
	char path[528], line[600], class[32];
	size_t n = 0;

	snprintf(path, sizeof(path), "%ssource.txt", dir);
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	assert_non_null(fgets(line, sizeof(line), in));
	assert_int_equal(line[0], '#');
	assert_non_null(fgets(from, 512, in));
	from[strcspn(from, "\n")] = '\0';
	while (fgets(line, sizeof(line), in)) {
		assert_true(n < TOOLS);
		if (sscanf(line, "%255s %31s", s[n].name, class) != 2)
			fail_msg("%s: %s", path, line);
		s[n].risk = catalogue_risk(view_str(class));
		assert_int_not_equal(s[n].risk, RISK_UNKNOWN);
		n++;
	}
	fclose(in);
	return n;
}

static const struct source *sourced(const struct source *s, size_t n, const struct json_doc *doc, const struct json_node *tool)
{
	for (size_t i = 0; i < n; i++)
		if (json_key_eq(doc, tool, view_str(s[i].name)))
			return &s[i];
	return NULL;
}

static void no_problem(void *arg, const struct pol_problem *p)
{
	fail_msg("%s:%u:%u: %s: %s", (const char *)arg, p->line, p->column, p->pointer, p->text);
}

static struct json_node no_args_node[2];

static void one_policy(const char *dir, const char *name, const struct source *s, size_t n, struct file *vectors, const char *as)
{
	struct file f;
	struct pol *p;
	struct json_doc none;
	struct pol_decision d;
	char where[512];
	uint8_t a[CATALOGUE_HASH], b[CATALOGUE_HASH];

	snprintf(where, sizeof(where), "%s%s", dir, name);
	open_file(&f, dir, name);
	assert_int_equal(pol_load(buf_view(&f.text), no_problem, where, &p), 0);
	assert_int_equal(json_scan(&none, VIEW_LIT("{}"), no_args_node, 2, NULL), 0);
	const struct json_node *tools = json_get(&f.doc, f.doc.node, VIEW_LIT("tools"));
	assert_non_null(tools);
	for (const struct json_node *t = json_first(&f.doc, tools); t; t = json_next(&f.doc, tools, t)) {
		const struct source *from = sourced(s, n, &f.doc, t);
		if (!from)
			fail_msg("%s: a tool without a source: %.*s", where, (int)t->key_len, (const char *)f.doc.in.p + t->key_off);
		pol_judge(p, view_str(from->name), &none, none.node, &d);
		/* no limit of its own, no condition: only what reads */
		if (from->risk > RISK_WRITE && d.verdict == POL_ALLOW && d.limits < 2)
			fail_msg("%s: %s is %s and simply allowed", where, from->name, catalogue_name(from->risk));
	}
	/* The vectors carry the documents with them, so that they can be run alone: they must be the same. */
	const struct json_node *copy = json_get(&vectors->doc, json_get(&vectors->doc, vectors->doc.node, VIEW_LIT("policies")), view_str(as));
	assert_non_null(copy);
	assert_int_equal(catalogue_hash(&vectors->doc, copy, a), 0);
	assert_int_equal(catalogue_hash(&f.doc, f.doc.node, b), 0);
	if (memcmp(a, b, sizeof(a)) != 0)
		fail_msg("%s: the copy in vectors.json differs", where);
	pol_free(&p);
	close_file(&f);
}

static void fail_line(void *arg, const char *line)
{
	if (strstr(line, "vector "))
		fail_msg("%s: %s", (const char *)arg, line);
}

/* A row of the labelled list names the server and the tool. */
static void in_rows(const char *file, const char *server, const char *tool)
{
	char line[4096], want[600];
	FILE *in = fopen(file, "r");
	bool found = false;

	assert_non_null(in);
	snprintf(want, sizeof(want), "%.63s,%.255s,", server, tool);
	while (!found && fgets(line, sizeof(line), in))
		found = strncmp(line, want, strlen(want)) == 0;
	fclose(in);
	if (!found)
		fail_msg("%s has no row %s", file, want);
}

static void packs(void **state)
{
	static struct source s[TOOLS];
	glob_t g;
	size_t servers = 0;

	(void)state;
	assert_int_equal(glob("policy/packs/*/", GLOB_MARK, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *dir = g.gl_pathv[i];
		char from[512], path[600], file[256], server[64], version[64];
		struct file vectors;
		size_t n = read_source(dir, from, s);
		if (sscanf(from, "csv %255s %63s", file, server) == 2) {
			for (size_t k = 0; k < n; k++)
				in_rows(file, server, s[k].name);
			servers++;
		} else if (sscanf(from, "npm %255s %63s", file, version) == 2) {
			servers++;
		} else {
			assert_string_equal(from, "template");
		}
		open_file(&vectors, dir, "vectors.json");
		one_policy(dir, "policy.json", s, n, &vectors, "standard");
		snprintf(path, sizeof(path), "%.500sread-only.json", dir);
		if (access(path, F_OK) == 0)
			one_policy(dir, "read-only.json", s, n, &vectors, "read-only");
		assert_int_equal(pol_vectors_run(buf_view(&vectors.text), 0, fail_line, path), 0);
		close_file(&vectors);
	}
	globfree(&g);
	print_message("# %zu servers have packs\n", servers);
	assert_true(servers >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(packs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
