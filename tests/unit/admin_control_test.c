/*
 * admin_control_test.c - changes from the socket to the workers: every stage, and every way in which a neighbour can fail.
 * Runs as any uid that is not governed; what only root may do is left out elsewhere.
 */
#include <openssl/evp.h>

#include "admin_aid.h"

#include "admin/problems.h"
#include "admin/publish.h"
#include "policy/placeholder.h"

#define CONF "{\"users\":[1001],\"mode\":\"enforce\",\"workers\":1}"
#define SERVER "{\"do\":\"server.add\",\"args\":{\"server\":{\"name\":\"one\",\"match\":[{\"host\":\"one.example\"}]},\"reason\":\"r\"}}\n"
#define GRANT "{\"do\":\"grant.add\",\"args\":{\"grant\":{\"uid\":1001,\"server\":\"one\",\"policy\":\"p\"}}}\n"
#define POLICY "{\"do\":\"policy.apply\",\"args\":{\"name\":\"p\",\"document\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"deny\\\"}\"}}\n"
#define STATUS "{\"do\":\"status\"}\n"

/* Every row of what needs uid 0 to be allowed. */
static bool not_root(void)
{
	if (geteuid() == 0)
		return false;
	print_message("# needs uid 0\n");
	return true;
}

static int setup(void **state)
{
	static struct rig r;

	rig_open(&r, CONF);
	*state = &r;
	return 0;
}

static int teardown(void **state)
{
	rig_close(*state);
	return 0;
}

static void one_grant(struct rig *r)
{
	assert_string_equal(rig_end(r, SERVER), "ok");
	assert_string_equal(rig_end(r, POLICY), "ok");
	assert_string_equal(rig_end(r, GRANT), "ok");
}

/* So many lines that what they come to is kept. */
static void make_long(struct rig *r)
{
	for (size_t i = 0; i < JOURNAL_KEEP; i++)
		rig_write(r, VIEW_LIT("{\"kind\":\"journal\",\"event\":\"refused\"}"));
}

static void expire(struct rig *r, uint64_t ms)
{
	job_expire(&r->a, mono_after_ms(mono_now(), ms));
}

static void from_the_socket_to_the_workers(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	assert_int_equal(r->worlds, 1);
	assert_string_equal(rig_end(r, SERVER), "ok");
	assert_true(rig_world_has(r, "one.example"));
	assert_non_null(memmem(buf_view(&r->hosts).p, r->hosts.len, "one.example", 11));
	assert_int_equal(r->dests.len, sizeof(struct m_dest));
	assert_string_equal(rig_end(r, POLICY), "ok");
	/* A policy that no grant uses concerns no worker. */
	assert_false(rig_world_has(r, "version"));
	json_t *v = rig_ask(r, GRANT);
	assert_true(json_is_true(json_object_get(v, "ok")));
	assert_int_equal(json_integer_value(json_object_get(v, "generation")), r->seq);
	assert_null(json_object_get(v, "warning"));
	assert_true(rig_world_has(r, "version"));
	char revoke[128];
	snprintf(revoke, sizeof(revoke), "{\"do\":\"grant.revoke\",\"args\":{\"id\":\"%s\"}}\n", json_string_value(json_object_get(v, "id")));
	json_decref(v);
	assert_string_equal(rig_end(r, GRANT), "invalid"); /* equals */
	assert_string_equal(rig_end(r, "{\"do\":\"server.remove\",\"args\":{\"name\":\"one\"}}\n"), "in-use");
	assert_string_equal(rig_end(r, revoke), "ok");
	assert_int_equal(rig_world_grants(r), 0);
	assert_string_equal(rig_end(r, revoke), "not-found");
	assert_string_equal(rig_end(r, "{\"do\":\"server.remove\",\"args\":{\"name\":\"one\"}}\n"), "ok");
	assert_int_equal(r->dests.len, 0);
	assert_int_equal(rig_events(r, "server.add") + rig_events(r, "grant.add") + rig_events(r, "grant.revoke") + rig_events(r, "policy.apply"), 4);
	assert_int_equal(rig_events(r, "refused"), 0);
	assert_non_null(memmem(buf_view(&r->journal).p, r->journal.len, "\"exe\":\"/usr/bin/?-1\"", 20));
}

