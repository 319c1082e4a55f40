/* names.c - see names.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/names.h"

static const char suffix[] = ".jsonl.gz";

void names_host(const char *in, char out[NAMES_HOST])
{
	size_t n = 0;

	for (; in[n] && n < NAMES_HOST - 1; n++) {
		char c = in[n];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
		out[n] = ok ? c : '_';
	}
	out[n] = '\0';
	if (!n)
		memcpy(out, "host", 5);
	/* A leading dot would hide the file. */
	if (out[0] == '.')
		out[0] = '_';
}

void names_open(const struct names *n, char out[NAMES_MAX])
{
	snprintf(out, NAMES_MAX, "%s-%06" PRIu64 "-%012" PRIu64 "%s", n->host, n->epoch, n->first, suffix);
}

void names_sealed(const struct names *n, char out[NAMES_MAX])
{
	snprintf(out, NAMES_MAX, "%s-%06" PRIu64 "-%012" PRIu64 "-%012" PRIu64 "-%s%s", n->host, n->epoch, n->first, n->last, n->sha,
	    suffix);
}

/* Take "-NUMBER" off the end of the first ${n} characters of ${name}: the length that is left, or 0. */
static size_t number_before(const char *name, size_t n, uint64_t *out)
{
	size_t i = n;

	while (i && name[i - 1] >= '0' && name[i - 1] <= '9')
		i--;
	if (i == n || n - i > 19 || i < 2 || name[i - 1] != '-')
		return 0;
	*out = strtoull(name + i, NULL, 10);
	return i - 1;
}

static size_t sha_before(const char *name, size_t n, char out[NAMES_SHA])
{
	size_t digits = NAMES_SHA - 1;

	if (n < digits + 2 || name[n - digits - 1] != '-')
		return 0;
	memcpy(out, name + n - digits, digits);
	out[digits] = '\0';
	return strspn(out, "0123456789abcdef") == digits ? n - digits - 1 : 0;
}

bool names_parse(const char *name, bool sealed, struct names *out)
{
	size_t n = strlen(name), end = sizeof(suffix) - 1;

	*out = (struct names){0};
	if (n <= end || strcmp(name + n - end, suffix) != 0)
		return false;
	n -= end;
	if (sealed) {
		n = sha_before(name, n, out->sha);
		n = n ? number_before(name, n, &out->last) : 0;
	}
	n = n ? number_before(name, n, &out->first) : 0;
	n = n ? number_before(name, n, &out->epoch) : 0;
	if (!n || n >= NAMES_HOST)
		return false;
	memcpy(out->host, name, n);
	out->host[n] = '\0';
	return true;
}

static int by_first(const void *a, const void *b)
{
	const struct names *x = a, *y = b;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->epoch < y->epoch ? -1 : x->epoch > y->epoch;
}

int names_read(int dirfd, const char *sub, bool sealed, struct names_list *list)
{
	size_t cap = 0;
	int r = 0;

	*list = (struct names_list){0};
	int fd = openat(dirfd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	DIR *d = fdopendir(fd);
	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	for (struct dirent *e; !r && (e = readdir(d));) {
		struct names n;
		if (!names_parse(e->d_name, sealed, &n))
			continue;
		if (list->n == cap) {
			size_t more = cap ? 2 * cap : 64;
			struct names *at = reallocarray(list->at, more, sizeof(*at));
			if (!at) {
				r = -ENOMEM;
				break;
			}
			list->at = at;
			cap = more;
		}
		list->at[list->n++] = n;
	}
	closedir(d);
	if (r)
		names_free(list);
	else if (list->n)
		qsort(list->at, list->n, sizeof(*list->at), by_first);
	return r;
}

void names_free(struct names_list *list)
{
	free(list->at);
	*list = (struct names_list){0};
}
