/* vault_lease_test.c - to whom a credential goes, and what callgate-admin may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>

#include "vault_aid.h"

#include "base/box.h"
#include "base/err.h"
#include "base/hex.h"

struct place {
	struct aid_vault at;
	struct keep secret;
	struct buf answer;
	struct op_effect fx;
};

static const struct mono t0 = {1000000000000};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	aid_vault_open(&p->at);
	assert_int_equal(keep_open(&p->secret, WRAP_BODY_MAX), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	aid_vault_close(&p->at);
	keep_free(&p->secret);
	buf_free(&p->answer);
	free(p);
	return 0;
}

/* The answer to ${json}, with ${secret} after it unless NULL. */
static const char *ask(struct place *p, const char *json, struct view secret)
{
	struct buf body = {0};

	assert_int_equal(buf_puts(&body, json), 0);
	if (secret.p) {
		assert_int_equal(buf_put(&body, view_of("", 1)), 0);
		assert_int_equal(buf_put(&body, secret), 0);
	}
	buf_reset(&p->answer);
	p->answer.max = MSG_MAX;
	assert_int_equal(op_do(&p->at.v, buf_view(&body), &p->answer, &p->fx), 0);
	assert_true(p->answer.len <= MSG_MAX);
	assert_int_equal(buf_put(&p->answer, view_of("", 1)), 0);
	buf_free(&body);
	return (const char *)p->answer.mem + p->answer.off;
}

static const struct view none = {NULL, 0};

static bool ok(struct place *p, const char *json, struct view secret)
{
	return strncmp(ask(p, json, secret), "{\"ok\":true", 10) == 0;
}

#define HOSTS                                                                                                              \
	"{\"op\":\"hosts\",\"servers\":[{\"name\":\"github\",\"match\":[{\"host\":\"Api.Example.\",\"port\":443,\"path\":\"/mcp/\"}," \
	"{\"host\":\"alt.example\",\"port\":8443}],\"credential\":\"bot\"},"                                                   \
	"{\"name\":\"six\",\"match\":[{\"host\":\"2001:DB8:0:0::1\"}],\"credential\":\"six\",\"credentials\":[\"seven\"]},"    \
	"{\"name\":\"open\",\"match\":[{\"host\":\"open.example\"}]}]}"

static struct m_lease_get want(const char *credential, const char *server, const char *host, uint32_t port)
{
	struct m_lease_get q = {.port = port, .ring = 11, .call = 22};

	snprintf(q.credential, NAME_LEN, "%s", credential);
	snprintf(q.server, NAME_LEN, "%s", server);
	snprintf(q.host, HOST_LEN, "%s", host);
	return q;
}

static int status(struct place *p, const struct m_lease_get *q)
{
	struct m_release rec;
	struct m_lease head;

	bool tell = lease_answer(p->at.v.book, p->at.v.store, p->at.v.tokens, q, 0, t0, &rec, &head, &p->secret);
	assert_int_equal(rec.status, head.status);
	assert_true(rec.ring == 11 && rec.call == 22);
	assert_int_equal(head.len, p->secret.n);
	if (head.status)
		assert_int_equal(head.len, 0);
	else
		assert_true(tell);
	assert_string_equal(rec.event, head.status ? "refuse" : "release");
	return head.status;
}