/* What was folded anew is what was in force. */
static void the_journal_is_the_state(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	one_grant(r);
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
	one_grant(r);
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
	one_grant(r);
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

static void policies(void **state)
{
	struct rig *r = *state;

	if (not_root())
		skip();
	json_t *v = rig_ask(r, "{\"do\":\"policy.apply\",\"args\":{\"name\":\"p\",\"document\":\"{\\\"version\\\":\\\"2\\\",\\n \\\"default\\\":\\\"block\\\"}\"}}\n");
	assert_string_equal(json_string_value(json_object_get(v, "error")), "invalid");
	json_t *list = json_object_get(v, "problems");
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_integer_value(json_object_get(v, "errors")), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "pointer")), "/default");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "line")), 2);
	json_decref(v);
	assert_string_equal(rig_end(r, POLICY), "ok");
	v = rig_ask(r, POLICY);
	assert_non_null(json_object_get(v, "note"));
	json_decref(v);
	assert_int_equal(rig_events(r, "policy.apply"), 1);
	v = rig_ask(r, "{\"do\":\"policy.show\",\"args\":{\"name\":\"p\"}}\n");
	assert_string_equal(json_string_value(json_object_get(json_object_get(v, "policy"), "document")), "{\"version\":\"1\",\"default\":\"deny\"}");
	json_decref(v);
	assert_string_equal(rig_end(r, "{\"do\":\"policy.check\",\"args\":{\"document\":\"{}\"}}\n"), "invalid");
	assert_string_equal(rig_end(r, "{\"do\":\"policy.apply\",\"args\":{\"name\":\"P\",\"document\":\"{}\"}}\n"), "invalid");
}

/* A document of ${n} bytes, every third character of which has two: pieces must not be cut inside one. */
static void long_policy(struct buf *line, size_t n)
{
	static const char head[] = "{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"deny\\\",\\\"tools\\\":{\\\"a\\\":{\\\"deny_if\\\":[{\\\"conditions\\\":[],\\\"on_deny\\\":\\\"";
	size_t at = line->len;

	assert_int_equal(buf_puts(line, "{\"do\":\"policy.apply\",\"args\":{\"name\":\"p\",\"document\":\""), 0);
	assert_int_equal(buf_puts(line, head), 0);
	assert_int_equal(buf_puts(line, "x\\\"}]},\\\"b\\\":{}"), 0);
	for (size_t i = 0; line->len - at < n; i++)
		assert_int_equal(buf_printf(line, ",\\\"\xc3\xa4%zu\xc3\xa4-%zu\\\":{}", i, i % 7), 0);
	assert_int_equal(buf_puts(line, "}}\"}}\n"), 0);
}

static void long_policies(void **state)
{
	struct rig *r = *state;
	static const size_t size[] = {20000, 30000, 60000, 120000, 1000000};

	if (not_root())
		skip();
	assert_string_equal(rig_end(r, SERVER), "ok");
	for (size_t i = 0; i < sizeof(size) / sizeof(*size); i++) {
		struct buf line = {0};
		long_policy(&line, size[i]);
		int fd = rig_dial(r);
		rig_send(r, fd, buf_view(&line));
		json_t *v = rig_answer(r, fd);
		if (!json_is_true(json_object_get(v, "ok")))
			fail_msg("%zu: %s", size[i], json_string_value(json_object_get(v, "text")));
		json_decref(v);
		close(fd);
		if (i == 0)
			assert_string_equal(rig_end(r, GRANT), "ok");
		/* The journal alone gives the same. */
		json_t *doc = json_incref(json_object_get(json_object_get(r->a.roster.policies, "p"), "document"));
		rig_read_again(r);
		assert_string_equal(r->a.roster.damage, "");
		assert_true(json_equal(doc, json_object_get(json_object_get(r->a.roster.policies, "p"), "document")));
		json_decref(doc);
		buf_free(&line);
	}
	assert_true(rig_events(r, "policy.part") > 30);
	/* Half of one: the journal fails in between, what holds stays, and another attempt goes through. */
	struct buf line = {0};
	long_policy(&line, 200000);
	int fd = rig_dial(r);
	rig_send(r, fd, view_head(buf_view(&line), line.len - 1));
	size_t parts = rig_events(r, "policy.part"), applied = rig_events(r, "policy.apply");
	rig_send(r, fd, VIEW_LIT("\n"));
	while (rig_events(r, "policy.part") < parts + 2)
		rig_turn(r);
	r->journal_status = -ENOSPC;
	assert_string_equal(rig_word(rig_answer(r, fd)), "unavailable");
	assert_int_equal(rig_events(r, "policy.apply"), applied);
	r->journal_status = 0;
	rig_send(r, fd, buf_view(&line));
	assert_string_equal(rig_word(rig_answer(r, fd)), "ok");
	rig_read_again(r);
	assert_string_equal(r->a.roster.damage, "");
	close(fd);
	buf_free(&line);
}

