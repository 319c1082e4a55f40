/* gzip_aid.h - what gzip -t says of some bytes. */
#ifndef GZIP_AID_H
#define GZIP_AID_H

#include <zlib.h>

#include "base/view.h"

/* Every member inflates, every checksum is right, nothing follows. */
static inline bool gzip_whole(struct view v)
{
	static uint8_t text[1 << 16];
	z_stream z = {0};
	int r = Z_OK;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return false;
	union { /* inflate() does not write through next_in; its type cannot say so */
		const uint8_t *in;
		uint8_t *out;
	} p = {v.p};
	z.next_in = p.out;
	z.avail_in = (uInt)v.n;
	while (z.avail_in && (r == Z_OK || r == Z_STREAM_END)) {
		if (r == Z_STREAM_END)
			inflateReset(&z);
		do {
			z.next_out = text;
			z.avail_out = sizeof(text);
			r = inflate(&z, Z_NO_FLUSH);
		} while (r == Z_OK && (z.avail_in || !z.avail_out));
	}
	inflateEnd(&z);
	return r == Z_STREAM_END;
}

#endif
