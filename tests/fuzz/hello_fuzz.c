/*
 * hello_fuzz.c - a hello that is read is whole at no shorter length, and names only what a host name may hold.
 */
#include <stdlib.h>

#include "base/err.h"
#include "codec/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello h, part;
	struct view in = view_of(data, size);
	int n = hello_read(in, &h);
	CHECK(n <= (int)size);
	if (n <= 0) {
		CHECK(n == 0 || n == -ERR_MALFORMED || n == -ERR_TOO_LONG);
		CHECK(!h.name[0] && !h.alpn_any && !h.ech);
		return 0;
	}
	CHECK(hello_looks_like(in) == 1);
	CHECK(h.alpn_any || (!h.alpn_h2 && !h.alpn_http11));
	CHECK(strspn(h.name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(h.name));
	for (int cut = 1; cut < n; cut += 1 + cut / 2)
		CHECK(hello_read(view_of(data, (size_t)(n - cut)), &part) == 0);
	return 0;
}
