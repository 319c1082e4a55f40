/*
 * admin_approval_test.c - approvals in callgate-admin: the table with a clock of the test's, then requests, decisions and uses on real
 * channels, with a journal that can fail.
 */
#include "admin_aid.h"

#define CONF "{\"users\":[1001],\"mode\":\"enforce\"}"
#define POLICY(d) "{\"do\":\"policy.apply\",\"args\":{\"name\":\"p\",\"document\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"" d "\\\"}\"}}\n"
#define ARGS "{\"amount\":\"v4lue\"}"
#define KEYS "amount"

/* ---- the table ---- */

static struct m_approval_ask a_call(uint32_t uid)
{
	struct m_approval_ask c = {.uid = uid, .auid = UINT32_MAX, .pid = 7, .keys_len = sizeof(KEYS) - 1, .args_len = sizeof(ARGS) - 1, .args_bytes = sizeof(ARGS) - 1};

	snprintf(c.server, sizeof(c.server), "one");
	snprintf(c.grant, sizeof(c.grant), "g-1");
	snprintf(c.tool, sizeof(c.tool), "pay");
	memset(c.policy, 'a', 64);
	c.canon[0] = 1;
	return c;
}

static struct mono at(uint64_t seconds)
{
	return (struct mono){1000000000000u + seconds * 1000000000u};
}

static int ask(struct approvals *t, const struct m_approval_ask *c, uint32_t slot, uint64_t seconds, struct approval **ap)
{
	approval_sweep(t, at(seconds));
	int r = approval_ask(t, c, VIEW_LIT(KEYS ARGS), slot, at(seconds), ap);
	if (r == 1)
		approval_open(*ap, at(seconds));
	return r;
}

static void what_is_the_same_call(void **state)
{
	struct m_approval_ask c = a_call(1001), other[8];
	struct approvals t;
	struct approval *first, *ap;

	(void)state;
	approvals_init(&t);
	assert_int_equal(ask(&t, &c, 0, 0, &first), 1);
	/* Another process of the user, another worker, another label, another class: the same. */
	struct m_approval_ask again = c;
	again.pid = 8;
	again.auid = 3;
	again.risk = 4;
	snprintf(again.agent, sizeof(again.agent), "codex");
	assert_int_equal(ask(&t, &again, 5, 1, &ap), 0);
	assert_ptr_equal(ap, first);
	for (size_t i = 0; i < 8; i++)
		other[i] = c;
	other[0].uid++;
	other[1].canon[31] = 9;
	other[2].server[0] = 'x';
	other[3].grant[0] = 'x';
	other[4].policy[63] = 'b';
	other[5].tool[0] = 'P';
	other[6].tool[3] = 's';
	other[7].tool[0] = '\0';
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(ask(&t, &other[i], 0, 1, &ap), 1);
		assert_string_not_equal(ap->id, first->id);
		assert_ptr_equal(approval_find(&t, ap->id), ap);
	}
	assert_int_equal(t.n, 9);
	approvals_free(&t);
	assert_true(list_empty(&t.rows));
}

static void decided_once_and_for_ten_minutes(void **state)
{
	struct m_approval_ask c = a_call(1001);
	struct approvals t;
	struct approval *ap;
	char id[APPROVAL_ID];

	(void)state;
	approvals_init(&t);
	approval_sweep(&t, at(0));
	assert_int_equal(approval_ask(&t, &c, VIEW_LIT(KEYS ARGS), 0, at(0), &ap), 1);
	assert_false(approval_decide(ap, true, NULL, at(0))); /* the journal does not have it */
	approval_open(ap, at(1));
	memcpy(id, ap->id, sizeof(id));
	approval_sweep(&t, at(APPROVAL_ASK_S));
	assert_non_null(approval_find(&t, id));
	assert_non_null(memmem(buf_view(&ap->tail).p, ap->tail.len, "v4lue", 5));
	assert_true(approval_decide(ap, true, "fine", at(APPROVAL_ASK_S)));
	/* The values have been seen, and go. */
	assert_true(view_is(buf_view(&ap->tail), KEYS));
	assert_null(memmem(ap->tail.mem, ap->tail.cap, "v4lue", 5));
	assert_int_equal(ap->call.args_len, 0);
	assert_false(approval_decide(ap, false, NULL, at(APPROVAL_ASK_S)));
	assert_int_equal(ap->state, APPROVAL_S_YES);
	assert_int_equal(ask(&t, &c, 0, APPROVAL_ASK_S + APPROVAL_HOLDS_S - 1, &ap), 0);
	assert_int_equal(ap->state, APPROVAL_S_YES);
	/* Over: the same call is another request. */
	assert_int_equal(ask(&t, &c, 0, APPROVAL_ASK_S + APPROVAL_HOLDS_S, &ap), 1);
	assert_string_not_equal(ap->id, id);
	assert_null(approval_find(&t, id));
	/* Nobody decides on it. */
	assert_int_equal(ask(&t, &c, 0, 2 * APPROVAL_ASK_S + APPROVAL_HOLDS_S - 1, &ap), 0);
	assert_int_equal(ask(&t, &c, 0, 2 * APPROVAL_ASK_S + APPROVAL_HOLDS_S, &ap), 1);
	approvals_free(&t);
}

