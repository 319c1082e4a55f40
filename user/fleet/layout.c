/* layout.c - see layout.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/layout.h"

static const char *const trails[LAYOUT_TRAILS] = {"audit", "journal"};
static const char digits[] = "0123456789";

const char *layout_trail(enum layout_trail t)
{
	return trails[t];
}

int layout_trail_find(const char *name)
{
	for (int i = 0; i < LAYOUT_TRAILS; i++)
		if (strcmp(trails[i], name) == 0)
			return i;
	return -1;
}

bool layout_host(const char *name)
{
	char again[NAMES_HOST];

	/* A leading dash would be an option to somebody. */
	if (!*name || *name == '-')
		return false;
	names_host(name, again);
	return strcmp(again, name) == 0;
}

bool layout_segment(const char *name, struct names *n)
{
	char again[NAMES_MAX];

	if (!names_parse(name, true, n) || !layout_host(n->host) || !n->epoch || !n->first || n->last < n->first)
		return false;
	names_path(n, again);
	return strcmp(again + strlen("sealed/"), name) == 0;
}

void layout_note_name(const struct layout_note *n, char out[NAMES_MAX])
{
	snprintf(out, NAMES_MAX, "%s-%06" PRIu64 "-%012" PRIu64 ".note", n->host, n->epoch, n->line);
}

/* Take "-NUMBER" off the end of ${s}. */
static bool cut_number(char *s, uint64_t *out)
{
	char *dash = strrchr(s, '-');
	size_t n = dash ? strspn(dash + 1, digits) : 0;

	if (!n || n > 19 || dash[1 + n])
		return false;
	*out = strtoull(dash + 1, NULL, 10);
	*dash = '\0';
	return true;
}

bool layout_note(const char *name, struct layout_note *n)
{
	static const char end[] = ".note";
	char s[NAMES_MAX], again[NAMES_MAX];
	size_t len = strlen(name);

	*n = (struct layout_note){0};
	if (len >= sizeof(s) || len < sizeof(end) || strcmp(name + len - strlen(end), end) != 0)
		return false;
	memcpy(s, name, len + 1);
	s[len - strlen(end)] = '\0';
	if (!cut_number(s, &n->line) || !cut_number(s, &n->epoch) || !layout_host(s))
		return false;
	memcpy(n->host, s, strlen(s) + 1); /* 63 at most */
	layout_note_name(n, again);
	return n->epoch && n->line && strcmp(again, name) == 0;
}

bool layout_policy(const char *name)
{
	return strspn(name, "0123456789abcdef") == 64 && strcmp(name + 64, ".json") == 0;
}

void layout_date(struct wall t, char out[LAYOUT_DATE])
{
	char text[WALL_TEXT];

	wall_text(t, text);
	memcpy(out, text, LAYOUT_DATE - 1);
	out[LAYOUT_DATE - 1] = '\0';
}

bool layout_date_ok(const char *s)
{
	char text[WALL_TEXT], again[LAYOUT_DATE];
	struct wall t;

	if (strlen(s) != LAYOUT_DATE - 1)
		return false;
	snprintf(text, sizeof(text), "%sT00:00:00Z", s);
	if (wall_parse(text, &t) || t.ns < 0)
		return false;
	layout_date(t, again);
	return strcmp(again, s) == 0;
}

void layout_segment_path(enum layout_trail t, const char *host, const char *date, const char *name, char out[LAYOUT_PATH])
{
	snprintf(out, LAYOUT_PATH, "%s/host=%s/date=%s/%s", trails[t], host, date, name);
}

void layout_receipt_path(enum layout_trail t, const char *host, const char *name, char out[LAYOUT_PATH])
{
	snprintf(out, LAYOUT_PATH, "receipts/host=%s/%s/%s.receipt", host, trails[t], name);
}

void layout_note_path(enum layout_trail t, const char *host, const char *name, char out[LAYOUT_PATH])
{
	snprintf(out, LAYOUT_PATH, "checkpoints/host=%s/%s/%s", host, trails[t], name);
}

/* Call ${fn} with each entry of ${path}; a directory that is not there has none. */
static int each(int at, const char *path, int (*fn)(void *arg, int dir, const char *name), void *arg)
{
	int r = fd_each(at, path, fn, arg);

	return r == -ENOENT ? 0 : r;
}

/* Room for one more of ${size} in an array of ${n}, which doubles at each power of two. */
static void *grow(void *at, size_t n, size_t size)
{
	return n & (n - 1) ? at : reallocarray(at, n ? 2 * n : 1, size);
}

static int take_host(void *arg, int dir, const char *name)
{
	struct layout_hosts *h = arg;

	(void)dir;
	if (name[0] == '.' || !layout_host(name))
		return 0;
	void *at = grow(h->at, h->n, sizeof(*h->at));
	if (!at)
		return -ENOMEM;
	h->at = at;
	snprintf(h->at[h->n++], sizeof(*h->at), "%s", name);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

int layout_hosts(int store, struct layout_hosts *h)
{
	*h = (struct layout_hosts){0};
	int r = each(store, "hosts", take_host, h);
	if (r)
		layout_hosts_free(h);
	else if (h->n)
		qsort(h->at, h->n, sizeof(*h->at), by_text);
	return r;
}

void layout_hosts_free(struct layout_hosts *h)
{
	free(h->at);
	*h = (struct layout_hosts){0};
}

struct listing {
	struct layout_files *f;
	const char *host, *from, *to, *date;
};

static int take_file(void *arg, int dir, const char *name)
{
	struct listing *l = arg;
	struct names n;

	(void)dir;
	if (!layout_segment(name, &n) || strcmp(n.host, l->host) != 0)
		return 0;
	void *at = grow(l->f->at, l->f->n, sizeof(*l->f->at));
	if (!at)
		return -ENOMEM;
	l->f->at = at;
	struct layout_file *file = &l->f->at[l->f->n++];
	file->names = n;
	snprintf(file->date, sizeof(file->date), "%s", l->date);
	return 0;
}

static int take_date(void *arg, int dir, const char *name)
{
	struct listing *l = arg;

	if (strncmp(name, "date=", 5) != 0 || !layout_date_ok(name + 5))
		return 0;
	l->date = name + 5;
	if ((l->from && strcmp(l->date, l->from) < 0) || (l->to && strcmp(l->date, l->to) > 0))
		return 0;
	return each(dir, name, take_file, l);
}

static int by_first(const void *a, const void *b)
{
	const struct layout_file *x = a, *y = b;
	return x->names.first < y->names.first ? -1 : x->names.first > y->names.first;
}

int layout_segments(int store, enum layout_trail t, const char *host, const char *from, const char *to, struct layout_files *f)
{
	struct listing l = {.f = f, .host = host, .from = from, .to = to};
	char path[LAYOUT_PATH];

	*f = (struct layout_files){0};
	snprintf(path, sizeof(path), "%s/host=%s", trails[t], host);
	int r = each(store, path, take_date, &l);
	if (r)
		layout_files_free(f);
	else if (f->n)
		qsort(f->at, f->n, sizeof(*f->at), by_first);
	return r;
}

void layout_files_free(struct layout_files *f)
{
	free(f->at);
	*f = (struct layout_files){0};
}