static void test_permitted(void **state)
{
	struct place *p = *state;
	static const struct {
		const char *credential, *server, *host;
		uint32_t port;
		int status;
	} rows[] = {
	    {"bot", "github", "api.example", 443, 0},
	    {"bot", "github", "API.EXAMPLE", 443, 0},
	    {"bot", "github", "api.example.", 443, 0},
	    {"bot", "github", "alt.example", 8443, 0},
	    {"six", "six", "2001:db8::1", 443, 0},
	    {"six", "six", "[2001:db8::1]", 443, 0},
	    {"seven", "six", "2001:db8::1", 443, 0},
	    {"bot", "github", "api.example", 8443, -ERR_DENIED},
	    {"bot", "github", "alt.example", 443, -ERR_DENIED},
	    {"bot", "github", "api.example", 443 + 65536, -ERR_DENIED},
	    {"bot", "github", "evil.example", 443, -ERR_DENIED},
	    {"bot", "github", "xapi.example", 443, -ERR_DENIED},
	    {"bot", "github", "api.example.evil.example", 443, -ERR_DENIED},
	    {"bot", "github", "example", 443, -ERR_DENIED},
	    {"bot", "six", "api.example", 443, -ERR_DENIED},
	    {"six", "github", "api.example", 443, -ERR_DENIED},
	    {"bot", "open", "open.example", 443, -ERR_DENIED},
	    {"", "open", "open.example", 443, -ERR_MALFORMED},
	    {"bot", "", "api.example", 443, -ERR_MALFORMED},
	    {"bot", "github", "", 443, -ERR_MALFORMED},
	    {"bot", "github", "api..example", 443, -ERR_MALFORMED},
	    {"bot", "github", "api.example/x", 443, -ERR_MALFORMED},
	    {"bot", "github", "api.example\n", 443, -ERR_MALFORMED},
	    {"../bot", "github", "api.example", 443, -ERR_MALFORMED},
	};

	/* before anything is registered nothing goes out */
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"bot\"}", VIEW_LIT("tok_bot")));
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"six\",\"type\":\"header\"}", VIEW_LIT("tok six")));
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"seven\"}", VIEW_LIT("tok_seven")));
	struct m_lease_get q = want("bot", "github", "api.example", 443);
	assert_int_equal(status(p, &q), -ERR_DENIED);
	assert_true(ok(p, HOSTS, none));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		q = want(rows[i].credential, rows[i].server, rows[i].host, rows[i].port);
		assert_int_equal(status(p, &q), rows[i].status);
	}
	q = want("six", "six", "2001:db8::1", 443);
	assert_int_equal(status(p, &q), 0);
	assert_true(view_is(keep_view(&p->secret), "tok six"));
	/* registered, but there is no such credential any more */
	assert_true(ok(p, "{\"op\":\"remove\",\"name\":\"six\"}", none));
	assert_int_equal(status(p, &q), -ERR_NOT_FOUND);
	/* an emptied set */
	assert_true(ok(p, "{\"op\":\"hosts\",\"servers\":[]}", none));
	q = want("bot", "github", "api.example", 443);
	assert_int_equal(status(p, &q), -ERR_DENIED);
}

/* Arrays without an end, and texts full of control characters, end as refusals whose record can be shown. */
static void test_hostile_request(void **state)
{
	struct place *p = *state;
	struct m_lease_get q;
	struct m_release rec;
	struct m_lease head;

	assert_true(ok(p, HOSTS, none));
	for (int fill = 0; fill < 256; fill++) {
		memset(&q, fill, sizeof(q));
		lease_answer(p->at.v.book, p->at.v.store, p->at.v.tokens, &q, 0, t0, &rec, &head, &p->secret);
		assert_true(head.status < 0);
		for (size_t i = 0; i < NAME_LEN && rec.credential[i]; i++)
			assert_true(rec.credential[i] > 0x20 && rec.credential[i] < 0x7f);
		assert_int_equal(rec.credential[NAME_LEN - 1], 0);
		assert_int_equal(rec.host[HOST_LEN - 1], 0);
	}
	q = want("bot", "github", "api.example", 443);
	lease_answer(p->at.v.book, p->at.v.store, p->at.v.tokens, &q, LEASE_SLOTS, t0, &rec, &head, &p->secret);
	assert_int_equal(head.status, -ERR_DENIED);
}

static void test_rate(void **state)
{
	struct place *p = *state;
	struct m_release rec;
	struct m_lease head;
	struct m_lease_get q = want("bot", "github", "api.example", 443);
	int given = 0, told = 0;

	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"bot\"}", VIEW_LIT("tok")));
	assert_true(ok(p, HOSTS, none));
	for (int i = 0; i < 5000; i++) {
		bool tell = lease_answer(p->at.v.book, p->at.v.store, p->at.v.tokens, &q, 3, t0, &rec, &head, &p->secret);
		given += head.status == 0;
		told += head.status && tell;
		if (head.status)
			assert_int_equal(head.status, -EAGAIN);
	}
	assert_int_equal(given, 4000);
	assert_int_equal(told, 200); /* of 1000 refusals */
	/* it is the server's share: another worker gets nothing either; a second later there is a second's worth */
	lease_answer(p->at.v.book, p->at.v.store, p->at.v.tokens, &q, 4, t0, &rec, &head, &p->secret);
	assert_int_equal(head.status, -EAGAIN);
	given = 0;
	for (int i = 0; i < 3000; i++) {
		lease_answer(p->at.v.book, p->at.v.store, p->at.v.tokens, &q, 4, mono_after_ms(t0, 1000), &rec, &head, &p->secret);
		given += head.status == 0;
	}
	assert_int_equal(given, 1000);
}