static void a_line_of_the_journal_is_waited_for(void **state)
{
	struct m_approval_ask c = a_call(1001);
	struct approvals t;
	struct approval *ap;

	(void)state;
	approvals_init(&t);
	assert_int_equal(approval_ask(&t, &c, VIEW_LIT(KEYS ARGS), 0, at(0), &ap), 1);
	ap->line = 17;
	approval_sweep(&t, at(APPROVAL_LINE_S - 1));
	assert_ptr_equal(approval_by_line(&t, 17), ap);
	assert_null(approval_by_line(&t, 0));
	approval_sweep(&t, at(APPROVAL_LINE_S));
	assert_null(approval_by_line(&t, 17));
	assert_int_equal(t.n, 0);
}

/* One user, one worker, and all together: each has an end, and what goes makes room. */
static void bounded(void **state)
{
	struct approvals t;
	struct approval *ap;
	size_t n = 0;

	(void)state;
	approvals_init(&t);
	for (uint32_t i = 0; i < 2 * APPROVAL_USER; i++) {
		struct m_approval_ask c = a_call(1);
		c.canon[1] = (uint8_t)i;
		assert_int_equal(ask(&t, &c, 9, 0, &ap), i < APPROVAL_USER ? 1 : -ERR_FULL);
	}
	assert_null(ap);
	struct m_approval_ask first = a_call(1);
	assert_int_equal(ask(&t, &first, 9, 0, &ap), 0); /* one that waits is found all the same */
	approval_drop(&t, ap);
	assert_int_equal(ask(&t, &first, 9, 0, &ap), 1);
	for (uint32_t uid = 2; uid < 2000; uid++) {
		struct m_approval_ask c = a_call(uid);
		n += ask(&t, &c, 3, 0, &ap) == 1;
	}
	assert_int_equal(n, APPROVAL_SLOT);
	for (uint32_t uid = 2000; uid < 4000; uid++) {
		struct m_approval_ask c = a_call(uid);
		ask(&t, &c, 4 + uid % 8, 0, &ap);
	}
	assert_int_equal(t.n, APPROVAL_ROWS);
	approval_sweep(&t, at(APPROVAL_ASK_S));
	assert_int_equal(t.n, 0);
}

static bool only_even(void *arg, const struct m_approval_ask *call)
{
	(void)arg;
	return call->canon[1] % 2 == 0;
}

/* What can no longer be used makes room; a line that is being written keeps its row. */
static void pruned(void **state)
{
	struct approvals t;
	struct approval *ap;

	(void)state;
	approvals_init(&t);
	for (uint32_t i = 0; i < APPROVAL_USER; i++) {
		struct m_approval_ask c = a_call(1);
		c.canon[1] = (uint8_t)i;
		assert_int_equal(ask(&t, &c, 9, 0, &ap), 1);
		ap->line = i == 1;
	}
	approval_prune(&t, only_even, NULL);
	assert_int_equal(t.n, APPROVAL_USER / 2 + 1);
	approvals_free(&t);
}

