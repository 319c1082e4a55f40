/* admin_kept_test.c - the journal is the state; what was kept of it is in force until it is read, and no longer. */
#include "admin_one_aid.h"

#include "admin/publish.h"

/* So many lines that what they come to is kept. */
static void make_long(struct rig *r)
{
	for (size_t i = 0; i < JOURNAL_KEEP; i++)
		rig_write(r, VIEW_LIT("{\"kind\":\"journal\",\"event\":\"refused\"}"));
}

/* What was folded anew is what was in force. */
static void the_journal_is_the_state(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	rig_one_grant(r);
	struct buf before = {0};
	assert_int_equal(buf_put(&before, buf_view(&r->world)), 0);
	rig_read_again(r);
	assert_true(view_eq(buf_view(&before), buf_view(&r->world)));
	assert_true(r->a.folded);
	buf_free(&before);
}

static size_t turns_until(struct rig *r, const bool *flag)
{
	size_t n = 0;

	while (!*flag && n++ < RIG_TURNS)
		rig_turn(r);
	return n;
}

/* What was kept is in force at once; the journal counts, and nothing is changed before it was read. */
static void what_was_kept(void **state)
{
	struct rig *r = *state;
	static const char list[] = "{\"do\":\"grant.list\",\"args\":{}}\n";
	char revoke[128], line[128];

	if (not_root())
		skip();
	assert_string_equal(rig_end(r, SERVER), "ok");
	assert_string_equal(rig_end(r, POLICY), "ok");
	json_t *v = rig_ask(r, GRANT);
	const char *id = json_string_value(json_object_get(v, "id"));
	snprintf(revoke, sizeof(revoke), "{\"do\":\"grant.revoke\",\"args\":{\"id\":\"%s\"}}\n", id);
	snprintf(line, sizeof(line), "{\"kind\":\"journal\",\"event\":\"grant.revoke\",\"id\":\"%s\"}", id);
	json_decref(v);
	rig_stop(r);
	/* A short journal is not worth it. */
	rig_start(r, CONF);
	assert_int_equal(r->kept.len, 0);
	assert_int_equal(r->wholes, 2);
	make_long(r);
	rig_stop(r);
	rig_start(r, CONF);
	assert_true(r->kept.len > 0 && r->kept_n == r->journal.len);
	rig_stop(r);

	/* It is in force before anybody reads the rest: that waits until the workers have it. */
	unsigned wholes = r->wholes;
	r->whole_ms = 3600000;
	rig_start(r, CONF);
	rig_turns(r, 30);
	assert_true(r->a.early && !r->a.folded);
	assert_int_equal(rig_world_grants(r), 1);
	assert_int_equal(r->wholes, wholes);
	rig_stop(r);
	r->whole_ms = 0;

	/* In force, though all of it is not read yet: one grant, and a list of grants waits, as a change does. */
	r->whole_mute = true;
	rig_start(r, CONF);
	assert_true(r->a.early && !r->a.folded);
	assert_int_equal(rig_world_grants(r), 1);
	size_t worlds = r->worlds;
	int asks = rig_dial(r), changes = rig_dial(r);
	rig_send(r, asks, view_str(list));
	rig_send(r, changes, view_str(revoke));
	rig_turns(r, 30);
	char c;
	assert_true(recv(asks, &c, 1, MSG_DONTWAIT) < 0 && recv(changes, &c, 1, MSG_DONTWAIT) < 0);
	assert_int_equal(rig_world_grants(r), 1);
	r->whole_mute = false;
	rig_edge(r, &r->audit, P_AUDIT);
	turns_until(r, &r->a.folded);
	v = rig_answer(r, asks);
	json_t *g = json_array_get(json_object_get(v, "grants"), 0);
	assert_non_null(json_object_get(g, "issued_at"));
	json_decref(v);
	assert_string_equal(rig_word(rig_answer(r, changes)), "ok");
	close(asks);
	close(changes);
	/* The same journal: the workers were told only of the change. */
	assert_int_equal(r->worlds, worlds + 1);
	assert_int_equal(rig_world_grants(r), 0);
	assert_int_equal(r->alerts, 0);
	rig_stop(r);

	/* What was written behind the kept state counts at once. */
	r->whole_mute = true;
	r->kept_n = (size_t)((const char *)memmem(buf_view(&r->journal).p, r->journal.len, "\"event\":\"refused\"", 17) - (const char *)buf_view(&r->journal).p);
	while (r->kept_n && buf_view(&r->journal).p[r->kept_n - 1] != '\n')
		r->kept_n--;
	rig_start(r, CONF);
	assert_true(r->a.early);
	assert_int_equal(rig_world_grants(r), 0);
	assert_true(rig_world_has(r, "one.example"));
	rig_stop(r);
	/*
	 * It does not stay in force without the journal, also when nobody is there any more who could hand it out.  The server stays, or its calls would pass
	 * as those to a host that is nobody's.
	 */
	r->whole_mute = false;
	rig_start(r, CONF);
	turns_until(r, &r->a.folded);
	assert_string_equal(rig_end(r, GRANT), "ok");
	rig_stop(r);
	r->whole_mute = true;
	r->early_ms = 50;
	for (int gone = 0; gone < 2; gone++) {
		size_t before = r->worlds;
		rig_start(r, CONF);
		assert_int_equal(rig_world_grants(r), 1);
		if (gone)
			edge_close(&r->audit);
		for (size_t n = 0; r->a.early && n < RIG_TURNS; n++)
			rig_turn(r);
		rig_turns(r, 4);
		assert_true(!r->a.early && !r->a.folded);
		assert_int_equal(r->worlds, before + 2);
		assert_int_equal(rig_world_grants(r), 0);
		assert_true(rig_world_has(r, "one.example"));
		assert_int_equal(r->dests.len, sizeof(struct m_dest));
		v = rig_ask(r, list);
		assert_int_equal(json_array_size(json_object_get(v, "grants")), 0);
		assert_non_null(strstr(json_string_value(json_object_get(v, "warning")), "journal is not read"));
		json_decref(v);
		if (!gone)
			rig_stop(r);
	}
	r->whole_mute = false;
	rig_edge(r, &r->audit, P_AUDIT);
	turns_until(r, &r->a.folded);
	rig_turns(r, 4);
	assert_int_equal(rig_world_grants(r), 1);
	v = rig_ask(r, list);
	assert_null(json_object_get(v, "warning"));
	json_decref(v);
}

