/* grant_past.c - what the journal and the audit say of grants.  See grant.h.  Both are read as files, by whoever may read them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/roster.h"
#include "audit/read.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/mtime.h"
#include "tools/grant.h"
#include "tools/tools.h"

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* Each line of a stream to ${fn}, oldest first, until it says stop. */
static int each_line(const char *base, const char *stream, bool (*fn)(void *arg, struct view line), void *arg)
{
	char path[PATH_MAX];
	struct read *in = NULL;
	struct view line;

	snprintf(path, sizeof(path), "%s/%s", base, stream);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : read_new(dir, &in);
	while (!r) {
		r = read_line(in, &line);
		if (r <= 0 || !fn(arg, line))
			break;
		r = 0;
	}
	int status = r < 0 ? tool_fail(EXIT_NO, "%s%s%s cannot be read: %s", path, in ? "/" : "", in ? read_file(in) : "",
	                         r > -4096 ? strerror(-r) : err_text(r))
	                   : EXIT_YES;
	read_free(&in);
	fd_close(&dir);
	return status;
}

/* ---- the roster of a day ---- */

struct past {
	struct roster roster;
	const char *until;
	int err;
};

static bool fold(void *arg, struct view line)
{
	struct past *p = arg;
	json_t *e = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	bool more = !e || strcmp(text(e, "ts"), p->until) <= 0;

	/* A line that does not parse may be a revocation: nothing behind it can be told. */
	if (!e)
		p->err = -ERR_CORRUPT;
	else if (more && strcmp(text(e, "kind"), "journal") == 0)
		p->err = roster_apply(&p->roster, e);
	json_decref(e);
	return more && !p->err;
}

static bool expired(const json_t *g, struct wall at)
{
	struct wall t;

	return json_object_get(g, "expires_at") && (wall_parse(text(g, "expires_at"), &t) || t.ns <= at.ns);
}

static bool wanted(const json_t *g, const json_t *filter)
{
	const json_t *uid = json_object_get(filter, "uid"), *server = json_object_get(filter, "server");

	return (!uid || json_equal(uid, json_object_get(g, "uid"))) && (!server || json_equal(server, json_object_get(g, "server")));
}

int grant_as_of(const char *time, const json_t *filter, json_t **answer)
{
	char until[WALL_TEXT];
	struct wall at;
	struct past p = {.until = until};
	json_t *grants = json_array(), *g;
	struct grant_ref ref = {0};

	if (wall_parse(time, &at) || roster_init(&p.roster)) {
		json_decref(grants);
		return tool_fail(EXIT_USAGE, "--as-of needs a time such as 2027-01-31T12:00:00Z");
	}
	wall_text(at, until);
	int status = each_line(tool_opts.state, "journal", fold, &p);
	if (!status && p.err)
		status = tool_fail(EXIT_NO, "the journal after line %llu cannot be understood: %s", (unsigned long long)p.roster.seq, err_text(p.err));
	while (grants_next(&p.roster.grants, &ref)) {
		g = grants_json(&ref);
		if (wanted(g, filter) && !expired(g, at))
			json_array_append(grants, g);
		json_decref(g);
	}
	*answer = status ? NULL : json_pack("{s:b s:s s:O}", "ok", 1, "as_of", until, "grants", grants);
	json_decref(grants);
	roster_free(&p.roster);
	return status;
}

/* ---- first and last use ---- */

static bool note_use(void *arg, struct view line)
{
	json_t *by_id = arg;

	if (!memmem(line.p, line.n, "\"grant\":\"", 9) || !memmem(line.p, line.n, "\"kind\":\"call\"", 13))
		return true;
	json_t *e = json_loadb((const char *)line.p, line.n, JSON_ALLOW_NUL, NULL);
	json_t *g = strcmp(text(e, "kind"), "call") == 0 && strcmp(text(e, "verdict"), "allow") == 0 ? json_object_get(by_id, text(e, "grant")) : NULL;
	if (g) {
		if (!json_object_get(g, "first_use"))
			json_object_set(g, "first_use", json_object_get(e, "ts"));
		json_object_set(g, "last_use", json_object_get(e, "ts"));
		json_object_set_new(g, "used", json_integer(json_integer_value(json_object_get(g, "used")) + 1));
	}
	json_decref(e);
	return true;
}

int grant_use(json_t *grants)
{
	json_t *by_id = json_object(), *g;
	size_t i;

	json_array_foreach(grants, i, g) {
		json_object_set_new(g, "used", json_integer(0));
		json_object_set(by_id, text(g, "id"), g);
	}
	int status = each_line(tool_opts.log, "audit", note_use, by_id);
	json_decref(by_id);
	return status;
}