/* A worker's own share, over however many servers. */
static void test_rate_of_a_worker(void **state)
{
	struct place *p = *state;
	struct m_release rec;
	struct m_lease head;
	json_t *all = json_array();
	int given = 0;

	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"bot\"}", VIEW_LIT("tok")));
	for (int i = 0; i < 8; i++) {
		char name[8], host[16];
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(host, sizeof(host), "h%d.example", i);
		json_array_append_new(all, json_pack("{s:s s:s s:[{s:s}]}", "name", name, "credential", "bot", "match", "host", host));
	}
	char why[192] = "";
	assert_int_equal(lease_hosts(p->at.v.book, all, why, sizeof(why)), 1);
	json_decref(all);
	for (int i = 0; i < 8 * 3000; i++) {
		char name[8], host[16];
		snprintf(name, sizeof(name), "s%d", i % 8);
		snprintf(host, sizeof(host), "h%d.example", i % 8);
		struct m_lease_get q = want("bot", name, host, 443);
		lease_answer(p->at.v.book, p->at.v.store, p->at.v.tokens, &q, 5, t0, &rec, &head, &p->secret);
		given += head.status == 0;
	}
	assert_int_equal(given, 20000);
}

static void test_sealed_scope(void **state)
{
	struct place *p = *state;
	struct m_lease_get q = want("bot", "github", "alt.example", 8443);

	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"hosts\":[\"API.example\",\"10.0.0.1\"]}", VIEW_LIT("tok")));
	assert_true(ok(p, HOSTS, none));
	assert_int_equal(status(p, &q), -ERR_DENIED); /* registered, but not what the secret is for */
	q = want("bot", "github", "api.example", 443);
	assert_int_equal(status(p, &q), 0);
	assert_non_null(strstr(ask(p, "{\"op\":\"list\"}", none), "\"sealed_for\":[\"api.example\",\"10.0.0.1\"]"));
	assert_false(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"hosts\":[]}", VIEW_LIT("tok")));
	assert_false(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"hosts\":[1]}", VIEW_LIT("tok")));
	assert_false(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"hosts\":\"api.example\"}", VIEW_LIT("tok")));
	assert_false(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"hosts\":[\"a b\"]}", VIEW_LIT("tok")));
}

static void test_hosts(void **state)
{
	struct place *p = *state;
	static const char *const bad[] = {
	    "{\"op\":\"hosts\"}",
	    "{\"op\":\"hosts\",\"servers\":{}}",
	    "{\"op\":\"hosts\",\"servers\":[1]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a b\",\"match\":[]}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\"}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\",\"match\":[{}]}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\",\"match\":[{\"host\":\"*.example\"}]}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\",\"match\":[{\"host\":\"a\",\"port\":0}]}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\",\"match\":[{\"host\":\"a\",\"port\":65536}]}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\",\"match\":[{\"host\":\"a\",\"port\":\"443\"}]}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\",\"match\":[{\"host\":\"a\"}],\"credential\":7}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\",\"match\":[{\"host\":\"a\"}],\"credentials\":[7]}]}",
	    "{\"op\":\"hosts\",\"servers\":[{\"name\":\"a\",\"match\":[{\"host\":\"a\"}],\"credentials\":\"x\"}]}",
	};

	assert_non_null(strstr(ask(p, HOSTS, none), "\"changed\":true"));
	assert_true(p->fx.revoke && p->fx.who.credential[0] == 0);
	assert_non_null(strstr(ask(p, HOSTS, none), "\"changed\":false"));
	assert_false(p->fx.revoke);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(ok(p, bad[i], none));
		assert_false(p->fx.revoke);
	}
	/* a refused set leaves the old one in force */
	assert_true(lease_host(p->at.v.book, "api.example"));
	assert_true(lease_host(p->at.v.book, "2001:db8::1"));
	assert_true(lease_host(p->at.v.book, "open.example"));
	assert_false(lease_host(p->at.v.book, ""));
	assert_false(lease_host(p->at.v.book, "api"));
	assert_false(lease_host(p->at.v.book, "zzz.example"));
}

