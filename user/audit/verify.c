/*
 * verify.c - see verify.h.
 *
 * What holds: sealed names carry first line, last line and half the file's SHA-256.  Each file begins with a line of kind epoch or
 * segment that names the chain's head before it.  Each member ends with a seal that names its first and last line, its length and
 * the head, except the last member of a file that was cut after a crash or an error: then the next file says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/entry.h"
#include "audit/verify.h"
#include "audit/walk.h"
#include "base/err.h"
#include "base/fd.h"

struct check {
	int dir;
	struct verify_result *v;
	struct chain chain;
	uint64_t seq;        /* last line seen */
	uint64_t epoch;
	uint64_t member_first;
	bool known;          /* the chain before the next file is known */
	bool sealed_member;  /* the last line seen was a seal */
	bool cut;            /* the file before ended without a seal */
	bool first;          /* the next line is the first of its file */
};

static int __attribute__((format(printf, 2, 3))) bad(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->v->why, sizeof(c->v->why), fmt, ap);
	va_end(ap);
	c->v->bad = 1;
	c->v->at = c->seq;
	return 1;
}

static uint64_t member(const json_t *o, const char *key)
{
	json_t *m = json_object_get(o, key);
	json_int_t n = json_integer_value(m);
	return json_is_integer(m) && n >= 0 ? (uint64_t)n : UINT64_MAX;
}

static bool is_head(const json_t *o, const char *key, const struct chain *chain)
{
	char hex[CHAIN_HEX];
	const char *s = json_string_value(json_object_get(o, key));

	chain_hex(chain->head, CHAIN_LEN, hex);
	return s && strcmp(s, hex) == 0;
}

static int check_first(struct check *c, struct view kind, const json_t *o, const struct names *n)
{
	bool epoch = view_is(kind, "epoch");
	const char *prev = json_string_value(json_object_get(o, "prev"));

	if (!epoch && !view_is(kind, "segment"))
		return bad(c, "does not begin with a line that says what came before it");
	if (member(o, "epoch") != n->epoch)
		return bad(c, "is named after another epoch than its first line tells");
	if (!prev || (!c->known && chain_unhex(view_str(prev), c->chain.head, CHAIN_LEN)))
		return bad(c, "the first line names no chain");
	if (!is_head(o, "prev", &c->chain))
		return bad(c, "does not continue the chain of the file before it");
	if (member(o, "after") != c->seq)
		return bad(c, "does not continue the numbers of the file before it");
	if (c->v->files > 1 && (epoch ? n->epoch < c->epoch : n->epoch != c->epoch))
		return bad(c, "the epoch goes from %" PRIu64 " to %" PRIu64 " without saying so", c->epoch, n->epoch);
	if (c->cut && !epoch && !json_object_get(o, "cause"))
		return bad(c, "the file before it was cut and nothing says why");
	c->epoch = n->epoch;
	c->known = true;
	return 0;
}

static int check_seal(struct check *c, const json_t *o, uint64_t raw)
{
	if (member(o, "first") != c->member_first || member(o, "last") != c->seq)
		return bad(c, "a seal names other lines than the member holds");
	if (member(o, "raw") != raw)
		return bad(c, "a seal names another length than the member has");
	if (!is_head(o, "head", &c->chain))
		return bad(c, "a seal names another chain than the lines give: something before it was changed");
	c->v->seals++;
	return 0;
}

static int check_line(struct check *c, struct view line, uint64_t raw, const struct names *n)
{
	struct entry_head h;
	int r = 0;

	if (entry_head(line, &h))
		return bad(c, "a line that is none of ours");
	if (h.seq != c->seq + 1)
		return bad(c, "line %" PRIu64 " is followed by line %" PRIu64, c->seq, h.seq);
	if (c->sealed_member)
		c->member_first = h.seq;
	bool seal = view_is(h.kind, "seal");
	if (c->first || seal) {
		json_t *o = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
		if (!o)
			r = bad(c, "a line that is not JSON");
		else
			r = c->first ? check_first(c, h.kind, o, n) : check_seal(c, o, raw - line.n - 1);
		json_decref(o);
	}
	c->first = false;
	c->sealed_member = seal;
	c->seq = h.seq;
	c->v->lines++;
	if (!r)
		r = chain_add(&c->chain, line);
	return r;
}

