/*
 * status_fuzz.c - lines of a store as a workstation may have written them, seals of its own key among them: what status makes of them is
 * bounded, its hashes are hashes, and no sum overflows.
 */
#include <stdlib.h>

#include "fleet/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static bool hash_or_none(const char *s)
{
	return !*s || (strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct status_host h = {.host = "ws"};
	struct view v = view_of(data, size);

	while (v.n) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
		check(status_line(&h, line, line.n % 2) == 0);
		v = view_skip(v, line.n + 1);
	}
	check(gap_end(&h.gaps, (struct wall){INT64_MAX}, GAP_NOT_COLLECTED) == 0);
	check(h.gaps.n <= GAPS_MAX && hash_or_none(h.policy) && hash_or_none(h.config) && hash_or_none(h.binary) && hash_or_none(h.bundle_hash));
	for (size_t i = 0; i < h.gaps.n; i++)
		check(h.gaps.at[i].cause < GAP_CAUSES && gap_name(h.gaps.at[i].cause));
	status_free(&h);
	return 0;
}