static void test_set(void **state)
{
	struct place *p = *state;
	uint8_t *big = malloc(WRAP_BODY_MAX + 1);
	static const struct {
		const char *json;
		struct view secret;
		bool ok;
	} rows[] = {
	    {"{\"op\":\"set\",\"name\":\"a\"}", {(const uint8_t *)"x", 1}, true},
	    {"{\"op\":\"set\",\"name\":\"a\",\"type\":\"bearer\"}", {(const uint8_t *)"a\tb \x80", 5}, true},
	    {"{\"op\":\"set\",\"name\":\"a\"}", {NULL, 0}, false},
	    {"{\"op\":\"set\",\"name\":\"a\"}", {(const uint8_t *)"", 0}, false},
	    {"{\"op\":\"set\",\"name\":\"a\"}", {(const uint8_t *)"x\n", 2}, false},
	    {"{\"op\":\"set\",\"name\":\"a\"}", {(const uint8_t *)"x\ry", 3}, false},
	    {"{\"op\":\"set\",\"name\":\"a\"}", {(const uint8_t *)"x\0y", 3}, false},
	    {"{\"op\":\"set\",\"name\":\"a\"}", {(const uint8_t *)"x\x7f", 2}, false},
	    {"{\"op\":\"set\",\"name\":\"a/b\"}", {(const uint8_t *)"x", 1}, false},
	    {"{\"op\":\"set\",\"name\":\"\"}", {(const uint8_t *)"x", 1}, false},
	    {"{\"op\":\"set\",\"name\":7}", {(const uint8_t *)"x", 1}, false},
	    {"{\"op\":\"set\",\"name\":\"a\",\"type\":\"Bad Type\"}", {(const uint8_t *)"x", 1}, false},
	    {"{\"op\":\"set\",\"name\":\"a\",\"type\":7}", {(const uint8_t *)"x", 1}, false},
	    {"{\"op\":\"set\",\"name\":\"a\",\"name\":\"b\"}", {(const uint8_t *)"x", 1}, false},
	    {"{\"op\":\"get\",\"name\":\"a\"}", {NULL, 0}, false},
	    {"{\"op\":7}", {NULL, 0}, false},
	    {"{}", {NULL, 0}, false},
	    {"[]", {NULL, 0}, false},
	    {"", {NULL, 0}, false},
	    {"{\"op\":\"set\"", {(const uint8_t *)"x", 1}, false},
	    {"{\"op\":\"ca\"}", {NULL, 0}, false}, /* there is no authority in this test */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (ok(p, rows[i].json, rows[i].secret) != rows[i].ok)
			fail_msg("row %zu: %s", i, rows[i].json);
	memset(big, 'k', WRAP_BODY_MAX + 1);
	assert_false(ok(p, "{\"op\":\"set\",\"name\":\"a\"}", view_of(big, WRAP_BODY_MAX + 1)));
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"a\"}", view_of(big, WRAP_BODY_MAX)));
	assert_true(p->fx.revoke && p->fx.record);
	assert_string_equal(p->fx.who.credential, "a");
	assert_string_equal(p->fx.rec.event, "set");
	assert_int_equal(p->fx.rec.version, 3);
	assert_true(ok(p, "{\"op\":\"remove\",\"name\":\"a\"}", none));
	assert_string_equal(p->fx.rec.event, "remove");
	assert_false(ok(p, "{\"op\":\"remove\",\"name\":\"a\"}", none));
	assert_false(p->fx.revoke);
	free(big);
}

/* Asks for "bot" after a refusal of version ${refused}: "VERSION secret", and whether there is another. */
static const char *lent(struct place *p, uint32_t refused, bool *again)
{
	static char text[64];
	struct m_lease_get q = want("bot", "github", "api.example", 443);
	struct m_release rec;
	struct m_lease head;

	q.refused = refused;
	assert_true(lease_answer(p->at.v.book, p->at.v.store, p->at.v.tokens, &q, 0, t0, &rec, &head, &p->secret));
	assert_int_equal(head.status, 0);
	assert_string_equal(rec.event, "release");
	assert_int_equal(rec.version, head.version);
	*again = head.again != 0;
	snprintf(text, sizeof(text), "%u " VIEW_FMT, head.version, VIEW_ARG(keep_view(&p->secret)));
	return text;
}