static void credentials(void **state)
{
	struct rig *r = *state;
	static const char set[] = "{\"do\":\"vault.set\",\"args\":{\"name\":\"k\"},\"secret_bytes\":7}\nhunter\n";

	if (not_root())
		skip();
	assert_string_equal(rig_end(r, set), "ok");
	assert_string_equal(r->secret, "hunter\n");
	assert_int_equal(rig_events(r, "credential.set"), 1);
	assert_null(memmem(buf_view(&r->journal).p, r->journal.len, "hunter", 6));
	assert_int_equal(json_object_size(r->a.roster.credentials), 1);
	/* two versions for a while, and back */
	assert_string_equal(rig_end(r, "{\"do\":\"vault.set\",\"args\":{\"name\":\"k\",\"overlap\":3600},\"secret_bytes\":7}\nhunter\n"), "ok");
	assert_non_null(memmem(buf_view(&r->journal).p, r->journal.len, "\"previous\":1,\"previous_until\":\"2027", 35));
	assert_string_equal(rig_end(r, "{\"do\":\"vault.revert\",\"args\":{\"name\":\"k\"}}\n"), "ok");
	assert_non_null(memmem(buf_view(&r->journal).p, r->journal.len, "\"version\":3,\"type\":\"basic\",\"from\":1", 35));
	assert_string_equal(json_string_value(json_object_get(json_object_get(r->a.roster.credentials, "k"), "type")), "basic");
	assert_string_equal(rig_end(r, "{\"do\":\"vault.revert\",\"args\":{\"name\":\"missing\"}}\n"), "not-found");
	assert_string_equal(rig_end(r, "{\"do\":\"vault.revert\"}\n"), "malformed");
	assert_string_equal(rig_end(r, "{\"do\":\"vault.set\",\"args\":{\"name\":\"k\",\"overlap\":\"1h\"},\"secret_bytes\":7}\nhunter\n"), "malformed");
	json_t *v = rig_ask(r, "{\"do\":\"vault.list\"}\n");
	assert_int_equal(json_array_size(json_object_get(v, "credentials")), 2); /* in two pieces */
	json_decref(v);
	assert_string_equal(rig_end(r, "{\"do\":\"vault.remove\",\"args\":{\"name\":\"missing\"}}\n"), "not-found");
	assert_string_equal(rig_end(r, "{\"do\":\"server.add\",\"args\":{\"server\":{\"name\":\"s\",\"match\":[{\"host\":\"a.b\"}],\"credential\":\"k\"}}}\n"), "ok");
	assert_string_equal(rig_end(r, "{\"do\":\"vault.remove\",\"args\":{\"name\":\"k\"}}\n"), "in-use");
	assert_string_equal(rig_end(r, "{\"do\":\"server.remove\",\"args\":{\"name\":\"s\"}}\n"), "ok");
	assert_string_equal(rig_end(r, "{\"do\":\"vault.remove\",\"args\":{\"name\":\"k\"}}\n"), "ok");
	assert_int_equal(rig_events(r, "credential.remove"), 1);
}

