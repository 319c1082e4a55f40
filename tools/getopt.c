/* getopt.c - verbs, options and failures.  See tools.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

int tool_fail(int status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Part of it may have been chosen by somebody else. */
	tool_clean(text);
	if (!tool_opts.json) {
		fprintf(stderr, "callgate: %s\n", text);
		return status;
	}
	static const char *const word[] = {"", "no", "usage", "not-running"};
	json_t *o = json_pack("{s:b s:s s:s}", "ok", 0, "error", word[status & 3], "text", text);
	tool_json(o);
	json_decref(o);
	return status;
}

static int explain(const char *noun, const struct tool_verb *v)
{
	printf("callgate %s %s %s\n    %s\n", noun, v->name, v->args, v->help);
	return EXIT_YES;
}

static int list_verbs(const char *noun, const struct tool_verb *verbs, FILE *to, int status)
{
	for (const struct tool_verb *v = verbs; v->name; v++)
		fprintf(to, "  callgate %s %s %s\n      %s\n", noun, v->name, v->args, v->help);
	return status;
}

int tool_verbs(const char *noun, const struct tool_verb *verbs, int argc, char **argv)
{
	if (argc < 2)
		return list_verbs(noun, verbs, stderr, EXIT_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return list_verbs(noun, verbs, stdout, EXIT_YES);
	for (const struct tool_verb *v = verbs; v->name; v++)
		if (strcmp(v->name, argv[1]) == 0)
			return argc > 2 && strcmp(argv[2], "--help") == 0 ? explain(noun, v) : v->run(argc - 1, argv + 1);
	return tool_fail(EXIT_USAGE, "%s has no verb \"%s\"; see callgate %s --help", noun, argv[1], noun);
}

static const struct tool_flag *find(const struct tool_flag *flags, const char *name)
{
	for (; flags && flags->name; flags++)
		if (strcmp(flags->name, name) == 0)
			return flags;
	return NULL;
}

int tool_flags(const char *verb, const struct tool_flag *flags, int argc, char **argv, const char **rest, int max)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			if (n == max) {
				tool_fail(EXIT_USAGE, "%s: \"%s\" is one word too many", verb, argv[i]);
				return -1;
			}
			rest[n++] = argv[i];
			continue;
		}
		const struct tool_flag *f = find(flags, argv[i]);
		if (!f) {
			tool_fail(EXIT_USAGE, "%s: unknown option %s", verb, argv[i]);
			return -1;
		}
		if ((f->value && *f->value) || (f->on && *f->on)) {
			tool_fail(EXIT_USAGE, "%s: %s is given twice", verb, f->name);
			return -1;
		}
		if (f->on)
			*f->on = true;
		if (!f->value)
			continue;
		if (i + 1 == argc) {
			tool_fail(EXIT_USAGE, "%s: %s needs a value", verb, f->name);
			return -1;
		}
		*f->value = argv[++i];
	}
	return n;
}

long long tool_span(const char *s)
{
	static const struct {
		char unit;
		long long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char *end;
	unsigned long long n = strtoull(s, &end, 10);

	if (end == s || !*end || end[1] || n > 1000000)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == *end)
			return (long long)n * units[i].seconds;
	return -1;
}
