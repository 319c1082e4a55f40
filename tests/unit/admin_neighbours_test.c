/* admin_neighbours_test.c - the journal, the workers or the vault fail, are late, or end in the middle of a change. */
#include "admin_one_aid.h"

static void a_journal_that_cannot_write(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	r->journal_status = -ENOSPC;
	json_t *v = rig_ask(r, SERVER);
	assert_string_equal(json_string_value(json_object_get(v, "error")), "unavailable");
	assert_non_null(strstr(json_string_value(json_object_get(v, "text")), "nothing was changed"));
	json_decref(v);
	assert_int_equal(json_object_size(r->a.roster.servers), 0);
	assert_int_equal(r->worlds, 1);
	r->journal_status = 0;
	assert_string_equal(rig_end(r, SERVER), "ok");
}

/* The acknowledgement comes after the client was told that nobody knows: the change holds, since the journal has it. */
static void a_journal_that_is_late(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	r->audit_mute = true;
	int fd = rig_dial(r);
	rig_send(r, fd, view_str(SERVER));
	rig_turns(r, 10);
	rig_expire(r, ADMIN_PEER_MS + 1);
	assert_string_equal(rig_word(rig_answer(r, fd)), "timeout");
	assert_int_equal(json_object_size(r->a.roster.servers), 0);
	/* Nobody else gets in between. */
	uint64_t tag = r->held;
	rig_send(r, fd, view_str(POLICY));
	rig_turns(r, 10);
	assert_int_equal(r->held, tag);
	r->audit_mute = false;
	struct m_journal_ack ack = {.seq = r->seq};
	rig_say(&r->audit, M_JOURNAL_ACK, tag, view_of(&ack, sizeof(ack)), -1);
	assert_string_equal(rig_word(rig_answer(r, fd)), "ok");
	assert_int_equal(json_object_size(r->a.roster.servers), 1);
	assert_true(rig_world_has(r, "one.example"));
	close(fd);
}

/* It wrote the line and died before it could say so: the next one's journal says what holds. */
static void a_journal_that_ends(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	r->audit_mute = true;
	int fd = rig_dial(r);
	rig_send(r, fd, view_str(SERVER));
	rig_turns(r, 10);
	edge_close(&r->audit);
	assert_string_equal(rig_word(rig_answer(r, fd)), "unavailable");
	assert_string_equal(rig_end(r, STATUS), "ok");
	/* A change waits for the journal to come back. */
	rig_send(r, fd, view_str(POLICY));
	rig_turns(r, 10);
	assert_int_equal(json_object_size(r->a.roster.policies), 0);
	r->audit_mute = false;
	rig_edge(r, &r->audit, P_AUDIT);
	assert_string_equal(rig_word(rig_answer(r, fd)), "ok");
	assert_int_equal(json_object_size(r->a.roster.servers), 1);
	assert_int_equal(json_object_size(r->a.roster.policies), 1);
	close(fd);
}

static void a_damaged_journal(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	rig_one_grant(r);
	assert_int_equal(buf_puts(&r->journal, "{\"seq\":9,\"kind\":\"journal\",\"event\":\"grant.rev\n"), 0);
	rig_read_again(r);
	assert_int_equal(rig_world_grants(r), 0);
	assert_true(rig_world_has(r, "one.example"));
	assert_string_equal(rig_end(r, GRANT), "damaged");
	json_t *v = rig_ask(r, STATUS);
	assert_non_null(json_object_get(v, "warning"));
	json_decref(v);
}

