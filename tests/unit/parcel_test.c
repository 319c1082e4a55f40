/*
 * parcel_test.c - signed bundles: every bit of one, every prefix, what stands before, between and behind; another signer, host, version; and
 * manifests that a signer should not have signed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/parcel.h"
#include "base/err.h"

static const uint8_t seed[SIGN_SEED] = "thirty-two bytes of a test's key", other_seed[SIGN_SEED] = "some other signer's very own key";
static const char signer[] = PARCEL_SIGNER "lab";
static char vkey[NOTE_VKEY], other[NOTE_VKEY], cousin[NOTE_VKEY];
static uint8_t box_private[BOX_KEY], box_public_[BOX_KEY];

static void key_of(const uint8_t *from, const char *name, char out[NOTE_VKEY])
{
	uint8_t key[SIGN_PUBLIC];
	assert_int_equal(sign_public(from, key), 0);
	assert_int_equal(note_vkey(name, key, out), 0);
}

static int keys(void **state)
{
	(void)state;
	key_of(seed, signer, vkey);
	key_of(other_seed, signer, other);
	key_of(seed, "callgate-collector/lab", cousin);
	return box_new(box_private, box_public_);
}

static json_t *manifest(int version, const char *host, const char *credential)
{
	char hex[2 * BOX_KEY + 1];

	chain_hex(box_public_, BOX_KEY, hex);
	json_t *m = json_pack("{s:[] s:[] s:s s:[s] s:s s:{s:s} s:[{s:s s:[{s:s}]}] s:s s:i}", "credentials", "grants", "host", host, "local", "grants", "made",
	    "2026-11-27T08:00:00Z", "policies", "p", "{\"version\":\"1\"}", "servers", "name", "mcp", "match", "host", "mcp.example", "vault", hex, "version", version);
	assert_non_null(m);
	if (credential)
		json_array_append_new(json_object_get(m, "credentials"), json_pack("{s:s s:s}", "name", credential, "type", "bearer"));
	return m;
}

static void make(int version, const char *host, struct buf *out)
{
	json_t *m = manifest(version, host, "bot");
	struct buf box = {0};
	char what[BOX_WHAT];

	parcel_what((uint64_t)version, host, "bot", what);
	assert_int_equal(box_seal(box_public_, what, VIEW_LIT("{}\0tok_canary"), &box), 0);
	assert_int_equal(parcel_make(m, &box, 1, signer, seed, out), 0);
	json_decref(m);
	buf_free(&box);
}

static int opens(struct view v, const char *key)
{
	struct parcel p;
	char why[PARCEL_WHY];
	int r = parcel_open(v, key, &p, why);

	assert_true(r == 0 ? why[0] == '\0' : why[0] && !strchr(why, '\n'));
	assert_int_equal(strlen(p.sha256), v.n > PARCEL_MAX ? 0 : 64);
	parcel_free(&p);
	return r;
}

static void test_whole(void **state)
{
	struct buf b = {0}, plain = {0}, big = {0};
	struct parcel p;
	char why[PARCEL_WHY], what[BOX_WHAT];

	(void)state;
	make(7, "desk.lab", &b);
	assert_int_equal(parcel_open(buf_view(&b), vkey, &p, why), 0);
	assert_true(p.version == 7 && p.n == 1);
	assert_string_equal(p.host, "desk.lab");
	assert_null(memmem(buf_view(&b).p, b.len, "canary", 6));
	parcel_what(p.version, p.host, "bot", what);
	assert_int_equal(box_open(box_private, what, p.box[0], &plain), 0);
	assert_int_equal(parcel_fits(&p, "desk.lab", 0, why), 0);
	assert_int_equal(parcel_fits(&p, "desk.lab", 6, why), 0);
	assert_int_equal(parcel_fits(&p, "desk.lab", 7, why), -ERR_DENIED);
	assert_non_null(strstr(why, "another bundle 7"));
	assert_int_equal(parcel_fits(&p, "desk.lab", 8, why), -ERR_DENIED);
	assert_non_null(strstr(why, "the older bundle 7"));
	assert_int_equal(parcel_fits(&p, "laptop.lab", 0, why), -ERR_DENIED);
	assert_non_null(strstr(why, "made for desk.lab"));
	/* The box of one version, host or name is no other's. */
	buf_reset(&plain);
	parcel_what(8, "desk.lab", "bot", what);
	assert_true(box_open(box_private, what, p.box[0], &plain) < 0);
	parcel_what(7, "laptop.lab", "bot", what);
	assert_true(box_open(box_private, what, p.box[0], &plain) < 0);
	parcel_free(&p);
	assert_int_equal(opens(buf_view(&b), other), -ERR_DENIED);
	assert_int_equal(opens(buf_view(&b), cousin), -ERR_DENIED);
	assert_int_equal(opens(buf_view(&b), ""), -ERR_DENIED);
	assert_non_null(buf_reserve(&big, PARCEL_MAX + 1));
	memset(big.mem, 'x', PARCEL_MAX + 1);
	assert_int_equal(opens(view_of(big.mem, PARCEL_MAX + 1), vkey), -ERR_DENIED);
	buf_free(&b);
	buf_free(&plain);
	buf_free(&big);
}

