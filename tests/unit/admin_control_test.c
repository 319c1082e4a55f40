/*
 * admin_control_test.c - changes from the socket to the workers, and who may make none.
 * Runs as any uid that is not governed; what only root may do is left out elsewhere.
 */
#include <openssl/evp.h>

#include "admin_one_aid.h"

#include "admin/problems.h"
#include "admin/publish.h"
#include "policy/placeholder.h"

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
	rig_expire(r, ADMIN_WHO_MS + 1);
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
	rig_expire(r, ADMIN_PEER_MS + 1);
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
	rig_expire(r, ADMIN_HELD_MS + 1);
	assert_string_equal(rig_word(rig_answer(r, fd)), "denied");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(from_the_socket_to_the_workers),
	    T(policies),
	    T(long_policies),
	    T(credentials),
	    T(placeholders),
	    T(agents_are_refused),
	    cmocka_unit_test(the_governed_are_refused),
	    T(unknown_callers_are_refused),
	    T(refused_without_a_journal),
	    T(a_flood_of_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
