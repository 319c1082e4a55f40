/* vaultfile_fuzz.c - a file of the vault's directory, with any bytes: it opens whole or not at all. */
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "vault/wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wrap_key *fixed_key(void)
{
	struct wrap_key *k;
	int fd = fd_sealed("key", VIEW_LIT("0123456789abcdef0123456789abcdef"));

	if (fd < 0 || lseek(fd, 0, SEEK_SET) || wrap_key_read(fd, &k))
		abort();
	close(fd);
	return k;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wrap_key *k;
	static struct keep plain;
	struct wrap_head peeked, opened;

	if (!k) {
		k = fixed_key();
		if (keep_open(&plain, WRAP_BODY_MAX))
			abort();
	}
	int p = wrap_peek(view_of(data, size), &peeked);
	int r = wrap_open(k, view_of(data, size), &opened, &plain);
	if (r && plain.n)
		abort(); /* nothing is left of what did not open */
	if (!r && (p || !wrap_name_ok(opened.name) || memcmp(&peeked, &opened, sizeof(opened))))
		abort();
	return 0;
}
