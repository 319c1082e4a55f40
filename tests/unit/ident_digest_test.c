/* ident_digest_test.c - digests of executables: in pieces, once a file, by a thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "ident/describe.h"
#include "ident/digest.h"
#include "ident/hasher.h"

static int text_file(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, view_of(text, n)), 0);
	return fd;
}

static void test_digest(void **state)
{
	/* Source: FIPS 180-4 example, "abc". */
	static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03,
	    0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	struct digests *d = digest_new();
	char path[] = "/tmp/ident_digest.XXXXXX";
	uint8_t sum[DIGEST_LEN];
	uint64_t key, other;
	static char big[3 * DIGEST_PIECE / 2];

	(void)state;
	close(mkstemp(path));
	assert_int_equal(digest_want(d, text_file(path, "abc", 3), &key, sum), 0);
	assert_int_equal(digest_want(d, open(path, O_RDONLY), &other, sum), 0); /* the same file, asked for twice: made once */
	assert_int_equal(key, other);
	assert_int_equal(digest_get(d, key, sum), 0);
	assert_false(digest_step(d));
	assert_int_equal(digest_get(d, key, sum), 1);
	assert_memory_equal(sum, abc, sizeof(abc));
	memset(sum, 0, sizeof(sum));
	assert_int_equal(digest_want(d, open(path, O_RDONLY), &key, sum), 1);
	assert_memory_equal(sum, abc, sizeof(abc));

	/* other content of the same size, with the old modification time: not the old digest */
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	usleep(20000);
	int fd = text_file(path, "abd", 3);
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(digest_want(d, fd, &key, sum), 0);
	assert_false(digest_step(d));
	assert_int_equal(digest_get(d, key, sum), 1);
	assert_memory_not_equal(sum, abc, sizeof(abc));

	/* a file that takes two pieces; and one that changes between them */
	for (int change = 0; change < 2; change++) {
		big[0] = (char)change;
		assert_int_equal(digest_want(d, text_file(path, big, sizeof(big)), &key, sum), 0);
		assert_true(digest_step(d));
		assert_int_equal(digest_get(d, key, sum), 0);
		usleep(20000);
		if (change)
			assert_int_equal(truncate(path, sizeof(big) - 1), 0);
		assert_false(digest_step(d));
		assert_int_equal(digest_get(d, key, sum), change ? -ERR_NOT_FOUND : 1);
	}
	/* what is no file, what is too much, what nobody asked for */
	assert_true(digest_want(d, open("/dev/zero", O_RDONLY), &key, sum) < 0);
	assert_int_equal(digest_want(d, -1, &key, sum), -EBADF);
	assert_int_equal(digest_get(d, 0, sum), -ERR_NOT_FOUND);
	assert_int_equal(digest_get(d, 123456789, sum), -ERR_NOT_FOUND);
	fd = open(path, O_RDWR);
	assert_int_equal(ftruncate(fd, (off_t)DIGEST_FILE_MAX + 1), 0);
	assert_true(digest_want(d, fd, &key, sum) < 0);
	unlink(path);
	digest_free(&d);
}

static struct hashed next_answer(struct hasher *h)
{
	struct pollfd p = {.fd = hasher_fd(h), .events = POLLIN};
	struct hashed a;

	while (!hasher_next(h, &a))
		assert_int_equal(poll(&p, 1, 60000), 1);
	return a;
}

static void test_hasher(void **state)
{
	static struct agents *none;
	char why[200], path[PATH_MAX] = "";
	uint8_t sum[DIGEST_LEN];
	unsigned len;
	struct buf exe = {0};
	struct hasher *h;
	uint64_t seen = 0;
	int procfs = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(agents_load("{\"agents\":[]}", why, sizeof(why), &none), 0);
	struct describe *d = describe_new(procfs, none);
	assert_true(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	assert_int_equal(fd_slurp(AT_FDCWD, path, 256 << 20, &exe), 0);
	assert_int_equal(EVP_Digest(buf_view(&exe).p, buf_view(&exe).n, sum, &len, EVP_sha256(), NULL), 1);
	assert_int_equal(hasher_new(d, &h), 0);
	const struct m_describe me = {.tgid = (uint32_t)getpid()}, nobody = {.tgid = 0x7ffffffe}, other = {.tgid = me.tgid, .exe_ino = 1};
	/* several ask for the same, one for somebody who is not there, one for what is not run any more; nobody waits for the first */
	assert_int_equal(hasher_ask(h, &me, 0), 0);
	for (uint64_t id = 1; id <= 5; id++)
		assert_int_equal(hasher_ask(h, id == 3 ? &nobody : id == 4 ? &other : &me, id), 0);
	for (int i = 0; i < 5; i++) {
		struct hashed a = next_answer(h);
		assert_in_range(a.id, 1, 5);
		assert_false(seen & 1u << a.id);
		seen |= 1u << a.id;
		assert_int_equal(a.status, a.id == 3 || a.id == 4 ? -ERR_NOT_FOUND : 0);
		if (!a.status)
			assert_memory_equal(a.sum, sum, sizeof(sum));
	}
	/* no more than there is room for the answers of, also when nobody takes them; then as before */
	int r = 0;
	size_t n = 0;
	while ((r = hasher_ask(h, &me, 100 + n)) == 0)
		n++;
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(n, HASHER_WAITERS);
	for (; n > 0; n--)
		assert_int_equal(next_answer(h).status, 0);
	assert_int_equal(hasher_ask(h, &me, 9), 0);
	assert_int_equal(next_answer(h).id, 9);
	hasher_free(&h);
	describe_free(&d);
	agents_free(&none);
	buf_free(&exe);
	close(procfs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_digest),
	    cmocka_unit_test(test_hasher),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
