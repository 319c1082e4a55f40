/* dns_fuzz.c - DNS answers of any bytes: names of hosts only, within bounds; a part of a message gives no more than the whole. */
#include <stdlib.h>

#include "ident/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dns_answer *a)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t n = strnlen(a->name, sizeof(a->name));

	if (n == sizeof(a->name) || strspn(a->name, ok) != n || a->addrs > DNS_ADDRS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_answer whole, part;
	uint8_t *copy = malloc(size ? size : 1); /* a block of its own, so that one byte too far is seen */

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	int r = dns_read(view_of(copy, size), &whole);
	free(copy);
	check(&whole);
	if (r && whole.addrs)
		abort();
	copy = malloc(size / 2 + 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size / 2);
	int half = dns_read(view_of(copy, size / 2), &part);
	free(copy);
	check(&part);
	if (!half && !r && part.addrs > whole.addrs)
		abort();
	return 0;
}
