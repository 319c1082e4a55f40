/* placeholder_test.c - fake keys: how they are read, where they are found in a text and where they belong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "policy/world.h"

#define A_CORE "Qz7xKw0123456789abcdefghijABCDEFGHIJ" /* mark, and 30 */
#define B_CORE "Qz7xKwzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
#define OLD_CORE "77zzPP0123456789abcdefghijABCDEFGHIJ" /* of another mark */
#define NOBODYS "Qz7xKw1123456789abcdefghijABCDEFGHIJ"

static const char *sum(const char *core)
{
	static char hex[4][65];
	static unsigned next;
	char *out = hex[next++ & 3];
	uint8_t d[32];
	unsigned n = 0;

	assert_int_equal(EVP_Digest(core, PLACEHOLDER_LEN, d, &n, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", d[i]);
	return out;
}

static int load(const char *placeholders, struct world **w)
{
	char text[4096], why[256] = "";

	snprintf(text, sizeof(text), "{\"generation\":1,\"mode\":\"enforce\",\"servers\":["
	    "{\"name\":\"a\",\"match\":[{\"host\":\"one.example\",\"path\":\"/a\"}],\"credential\":\"ka\"},"
	    "{\"name\":\"b\",\"match\":[{\"host\":\"one.example\",\"path\":\"/b\"},{\"host\":\"two.example\",\"port\":8443}],\"credential\":\"kb\"},"
	    "{\"name\":\"c\",\"match\":[{\"host\":\"three.example\"}]}],"
	    "\"grants\":[{\"id\":\"g\",\"uid\":1,\"server\":\"c\",\"credential\":\"ka\"},{\"id\":\"h\",\"uid\":1,\"server\":\"a\"}],\"policies\":{}%s}", placeholders);
	int r = world_load(view_str(text), why, sizeof(why), w);
	if (r)
		assert_string_not_equal(why, "");
	return r;
}

static struct world *usual(void)
{
	char text[1024];
	struct world *w;

	snprintf(text, sizeof(text), ",\"placeholders\":[{\"id\":\"pa\",\"credential\":\"ka\",\"mark\":\"Qz7xKw\",\"sha256\":\"%s\"},"
	    "{\"id\":\"pb\",\"credential\":\"kb\",\"mark\":\"Qz7xKw\",\"sha256\":\"%s\"},{\"id\":\"po\",\"credential\":\"gone\",\"mark\":\"77zzPP\",\"sha256\":\"%s\"}]",
	    sum(A_CORE), sum(B_CORE), sum(OLD_CORE));
	assert_int_equal(load(text, &w), 0);
	return w;
}

static void bad_ones_do_not_load(void **state)
{
	static const char *const bad[] = {",\"placeholders\":{}", ",\"placeholders\":[1]", ",\"placeholders\":[{}]",
	    ",\"placeholders\":[{\"id\":\"p\",\"credential\":\"k\",\"mark\":\"Qz7xK\",\"sha256\":\"" "00000000000000000000000000000000" "00000000000000000000000000000000" "\"}]",
	    ",\"placeholders\":[{\"id\":\"p\",\"credential\":\"k\",\"mark\":\"Qz7x-w\",\"sha256\":\"" "00000000000000000000000000000000" "00000000000000000000000000000000" "\"}]",
	    ",\"placeholders\":[{\"id\":\"p\",\"credential\":\"k\",\"mark\":\"Qz7xKw\",\"sha256\":\"" "0000000000000000000000000000000g" "00000000000000000000000000000000" "\"}]",
	    ",\"placeholders\":[{\"id\":\"p\",\"credential\":\"k\",\"mark\":\"Qz7xKw\",\"sha256\":\"00\"}]",
	    ",\"placeholders\":[{\"id\":\"\",\"credential\":\"k\",\"mark\":\"Qz7xKw\",\"sha256\":\"" "00000000000000000000000000000000" "00000000000000000000000000000000" "\"}]"};
	struct world *w;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (load(bad[i], &w) == 0)
			fail_msg("loaded: %s", bad[i]);
	assert_int_equal(load("", &w), 0);
	assert_null(world_stray(w, view_str(A_CORE), NULL, view_of(NULL, 0), 0));
	world_unref(&w);
	assert_int_equal(load(",\"placeholders\":[]", &w), 0);
	assert_null(world_stray(w, view_str(A_CORE), NULL, view_of(NULL, 0), 0));
	world_unref(&w);
}

static void where_it_belongs(void **state)
{
	static const struct {
		const char *text, *server, *host; /* server "": none */
		uint16_t port;
		const char *stray; /* "": none */
	} row[] = {
	    {A_CORE, "", "", 0, "pa"}, {A_CORE, "a", "one.example", 443, ""}, {A_CORE, "b", "one.example", 443, "pa"}, {A_CORE, "c", "three.example", 443, ""},
	    {A_CORE, "", "one.example", 443, ""}, {A_CORE, "", "ONE.example", 443, ""}, {A_CORE, "", "one.example", 80, "pa"}, {A_CORE, "", "two.example", 8443, "pa"},
	    {A_CORE, "", "evil.example", 443, "pa"}, {B_CORE, "", "two.example", 8443, ""}, {B_CORE, "a", "one.example", 443, "pb"},
	    {OLD_CORE, "a", "one.example", 443, "po"}, {NOBODYS, "", "", 0, ""},
	    {"Authorization: Bearer ghp_" A_CORE "\r\n", "", "", 0, "pa"}, {"x" A_CORE "yyyy", "", "", 0, "pa"}, {"Qz7xKw" A_CORE, "", "", 0, "pa"},
	    {"Qz7xKQz7xKw Qz7xKw " A_CORE, "", "", 0, "pa"}, {A_CORE " " B_CORE, "a", "one.example", 443, "pb"}, {B_CORE " " A_CORE, "b", "one.example", 443, "pa"},
	    {"Qz7xKw0123456789abcdefghij-BCDEFGHIJK", "", "", 0, ""}, {"qz7xkw0123456789ABCDEFGHIJabcdefghij", "", "", 0, ""}, {"", "", "", 0, ""}, {"Qz7xKw", "", "", 0, ""},
	};
	struct world *w = usual();

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct placeholder *p = world_stray(w, view_str(row[i].text), world_server_named(w, view_str(row[i].server)), view_str(row[i].host), row[i].port);
		if (strcmp(p ? p->id : "", row[i].stray) != 0)
			fail_msg("row %zu: %s", i, p ? p->id : "none");
	}
	/* Cut at either end: none, and nothing beyond the end is read. */
	for (size_t n = 0; n < PLACEHOLDER_LEN; n++) {
		char *heap = malloc(n + 1);
		memcpy(heap, A_CORE, n);
		assert_null(world_stray(w, view_of(heap, n), NULL, view_of(NULL, 0), 0));
		free(heap);
		if (n)
			assert_null(world_stray(w, view_str(A_CORE + n), NULL, view_of(NULL, 0), 0));
	}
	world_unref(&w);
}

/* Who knows the mark cannot make the worker count for ever, nor hide a key behind many. */
static void many_marks(void **state)
{
	static char text[4 << 20];
	struct world *w = usual();

	(void)state;
	for (size_t i = 0; i + 6 <= sizeof(text); i += 6)
		memcpy(text + i, "Qz7xKw", 6);
	memcpy(text + sizeof(text) - PLACEHOLDER_LEN, A_CORE, PLACEHOLDER_LEN);
	const struct placeholder *p = world_stray(w, view_of(text, sizeof(text)), world_server_named(w, VIEW_LIT("a")), view_str("one.example"), 443);
	assert_non_null(p);
	assert_string_equal(p->id, "(many)");
	assert_null(world_stray(w, view_of(text, 6 * PLACEHOLDER_TRIES), NULL, view_of(NULL, 0), 0));
	world_unref(&w);
}

static void blanked(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {{"", ""}, {"x" A_CORE "y", "x************************************y"}, {"Qz7xKw", "******"}, {"a Qz7xKwab-c", "a ********-c"}, {OLD_CORE "1", "************************************1"},
	    {"Qz7xK", "Qz7xK"}};
	struct world *w = usual();
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		snprintf(text, sizeof(text), "%s", row[i].in);
		world_blank(w, (uint8_t *)text, strlen(text));
		assert_string_equal(text, row[i].out);
	}
	world_unref(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_ones_do_not_load),
	    cmocka_unit_test(where_it_belongs),
	    cmocka_unit_test(many_marks),
	    cmocka_unit_test(blanked),
	};
	return cmocka_run_group_tests_name("placeholder", tests, NULL, NULL);
}
