/*
 * le.h - numbers as little-endian bytes, in files.
 * Floor: base.      Pure.
 */
#ifndef BASE_LE_H
#define BASE_LE_H

#include <stdint.h>

/** le_put(p, v, bytes), le_get(p, bytes): The low 1 to 8 ${bytes} of ${v}. */
static inline void le_put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t le_get(const uint8_t *p, int bytes)
{
	uint64_t v = 0;
	for (int i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

#endif