static void frames_that_are_none(void **state)
{
	struct m_approval_ask c = a_call(1), out;
	struct buf b = {0};
	struct view tail;

	(void)state;
	assert_int_equal(buf_put(&b, view_of(&c, sizeof(c))), 0);
	assert_int_equal(buf_put(&b, VIEW_LIT(KEYS ARGS)), 0);
	assert_int_equal(approval_take(buf_view(&b), &out, &tail), 0);
	assert_true(view_is(tail, KEYS ARGS));
	struct m_approval_ask *m = (void *)b.mem;
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(approval_take(view_head(buf_view(&b), n), &out, &tail), -ERR_MALFORMED);
#define BAD(set)                                                                                                            \
	do {                                                                                                                \
		*m = c;                                                                                                     \
		set;                                                                                                        \
		assert_int_equal(approval_take(buf_view(&b), &out, &tail), -ERR_MALFORMED);                                  \
	} while (0)
	BAD(memset(m->server, 'x', sizeof(m->server)));
	BAD(memset(m->grant, 'x', sizeof(m->grant)));
	BAD(memset(m->policy, 'a', sizeof(m->policy)));
	BAD(memset(m->agent, 'x', sizeof(m->agent)));
	BAD(memset(m->tool, 'x', sizeof(m->tool)));
	BAD(m->server[0] = '\0');
	BAD(m->grant[0] = '\0');
	BAD(m->policy[63] = '\0');
	BAD(m->policy[3] = 'G');
	BAD(m->keys_len++);
	BAD(m->args_len--);
	BAD(m->args_bytes++); /* a part of the arguments is not shown */
	BAD((m->keys_len = UINT32_MAX, m->args_len = (uint32_t)(tail.n + 1)));
	buf_free(&b);
}

/* ---- on channels ---- */

static char hash[65], grant[32];
static uint64_t tag;

static void open_rig(struct rig *r)
{
	rig_open(r, CONF);
	assert_string_equal(rig_end(r, "{\"do\":\"server.add\",\"args\":{\"server\":{\"name\":\"one\",\"match\":[{\"host\":\"one.example\"}]}}}\n"), "ok");
	json_t *v = rig_ask(r, POLICY("deny"));
	snprintf(hash, sizeof(hash), "%s", json_string_value(json_object_get(v, "hash")));
	json_decref(v);
	v = rig_ask(r, "{\"do\":\"grant.add\",\"args\":{\"grant\":{\"uid\":1001,\"server\":\"one\",\"policy\":\"p\"}}}\n");
	snprintf(grant, sizeof(grant), "%s", json_string_value(json_object_get(v, "id")));
	json_decref(v);
	tag = 100;
}

static void send_ask(struct rig *r, struct m_approval_ask c)
{
	struct buf b = {0};

	if (strcmp(c.grant, "g-1") == 0)
		snprintf(c.grant, sizeof(c.grant), "%s", grant);
	if (c.policy[0] == 'a' && c.policy[1] == 'a')
		snprintf(c.policy, sizeof(c.policy), "%s", hash);
	assert_int_equal(buf_put(&b, view_of(&c, sizeof(c))), 0);
	assert_int_equal(buf_put(&b, VIEW_LIT(KEYS ARGS)), 0);
	rig_say(&r->worker, M_APPROVAL_ASK, ++tag, buf_view(&b), -1);
	buf_free(&b);
	rig_turns(r, 6);
}

/* What the worker hears of it. */
static enum approval_word asked(struct rig *r, struct m_approval_ask c)
{
	size_t before = r->says;

	send_ask(r, c);
	assert_int_equal(r->says, before + 1);
	assert_int_equal(r->said_tag, tag);
	return r->said.word;
}

static const char *decide(struct rig *r, const char *word, const char *id)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"do\":\"approve.%s\",\"args\":{\"id\":\"%s\",\"reason\":\"because\"}}\n", word, id);
	return rig_end(r, text);
}

static void asked_approved_used(void **state)
{
	struct rig r;
	char id[APPROVAL_ID];

	(void)state;
	if (not_root())
		skip();
	open_rig(&r);
	size_t worlds = r.worlds;
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	memcpy(id, r.said.id, sizeof(id));
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	assert_string_equal(r.said.id, id);
	assert_int_equal(rig_events(&r, "approval.ask"), 1);
	json_t *v = rig_ask(&r, "{\"do\":\"approve.list\"}\n");
	const json_t *row = json_array_get(json_object_get(v, "approvals"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "id")), id);
	assert_string_equal(json_string_value(json_object_get(row, "arguments")), ARGS);
	assert_string_equal(json_string_value(json_array_get(json_object_get(row, "arg_keys"), 0)), KEYS);
	assert_string_equal(json_string_value(json_object_get(row, "state")), "waiting");
	json_decref(v);
	assert_string_equal(decide(&r, "yes", id), "ok");
	assert_int_equal(r.news, 1);
	assert_string_equal(decide(&r, "no", id), "exists");
	struct m_approval_ask other = a_call(1001);
	other.canon[0] = 2;
	assert_int_equal(asked(&r, other), APPROVAL_WAITING);
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_YES);
	assert_string_equal(r.said.id, id);
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	assert_string_not_equal(r.said.id, id);
	assert_int_equal(rig_events(&r, "approval.ask") - rig_events(&r, "approval.yes") - rig_events(&r, "approval.use"), 1);
	/* The journal has who asked and who decided, and no value; what is in force did not change. */
	struct view j = buf_view(&r.journal);
	assert_null(memmem(j.p, j.n, "v4lue", 5));
	assert_non_null(memmem(j.p, j.n, "\"arg_keys\":[\"amount\"]", 21));
	assert_non_null(memmem(j.p, j.n, "\"reason\":\"because\"", 18));
	assert_int_equal(r.worlds, worlds);
	/* Folded again it is the same roster; what waited is void. */
	rig_read_again(&r);
	assert_string_equal(r.a.roster.damage, "");
	rig_close(&r);
}

