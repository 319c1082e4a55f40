/*
 * json_internal.h - what the files of the JSON scanner share.
 * Floor: codec.      Source: RFC 8259 7, RFC 3629 4.
 */
#ifndef CODEC_JSON_INTERNAL_H
#define CODEC_JSON_INTERNAL_H

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "codec/json.h"

/** json_plain_run(p, end): The first byte from ${p} on that is not printable ASCII, or is '"' or '\\'; ${end} when there is none. */
static inline const uint8_t *json_plain_run(const uint8_t *p, const uint8_t *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), ctl = _mm_set1_epi8(0x1f);
	for (; end - p >= 16; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)p);
		__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash));
		stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(x, ctl), x));
		int mask = _mm_movemask_epi8(_mm_or_si128(stop, x)); /* x itself brings its high bits */
		if (mask)
			return p + __builtin_ctz((unsigned)mask);
	}
#else
	const uint64_t one = 0x0101010101010101ull, high = one << 7;
	for (; end - p >= 8; p += 8) {
		uint64_t x, q, s;
		memcpy(&x, p, 8);
		q = x ^ (one * '"');
		s = x ^ (one * '\\');
		if (((x - one * 0x20) | (q - one) | (s - one) | x) & high)
			break; /* may be too careful by a borrow; the loop below decides */
	}
#endif
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/**
 * json_utf8(p, end):
 * The length of the well-formed sequence of two to four bytes at ${p}, where a byte >= 0x80 stands.
 * 0: ${end} cuts a sequence that is good so far; -1: not UTF-8 (overlong, surrogate, above U+10FFFF).
 */
int json_utf8(const uint8_t *p, const uint8_t *end);

/* The bytes of a string that the scanner accepted, unescaped one by one.  Set p and end to what lies between the quotes. */
struct json_bytes {
	const uint8_t *p, *end;
	uint8_t out[4], n, i;
};

/** json_bytes_next(it): The next byte, or -1 at the end. */
int json_bytes_next(struct json_bytes *it);

/** json_hex4(p): The value of four hexadecimal digits, or -1. */
long json_hex4(const uint8_t *p);

/** json_key_view(doc, n): The raw key of member ${n}. */
static inline struct view json_key_view(const struct json_doc *doc, const struct json_node *n)
{
	return view_of(doc->in.p + n->key_off, n->key_len);
}

/**
 * json_keys_check(doc, at, escapes, off):
 * No key twice in the object node[at], whose children are complete; ${escapes}: some key holds a backslash.
 * 0, -ERR_DUPLICATE_KEY or -ERR_TOO_LONG, and in ${off} the key at fault.
 */
int json_keys_check(struct json_doc *doc, uint32_t at, bool escapes, uint32_t *off);

#endif