/* The lines of one file; most: of an open file, where the next one takes over. */
static int check_lines(struct check *c, int fd, const struct names *n, bool sealed, uint64_t most)
{
	struct walk *w;
	struct view line;
	uint64_t start = c->seq;
	bool unsealed = false; /* a member ended without a seal: it must be the last */
	int r = walk_new(fd, &w);

	c->first = true;
	c->sealed_member = true;
	while (!r && (r = walk_next(w, &line)) > 0) {
		if (r == WALK_MEMBER)
			unsealed = !c->sealed_member;
		if (r == WALK_LINE && c->seq >= most)
			break;
		if (r == WALK_LINE && unsealed) {
			r = bad(c, "a member ends without a seal");
		} else if (r == WALK_LINE) {
			c->v->raw += line.n + 1;
			r = check_line(c, line, walk_raw(w), n);
		} else {
			r = 0;
		}
	}
	if (r == -ERR_CORRUPT)
		r = sealed ? bad(c, "is damaged or torn") : 0;
	if (r == WALK_LINE && !c->v->bad)
		r = 0; /* an open file that its successor took over */
	if (!r && c->first && sealed)
		r = bad(c, "holds no line");
	c->cut = !c->sealed_member;
	c->v->open_lines += sealed ? 0 : c->seq - start;
	walk_free(&w);
	return r;
}

static int check_hash(struct check *c, int fd, const struct names *n)
{
	static uint8_t chunk[1 << 16];
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];
	char hex[CHAIN_HEX];
	ssize_t got = 0;
	int r = s ? 0 : -ENOMEM;

	for (off_t at = 0; !r && (got = pread(fd, chunk, sizeof(chunk), at)) > 0; at += got)
		r = chain_sum_add(s, view_of(chunk, (size_t)got));
	if (!r && got < 0)
		r = -errno;
	if (!r)
		r = chain_sum_end(s, sum);
	chain_sum_free(&s);
	if (r)
		return r;
	chain_hex(sum, CHAIN_LEN, hex);
	return strncmp(hex, n->sha, NAMES_SHA - 1) == 0 ? 0 : bad(c, "its bytes are not those that its name was made from");
}

/* most: of an open file, the last line before its successor begins. */
static int check_file(struct check *c, const struct names *n, uint64_t most)
{
	names_path(n, c->v->file);
	int fd = openat(c->dir, c->v->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	c->v->files++;
	if (!c->v->first) {
		c->v->first = n->first;
		c->seq = n->first - 1;
	}
	int r = 0;
	/* Lines first: they say where it is wrong, the hash only that it is. */
	if (n->first <= c->seq)
		r = bad(c, "begins with line %" PRIu64 ", which the file before it has already", n->first);
	else if (n->first != c->seq + 1)
		r = bad(c, "lines %" PRIu64 " to %" PRIu64 " are missing before it", c->seq + 1, n->first - 1);
	if (!r)
		r = check_lines(c, fd, n, n->sealed, n->sealed ? UINT64_MAX : most);
	if (!r && n->sealed && n->last != c->seq)
		r = bad(c, "its name says that it ends with line %" PRIu64 ", it ends with %" PRIu64, n->last, c->seq);
	if (!r && n->sealed)
		r = check_hash(c, fd, n);
	close(fd);
	return r;
}

int verify_dir(int dir, struct verify_result *v)
{
	struct names_list list = {0};
	struct check c = {.dir = dir, .v = v};

	*v = (struct verify_result){0};
	int r = chain_ready();
	if (!r)
		r = names_read(dir, NAMES_OPEN | NAMES_SEALED, &list);
	for (size_t i = 0; !r && i < list.n; i++)
		r = check_file(&c, &list.at[i], i + 1 < list.n ? list.at[i + 1].first - 1 : UINT64_MAX);
	v->last = c.seq;
	names_free(&list);
	return r < 0 ? r : 0;
}
