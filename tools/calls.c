/* calls.c - see calls.h. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/read.h"
#include "base/err.h"
#include "base/fd.h"
#include "tools/audit_tail.h"
#include "tools/calls.h"

static bool text_is(const json_t *record, const char *key, const char *want)
{
	const char *s = json_string_value(json_object_get(record, key));

	return !want || (s && strcmp(s, want) == 0);
}

static int uid_of(const char *user, json_int_t *uid)
{
	char *end;
	const struct passwd *p = getpwnam(user);

	*uid = p ? (json_int_t)p->pw_uid : (json_int_t)strtoul(user, &end, 10);
	return p || (*user && !*end) ? EXIT_YES : tool_fail(EXIT_NO, "there is no account %s", user);
}

int calls_each(const char *where, const struct calls_wanted *w, calls_fn *fn, void *arg, size_t *seen)
{
	struct read *in = NULL;
	struct view line;
	json_int_t uid = -1;

	*seen = 0;
	if (w->user && uid_of(w->user, &uid))
		return EXIT_NO;
	int dir = audit_dir(where);
	if (dir < 0)
		return EXIT_NO;
	int r = audit_lines(dir, &in);
	while (r >= 0 && (r = read_line(in, &line)) > 0) {
		json_error_t err;
		/* Most lines are results: they are not worth parsing. */
		if (!memmem(line.p, line.n, "\"kind\":\"call\"", 13))
			continue;
		json_t *o = json_loadb((const char *)line.p, line.n, 0, &err);
		if (o && text_is(o, "kind", "call") && text_is(o, "method", "tools/call") && text_is(o, "server", w->server) && text_is(o, "policy_name", w->policy) &&
		    (!w->user || json_integer_value(json_object_get(o, "uid")) == uid)) {
			++*seen;
			fn(arg, o);
		}
		json_decref(o);
	}
	int status = r < 0 ? tool_fail(EXIT_NO, "%s: %s", in ? read_file(in) : "the directory", err_text(r)) : EXIT_YES;
	read_free(&in);
	fd_close(&dir);
	return status;
}