/* A fake key: in the answer alone; the journal has its digest, and the workers know it. */
static void placeholders(void **state)
{
	struct rig *r = *state;
	static const char *const bad[] = {"{\"credential\":\"none\"}", "{\"credential\":\"k\",\"prefix\":\"a b\"}", "{\"credential\":\"k\",\"prefix\":\"aaaaaaaaaaaaaaaaaaaaaaaaa\"}",
	    "{\"credential\":\"k\",\"length\":35}", "{\"credential\":\"k\",\"length\":257}", "{\"credential\":\"k\",\"prefix\":\"ghp_\",\"length\":39}", "{\"credential\":\"k\",\"for\":\"a\\nb\"}"};
	char ask[256], key[2][300], id[32], why[256];
	struct buf out = {0};

	if (not_root())
		skip();
	assert_string_equal(rig_end(r, "{\"do\":\"vault.set\",\"args\":{\"name\":\"k\"},\"secret_bytes\":7}\nhunter\n"), "ok");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(ask, sizeof(ask), "{\"do\":\"placeholder.add\",\"args\":%s}\n", bad[i]);
		assert_string_equal(rig_end(r, ask), "invalid");
	}
	for (int i = 0; i < 2; i++) {
		json_t *v = rig_ask(r, i ? "{\"do\":\"placeholder.add\",\"args\":{\"credential\":\"k\",\"length\":256}}\n" :
		    "{\"do\":\"placeholder.add\",\"args\":{\"credential\":\"k\",\"prefix\":\"ghp_\",\"for\":\"alice\"}}\n");
		snprintf(key[i], sizeof(key[i]), "%s", json_string_value(json_object_get(v, "placeholder")));
		snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(v, "id")));
		json_decref(v);
	}
	assert_int_equal(strlen(key[0]), 40);
	assert_int_equal(strlen(key[1]), 256);
	assert_memory_equal(key[0], "ghp_", 4);
	assert_memory_equal(key[0] + 4, key[1], PLACEHOLDER_MARK); /* one mark for the machine */
	assert_memory_not_equal(key[0] + 4, key[1], PLACEHOLDER_LEN);
	assert_int_equal(rig_events(r, "placeholder.add"), 2);
	for (int i = 0; i < 2; i++)
		assert_null(memmem(buf_view(&r->journal).p, r->journal.len, key[i] + 12, 8));
	assert_int_equal(publish_world(&r->a.roster, 1, "enforce", &out), 0);
	assert_null(memmem(buf_view(&out).p, out.len, key[0] + 12, 8));
	assert_int_equal(problems_world(buf_view(&out), why, sizeof(why)), 0);
	for (int i = 0; i < 2; i++) {
		uint8_t sum[PLACEHOLDER_SHA256];
		char hex[2 * sizeof(sum) + 1];
		unsigned n;
		assert_int_equal(EVP_Digest(key[i] + (i ? 0 : 4), PLACEHOLDER_LEN, sum, &n, EVP_sha256(), NULL), 1);
		for (size_t k = 0; k < sizeof(sum); k++)
			snprintf(hex + 2 * k, 3, "%02x", sum[k]);
		assert_non_null(memmem(buf_view(&out).p, out.len, hex, strlen(hex)));
	}
	buf_free(&out);
	json_t *v = rig_ask(r, "{\"do\":\"placeholder.list\"}\n");
	assert_int_equal(json_array_size(json_object_get(v, "placeholders")), 2);
	assert_null(json_object_get(json_array_get(json_object_get(v, "placeholders"), 0), "mark"));
	json_decref(v);
	assert_string_equal(rig_end(r, "{\"do\":\"placeholder.remove\",\"args\":{\"id\":\"p-0\"}}\n"), "not-found");
	snprintf(ask, sizeof(ask), "{\"do\":\"placeholder.remove\",\"args\":{\"id\":\"%s\"}}\n", id);
	assert_string_equal(rig_end(r, ask), "ok");
	assert_int_equal(json_object_size(r->a.roster.placeholders), 1);
}

/* ---- refusals ---- */

static void agents_are_refused(void **state)
{
	struct rig *r = *state;
	static const char *const change[] = {SERVER, GRANT, POLICY, "{\"do\":\"grant.revoke\",\"args\":{\"id\":\"x\"}}\n",
	    "{\"do\":\"server.remove\",\"args\":{\"name\":\"x\"}}\n", "{\"do\":\"vault.set\",\"args\":{\"name\":\"k\"},\"secret_bytes\":1}\nx",
	    "{\"do\":\"vault.remove\",\"args\":{\"name\":\"k\"}}\n", "{\"do\":\"placeholder.add\",\"args\":{\"credential\":\"k\"}}\n", "{\"do\":\"placeholder.list\"}\n"};

	r->agent_class = CG_CLASS_AGENT;
	size_t worlds = r->worlds;
	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
		assert_string_equal(rig_end(r, change[i]), "denied");
		assert_int_equal(rig_events(r, "refused"), i + 1);
	}
	assert_int_equal(r->worlds, worlds);
	assert_string_equal(r->secret, "");
	/* Reading is no change. */
	assert_string_equal(rig_end(r, STATUS), "ok");
	assert_string_equal(rig_end(r, "{\"do\":\"grant.list\"}\n"), "ok");
}

