/*
 * hello.c - see hello.h.
 * Floor: codec.      Source: RFC 8446 4.1.2, 4.2, 5.1; RFC 6066 3; RFC 7301 3.1; RFC 9849 (encrypted_client_hello).
 * The message may be spread over several records; it is then put together on the stack.
 */
#include "base/err.h"
#include "codec/hello.h"

enum {
	RECORD_HEAD = 5, RECORD_MAX = 16384, RECORDS = 64, /* fragments of one hello: a client needs two or three */
	TYPE_HANDSHAKE = 22, MSG_CLIENT_HELLO = 1, MSG_HEAD = 4,
	EXT_NAME = 0, EXT_ALPN = 16, EXT_ECH = 0xfe0d, EXT_ESNI = 0xffce,
};

/* Reads big-endian fields; ${bad} sticks once something did not fit. */
struct reader {
	struct view v;
	bool bad;
};

static unsigned number(struct reader *r, size_t bytes)
{
	unsigned n = 0;
	if (r->v.n < bytes) {
		r->bad = true;
		r->v.n = 0;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++)
		n = n << 8 | r->v.p[i];
	r->v = view_of(r->v.p + bytes, r->v.n - bytes);
	return n;
}

static struct reader bytes(struct reader *r, size_t n)
{
	struct reader out = {.v = view_of(r->v.p, n)};
	if (r->v.n < n) {
		r->bad = true;
		r->v.n = 0;
		return (struct reader){.bad = true};
	}
	r->v = view_of(r->v.p + n, r->v.n - n);
	return out;
}

/* A vector with a length of ${prefix} bytes in front. */
static struct reader vector(struct reader *r, size_t prefix)
{
	return bytes(r, number(r, prefix));
}

static bool copy_name(struct view v, struct hello *out)
{
	if (v.n && v.p[v.n - 1] == '.') /* the root's dot: the same name */
		v.n--;
	if (v.n == 0 || v.n >= HELLO_NAME)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
			return false;
		out->name[i] = (char)c;
	}
	return true;
}

/* Exactly one entry, of type host_name: no other type was ever defined, and two names would be two readings. */
static bool server_name(struct reader *ext, struct hello *out)
{
	struct reader list = vector(ext, 2);
	unsigned type = number(&list, 1);
	struct reader name = vector(&list, 2);
	return !list.bad && list.v.n == 0 && type == 0 && copy_name(name.v, out);
}

static bool alpn(struct reader *ext, struct hello *out)
{
	struct reader list = vector(ext, 2);
	if (list.bad || list.v.n == 0)
		return false;
	out->alpn_any = true;
	while (list.v.n) {
		struct reader proto = vector(&list, 1);
		if (list.bad || proto.v.n == 0)
			return false;
		out->alpn_http11 |= view_is(proto.v, "http/1.1");
		out->alpn_h2 |= view_is(proto.v, "h2");
	}
	return true;
}

static bool extensions(struct reader list, struct hello *out)
{
	bool names = false, protocols = false;
	while (list.v.n) {
		unsigned type = number(&list, 2);
		struct reader ext = vector(&list, 2);
		if (list.bad)
			return false;
		if (type == EXT_NAME) {
			if (names || !server_name(&ext, out) || ext.v.n || ext.bad)
				return false;
			names = true;
		} else if (type == EXT_ALPN) {
			if (protocols || !alpn(&ext, out) || ext.v.n || ext.bad)
				return false;
			protocols = true;
		} else if (type == EXT_ECH || type == EXT_ESNI) {
			out->ech = true;
		}
	}
	return true;
}

/* The body of a ClientHello. */
static bool client_hello(struct view body, struct hello *out)
{
	struct reader r = {.v = body};
	unsigned version = number(&r, 2);
	bytes(&r, 32); /* random */
	struct reader session = vector(&r, 1), ciphers = vector(&r, 2), compression = vector(&r, 1);
	if (r.bad || version >> 8 != 3 || session.v.n > 32 || ciphers.v.n < 2 || ciphers.v.n % 2 || compression.v.n == 0)
		return false;
	if (r.v.n == 0)
		return true; /* TLS 1.2 without extensions */
	struct reader list = vector(&r, 2);
	return !r.bad && r.v.n == 0 && extensions(list, out);
}

int hello_looks_like(struct view in)
{
	/*
	 * Servers ignore the version of the first record, as RFC 8446 5.1 tells them to: OpenSSL its low byte, Go all but the top four
	 * bits.  Where it is odd, the type of the message decides.
	 */
	if (in.n && in.p[0] != TYPE_HANDSHAKE)
		return -1;
	if (in.n > 1 && in.p[1] >= 0x10)
		return -1;
	if (in.n < 3)
		return 0;
	if (in.p[1] == 3)
		return 1;
	if (in.n <= RECORD_HEAD)
		return 0;
	return in.p[RECORD_HEAD] == MSG_CLIENT_HELLO ? 1 : -1;
}

/* One record at ${at} of ${in}: its payload.  1, 0 for more, or an error. */
static int record(struct view in, size_t at, struct view *payload)
{
	struct view r = view_skip(in, at);
	*payload = view_of(NULL, 0);
	if (r.n && hello_looks_like(r) < 0)
		return -ERR_MALFORMED;
	if (r.n < RECORD_HEAD)
		return 0;
	size_t len = (size_t)r.p[3] << 8 | r.p[4];
	if (len == 0 || len > RECORD_MAX)
		return -ERR_MALFORMED;
	*payload = view_head(view_skip(r, RECORD_HEAD), len);
	return payload->n == len;
}

/* The length of the message that begins with ${msg}: > 0, 0 for more, or an error. */
static long message_length(struct view msg)
{
	if (msg.n && msg.p[0] != MSG_CLIENT_HELLO)
		return -ERR_MALFORMED;
	if (msg.n < MSG_HEAD)
		return 0;
	long n = MSG_HEAD + ((long)msg.p[1] << 16 | msg.p[2] << 8 | msg.p[3]);
	return n > HELLO_MAX ? -ERR_TOO_LONG : n;
}

int hello_read(struct view in, struct hello *out)
{
	uint8_t joined[HELLO_MAX];
	struct view msg = {NULL, 0}, part = {NULL, 0};
	size_t at = 0;
	long need = 0;

	*out = (struct hello){0};
	for (int i = 0; need == 0 || msg.n < (size_t)need; i++) {
		if (i == RECORDS)
			return -ERR_TOO_LONG;
		int r = record(in, at, &part);
		if (r < 0)
			return r;
		if (i == 0) {
			msg = part;
		} else if (part.n) {
			if (part.n > sizeof(joined) - msg.n)
				return -ERR_TOO_LONG;
			if (i == 1)
				memcpy(joined, msg.p, msg.n);
			memcpy(joined + msg.n, part.p, part.n);
			msg = view_of(joined, msg.n + part.n);
		}
		need = message_length(msg);
		if (need < 0)
			return (int)need;
		if (r == 0)
			return 0;
		at += RECORD_HEAD + part.n;
	}
	if (msg.n != (size_t)need || !client_hello(view_skip(msg, MSG_HEAD), out)) {
		*out = (struct hello){0};
		return -ERR_MALFORMED;
	}
	return (int)at;
}
