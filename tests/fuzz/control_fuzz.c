/*
 * control_fuzz.c - what any client may send to the control socket.
 * Whatever the reader takes is checked and applied to a small roster, and whatever passes the checks must be a world that a
 * worker takes and a journal that folds to the same: a change is never written and then found not to load.
 */
#include <assert.h>
#include <stdlib.h>

#include "admin/check.h"
#include "admin/problems.h"
#include "admin/publish.h"
#include "admin/request.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char start[] =
    "{\"kind\":\"journal\",\"seq\":1,\"event\":\"server.add\",\"server\":{\"name\":\"one\",\"match\":[{\"host\":\"one.example\",\"port\":443}],"
    "\"inject\":{\"header\":\"Authorization\",\"format\":\"Bearer {secret}\"}}}\n"
    "{\"kind\":\"journal\",\"seq\":2,\"event\":\"credential.set\",\"name\":\"key\",\"version\":1}\n";

static void in_force(const struct roster *r)
{
	struct buf world = {0}, hosts = {0}, dests = {0};
	char why[256] = "";

	assert(publish_world(r, 1, "enforce", &world) == 0);
	assert(problems_world(buf_view(&world), why, sizeof(why)) == 0);
	assert(publish_hosts(r, &hosts) == 0 && publish_dests(r, &dests) == 0);
	buf_free(&world);
	buf_free(&hosts);
	buf_free(&dests);
}

/* The event as a line of the journal, folded on top of what was there. */
static void apply(struct roster *r, json_t *event)
{
	struct buf line = {0};
	struct roster again;

	json_object_set_new(event, "kind", json_string("journal"));
	char *text = json_dumps(event, JSON_COMPACT);
	assert(text && buf_puts(&line, text) == 0 && buf_puts(&line, "\n") == 0);
	assert(roster_copy(r, &again) == 0 && roster_fold(&again, buf_view(&line)) == 0);
	assert(roster_apply(r, event) == 0);
	char which[64];
	assert(json_equal(r->servers, again.servers) && grants_same(&r->grants, &again.grants, which));
	in_force(r);
	roster_free(&again);
	buf_free(&line);
	free(text);
	json_decref(event);
}

static void change(struct roster *r, const struct request *q)
{
	char why[CHECK_WHY] = "", id[16];
	json_t *v = NULL;

	if (q->kind == R_SERVER_ADD && (v = check_server(json_object_get(q->args, "server"), r, why)))
		apply(r, json_pack("{s:s s:o}", "event", "server.add", "server", v));
	if (q->kind == R_GRANT_ADD && (v = check_grant(json_object_get(q->args, "grant"), r, (struct wall){0}, why))) {
		assert(check_grant_id(r, id) == 0);
		json_object_set_new(v, "id", json_string(id));
		apply(r, json_pack("{s:s s:o}", "event", "grant.add", "grant", v));
	}
	if (!v && (q->kind == R_SERVER_ADD || q->kind == R_GRANT_ADD))
		assert(why[0]);
	if (q->kind == R_SERVER_REMOVE && check_server_gone(json_string_value(json_object_get(q->args, "name")), r, why) == 0)
		apply(r, json_pack("{s:s s:O}", "event", "server.remove", "name", json_object_get(q->args, "name")));
}

/* A request is whole and of a known kind, or refused with a reason; no line passes its bound. */
static void well_formed(const struct request *q, struct view in, long used)
{
	assert(used <= (long)in.n && q->kind >= -1 && q->kind < R_COUNT);
	if (used == 0) {
		assert(in.n <= request_limit(in) + REQUEST_SECRET + 1 && !q->error && !q->args);
	} else if (used < 0 || q->kind < 0) {
		assert(q->kind < 0 && q->error && q->text[0] && memchr(q->text, 0, sizeof(q->text)));
	} else {
		assert(json_is_object(q->args) && request_name(q->kind)[0] != '?');
		assert(!q->secret.n || (request_flags(q->kind) & REQ_SECRET));
		assert(!q->secret.n || (q->secret.p > in.p && q->secret.p + q->secret.n == in.p + used));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	struct roster r;

	assert(roster_init(&r) == 0 && roster_fold(&r, view_str(start)) == 0);
	while (in.n) {
		struct request q;
		long used = request_take(in, &q);
		well_formed(&q, in, used);
		if (used > 0 && q.kind >= 0)
			change(&r, &q);
		request_clear(&q);
		if (used <= 0)
			break;
		in = view_skip(in, (size_t)used);
	}
	/* The same bytes as a journal: any are legal, and never a crash. */
	int damaged = roster_fold(&r, view_of(data, size));
	assert(damaged >= 0 && (damaged > 0) == (r.damage[0] != '\0'));
	roster_free(&r);
	return 0;
}