static void test_overlap(void **state)
{
	struct place *p = *state;
	static const char *const bad[] = {"0", "-1", "2592001", "\"60\"", "null", "1.5", "true"};
	char json[160];
	bool again;

	assert_true(ok(p, HOSTS, none));
	assert_false(ok(p, "{\"op\":\"revert\",\"name\":\"bot\"}", none));
	assert_null(strstr(ask(p, "{\"op\":\"set\",\"name\":\"bot\",\"overlap\":60}", VIEW_LIT("first")), "previous"));
	assert_string_equal(lent(p, 0, &again), "1 first");
	assert_false(again);
	assert_false(ok(p, "{\"op\":\"revert\",\"name\":\"bot\"}", none));
	assert_false(p->fx.revoke || p->fx.record);
	const char *text = ask(p, "{\"op\":\"set\",\"name\":\"bot\",\"type\":\"basic\",\"overlap\":60}", VIEW_LIT("a:b"));
	assert_non_null(strstr(text, "\"version\":2,\"previous\":1,\"previous_until\":\"2"));
	assert_true(p->fx.revoke && p->fx.record);
	/* the new one, until a server does not take it */
	assert_string_equal(lent(p, 0, &again), "2 YTpi");
	assert_true(again);
	assert_non_null(strstr(ask(p, "{\"op\":\"list\"}", none), "\"previous\":1,"));
	assert_non_null(strstr((const char *)p->answer.mem, "\"refused_by\":[]"));
	assert_string_equal(lent(p, 2, &again), "1 first");
	assert_true(again);
	assert_non_null(strstr(ask(p, "{\"op\":\"list\"}", none), "\"refused_by\":[\"api.example\"]"));
	/* nor the one before: then it has changed its mind.  Nobody says more: it may be in order */
	assert_string_equal(lent(p, 1, &again), "2 YTpi");
	assert_non_null(strstr(ask(p, "{\"op\":\"list\"}", none), "\"refused_by\":[]"));
	assert_string_equal(lent(p, 3, &again), "2 YTpi");
	assert_string_equal(lent(p, UINT32_MAX, &again), "2 YTpi");
	/* what it is sealed for counts for each version */
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"hosts\":[\"alt.example\"]}", VIEW_LIT("elsewhere")));
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"overlap\":60}", VIEW_LIT("here")));
	assert_string_equal(lent(p, 4, &again), "4 here");
	/* never a third */
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"overlap\":60}", VIEW_LIT("fifth")));
	assert_string_equal(lent(p, 5, &again), "4 here");
	assert_string_equal(lent(p, 4, &again), "5 fifth");
	/* back: what it was, under a number of its own, and nothing before it */
	text = ask(p, "{\"op\":\"revert\",\"name\":\"bot\"}", none);
	assert_non_null(strstr(text, "\"from\":4,\"type\":\"bearer\",\"name\":\"bot\",\"version\":6"));
	assert_string_equal(p->fx.rec.event, "revert");
	assert_true(p->fx.revoke && p->fx.record && p->fx.rec.version == 6);
	assert_string_equal(lent(p, 6, &again), "6 here");
	assert_false(again);
	assert_false(ok(p, "{\"op\":\"revert\",\"name\":\"bot\"}", none));
	assert_false(ok(p, "{\"op\":\"revert\"}", none));
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"bot\",\"overlap\":2592000}", VIEW_LIT("seventh")));
	assert_true(ok(p, "{\"op\":\"remove\",\"name\":\"bot\"}", none));
	assert_false(ok(p, "{\"op\":\"revert\",\"name\":\"bot\"}", none));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(json, sizeof(json), "{\"op\":\"set\",\"name\":\"bot\",\"overlap\":%s}", bad[i]);
		if (ok(p, json, VIEW_LIT("x")))
			fail_msg("an overlap of %s", bad[i]);
	}
	/* tokens are made of what is current */
	assert_false(ok(p, "{\"op\":\"set\",\"name\":\"app\",\"type\":\"oauth-client\",\"overlap\":60}", VIEW_LIT("{}")));
	assert_true(ok(p, "{\"op\":\"set\",\"name\":\"app\",\"type\":\"oauth-client\"}", VIEW_LIT("{}")));
	assert_false(ok(p, "{\"op\":\"set\",\"name\":\"app\",\"overlap\":60}", VIEW_LIT("x")));
	assert_int_equal(store_find(p->at.v.store, "app")->head.version, 1);
}

