/* hex.c - see hex.h. */
#include "base/err.h"
#include "base/hex.h"

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_bytes(struct view hex, uint8_t *out, size_t n)
{
	if (hex.n != 2 * n)
		return -ERR_MALFORMED;
	for (size_t i = 0; i < n; i++) {
		int hi = digit(hex.p[2 * i]), lo = digit(hex.p[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return -ERR_MALFORMED;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}
