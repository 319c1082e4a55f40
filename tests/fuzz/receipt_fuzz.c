/*
 * receipt_fuzz.c - any bytes as a receipt, then as a collector's key.  What is read is written again as it was; what nobody signed is never verified;
 * a name in it stays inside its directory.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/receipt.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t seed[SIGN_SEED] = "the seed of a collector in fuzz";
static char vkey[NOTE_VKEY];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct view v = view_of(data, n);
	struct receipt r, again;
	struct buf b = {.max = 2 * RECEIPT_MAX};
	char name[NOTE_NAME];
	uint8_t key[SIGN_PUBLIC];

	if (!vkey[0] && (sign_public(seed, key) || note_vkey("collector", key, vkey)))
		abort();
	/* Its key is not among the inputs. */
	if (receipt_verify(v, view_str(vkey), &r) == 0 || r.segment[0])
		abort();
	if (receipt_read(v, &r) == 0) {
		if (strchr(r.segment, '/') || r.segment[0] == '.' || r.names.last < r.names.first)
			abort();
		if (receipt_make(&r, "collector", seed, &b) || receipt_verify(buf_view(&b), view_str(vkey), &again))
			abort();
		const uint8_t *gap = memmem(data, n, "\n\n", 2);
		if (!gap || !view_starts(buf_view(&b), view_of(data, (size_t)(gap - data) + 2)))
			abort();
	}
	buf_free(&b);
	if (note_key(v, name, key) == 0) {
		char made[NOTE_VKEY];
		if (note_vkey(name, key, made) || !view_is(v, made))
			abort();
	}
	return 0;
}