/* A list longer than a frame comes in pages that leave nothing out; no page holds a secret. */
static void test_list(void **state)
{
	struct place *p = *state;
	char json[128], last[NAME_LEN] = "";
	int seen = 0, pages = 0;

	for (int i = 0; i < 900; i++) {
		snprintf(json, sizeof(json), "{\"op\":\"set\",\"name\":\"credential-with-a-rather-long-name-for-the-sake-of-size-%04d\"}", i);
		assert_true(ok(p, json, VIEW_LIT("tok_canary")));
		assert_null(strstr((const char *)p->answer.mem, "tok_canary"));
	}
	for (bool more = true; more; pages++) {
		snprintf(json, sizeof(json), "{\"op\":\"list\",\"after\":\"%s\"}", last);
		const char *text = ask(p, json, none);
		assert_null(strstr(text, "tok_canary"));
		json_t *j = json_loads(text, 0, NULL), *it;
		size_t i;
		assert_non_null(j);
		json_array_foreach(json_object_get(j, "credentials"), i, it) {
			const char *name = json_string_value(json_object_get(it, "name"));
			assert_true(strcmp(name, last) > 0);
			snprintf(last, sizeof(last), "%s", name);
			seen++;
		}
		more = json_is_true(json_object_get(j, "more"));
		json_decref(j);
	}
	assert_int_equal(seen, 900);
	assert_true(pages > 1);
}

/* A credential of a bundle: opened here alone, for what it was sealed for alone, with what it was sealed with. */
static void test_unseal(void **state)
{
	static const char body[] = "{\"type\":\"basic\",\"hosts\":[\"api.example\"]}\0bob:tok_canary";
	static const char ask_it[] = "{\"op\":\"unseal\",\"name\":\"bot.bundle-a\",\"what\":\"bundle 7 desk bot\"}";
	struct place *p = *state;
	uint8_t public[BOX_KEY], again[BOX_KEY];
	struct buf box = {0}, other = {0};
	const char *text, at[] = "{\"ok\":true,\"public\":\"";

	text = ask(p, "{\"op\":\"box\"}", none);
	assert_int_equal(strncmp(text, at, strlen(at)), 0);
	assert_int_equal(hex_bytes(view_of(text + strlen(at), 64), public, BOX_KEY), 0);
	/* The same after a restart. */
	store_free(&p->at.v.store);
	assert_int_equal(store_open(p->at.dir, p->at.key, &p->at.v.store), 0);
	assert_int_equal(hex_bytes(view_of(ask(p, "{\"op\":\"box\"}", none) + strlen(at), 64), again, BOX_KEY), 0);
	assert_memory_equal(public, again, BOX_KEY);

	assert_int_equal(box_seal(public, "bundle 7 desk bot", view_of(body, sizeof(body) - 1), &box), 0);
	for (size_t i = 0; i < box.len; i++) {
		box.mem[box.off + i] ^= 1;
		assert_false(ok(p, ask_it, buf_view(&box)));
		box.mem[box.off + i] ^= 1;
		assert_false(ok(p, ask_it, view_of(buf_view(&box).p, i)));
	}
	assert_null(store_find(p->at.v.store, "bot.bundle-a"));
	assert_false(ok(p, "{\"op\":\"unseal\",\"name\":\"bot.bundle-a\",\"what\":\"bundle 8 desk bot\"}", buf_view(&box)));
	assert_false(ok(p, "{\"op\":\"unseal\",\"name\":\"bot.bundle-a\"}", buf_view(&box)));
	assert_false(ok(p, "{\"op\":\"unseal\",\"what\":\"bundle 7 desk bot\"}", buf_view(&box)));
	assert_false(ok(p, ask_it, none));
	assert_true(ok(p, ask_it, buf_view(&box)));
	assert_true(p->fx.record && strcmp(p->fx.rec.credential, "bot.bundle-a") == 0);
	assert_null(strstr(ask(p, "{\"op\":\"list\"}", none), "canary"));
	const struct store_item *it = store_find(p->at.v.store, "bot.bundle-a");
	assert_string_equal(it->head.type, "basic");
	assert_string_equal(it->head.scope, "api.example");
	/* What "set" would not take, a box does not bring in either. */
	assert_int_equal(box_seal(public, "bundle 7 desk bot", VIEW_LIT("{\"type\":\"basic\"}\0nobody"), &other), 0);
	assert_false(ok(p, ask_it, buf_view(&other)));
	buf_reset(&other);
	assert_int_equal(box_seal(public, "bundle 7 desk bot", VIEW_LIT("[]"), &other), 0);
	assert_false(ok(p, ask_it, buf_view(&other)));
	buf_free(&box);
	buf_free(&other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_permitted), T(test_hostile_request), T(test_rate), T(test_rate_of_a_worker), T(test_sealed_scope), T(test_hosts), T(test_set), T(test_overlap), T(test_list), T(test_unseal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
