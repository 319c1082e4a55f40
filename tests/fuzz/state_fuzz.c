/*
 * state_fuzz.c - any bytes as the front of the file that holds what was kept of the journal, and as the state in it.  What is taken is a roster: it can be
 * published, changed and written again, and then it is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/publish.h"
#include "admin/state.h"
#include "audit/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void taken(struct roster *r)
{
	static const char more[] = "{\"kind\":\"journal\",\"seq\":9,\"event\":\"grant.add\",\"grant\":{\"id\":\"g-new\",\"uid\":1,\"server\":\"one\"}}\n"
				   "{\"kind\":\"journal\",\"seq\":10,\"event\":\"grant.review\",\"id\":\"g-a\",\"decision\":\"keep\"}\n"
				   "{\"kind\":\"journal\",\"seq\":11,\"event\":\"grant.revoke\",\"id\":\"g-a\"}\n";
	struct buf out = {0}, world = {0}, hosts = {0}, dests = {0}, names = {0};
	struct roster again;
	char why[STATE_WHY], which[64];

	must(state_put(r, &out) == 0 && state_take(buf_view(&out), &again, why) == 0);
	must(grants_same(&r->grants, &again.grants, which) && json_equal(r->servers, again.servers) && json_equal(r->policies, again.policies) && r->seq == again.seq);
	must(publish_world(r, 1, "enforce", &world) == 0 && publish_hosts(r, &hosts) == 0 && publish_dests(r, &dests) == 0 && publish_names(r, &names) == 0);
	must(roster_fold(&again, view_str(more)) == 0);
	must(!grants_find(&again.grants, "g-a", NULL) && grants_find(&again.grants, "g-new", NULL));
	roster_free(&again);
	buf_free(&out);
	buf_free(&world);
	buf_free(&hosts);
	buf_free(&dests);
	buf_free(&names);
}

/* The digest of the program is no input: what is behind it is. */
static uint8_t *as_of_now(const uint8_t *data, size_t size)
{
	static struct buf now;
	struct roster none;
	uint8_t *copy = malloc(size ? size : 1);

	must(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	if (!now.len) {
		must(roster_init(&none) == 0 && state_put(&none, &now) == 0);
		roster_free(&none);
	}
	if (size >= 40)
		memcpy(copy + 8, buf_view(&now).p + 8, 32);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);
	char why[STATE_WHY];
	struct roster r;
	struct kept k;

	if (kept_head(v, &k) == 0)
		must(k.fd == -1 && k.off <= size && k.bytes && k.mark.seq && k.sealed <= k.mark.seq && strnlen(k.name, sizeof(k.name)) < sizeof(k.name));
	uint8_t *copy = as_of_now(data, size);
	if (state_take(view_of(copy, size), &r, why) == 0) {
		taken(&r);
		roster_free(&r);
	} else {
		must(why[0] && memchr(why, '\0', sizeof(why)) && !r.servers && !r.grants.base);
	}
	free(copy);
	return 0;
}
