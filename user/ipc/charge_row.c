/* charge_row.c - see charge_row.h. */
#include <string.h>

#include "base/err.h"
#include "ipc/charge_row.h"

struct head { /* before the four texts */
	uint32_t uid;
	uint16_t len[4];
};

int charge_row_put(struct buf *b, const struct charge_row *row)
{
	const struct view text[] = {row->grant, row->server, row->tool, row->charge};
	struct head h = {.uid = row->uid};

	for (size_t i = 0; i < 4; i++) {
		if (text[i].n > UINT16_MAX)
			return -ERR_TOO_LONG;
		h.len[i] = (uint16_t)text[i].n;
	}
	int r = buf_put(b, view_of(&h, sizeof(h)));
	for (size_t i = 0; !r && i < 4; i++)
		r = buf_put(b, text[i]);
	return r;
}

int charge_row_take(struct view *in, struct charge_row *row)
{
	struct view *const text[] = {&row->grant, &row->server, &row->tool, &row->charge};
	struct head h;

	if (!in->n)
		return 0;
	if (in->n < sizeof(h))
		return -ERR_MALFORMED;
	memcpy(&h, in->p, sizeof(h));
	*in = view_skip(*in, sizeof(h));
	row->uid = h.uid;
	for (size_t i = 0; i < 4; i++) {
		if (in->n < h.len[i])
			return -ERR_MALFORMED;
		*text[i] = view_head(*in, h.len[i]);
		*in = view_skip(*in, h.len[i]);
	}
	return 1;
}