/* Without anything kept as well: "no grants" would be wrong, so the list waits. */
static void no_list_before_the_journal(void **state)
{
	struct rig *r = *state;
	char c;

	if (not_root())
		skip();
	rig_one_grant(r);
	rig_stop(r);
	r->whole_mute = true;
	rig_start(r, CONF);
	assert_true(!r->a.early && !r->a.folded);
	int asks = rig_dial(r);
	rig_send(r, asks, VIEW_LIT("{\"do\":\"grant.list\",\"args\":{}}\n"));
	rig_turns(r, 30);
	assert_true(recv(asks, &c, 1, MSG_DONTWAIT) < 0);
	r->whole_mute = false;
	rig_edge(r, &r->audit, P_AUDIT);
	turns_until(r, &r->a.folded);
	json_t *v = rig_answer(r, asks);
	assert_int_equal(json_array_size(json_object_get(v, "grants")), 1);
	json_decref(v);
	close(asks);
}

/* A state that says more than the journal holds until that was read, and no longer; one that is none does no harm. */
static void what_was_kept_lies(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	rig_one_grant(r);
	make_long(r);
	rig_stop(r);
	rig_start(r, CONF);
	assert_true(r->kept.len > 0);
	rig_stop(r);
	/* The journal of somebody who never gave that grant. */
	const char *text = (const char *)buf_view(&r->journal).p, *at = memmem(text, r->journal.len, "\"event\":\"grant.add\"", 19);
	memcpy(r->journal.mem + r->journal.off + (at - text), "\"event\":\"other.add\"", 19);
	rig_start(r, CONF);
	turns_until(r, &r->a.folded);
	rig_turns(r, 4);
	assert_false(r->a.early);
	assert_int_equal(r->alerts, 1);
	assert_int_equal(rig_world_grants(r), 0);
	rig_stop(r);
	/* Any byte of its head changed, or a part of it: the whole journal is read instead. */
	assert_true(r->kept.len > 64);
	for (size_t i = 0; i < 41; i++) {
		r->kept.mem[r->kept.off + i] ^= 1;
		rig_start(r, CONF);
		turns_until(r, &r->a.folded);
		assert_true(r->a.folded && !r->a.early);
		assert_int_equal(rig_world_grants(r), 0);
		rig_stop(r);
		r->kept_n = 0;
	}
	assert_int_equal(r->alerts, 1);
	rig_start(r, CONF);
}

/* After many changes it is read again, while it is in use. */
static void read_again(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	assert_string_equal(rig_end(r, SERVER), "ok");
	make_long(r);
	size_t wholes = r->wholes;
	r->a.since = JOURNAL_AGAIN - 2;
	assert_string_equal(rig_end(r, POLICY), "ok");
	rig_turns(r, 4);
	assert_int_equal(r->wholes, wholes);
	assert_string_equal(rig_end(r, GRANT), "ok");
	rig_turns(r, 4);
	assert_int_equal(r->wholes, wholes + 1);
	assert_true(r->kept.len > 0 && r->kept_n == r->journal.len);
	assert_true(r->a.folded && !r->a.rereading && r->a.since == 0);
	assert_int_equal(r->alerts, 0);
	assert_int_equal(rig_world_grants(r), 1);
	/* A change that nobody made: the journal holds. */
	rig_write(r, VIEW_LIT("{\"kind\":\"journal\",\"event\":\"server.remove\",\"name\":\"one\"}"));
	r->a.since = JOURNAL_AGAIN - 1;
	assert_string_equal(rig_end(r, "{\"do\":\"policy.apply\",\"args\":{\"name\":\"q\",\"document\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"allow\\\"}\"}}\n"), "ok");
	rig_turns(r, 4);
	assert_int_equal(r->alerts, 1);
	assert_false(rig_world_has(r, "one.example"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(the_journal_is_the_state),
	    T(what_was_kept),
	    T(no_list_before_the_journal),
	    T(what_was_kept_lies),
	    T(read_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
