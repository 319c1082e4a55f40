/*
 * chunked.c - see chunked.h.
 * Floor: codec.      Source: RFC 9112 7.1.
 * A byte machine for the framing; data is passed over in one step.  Strict CRLF everywhere: a lone CR or LF is where readers differ.
 */
#include "base/err.h"
#include "codec/chunked.h"

enum {
	DIGITS_MAX = 15,  /* of a chunk size: 60 bits, so that no sum overflows */
	EXTRA_MAX = 8192, /* of one chunk's extension; of all trailers */
};

enum state {
	SIZE,       /* zero: the first byte of a chunk */
	SIZE_LF,
	EXTENSION,
	DATA,
	DATA_CR,
	DATA_LF,
	LINE,       /* first byte of a trailer line, or of the end */
	TRAILER,
	TRAILER_LF,
	END_LF,
	DONE,
};

static int hex(uint8_t c)
{
	uint8_t l = c | 0x20;
	return c >= '0' && c <= '9' ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static int size_byte(struct chunked *c, uint8_t b)
{
	int d = hex(b);
	if (d >= 0) {
		if (c->digits == DIGITS_MAX)
			return -ERR_TOO_LONG;
		c->left = (c->digits++ ? c->left << 4 : 0) | (uint64_t)d;
		return SIZE;
	}
	if (!c->digits)
		return -ERR_MALFORMED;
	if (b == '\r')
		return SIZE_LF;
	if (b != ';' && b != ' ' && b != '\t')
		return -ERR_MALFORMED;
	c->extra = 0;
	return c->flags & CHUNKED_TRAILERS_OK ? EXTENSION : -ERR_UNSUPPORTED;
}

/* A byte of text that is skipped: ${lf_state} after its CR. */
static int skipped(struct chunked *c, uint8_t b, int state, int lf_state)
{
	if (b == '\r')
		return lf_state;
	if ((b < 0x20 && b != '\t') || b == 0x7f)
		return -ERR_MALFORMED;
	return ++c->extra > EXTRA_MAX ? -ERR_TOO_LONG : state;
}

static int line_byte(struct chunked *c, uint8_t b)
{
	if (b == '\r')
		return END_LF;
	if (!(c->flags & CHUNKED_TRAILERS_OK))
		return b > ' ' && b < 0x7f ? -ERR_UNSUPPORTED : -ERR_MALFORMED;
	if (b <= ' ' || b == ':') /* no folded line, no empty name */
		return -ERR_MALFORMED;
	return skipped(c, b, TRAILER, TRAILER_LF);
}

/* The next state, or an error, after framing byte ${b}. */
static int framing(struct chunked *c, uint8_t b)
{
	switch ((enum state)c->state) {
	case SIZE:
		return size_byte(c, b);
	case EXTENSION:
		return skipped(c, b, EXTENSION, SIZE_LF);
	case SIZE_LF:
		c->digits = 0;
		c->extra = 0;
		return b != '\n' ? -ERR_MALFORMED : c->left ? DATA : LINE;
	case DATA_CR:
		return b == '\r' ? DATA_LF : -ERR_MALFORMED;
	case DATA_LF:
		return b == '\n' ? SIZE : -ERR_MALFORMED;
	case LINE:
		return line_byte(c, b);
	case TRAILER:
		return skipped(c, b, TRAILER, TRAILER_LF);
	case TRAILER_LF:
		return b == '\n' ? LINE : -ERR_MALFORMED;
	case END_LF:
		return b == '\n' ? DONE : -ERR_MALFORMED;
	case DATA:
	case DONE:
		break;
	}
	return -ERR_MALFORMED;
}

long chunked_next(struct chunked *c, struct view in, struct view *data, bool *done)
{
	size_t i = 0;

	*data = view_of(NULL, 0);
	*done = false;
	while (i < in.n && c->state != DONE) {
		if (c->state == DATA) {
			if (data->n)
				break; /* a second run of data: the next call's */
			*data = view_head(view_skip(in, i), c->left < in.n ? (size_t)c->left : in.n);
			c->left -= data->n;
			i += data->n;
			if (c->left == 0)
				c->state = DATA_CR;
			continue;
		}
		int next = framing(c, in.p[i]);
		if (next < 0)
			return next;
		c->state = (uint8_t)next;
		i++;
	}
	*done = c->state == DONE;
	return (long)i;
}
