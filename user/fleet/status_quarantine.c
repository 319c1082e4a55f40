/* status_quarantine.c - what lies in quarantine, and why.  See status.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "fleet/status.h"

enum { REASON_MAX = 4096 };
static const char ending[] = ".reason";

typedef bool reason_fn(void *arg, const char *file, const json_t *reason);

/* Each NAME.reason of ${sub}; the function says whether to go on.  A directory that is not there is empty. */
static int each(int store, const char *host, const char *sub, reason_fn *fn, void *arg)
{
	char path[LAYOUT_PATH];
	struct dirent *e;

	snprintf(path, sizeof(path), "quarantine/host=%s/%s", host, sub);
	int fd = openat(store, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int err = errno;
		fd_close(&fd);
		return err == ENOENT ? 0 : -err;
	}
	bool on = true;
	while (on && (e = readdir(d))) {
		size_t n = strlen(e->d_name), tail = sizeof(ending) - 1;
		char file[NAMES_MAX];
		struct buf b = {.max = REASON_MAX};
		if (n <= tail || n - tail >= sizeof(file) || strcmp(e->d_name + n - tail, ending) != 0)
			continue;
		snprintf(file, sizeof(file), "%.*s", (int)(n - tail), e->d_name);
		json_t *o = fd_slurp(fd, e->d_name, REASON_MAX, &b) ? NULL : json_loadb((const char *)buf_view(&b).p, b.len, JSON_REJECT_DUPLICATES, NULL);
		on = fn(arg, file, o);
		json_decref(o);
		buf_free(&b);
	}
	closedir(d);
	return 0;
}

static const char *text(const json_t *o, const char *key, const char *other)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : other;
}

static bool count(void *arg, const char *file, const json_t *reason)
{
	struct status_host *h = arg;
	const char *why = text(reason, "reason", "unknown");
	size_t i = 0;

	while (i < h->refusals && strncmp(h->refused[i].reason, why, STATUS_REASON - 1) != 0)
		i++;
	/* The last row takes what does not fit. */
	if (i == h->refusals && h->refusals < STATUS_REASONS) {
		h->refusals++;
		snprintf(h->refused[i].reason, STATUS_REASON, "%s", why);
	} else if (i == h->refusals) {
		i--;
	}
	struct status_refused *r = &h->refused[i];
	/* The first by name, whatever order the directory has. */
	if (!r->files++ || strcmp(file, r->file) < 0) {
		snprintf(r->file, sizeof(r->file), "%s", file);
		snprintf(r->words, sizeof(r->words), "%s", text(reason, "words", ""));
	}
	return true;
}

int status_quarantine(int store, const char *host, struct status_host *h)
{
	static const char *const subs[] = {"audit", "journal", "policies"};
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(subs) / sizeof(*subs); i++)
		r = each(store, host, subs[i], count, h);
	return r;
}

struct range {
	uint64_t first, last;
	const char *host;
	bool found;
	enum gap_cause cause;
};

static bool in_range(void *arg, const char *file, const json_t *reason)
{
	struct range *r = arg;
	const char *why = text(reason, "reason", "");
	struct names n;

	if (!layout_segment(file, &n) || strcmp(n.host, r->host) != 0 || n.last < r->first || n.first > r->last)
		return true;
	bool tampered = strcmp(why, "tampered") == 0;
	if (tampered || strcmp(why, "rolled-back") == 0) {
		r->found = true;
		r->cause = tampered ? GAP_TAMPERED : GAP_ROLLED_BACK;
	}
	return !r->found;
}

bool status_refused_lines(int store, const char *host, enum layout_trail t, uint64_t first, uint64_t last, enum gap_cause *cause)
{
	struct range r = {.first = first, .last = last, .host = host};

	if (each(store, host, layout_trail(t), in_range, &r) || !r.found)
		return false;
	*cause = r.cause;
	return true;
}
