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

void names_path(const struct names *n, char out[NAMES_MAX])
{
	int at = snprintf(out, NAMES_MAX, "%s/%s-%06" PRIu64 "-%012" PRIu64, n->sealed ? "sealed" : "open", n->host, n->epoch, n->first);

	if (n->sealed)
		at += snprintf(out + at, NAMES_MAX - (size_t)at, "-%012" PRIu64 "-%s", n->last, n->sha);
	snprintf(out + at, NAMES_MAX - (size_t)at, "%s", suffix);
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

	*out = (struct names){.sealed = sealed};
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
	if (x->sealed != y->sealed)
		return x->sealed ? -1 : 1;
	/* Sealed: what came back counts.  Open: what the first directory holds there was given up, or never held anything. */
	if (x->second != y->second)
		return x->second == x->sealed ? 1 : -1;
	return x->epoch < y->epoch ? -1 : x->epoch > y->epoch;
}

static int append(struct names_list *list, size_t *cap, const struct names *n)
{
	if (list->n == *cap) {
		size_t more = *cap ? 2 * *cap : 64;
		struct names *at = reallocarray(list->at, more, sizeof(*at));
		if (!at)
			return -ENOMEM;
		list->at = at;
		*cap = more;
	}
	list->at[list->n++] = *n;
	return 0;
}

static int read_sub(int dirfd, bool second, bool sealed, struct names_list *list, size_t *cap)
{
	int r = 0;
	int fd = openat(dirfd, sealed ? "sealed" : "open", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
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
		n.second = second;
		r = append(list, cap, &n);
	}
	closedir(d);
	return r;
}

int names_dir(const struct names *n, int dirfd, int second)
{
	return n->second ? second : dirfd;
}

int names_read(int dirfd, unsigned which, struct names_list *list)
{
	return names_read_two(dirfd, 0, which, list);
}

/* What the list has already, at ${x} or better. */
static bool again(const struct names *before, const struct names *x)
{
	if (before->first != x->first)
		return false;
	if (x->sealed)
		return before->sealed && x->second && !before->second && before->last == x->last && strcmp(before->sha, x->sha) == 0;
	return before->sealed || before->second != x->second;
}

int names_read_two(int dirfd, int second, unsigned which, struct names_list *list)
{
	size_t cap = 0, n = 0;
	int r = 0;

	*list = (struct names_list){0};
	/* Open ones first, and the second directory: what is sealed, or goes back, in between is then found twice, not missed. */
	if (which & NAMES_OPEN && second)
		r = read_sub(second, true, false, list, &cap);
	if (!r && which & NAMES_OPEN)
		r = read_sub(dirfd, false, false, list, &cap);
	if (!r && which & NAMES_SEALED && second)
		r = read_sub(second, true, true, list, &cap);
	if (!r && which & NAMES_SEALED)
		r = read_sub(dirfd, false, true, list, &cap);
	if (r) {
		names_free(list);
		return r;
	}
	if (list->n)
		qsort(list->at, list->n, sizeof(*list->at), by_first);
	for (size_t i = 0; i < list->n; i++) {
		const struct names *x = &list->at[i];
		if (n && again(&list->at[n - 1], x))
			continue;
		list->at[n++] = *x;
	}
	list->n = n;
	return 0;
}

void names_free(struct names_list *list)
{
	free(list->at);
	*list = (struct names_list){0};
}
