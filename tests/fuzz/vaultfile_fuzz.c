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
	struct wrap_head opened;
	struct view file = view_of(data, size), first = wrap_first(file);

	if (!k) {
		k = fixed_key();
		if (keep_open(&plain, WRAP_BODY_MAX))
			abort();
	}
	if (first.p != file.p || first.n > file.n)
		abort();
	/* The item, and the version before behind it. */
	for (struct view item = first; item.n; item = item.p == file.p ? view_skip(file, first.n) : view_of(NULL, 0)) {
		int r = wrap_open(k, item, &opened, &plain);
		if (r && plain.n)
			abort(); /* nothing is left of what did not open */
		if (!r && (!wrap_name_ok(opened.name) || (first.n < file.n && item.p == file.p && !opened.overlap_s)))
			abort();
	}
	return 0;
}