static void test_every_bit(void **state)
{
	struct buf b = {0};

	(void)state;
	make(7, "desk.lab", &b);
	for (size_t i = 0; i < b.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			b.mem[b.off + i] ^= (uint8_t)(1 << bit);
			assert_int_equal(opens(buf_view(&b), vkey), -ERR_DENIED);
			b.mem[b.off + i] ^= (uint8_t)(1 << bit);
		}
		assert_int_equal(opens(view_of(buf_view(&b).p, i), vkey), -ERR_DENIED);
	}
	assert_int_equal(opens(buf_view(&b), vkey), 0);
	buf_free(&b);
}

static void test_more_bytes(void **state)
{
	static const char *const more[] = {"\n", "x", "\n\n", "callgate-box/v1 x\nAAAA\n", "\xe2\x80\x94 callgate-bundle/lab AAAA\n"};
	struct buf b = {0};

	(void)state;
	make(7, "desk.lab", &b);
	/* In front, behind the first line, before the signature, behind it, at the end. */
	const uint8_t *text = buf_view(&b).p, *gap = memmem(text, b.len, "\n\n", 2), *dash = gap + 2, *boxes = (const uint8_t *)memchr(dash, '\n', 400) + 1;
	size_t at[] = {0, strlen("callgate-bundle/v1\n"), (size_t)(gap - text), (size_t)(gap - text) + 1, (size_t)(dash - text), (size_t)(boxes - text), b.len};
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		for (size_t k = 0; k < sizeof(more) / sizeof(*more); k++) {
			struct buf c = {0};
			assert_int_equal(buf_put(&c, view_head(buf_view(&b), at[i])), 0);
			assert_int_equal(buf_puts(&c, more[k]), 0);
			assert_int_equal(buf_put(&c, view_skip(buf_view(&b), at[i])), 0);
			assert_int_equal(opens(buf_view(&c), vkey), -ERR_DENIED);
			buf_free(&c);
		}
	}
	buf_free(&b);
}

static int opens_signed(const char *line, const char *boxes)
{
	struct buf b = {0};

	assert_int_equal(buf_printf(&b, "callgate-bundle/v1\n%s\n", line), 0);
	assert_int_equal(note_sign(signer, seed, 0, &b), 0);
	assert_int_equal(buf_puts(&b, boxes), 0);
	int r = opens(buf_view(&b), vkey);
	buf_free(&b);
	return r;
}

