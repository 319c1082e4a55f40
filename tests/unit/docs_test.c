/*
 * docs_test.c - the documents know every frame, record field, option and setting, and what the code cites in them is there.
 * Runs in the repository's root.  A document that does not exist yet is skipped; docs/IPC.md and docs/WIRE.md must exist.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "ipc/msg.h"
#include "ipc/rec.h"

enum { FILE_MAX = 1 << 20, PATH_CAP = 512 };

/* The text of a file, NUL-terminated, to be freed; NULL when there is none. */
static char *slurp(const char *path)
{
	struct buf b = {0};
	int r = fd_slurp(AT_FDCWD, path, FILE_MAX, &b);

	if (r == -ENOENT)
		return NULL;
	assert_int_equal(r, 0);
	char *text = strndup((const char *)buf_view(&b).p, b.len);
	assert_non_null(text);
	buf_free(&b);
	return text;
}

static char *must(const char *path)
{
	char *text = slurp(path);
	if (!text)
		fail_msg("%s is missing", path);
	return text;
}

/* Words that a frame's or field's row must begin with. */
static unsigned lacks(const char *doc, const char *name, const char *row)
{
	if (strstr(doc, row))
		return 0;
	print_error("%s: no line begins with: %s\n", name, row);
	return 1;
}

static void test_frames(void **state)
{
	(void)state;
	char *doc = must("docs/IPC.md"), row[128];
	unsigned missing = 0, seen = 0;

	for (unsigned n = 0; n <= UINT16_MAX; n++) {
		const struct msg_row *m = msg_row((uint16_t)n);
		if (!m)
			continue;
		seen++;
		snprintf(row, sizeof(row), "\n| `%s` | %u | ", m->name, n);
		missing += lacks(doc, "docs/IPC.md", row);
	}
	assert_true(seen > 20);
	assert_int_equal(missing, 0);
	free(doc);
}

static void test_fields(void **state)
{
	(void)state;
	char *ipc = must("docs/IPC.md"), *audit = slurp("docs/AUDIT.md"), *schema = must("tools/schema/audit.schema.json"), row[128];
	unsigned missing = 0, seen = 0;

	for (unsigned n = 0; n < REC_FIELDS; n++) {
		const struct rec_row *f = rec_row(n);
		if (!f)
			continue;
		seen++;
		if (f->type == REC_TEXT || f->type == REC_LIST)
			snprintf(row, sizeof(row), "\n| %u | `%s` | %s, %u |", n, f->json, f->type == REC_LIST ? "list" : "text", f->max);
		else
			snprintf(row, sizeof(row), "\n| %u | `%s` | number |", n, f->json);
		missing += lacks(ipc, "docs/IPC.md", row);
		snprintf(row, sizeof(row), "`%s`", f->json);
		if (audit && !strstr(audit, row)) {
			print_error("docs/AUDIT.md: no %s\n", row);
			missing++;
		}
		snprintf(row, sizeof(row), "\n\t\t\t\t\"%s\": {", f->json);
		missing += lacks(schema, "tools/schema/audit.schema.json", row);
	}
	assert_true(seen > 40);
	assert_int_equal(missing, 0);
	free(ipc);
	free(audit);
	free(schema);
}

/* Does ${doc} have a heading ${title}, case ignored? */
static bool has_heading(const char *doc, const char *title, size_t n)
{
	for (const char *line = doc; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line != '#')
			continue;
		const char *text = line + strspn(line, "# ");
		size_t len = strcspn(text, "\n");
		if (len == n && strncasecmp(text, title, n) == 0)
			return true;
	}
	return false;
}

/* Every `docs/NAME.md "title"` of one source file. */
static unsigned cited_by(const char *path, unsigned *seen)
{
	char *text = must(path);
	unsigned missing = 0;

	for (const char *p = text; (p = strstr(p, "docs/")); p++) {
		size_t n = strcspn(p, " \n\t\";,)");
		char name[128];
		if (n < 9 || n >= sizeof(name) || strncmp(p + n - 3, ".md", 3) != 0 || strncmp(p + n, " \"", 2) != 0)
			continue;
		const char *title = p + n + 2;
		size_t len = strcspn(title, "\"");
		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		char *doc = slurp(name);
		(*seen)++;
		if (doc && !has_heading(doc, title, len)) {
			print_error("%s cites %s, which has no heading \"%.*s\"\n", path, name, (int)len, title);
			missing++;
		}
		free(doc);
	}
	free(text);
	return missing;
}

