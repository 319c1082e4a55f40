/* jsonc.c - see jsonc.h. */
#include <string.h>

#include "clients/jsonc.h"

static size_t string_end(const uint8_t *p, size_t i, size_t n)
{
	for (i++; i < n && p[i] != '"'; i++)
		i += p[i] == '\\';
	return i;
}

/* Where the comment that begins at ${i} ends. */
static size_t comment_end(const uint8_t *p, size_t i, size_t n)
{
	if (p[i + 1] == '/') {
		while (i < n && p[i] != '\n')
			i++;
		return i;
	}
	for (i += 2; i + 1 < n; i++)
		if (p[i] == '*' && p[i + 1] == '/')
			return i + 2;
	return n;
}

void jsonc_plain(uint8_t *p, size_t n)
{
	size_t comma = n; /* the last that was significant, if it was one */

	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		memset(p, ' ', 3);
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '/' && i + 1 < n && (p[i + 1] == '/' || p[i + 1] == '*')) {
			size_t end = comment_end(p, i, n);
			for (; i < end; i++)
				p[i] = p[i] == '\n' ? '\n' : ' ';
			i--;
			continue;
		}
		if (p[i] <= ' ')
			continue;
		if ((p[i] == '}' || p[i] == ']') && comma < n)
			p[comma] = ' ';
		comma = p[i] == ',' ? i : n;
		if (p[i] == '"')
			i = string_end(p, i, n);
	}
}
