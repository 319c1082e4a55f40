/*
 * tls_bio.c - OpenSSL's way to the stream's buffers, without the copies and allocations of a memory BIO.
 * Floor: io.      Owns: nothing; the BIO refers to a stream that outlives it.
 */
#include "io/tls_internal.h"

/* A peer that makes us answer (KeyUpdate) and reads nothing: more than this waiting to be sent breaks the connection. */
enum { WAITING_MAX = 4 * STREAM_OUT_MAX };

static int bio_read(BIO *b, char *out, int len)
{
	struct stream *s = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (len <= 0 || !s->cin.len) {
		/* Also at the peer's FIN: whether that was an end or a cut is for the stream to say. */
		BIO_set_retry_read(b);
		return -1;
	}
	struct view v = view_head(buf_view(&s->cin), (size_t)len);
	memcpy(out, v.p, v.n);
	buf_consume(&s->cin, v.n);
	return (int)v.n;
}

static int bio_write(BIO *b, const char *in, int len)
{
	struct stream *s = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (len <= 0 || s->next.len + s->wire.len > WAITING_MAX)
		return -1;
	if (s->bits & BIT_TX_DEAD)
		return len;
	if (pool_put(&s->l->pool, &s->next, view_of(in, (size_t)len)))
		return -1;
	stream_touch(s);
	return len;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method(void)
{
	static BIO_METHOD *m;

	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
	if (m && !(BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl))) {
		BIO_meth_free(m);
		m = NULL;
	}
	return m;
}

BIO *tls_bio_new(struct stream *s)
{
	BIO_METHOD *m = method();
	BIO *b = m ? BIO_new(m) : NULL;

	if (b) {
		BIO_set_data(b, s);
		BIO_set_init(b, 1);
	}
	return b;
}