static unsigned cited_below(const char *dir, unsigned *seen)
{
	DIR *d = opendir(dir);
	unsigned missing = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[PATH_CAP];
		size_t n = strlen(e->d_name);
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%.255s", dir, e->d_name);
		if (n > 2 && (strcmp(e->d_name + n - 2, ".c") == 0 || strcmp(e->d_name + n - 2, ".h") == 0))
			missing += cited_by(path, seen);
		else if (!strchr(e->d_name, '.'))
			missing += cited_below(path, seen);
	}
	closedir(d);
	return missing;
}

static void test_citations(void **state)
{
	static const char *const roots[] = {"user", "policy", "bpf", "tools"};
	unsigned missing = 0, seen = 0;

	(void)state;
	free(must("docs/WIRE.md"));
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		missing += cited_below(roots[i], &seen);
	assert_true(seen > 10);
	assert_int_equal(missing, 0);
}

/* Every option in a table of a command's: {"--name", ... */
static unsigned options_of(const char *path, const char *doc, unsigned *seen)
{
	static const char begin[] = "{\"--";
	char *text = must(path), option[64];
	unsigned missing = 0;

	for (const char *p = text; (p = strstr(p, begin)); p++) {
		snprintf(option, sizeof(option), "%.*s", (int)strcspn(p + 2, "\""), p + 2);
		size_t n = strlen(option);
		const char *at = strstr(doc, option);
		/* Not as the beginning of a longer one. */
		while (at && strchr("abcdefghijklmnopqrstuvwxyz0123456789-", at[n]))
			at = strstr(at + 1, option);
		(*seen)++;
		if (!at) {
			print_error("%s knows %s, docs/CLI.md does not\n", path, option);
			missing++;
		}
	}
	free(text);
	return missing;
}

static void test_options(void **state)
{
	char *doc = must("docs/CLI.md");
	unsigned missing = 0, seen = 0;
	DIR *d = opendir("tools");

	(void)state;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[PATH_CAP];
		size_t n = strlen(e->d_name);
		snprintf(path, sizeof(path), "tools/%.255s", e->d_name);
		if (n > 2 && strcmp(e->d_name + n - 2, ".c") == 0)
			missing += options_of(path, doc, &seen);
	}
	closedir(d);
	free(doc);
	assert_true(seen > 80);
	assert_int_equal(missing, 0);
}

/* Every member of the example of callgate.json is one that is read, and the other way round. */
static void test_settings(void **state)
{
	char *doc = must("docs/ARCHITECTURE.md"), *code = must("user/proc/sup_conf.c"), name[64], row[96];
	const char *p = strstr(doc, "{\"users\""), *end = p ? strstr(p, "```") : NULL, *list = strstr(code, "static const struct field fields[]");
	unsigned seen = 0, known = 0, missing = 0;

	(void)state;
	assert_true(end && list);
	for (; (p = strchr(p, '"')) && p < end; p += strlen(name) + 2) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + 1, "\""), p + 1);
		/* What stands behind the settings are words. */
		const char *value = p + strlen(name) + 2;
		if (strncmp(value, ": ", 2) != 0 || !strchr("[{\"0123456789tf", value[2]))
			continue;
		seen++;
		snprintf(row, sizeof(row), "\", \"%s\", read_", name);
		if (!strstr(list, row)) {
			print_error("docs/ARCHITECTURE.md has \"%s\" in callgate.json, which is an unknown field\n", name);
			missing++;
		}
	}
	for (p = list; (p = strstr(p, "\", read_")); p++)
		known++;
	assert_int_equal(missing, 0);
	assert_int_equal(seen, known);
	free(doc);
	free(code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_citations),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