static void workers(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	/* One that is slow: the answer says so. */
	r->worker_mute = true;
	int fd = rig_dial(r);
	rig_send(r, fd, view_str(SERVER));
	rig_turns(r, 10);
	rig_expire(r, ADMIN_WORLD_MS + 1);
	json_t *v = rig_answer(r, fd);
	assert_true(json_is_true(json_object_get(v, "ok")));
	assert_non_null(strstr(json_string_value(json_object_get(v, "warning")), "not answered yet"));
	json_decref(v);
	/* One that ends: what is left counts. */
	rig_send(r, fd, view_str(POLICY));
	rig_turns(r, 10);
	edge_close(&r->worker);
	v = rig_answer(r, fd);
	assert_non_null(strstr(json_string_value(json_object_get(v, "warning")), "no worker"));
	json_decref(v);
	/* A new one gets all of it at once; one that refuses is told of. */
	r->worker_mute = false;
	r->worker_status = -ENOMEM;
	size_t worlds = r->worlds;
	rig_edge(r, &r->worker, P_PROXY);
	rig_turns(r, 4);
	assert_int_equal(r->worlds, worlds + 1);
	rig_send(r, fd, view_str(GRANT));
	v = rig_answer(r, fd);
	assert_non_null(strstr(json_string_value(json_object_get(v, "warning")), "did not take"));
	json_decref(v);
	close(fd);
}

static void vaults(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	/* The list of hosts is waited for. */
	r->vault_mute = true;
	int fd = rig_dial(r);
	rig_send(r, fd, view_str(SERVER));
	rig_turns(r, 10);
	assert_false(world_taken(&r->a, r->a.generation));
	/* It ends, and its next life is told again. */
	edge_close(&r->vault);
	assert_string_equal(rig_word(rig_answer(r, fd)), "ok");
	assert_string_equal(rig_end(r, "{\"do\":\"vault.list\"}\n"), "unavailable");
	assert_string_equal(rig_end(r, "{\"do\":\"vault.set\",\"args\":{\"name\":\"k\"},\"secret_bytes\":1}\nx"), "unavailable");
	buf_reset(&r->hosts);
	r->vault_mute = false;
	rig_edge(r, &r->vault, P_VAULT);
	rig_turns(r, 4);
	assert_non_null(memmem(buf_view(&r->hosts).p, r->hosts.len, "one.example", 11));
	/* It is asked and ends. */
	r->vault_mute = true;
	rig_send(r, fd, view_str("{\"do\":\"vault.remove\",\"args\":{\"name\":\"k\"}}\n"));
	rig_turns(r, 10);
	edge_close(&r->vault);
	assert_string_equal(rig_word(rig_answer(r, fd)), "unavailable");
	assert_null(r->a.holder);
	close(fd);
}

static void status_says_what_is_missing(void **state)
{
	struct rig *r = *state;

	json_t *v = rig_ask(r, STATUS);
	assert_string_equal(json_string_value(json_object_get(json_object_get(v, "service"), "host")), "box");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(v, "audit"), "files")), 3);
	assert_null(json_object_get(v, "silent"));
	json_decref(v);
	r->sup_mute = true;
	int fd = rig_dial(r);
	rig_send(r, fd, view_str(STATUS));
	rig_turns(r, 5);
	rig_expire(r, ADMIN_STATUS_MS + 1);
	v = rig_answer(r, fd);
	assert_int_equal(json_array_size(json_object_get(v, "silent")), 1);
	assert_non_null(json_object_get(v, "audit"));
	json_decref(v);
	close(fd);
}

static void settings(void **state)
{
	struct rig *r = *state;
	static const char *const bad[] = {"", "[]", "{}", "{\"users\":[1]}", "{\"users\":[\"a\"],\"mode\":\"enforce\"}", "{\"users\":[-1],\"mode\":\"enforce\"}",
	    "{\"users\":[1],\"mode\":\"off\"}", "{\"users\":1,\"mode\":\"enforce\"}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_not_equal(admin_conf(&r->a, view_str(bad[i])), 0);
		assert_true(perm_governed(&r->a.users, 1001));
	}
	assert_true(rig_world_has(r, "\"mode\":\"enforce\""));
	rig_say(&r->sup, M_CONF, 0, VIEW_LIT("{\"users\":[1002],\"mode\":\"observe\"}"), -1);
	rig_turns(r, 4);
	assert_true(perm_governed(&r->a.users, 1002));
	assert_false(perm_governed(&r->a.users, 1001));
	assert_true(rig_world_has(r, "\"mode\":\"observe\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_journal_that_cannot_write),
	    T(a_journal_that_is_late),
	    T(a_journal_that_ends),
	    T(a_damaged_journal),
	    T(workers),
	    T(vaults),
	    T(status_says_what_is_missing),
	    T(settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