static void refused_and_not_asked_again(void **state)
{
	struct rig r;

	(void)state;
	if (not_root())
		skip();
	open_rig(&r);
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	assert_string_equal(decide(&r, "no", r.said.id), "ok");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(asked(&r, a_call(1001)), APPROVAL_NO);
		assert_string_equal(r.said.reason, "because");
	}
	assert_int_equal(rig_events(&r, "approval.ask"), 1);
	assert_int_equal(rig_events(&r, "approval.no"), 1);
	rig_close(&r);
}

static void who_may_not_decide(void **state)
{
	struct rig r;
	char id[APPROVAL_ID];

	(void)state;
	if (not_root())
		skip();
	open_rig(&r);
	assert_string_equal(rig_end(&r, "{\"do\":\"grant.add\",\"args\":{\"grant\":{\"uid\":0,\"server\":\"one\",\"policy\":\"p\"}}}\n"), "ok");
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	memcpy(id, r.said.id, sizeof(id));
	r.login = 1001; /* root, after a log-in of the user that asks */
	assert_string_equal(decide(&r, "yes", id), "denied");
	r.login = 0;
	r.agent_class = CG_CLASS_AGENT;
	assert_string_equal(decide(&r, "yes", id), "denied");
	assert_string_equal(rig_end(&r, "{\"do\":\"approve.list\"}\n"), "denied");
	r.agent_class = CG_CLASS_NONE;
	assert_int_equal(admin_conf(&r.a, VIEW_LIT("{\"users\":[0,1001],\"mode\":\"enforce\"}")), 0);
	assert_string_equal(decide(&r, "yes", id), "denied");
	assert_int_equal(admin_conf(&r.a, VIEW_LIT(CONF)), 0);
	/* Its own: root asks, root decides. */
	json_t *v = rig_ask(&r, "{\"do\":\"grant.list\",\"args\":{\"uid\":0}}\n");
	struct m_approval_ask own = a_call(0);
	snprintf(own.grant, sizeof(own.grant), "%s", json_string_value(json_object_get(json_array_get(json_object_get(v, "grants"), 0), "id")));
	json_decref(v);
	assert_int_equal(asked(&r, own), APPROVAL_WAITING);
	assert_string_equal(decide(&r, "yes", r.said.id), "denied");
	assert_string_equal(decide(&r, "no", r.said.id), "denied");
	assert_int_equal(rig_events(&r, "refused"), 6);
	assert_int_equal(rig_events(&r, "approval.yes") + rig_events(&r, "approval.no"), 0);
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	assert_string_equal(decide(&r, "yes", id), "ok");
	rig_close(&r);
}

