/* receipt_test.c - receipts of a collector: made, read, verified; everything that is changed in one is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audit/receipt.h"
#include "base/err.h"

static const uint8_t seed[SIGN_SEED] = "thirty-two bytes of a test's key", other[SIGN_SEED] = "some other collector's own key  ";
static const char collector[] = "collector.example/fleet";
static char vkey[NOTE_VKEY];

static struct receipt sample(void)
{
	struct receipt r = {.trail = "audit", .segment = "ws-1-000002-000000000011-000000000940-00112233445566aa.jsonl.gz",
	    .received = "2026-11-03T10:00:00Z"};

	assert_int_equal(chain_unhex(VIEW_LIT("00112233445566aa00112233445566aa00112233445566aa00112233445566aa"), r.sha256, CHAIN_LEN), 0);
	return r;
}

static int setup(void **state)
{
	uint8_t key[SIGN_PUBLIC];

	(void)state;
	return sign_public(seed, key) || note_vkey(collector, key, vkey);
}

static void test_round(void **state)
{
	struct buf b = {.max = RECEIPT_MAX};
	struct receipt r = sample(), got;

	(void)state;
	assert_int_equal(receipt_make(&r, collector, seed, &b), 0);
	assert_int_equal(receipt_verify(buf_view(&b), view_str(vkey), &got), 0);
	assert_string_equal(got.segment, r.segment);
	assert_string_equal(got.trail, "audit");
	assert_string_equal(got.received, r.received);
	assert_string_equal(got.names.host, "ws-1");
	assert_int_equal(got.names.first, 11);
	assert_int_equal(got.names.last, 940);
	assert_memory_equal(got.sha256, r.sha256, CHAIN_LEN);
	buf_free(&b);
}

/* Any bit of it, a byte less, a byte more; what comes after the first signature line may be other signatures. */
static void test_changed(void **state)
{
	struct buf b = {.max = RECEIPT_MAX};
	struct receipt r = sample(), got;
	uint8_t text[RECEIPT_MAX + 1];

	(void)state;
	assert_int_equal(receipt_make(&r, collector, seed, &b), 0);
	size_t n = b.len;
	for (size_t i = 0; i < n - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(text, buf_view(&b).p, n);
			text[i] ^= (uint8_t)(1 << bit);
			if (receipt_verify(view_of(text, n), view_str(vkey), &got) == 0)
				fail_msg("byte %zu bit %d: not found", i, bit);
			assert_string_equal(got.segment, "");
		}
	for (size_t i = 0; i < n - 1; i++)
		assert_true(receipt_verify(view_of(buf_view(&b).p, i), view_str(vkey), &got) < 0);
	for (size_t i = 0; i < n - 1; i++) {
		memcpy(text, buf_view(&b).p, i);
		memcpy(text + i, "\n", 1);
		memcpy(text + i + 1, buf_view(&b).p + i, n - i);
		bool tail = memmem(text, i + 2, "\n\n", 2); /* an empty line among signatures says nothing */
		if (!tail)
			assert_true(receipt_verify(view_of(text, n + 1), view_str(vkey), &got) < 0);
	}
	buf_free(&b);
}

static void test_keys(void **state)
{
	struct buf b = {.max = RECEIPT_MAX};
	struct receipt r = sample(), got;
	uint8_t key[SIGN_PUBLIC];
	char second[NOTE_VKEY], name[NOTE_NAME], bad[NOTE_VKEY];

	(void)state;
	assert_int_equal(sign_public(other, key), 0);
	assert_int_equal(note_vkey(collector, key, second), 0);
	assert_int_equal(receipt_make(&r, collector, other, &b), 0);
	assert_int_equal(receipt_verify(buf_view(&b), view_str(vkey), &got), -ERR_CORRUPT);
	assert_int_equal(receipt_verify(buf_view(&b), view_str(second), &got), 0);
	/* The right key under another name. */
	assert_int_equal(note_vkey("somebody", key, second), 0);
	assert_int_equal(receipt_verify(buf_view(&b), view_str(second), &got), -ERR_CORRUPT);
	buf_free(&b);

	assert_int_equal(note_key(view_str(vkey), name, key), 0);
	assert_string_equal(name, collector);
	for (size_t i = 0; i < strlen(vkey); i++) {
		snprintf(bad, sizeof(bad), "%s", vkey);
		bad[i] ^= 1;
		assert_true(note_key(view_str(bad), name, key) < 0);
		assert_string_equal(name, "");
		assert_true(note_key(view_of(vkey, i), name, key) < 0);
	}
	assert_true(note_key(view_str(""), name, key) < 0);
}

static const char good[] = "callgate-receipt/v1\nhost ws-1\ntrail audit\nsegment ws-1-000002-000000000011-000000000940-00112233445566aa.jsonl.gz\n"
			   "sha256 00112233445566aa00112233445566aa00112233445566aa00112233445566aa\nfirst 11\nlast 940\nreceived 2026-11-03T10:00:00Z\n";

/* ${good} with the first ${from} exchanged, signed, verified. */
static int verified(const char *from, const char *to)
{
	struct buf b = {.max = RECEIPT_MAX};
	struct receipt got;
	const char *at = strstr(good, from);

	assert_non_null(at);
	assert_int_equal(buf_printf(&b, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from)), 0);
	assert_int_equal(note_sign(collector, seed, 0, &b), 0);
	int r = receipt_verify(buf_view(&b), view_str(vkey), &got);
	buf_free(&b);
	return r;
}

/* What a receipt may not say, also when its collector signs it. */
static void test_contradictions(void **state)
{
	static const struct {
		const char *from, *to;
	} bad[] = {
	    {"receipt/v1", "receipt/v2"},
	    {"host ws-1", "host ws-2"},
	    {"trail audit", "trail other"},
	    {"trail audit\n", ""},
	    {"first 11", "first 1"},
	    {"first 11", "first 011"},
	    {"last 940", "last 941"},
	    {"last 940", "last 18446744073709552556"},
	    {"000000000940", "000000000010"},
	    {"-000000000940", "-940"},
	    {"sha256 00112233445566aa", "sha256 00112233445566ab"},
	    {"66aa\nfirst", "66AA\nfirst"},
	    {"2026-11-03T10:00:00Z", "yesterday"},
	    {"00Z\n", "00Z\nmore x\n"},
	    {good, ""},
	};

	(void)state;
	assert_int_equal(verified("v1", "v1"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (verified(bad[i].from, bad[i].to) != -ERR_MALFORMED)
			fail_msg("\"%s\" for \"%s\" was taken", bad[i].to, bad[i].from);
	/* A name that leaves its directory, in both places. */
	struct buf b = {.max = RECEIPT_MAX};
	struct receipt r = sample();
	snprintf(r.segment, sizeof(r.segment), "../ws-000002-000000000011-000000000940-00112233445566aa.jsonl.gz");
	assert_int_equal(receipt_make(&r, collector, seed, &b), -ERR_MALFORMED);
	r = sample();
	r.sha256[0] ^= 1;
	assert_int_equal(receipt_make(&r, collector, seed, &b), -ERR_MALFORMED);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round),
	    cmocka_unit_test(test_changed),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_contradictions),
	};
	return cmocka_run_group_tests_name("receipt", tests, setup, NULL);
}
