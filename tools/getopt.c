/* getopt.c - verbs and options of a noun; see tools.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/tools.h"

static int list_verbs(const char *noun, const struct tool_verb *verbs, FILE *out)
{
	for (const struct tool_verb *v = verbs; v->name; v++)
		fprintf(out, "  callgate %s %s %s\n      %s\n", noun, v->name, v->args, v->help);
	return out == stdout ? EXIT_YES : EXIT_USAGE;
}

int tool_verbs(const char *noun, const struct tool_verb *verbs, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return list_verbs(noun, verbs, stdout);
	for (const struct tool_verb *v = verbs; argc > 1 && v->name; v++) {
		if (strcmp(v->name, argv[1]) != 0)
			continue;
		if (argc > 2 && strcmp(argv[2], "--help") == 0) {
			printf("callgate %s %s %s\n    %s\n", noun, v->name, v->args, v->help);
			return EXIT_YES;
		}
		return v->run(argc - 1, argv + 1);
	}
	fprintf(stderr, "callgate %s: %s\n", noun, argc > 1 ? "no such verb" : "which verb?");
	return list_verbs(noun, verbs, stderr);
}

static int flag(const char *verb, const struct tool_flag *flags, int argc, char **argv, int i)
{
	for (const struct tool_flag *f = flags; f && f->name; f++) {
		if (strcmp(f->name, argv[i]) != 0)
			continue;
		if (!f->value) {
			*f->on = true;
			return i;
		}
		if (*f->value || i + 1 >= argc) {
			fprintf(stderr, "callgate: %s: %s %s\n", verb, f->name, *f->value ? "is given twice" : "needs a value");
			return -1;
		}
		*f->value = argv[i + 1];
		return i + 1;
	}
	fprintf(stderr, "callgate: %s: unknown option %s; see --help\n", verb, argv[i]);
	return -1;
}

int tool_flags(const char *verb, const struct tool_flag *flags, int argc, char **argv, const char **rest, int max)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1]) {
			i = flag(verb, flags, argc, argv, i);
			if (i < 0)
				return -1;
		} else if (n == max) {
			fprintf(stderr, "callgate: %s: too many arguments; see --help\n", verb);
			return -1;
		} else {
			rest[n++] = argv[i];
		}
	}
	return n;
}

int tool_fail(int status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	if (tool_opts.json) {
		json_t *v = json_pack("{s:b s:s}", "ok", 0, "text", text);
		tool_json(v);
		json_decref(v);
	}
	fprintf(stderr, "callgate: %s\n", text);
	return status;
}