/* Signed, and yet not believed: the signer's program may be another one. */
static void test_manifests(void **state)
{
	static const struct {
		const char *put, *json;
	} bad[] = {{"version", "0"}, {"version", "-1"}, {"version", "\"7\""}, {"version", "7.0"}, {"host", "null"}, {"local", "[\"everything\"]"}, {"local", "[1]"},
	    {"local", "{}"}, {"policies", "[]"}, {"servers", "{}"}, {"vault", "\"\""}, {"vault", "\"zz\""}, {"more", "1"}, {"credentials", "[{}]"}, {"credentials", "[1]"},
	    {"credentials", "[{\"bytes\":1,\"name\":\"../x\",\"sha256\":\"\",\"type\":\"\"}]"}, {"credentials", "[{\"bytes\":-1,\"name\":\"x\",\"sha256\":\"\",\"type\":\"\"}]"},
	    {"credentials", "[{\"bytes\":9223372036854775807,\"name\":\"x\",\"sha256\":\"\",\"type\":\"\"}]"}, {"credentials", "[{\"bytes\":0,\"name\":\"x\",\"sha256\":\"\",\"type\":\"\"}]"}};
	json_t *m = manifest(7, "desk.lab", NULL);
	char *text = json_dumps(m, JSON_COMPACT | JSON_SORT_KEYS), *spaced = json_dumps(m, JSON_SORT_KEYS), line[4096];

	(void)state;
	assert_int_equal(opens_signed(text, ""), 0);
	assert_int_equal(opens_signed(text, "x"), -ERR_DENIED);
	assert_int_equal(opens_signed(spaced, ""), -ERR_MALFORMED);
	assert_int_equal(opens_signed("", ""), -ERR_DENIED); /* no text at all: two line ends in a row */
	assert_int_equal(opens_signed("[]", ""), -ERR_MALFORMED);
	assert_int_equal(opens_signed("{}", ""), -ERR_MALFORMED);
	/* A member twice. */
	snprintf(line, sizeof(line), "{\"version\":9,%s", text + 1);
	assert_int_equal(opens_signed(line, ""), -ERR_MALFORMED);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_t *c = json_deep_copy(m);
		json_object_set_new(c, bad[i].put, json_loads(bad[i].json, JSON_DECODE_ANY, NULL));
		if (strcmp(bad[i].json, "\"\"") == 0) /* credentials without a vault */
			json_object_set_new(c, "credentials", json_loads("[{\"bytes\":1,\"name\":\"x\",\"sha256\":\"\",\"type\":\"\"}]", 0, NULL));
		char *t = json_dumps(c, JSON_COMPACT | JSON_SORT_KEYS);
		assert_true(opens_signed(t, "x") < 0);
		free(t);
		json_decref(c);
	}
	/* Huge counts. */
	json_t *many = json_array();
	for (int i = 0; i <= PARCEL_ITEMS; i++)
		json_array_append_new(many, json_object());
	static const char *const list[] = {"servers", "grants", "credentials"};
	for (size_t i = 0; i < 3; i++) {
		json_t *c = json_deep_copy(m);
		json_object_set(c, list[i], many);
		char *t = json_dumps(c, JSON_COMPACT | JSON_SORT_KEYS);
		assert_int_equal(opens_signed(t, ""), -ERR_MALFORMED);
		free(t);
		json_decref(c);
	}
	json_decref(many);
	json_decref(m);
	free(text);
	free(spaced);
}

/* The same credential twice, one that is too long, more boxes than credentials. */
static void test_make(void **state)
{
	struct buf box[2] = {{0}, {0}}, out = {0};
	json_t *m = manifest(1, "desk.lab", "bot");
	char name[80];

	(void)state;
	assert_int_equal(buf_puts(&box[0], "a"), 0);
	assert_int_equal(buf_puts(&box[1], "b"), 0);
	assert_int_equal(parcel_make(m, box, 2, signer, seed, &out), -ERR_MALFORMED);
	assert_int_equal(parcel_make(m, box, 1, "callgate-collector/lab", seed, &out), -ERR_MALFORMED);
	json_array_append_new(json_object_get(m, "credentials"), json_pack("{s:s s:s}", "name", "bot", "type", "bearer"));
	assert_int_equal(parcel_make(m, box, 2, signer, seed, &out), -ERR_MALFORMED);
	memset(name, 'n', sizeof(name));
	name[PARCEL_NAME_MAX + 1] = '\0';
	json_object_set_new(json_array_get(json_object_get(m, "credentials"), 1), "name", json_string(name));
	assert_int_equal(parcel_make(m, box, 2, signer, seed, &out), -ERR_MALFORMED);
	name[PARCEL_NAME_MAX] = '\0';
	json_object_set_new(json_array_get(json_object_get(m, "credentials"), 1), "name", json_string(name));
	buf_reset(&out);
	assert_int_equal(parcel_make(m, box, 2, signer, seed, &out), 0);
	assert_int_equal(opens(buf_view(&out), vkey), 0);
	assert_true(parcel_signer("callgate-bundle/example.org") && !parcel_signer("callgate-bundle/") && !parcel_signer("callgate-bundle/a b") && !parcel_signer("x"));
	json_decref(m);
	buf_free(&box[0]);
	buf_free(&box[1]);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_every_bit), cmocka_unit_test(test_more_bytes), cmocka_unit_test(test_manifests),
	    cmocka_unit_test(test_make)};
	return cmocka_run_group_tests(tests, keys, NULL);
}