/* An own uid that is governed, or has no role, by whatever the identity process says. */
static void the_governed_are_refused(void **state)
{
	char conf[128];
	struct rig r;

	(void)state;
	snprintf(conf, sizeof(conf), "{\"users\":[%u],\"mode\":\"enforce\"}", geteuid());
	rig_open(&r, conf);
	json_t *v = rig_ask(&r, SERVER);
	assert_string_equal(json_string_value(json_object_get(v, "error")), "denied");
	assert_non_null(strstr(json_string_value(json_object_get(v, "text")), "governed"));
	json_decref(v);
	assert_int_equal(rig_events(&r, "refused"), 1);
	rig_close(&r);
}

static void unknown_callers_are_refused(void **state)
{
	struct rig *r = *state;

	/* No answer: time runs out. */
	r->ident_mute = true;
	int fd = rig_dial(r);
	rig_send(r, fd, view_str(SERVER));
	rig_turns(r, 5);
	expire(r, ADMIN_WHO_MS + 1);
	assert_string_equal(rig_word(rig_answer(r, fd)), "denied");
	/* It ends while it is asked. */
	rig_send(r, fd, view_str(SERVER));
	rig_turns(r, 5);
	edge_close(&r->ident);
	assert_string_equal(rig_word(rig_answer(r, fd)), "denied");
	/* It is not there at all. */
	assert_string_equal(rig_end(r, SERVER), "denied");
	assert_int_equal(rig_events(r, "refused"), 3);
	close(fd);
}

/* Refused even when the refusal cannot be written. */
static void refused_without_a_journal(void **state)
{
	struct rig *r = *state;

	r->agent_class = CG_CLASS_EDITOR;
	r->audit_mute = true;
	int fd = rig_dial(r);
	rig_send(r, fd, view_str(SERVER));
	rig_turns(r, 10);
	expire(r, ADMIN_PEER_MS + 1);
	assert_string_equal(rig_word(rig_answer(r, fd)), "denied");
	edge_close(&r->audit);
	rig_turns(r, 3);
	rig_send(r, fd, view_str(SERVER));
	assert_string_equal(rig_word(rig_answer(r, fd)), "denied");
	close(fd);
}

/* A flood of refusals is recorded one by one, and each client waits for its answer. */
static void a_flood_of_refusals(void **state)
{
	struct rig *r = *state;

	r->agent_class = CG_CLASS_AGENT;
	int fd = rig_dial(r);
	for (int i = 0; i < ADMIN_REFUSALS; i++) {
		rig_send(r, fd, view_str(SERVER));
		json_decref(rig_answer(r, fd));
	}
	rig_send(r, fd, view_str(SERVER));
	rig_turns(r, 20);
	char c;
	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(rig_events(r, "refused"), ADMIN_REFUSALS + 1);
	/* Losing the journal or time changes nothing about the answer. */
	edge_close(&r->audit);
	rig_turns(r, 4);
	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	expire(r, ADMIN_HELD_MS + 1);
	assert_string_equal(rig_word(rig_answer(r, fd)), "denied");
	close(fd);
}

/* ---- neighbours that fail ---- */

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
	expire(r, ADMIN_PEER_MS + 1);
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
	one_grant(r);
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
	expire(r, ADMIN_WORLD_MS + 1);
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
	expire(r, ADMIN_STATUS_MS + 1);
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
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(from_the_socket_to_the_workers),
	    T(the_journal_is_the_state),
	    T(what_was_kept),
	    T(no_list_before_the_journal),
	    T(what_was_kept_lies),
	    T(read_again),
	    T(policies),
	    T(long_policies),
	    T(credentials),
	    T(placeholders),
	    T(agents_are_refused),
	    cmocka_unit_test(the_governed_are_refused),
	    T(unknown_callers_are_refused),
	    T(refused_without_a_journal),
	    T(a_flood_of_refusals),
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
