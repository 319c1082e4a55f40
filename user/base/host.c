/* host.c - see host.h. */
#include <arpa/inet.h>
#include <string.h>

#include "base/err.h"
#include "base/host.h"

static int canonical_ip(const char *in, char out[HOST_TEXT])
{
	uint8_t addr[16];
	char bare[INET6_ADDRSTRLEN + 2];
	size_t n = strlen(in);

	if (n >= sizeof(bare))
		return 0;
	memcpy(bare, in, n + 1);
	if (n > 2 && bare[0] == '[' && bare[n - 1] == ']') {
		bare[n - 1] = 0;
		if (inet_pton(AF_INET6, bare + 1, addr) == 1)
			return inet_ntop(AF_INET6, addr, out, HOST_TEXT) != NULL;
		return 0;
	}
	if (inet_pton(AF_INET, bare, addr) == 1)
		return inet_ntop(AF_INET, addr, out, HOST_TEXT) != NULL;
	if (inet_pton(AF_INET6, bare, addr) == 1)
		return inet_ntop(AF_INET6, addr, out, HOST_TEXT) != NULL;
	return 0;
}

/* Letters, digits, '-', '_', labels of 1 to 63: what may stand in a dNSName. */
static bool dns_name(const char *s, size_t n)
{
	size_t label = 0;

	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') || ++label > 63)
			return false;
	}
	return label > 0;
}

int host_canonical(const char *in, char out[HOST_TEXT], bool *is_ip)
{
	size_t n = strlen(in);

	memset(out, 0, HOST_TEXT);
	*is_ip = canonical_ip(in, out) != 0;
	if (*is_ip)
		return 0;
	if (n > 1 && in[n - 1] == '.')
		n--;
	if (n >= HOST_TEXT)
		return -ERR_MALFORMED;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(in[i] >= 'A' && in[i] <= 'Z' ? in[i] | 0x20 : in[i]);
	return dns_name(out, n) ? 0 : -ERR_MALFORMED;
}
