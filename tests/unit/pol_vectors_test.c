/* pol_vectors_test.c - the conformance vectors, and that the runner can fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <fcntl.h>
#include <cmocka.h>

#include "base/fd.h"
#include "policy/pol_vectors.h"

struct lines {
	char text[8192];
	unsigned n;
};

static void keep(void *arg, const char *line)
{
	struct lines *l = arg;
	size_t at = strlen(l->text);
	snprintf(l->text + at, sizeof(l->text) - at, "%s\n", line);
	l->n++;
}

static struct buf file(const char *name)
{
	struct buf b = {0};
	assert_int_equal(fd_slurp(AT_FDCWD, name, 1 << 20, &b), 0);
	return b;
}

static struct buf vectors(void)
{
	return file("tests/data/vectors/policy.json");
}

static void all_pass(void **state)
{
	struct lines l = {"", 0};
	struct buf b = vectors();
	(void)state;
	int failed = pol_vectors_run(buf_view(&b), 0, keep, &l);
	if (failed)
		fail_msg("%s", l.text);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.text, "69 passed, 0 failed\n");
	buf_free(&b);
}

/* Our own: what x-callgate adds. */
static void additions_pass(void **state)
{
	struct lines l = {"", 0};
	struct buf b = file("tests/data/vectors/x-callgate.json");
	(void)state;
	if (pol_vectors_run(buf_view(&b), 0, keep, &l))
		fail_msg("%s", l.text);
	assert_string_equal(l.text, "46 passed, 0 failed\n");
	buf_free(&b);
}

/* Only the vector with an upstream error can tell the switch. */
static void keeping_charges_on_errors_shows(void **state)
{
	struct lines l = {"", 0};
	struct buf b = vectors();
	(void)state;
	assert_int_equal(pol_vectors_run(buf_view(&b), POL_VECTORS_KEEP_ON_ERROR, keep, &l), 1);
	assert_non_null(strstr(l.text, "vector 59: got deny \"/all_tools/limits/calls-per-minute\", expected "));
	buf_free(&b);
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *file, *line;
		int ret;
	} t[] = {
	    {"{\"vectors\":[{\"id\":1,\"policy\":null,\"calls\":[{\"tool\":\"t\"}],\"expect\":{\"verdict\":\"deny\",\"rule\":\"(no policy)\"}}]}", "1 passed, 0 failed\n", 0},
	    {"{\"vectors\":[{\"id\":1,\"policy\":null,\"calls\":[{\"tool\":\"t\"}],\"expect\":{\"verdict\":\"allow\",\"rule\":\"\"}}]}",
	     "vector 1: got deny \"(no policy)\", expected {\"verdict\":\"allow\",\"rule\":\"\"}\n0 passed, 1 failed\n", 1},
	    {"{\"vectors\":[{\"id\":2,\"policy\":\"P\",\"calls\":[{\"tool\":\"t\"}],\"expect\":{}}]}", "vector 2: no such policy\n0 passed, 1 failed\n", 1},
	    {"{\"vectors\":[{\"policy\":{\"version\":1},\"calls\":[{\"tool\":\"t\"}],\"expect\":{}}]}",
	     "vector #0: the policy does not load: /version: must be the string \"1\"\n0 passed, 1 failed\n", 1},
	    {"{\"vectors\":[{\"id\":3,\"policy\":null,\"calls\":[],\"expect\":{}}]}", "vector 3: needs calls and expect\n0 passed, 1 failed\n", 1},
	    {"{\"vectors\":[{\"id\":4,\"policy\":null,\"calls\":[{}],\"expect\":{}}]}",
	     "vector 4: a call needs a tool, and an upstream that is \"ok\" or \"err\"\n0 passed, 1 failed\n", 1},
	    {"{\"vectors\":[]}", "no vectors: the file needs an array \"vectors\" that is not empty\n", -1},
	    {"{\"vectors\":[}", "line 1, column 13: the input breaks its format\n", -1},
	    {"", "line 1, column 1: the input breaks its format\n", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct lines l = {"", 0};
		int r = pol_vectors_run(view_str(t[i].file), 0, keep, &l);
		assert_string_equal(l.text, t[i].line);
		assert_int_equal(r < 0 ? -1 : r, t[i].ret);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_pass),
	    cmocka_unit_test(additions_pass),
	    cmocka_unit_test(keeping_charges_on_errors_shows),
	    cmocka_unit_test(says_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
