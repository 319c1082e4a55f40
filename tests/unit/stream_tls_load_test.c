/* stream_tls_load_test.c - TLS on streams under volume: slow readers, storms of handshakes, ends in the middle, residue of secrets. */
#include "io_aid.h"
#include "tls_aid.h"

static void test_big_both_ways(void **state)
{
	(void)state;
	enum { ALL = 3 << 20 };
	static uint8_t chunk[70000];
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	struct link k;
	size_t put[2] = {0}, got[2] = {0};

	assert_int_equal(link_up(&k, l, front, c, back, "a.example"), 0);
	k.a.keep = k.b.keep = true;
	struct stream *s[2] = {k.a.s, k.b.s};
	for (unsigned turn = 0; got[0] < ALL || got[1] < ALL; turn++) {
		for (unsigned i = 0; i < 2; i++) {
			size_t n = stream_room(s[i]) < sizeof(chunk) ? stream_room(s[i]) : sizeof(chunk);
			n = n < ALL - put[i] ? n : ALL - put[i];
			for (size_t x = 0; x < n; x++)
				chunk[x] = byte_at(put[i] + x);
			assert_int_equal(stream_put(s[i], view_of(chunk, n)), 0);
			put[i] += n;
			assert_true(stream_in(s[i]).n <= STREAM_IN_MAX + 16384);
			if (turn % 9 && turn < 500)
				continue; /* a slow reader */
			struct view v = view_head(stream_in(s[i]), turn % 2 ? 4099 : 100000);
			for (size_t x = 0; x < v.n; x++)
				if (v.p[x] != byte_at(got[i] + x))
					fail_msg("byte %zu differs", got[i] + x);
			stream_consume(s[i], v.n);
			got[i] += v.n;
		}
		assert_int_equal(loop_turn(l, 0), 0);
		assert_true(turn < 10000000);
	}
	/* Both at once: close_notify with all before it. */
	stream_shut(s[0]);
	stream_shut(s[1]);
	until(l, HAS(s[0], STREAM_EOF_CLEAN | STREAM_FLUSHED) && HAS(s[1], STREAM_EOF_CLEAN | STREAM_FLUSHED));
	link_down(&k);
	loop_free(&l);
	tls_cert_unref(&c);
}

/* More than fits, then the end: neither the end nor an error may be told before the last byte is in. */
static void test_eof_after_all_bytes(void **state)
{
	(void)state;
	static uint8_t chunk[STREAM_OUT_MAX];
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	struct link k;
	size_t put = 0, got = 0;

	for (unsigned clean = 0; clean < 2; clean++) {
		assert_int_equal(link_up(&k, l, front, c, back, "a.example"), 0);
		k.a.keep = true;
		for (put = got = 0; put < 2 * sizeof(chunk);) {
			size_t n = stream_room(k.b.s);
			for (size_t x = 0; x < n; x++)
				chunk[x] = byte_at(put + x);
			assert_int_equal(stream_put(k.b.s, view_of(chunk, n)), 0);
			put += n;
			assert_int_equal(loop_turn(l, 1), 0);
		}
		until(l, HAS(k.b.s, STREAM_FLUSHED));
		stream_close(&k.b.s, clean);
		for (unsigned i = 0; i < 50; i++)
			assert_int_equal(loop_turn(l, 0), 0);
		while (!(stream_flags(k.a.s) & (STREAM_EOF | STREAM_ERROR))) {
			struct view v = view_head(stream_in(k.a.s), 10000);
			for (size_t x = 0; x < v.n; x++)
				assert_int_equal(v.p[x], byte_at(got + x));
			got += v.n;
			stream_consume(k.a.s, v.n);
			assert_int_equal(loop_turn(l, v.n ? 0 : 10), 0);
		}
		assert_int_equal(got + stream_in(k.a.s).n, put);
		assert_int_equal(HAS(k.a.s, STREAM_EOF_CLEAN), clean);
		link_down(&k);
	}
	loop_free(&l);
	tls_cert_unref(&c);
}

static void test_close_flush(void **state)
{
	(void)state;
	static uint8_t chunk[STREAM_OUT_MAX];
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	struct link k;

	/* An owner that answers and goes at once: the answer and the close_notify arrive whole. */
	assert_int_equal(link_up(&k, l, front, c, back, "a.example"), 0);
	until(l, BOTH_UP(&k));
	until(l, HAS(k.a.s, STREAM_FLUSHED)); /* the ticket took room, too */
	assert_int_equal(stream_put(k.a.s, view_of(chunk, sizeof(chunk))), 0);
	stream_close(&k.a.s, true);
	until(l, HAS(k.b.s, STREAM_EOF_CLEAN));
	assert_int_equal(k.b.got.len, sizeof(chunk));
	link_down(&k);
	loop_free(&l);
	tls_cert_unref(&c);
}