/* A worker may lag, or lie: what is asked must be what is in force. */
static void not_what_is_in_force(void **state)
{
	struct m_approval_ask c = a_call(1001);
	struct rig r;
	char id[APPROVAL_ID];

	(void)state;
	if (not_root())
		skip();
	open_rig(&r);
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	memcpy(id, r.said.id, sizeof(id));
	snprintf(c.server, sizeof(c.server), "two");
	assert_int_equal(asked(&r, c), APPROVAL_CANNOT);
	assert_int_equal(r.said.status, -ERR_DENIED);
	c = a_call(1001);
	snprintf(c.grant, sizeof(c.grant), "g-none");
	assert_int_equal(asked(&r, c), APPROVAL_CANNOT);
	assert_int_equal(asked(&r, a_call(1002)), APPROVAL_CANNOT); /* another's grant */
	c = a_call(1001);
	memset(c.policy, 'b', 64);
	assert_int_equal(asked(&r, c), APPROVAL_CANNOT);
	c = a_call(1001);
	c.keys_len--; /* not what follows */
	assert_int_equal(asked(&r, c), APPROVAL_CANNOT);
	assert_int_equal(r.said.status, -ERR_MALFORMED);
	/* Approved under one policy, then another applies: spent or not, it is none of this call's. */
	struct m_approval_ask second = a_call(1001);
	second.canon[0] = 2;
	assert_int_equal(asked(&r, second), APPROVAL_WAITING);
	assert_string_equal(decide(&r, "yes", r.said.id), "ok");
	assert_string_equal(rig_end(&r, POLICY("allow")), "ok");
	assert_string_equal(decide(&r, "yes", id), "invalid");
	assert_int_equal(asked(&r, second), APPROVAL_CANNOT);
	assert_int_equal(rig_events(&r, "approval.use"), 0);
	/* Rows of another policy's time do not keep a user from asking. */
	json_t *v = rig_ask(&r, "{\"do\":\"policy.show\",\"args\":{\"name\":\"p\"}}\n");
	snprintf(hash, sizeof(hash), "%s", json_string_value(json_object_get(json_object_get(v, "policy"), "hash")));
	json_decref(v);
	for (int i = 0; i < APPROVAL_USER; i++) {
		c = a_call(1001);
		c.canon[1] = (uint8_t)i;
		assert_int_equal(asked(&r, c), APPROVAL_WAITING);
	}
	c.canon[1] = APPROVAL_USER;
	assert_int_equal(asked(&r, c), APPROVAL_CANNOT);
	assert_int_equal(r.said.status, -ERR_FULL);
	rig_close(&r);
}

static void a_journal_that_fails(void **state)
{
	struct rig r;
	char id[APPROVAL_ID];

	(void)state;
	if (not_root())
		skip();
	open_rig(&r);
	r.journal_status = -ENOSPC;
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_CANNOT);
	assert_int_equal(r.said.status, -ERR_UNAVAILABLE);
	assert_int_equal(r.a.approvals.n, 0);
	r.journal_status = 0;
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	memcpy(id, r.said.id, sizeof(id));
	r.journal_status = -ENOSPC;
	assert_string_equal(decide(&r, "yes", id), "unavailable");
	r.journal_status = 0;
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	assert_string_equal(decide(&r, "yes", id), "ok");
	/* Certainly not written: not used. */
	r.journal_status = -ENOSPC;
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_CANNOT);
	r.journal_status = 0;
	/* Perhaps written: used. */
	r.audit_mute = true;
	send_ask(&r, a_call(1001));
	size_t says = r.says;
	edge_close(&r.audit);
	rig_turns(&r, 6);
	assert_int_equal(r.says, says + 1);
	assert_int_equal(r.said.word, APPROVAL_CANNOT);
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_CANNOT); /* no journal, no approval */
	r.audit_mute = false;
	rig_edge(&r, &r.audit, P_AUDIT);
	rig_turns(&r, 6);
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	assert_string_not_equal(r.said.id, id);
	rig_close(&r);
}

/* An answer that comes for a worker which has ended must not be the next one's: their tags begin alike. */
static void a_worker_that_was_replaced(void **state)
{
	struct rig r;

	(void)state;
	if (not_root())
		skip();
	open_rig(&r);
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING);
	assert_string_equal(decide(&r, "yes", r.said.id), "ok");
	r.audit_mute = true;
	send_ask(&r, a_call(1001));
	rig_edge(&r, &r.worker, P_PROXY);
	rig_turns(&r, 4);
	struct m_journal_ack ack = {.seq = r.seq};
	size_t says = r.says;
	rig_say(&r.audit, M_JOURNAL_ACK, r.held, view_of(&ack, sizeof(ack)), -1);
	rig_turns(&r, 4);
	assert_int_equal(r.says, says);
	r.audit_mute = false;
	assert_int_equal(asked(&r, a_call(1001)), APPROVAL_WAITING); /* it was spent */
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_the_same_call),
	    cmocka_unit_test(decided_once_and_for_ten_minutes),
	    cmocka_unit_test(a_line_of_the_journal_is_waited_for),
	    cmocka_unit_test(bounded),
	    cmocka_unit_test(pruned),
	    cmocka_unit_test(frames_that_are_none),
	    cmocka_unit_test(asked_approved_used),
	    cmocka_unit_test(refused_and_not_asked_again),
	    cmocka_unit_test(who_may_not_decide),
	    cmocka_unit_test(not_what_is_in_force),
	    cmocka_unit_test(a_journal_that_fails),
	    cmocka_unit_test(a_worker_that_was_replaced),
	};
	return cmocka_run_group_tests_name("admin_approval", tests, NULL, NULL);
}
