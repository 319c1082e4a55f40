/*
 * http1_internal.h - what the readers of HTTP/1 heads share.
 * Floor: codec.      Source: RFC 9110 5.5, 5.6.2.
 */
#ifndef CODEC_HTTP1_INTERNAL_H
#define CODEC_HTTP1_INTERNAL_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "codec/http1.h"

/* 1 for the bytes of a token. */
extern const uint8_t http1_tchar[256];

/** http1_text_run(p, end): The first control byte (below 0x20, or 0x7f) from ${p} on; ${end} when there is none. */
static inline const uint8_t *http1_text_run(const uint8_t *p, const uint8_t *end)
{
#ifdef __SSE2__
	const __m128i ctl = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)p);
		__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(x, ctl), x), _mm_cmpeq_epi8(x, del));
		int mask = _mm_movemask_epi8(stop);
		if (mask)
			return p + __builtin_ctz((unsigned)mask);
	}
#endif
	while (p < end && *p >= 0x20 && *p != 0x7f)
		p++;
	return p;
}

/** http1_is_token(v): One or more token bytes. */
static inline bool http1_is_token(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!http1_tchar[v.p[i]])
			return false;
	return v.n > 0;
}

/** http1_trim(v): ${v} without spaces and tabs at its edges. */
static inline struct view http1_trim(struct view v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = view_of(v.p + 1, v.n - 1);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

#endif