static void test_storm(void **state)
{
	(void)state;
	enum { N = 40, ROUNDS = 25 };
	unsigned before = open_fds();
	struct loop *l = loop_make(3 * N);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	static struct link k[N];

	/* A thousand connections, forty at a time, ended in every way.  A turn shakes hands with eight: calls must not wait longer. */
	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(link_up(&k[i], l, front, c, back, "a.example"), 0);
			k[i].a.echo = true;
			assert_int_equal(stream_put(k[i].b.s, VIEW_LIT("ping")), 0);
		}
		if (r % 5 == 4) { /* in the middle of the handshakes */
			for (unsigned i = 0; i < r; i++)
				assert_int_equal(loop_turn(l, 0), 0);
		} else {
			unsigned up = 0;
			while (up < 2 * N) {
				unsigned now = 0;
				assert_int_equal(loop_turn(l, 50), 0);
				for (unsigned i = 0; i < N; i++)
					now += HAS(k[i].a.s, STREAM_TLS_UP) + HAS(k[i].b.s, STREAM_TLS_UP);
				assert_in_range(now - up, 0, 8);
				up = now;
			}
			for (unsigned i = 0; i < N; i++)
				until(l, k[i].b.got.len == 4);
		}
		for (unsigned i = 0; i < N; i++) {
			if (i % 3 == 0)
				stream_reset(&k[i].b.s);
			else if (i % 3 == 1)
				stream_close(&k[i].b.s, true);
			link_down(&k[i]);
		}
		until(l, open_fds() == before + 1);
	}
	loop_free(&l);
	assert_int_equal(open_fds(), before);
	tls_cert_unref(&c);
}

#ifndef CG_SANITIZED
/* How often ${mark} (kept inverted, so that it does not find itself) lies in memory that this process can write. */
static unsigned residue(const uint8_t *inverted, size_t n)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512], mode[8];
	unsigned found = 0;
	uintptr_t from, to;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[1] != 'w' || strstr(line, "io_uring"))
			continue;
		for (const uint8_t *p = (const uint8_t *)from; p + n <= (const uint8_t *)to; p++) {
			size_t i = 0;
			while (i < n && p[i] + inverted[i] == 255)
				i++;
			found += i == n;
		}
	}
	fclose(f);
	return found;
}

static void test_secret_leaves_nothing(void **state)
{
	(void)state;
	enum { N = 32, BEFORE = 100, PAD = 20000 };
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	struct link k;
	uint8_t inverted[N], *pad = calloc(1, PAD), *mark = malloc(N);

	for (unsigned i = 0; i < N; i++) {
		inverted[i] = byte_at(i * 7 + 3) | 0x80;
		mark[i] = (uint8_t)~inverted[i];
	}
	assert_int_equal(link_up(&k, l, front, c, back, "a.example"), 0);
	until(l, BOTH_UP(&k) && HAS(k.b.s, STREAM_FLUSHED));
	stream_pause(k.a.s, true); /* nobody decrypts it in this process */
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(loop_turn(l, 0), 0);
	/* Away from the start of a block, where a spare one keeps its link; the queue grows behind it, so that it is moved. */
	assert_int_equal(stream_put(k.b.s, view_of(pad, BEFORE)), 0);
	assert_int_equal(stream_put(k.b.s, view_of(mark, N)), 0);
	assert_int_equal(stream_put(k.b.s, view_of(pad, PAD)), 0);
	explicit_bzero(mark, N);
	assert_true(residue(inverted, N) > 0);
	until(l, HAS(k.b.s, STREAM_FLUSHED));
	assert_int_equal(residue(inverted, N), 0);
	/* Nor one that was never sent. */
	for (unsigned i = 0; i < N; i++)
		mark[i] = (uint8_t)~inverted[i];
	assert_int_equal(stream_put(k.b.s, view_of(pad, BEFORE)), 0);
	assert_int_equal(stream_put(k.b.s, view_of(mark, N)), 0);
	explicit_bzero(mark, N);
	stream_close(&k.b.s, false);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(residue(inverted, N), 0);
	link_down(&k);
	loop_free(&l);
	tls_cert_unref(&c);
	free(mark);
	free(pad);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_big_both_ways),
		cmocka_unit_test(test_eof_after_all_bytes),
		cmocka_unit_test(test_close_flush),
		cmocka_unit_test(test_storm),
#ifndef CG_SANITIZED
		cmocka_unit_test(test_secret_leaves_nothing),
#endif
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
