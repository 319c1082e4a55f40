/*
 * bundle_fuzz.c - any bytes as a signed bundle: none is believed, since the key is not among the inputs.  Then the same bytes as what a signer
 * signed: the first line as the manifest, the rest as boxes.  What opens is made again byte for byte.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/parcel.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t seed[SIGN_SEED] = "the seed of a signer in the fuzz";
static char vkey[NOTE_VKEY];

static void again(const struct parcel *p, struct view file)
{
	static struct buf box[PARCEL_CREDENTIALS];
	struct buf out = {0};
	json_t *m = json_deep_copy(p->manifest);

	for (size_t i = 0; i < p->n; i++)
		if (buf_put(&box[i], p->box[i]))
			abort();
	if (parcel_make(m, box, p->n, PARCEL_SIGNER "lab", seed, &out) || !view_eq(buf_view(&out), file))
		abort();
	for (size_t i = 0; i < p->n; i++)
		buf_free(&box[i]);
	json_decref(m);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct view v = view_of(data, n);
	struct parcel p;
	struct buf b = {0};
	uint8_t key[SIGN_PUBLIC];
	char why[PARCEL_WHY];
	const uint8_t *nl = n ? memchr(data, '\n', n) : NULL;
	size_t line = nl ? (size_t)(nl - data) : n;

	if (!vkey[0] && (sign_public(seed, key) || note_vkey(PARCEL_SIGNER "lab", key, vkey)))
		abort();
	if (parcel_open(v, vkey, &p, why) != -ERR_DENIED || !why[0])
		abort();
	parcel_free(&p);
	if (buf_puts(&b, "callgate-bundle/v1\n") || buf_put(&b, view_head(v, line)) || buf_puts(&b, "\n") || note_sign(PARCEL_SIGNER "lab", seed, 0, &b) ||
	    buf_put(&b, view_skip(v, line + 1)))
		abort();
	int r = parcel_open(buf_view(&b), vkey, &p, why);
	if (r == 0)
		again(&p, buf_view(&b));
	else if (!why[0] || strchr(why, '\n'))
		abort();
	parcel_free(&p);
	buf_free(&b);
	return 0;
}
