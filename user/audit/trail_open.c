/* trail_open.c - how a stream begins: repair, then find the last line, its chain and its epoch, then a new epoch. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/trail_internal.h"
#include "audit/walk.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

void trail_free(struct trail **sp)
{
	struct trail *s = *sp;
	if (!s)
		return;
	buf_free(&s->kept);
	buf_free(&s->text);
	buf_free(&s->own);
	keys_free(&s->keys);
	explicit_bzero(s, sizeof(*s));
	free(s);
	*sp = NULL;
}

static uint64_t number_in(struct view line, const char *key)
{
	const uint8_t *at = memmem(line.p, line.n, key, strlen(key));
	uint64_t n = 0;

	for (at = at ? at + strlen(key) : NULL; at && at < line.p + line.n && *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (uint64_t)(*at - '0');
	return n;
}

static void hex_in(struct view line, const char *key, uint8_t *out)
{
	const uint8_t *at = memmem(line.p, line.n, key, strlen(key));

	if (!at || chain_unhex(view_head(view_skip(line, (size_t)(at - line.p) + strlen(key)), 2 * CHAIN_LEN), out, CHAIN_LEN))
		memset(out, 0, CHAIN_LEN);
}

/* The head before the first line of a file is in that line; without it the lines cannot be chained to what came before. */
static void first_line(struct trail *s, struct view line)
{
	hex_in(line, "\"prev\":\"", s->now.chain.head);
	hex_in(line, "\"prev_seal\":\"", s->now.mac);
	s->now.seals = number_in(line, "\"seals\":");
}

static void seal_line(struct trail *s, struct view line)
{
	hex_in(line, "\"mac\":\"", s->now.mac);
	s->now.seals = number_in(line, "\"seal\":");
	s->now.seal_seq = number_in(line, "\"seq\":");
	s->now.seal_head = s->now.chain;
}

static int open_sealed(const struct trail *s, const struct names *n)
{
	char path[NAMES_MAX];

	names_path(n, path);
	int fd = openat(names_dir(n, s->dir, s->second), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int read_file(struct trail *s, const struct names *n)
{
	struct walk *w = NULL;
	struct view line;
	bool first = true;
	int fd = open_sealed(s, n);
	int r = fd < 0 ? fd : walk_new(fd, &w);

	while (!r && (r = walk_next(w, &line)) > 0) {
		if (r == WALK_LINE) {
			if (first)
				first_line(s, line);
			first = false;
			if (s->owner.seed)
				s->owner.seed(s->owner.arg, line);
			r = chain_add(&s->now.chain, line);
			if (r)
				break;
			struct entry_head h;
			s->ends_sealed = entry_head(line, &h) == 0 && view_is(h.kind, "seal");
			if (s->ends_sealed)
				seal_line(s, line);
		}
		r = 0;
	}
	walk_free(&w);
	fd_close(&fd);
	return r;
}

/* Does the first line of this file say that the owner's state is in the files before it? */
static bool carries(const struct trail *s, const struct names *n)
{
	static const char key[] = "\"carry\":true";
	struct walk *w = NULL;
	struct view line;
	int fd = open_sealed(s, n);
	bool yes = fd >= 0 && walk_new(fd, &w) == 0 && walk_next(w, &line) == WALK_LINE && memmem(line.p, line.n, key, sizeof(key) - 1);

	walk_free(&w);
	fd_close(&fd);
	return yes;
}

size_t trail_needed(const struct trail *s, const struct names_list *list)
{
	size_t i = list->n - 1;

	while (i && carries(s, &list->at[i]))
		i--;
	return i;
}

static int read_newest(struct trail *s, const struct names_list *list)
{
	size_t i = trail_needed(s, list);
	int r = 0;

	for (; !r && i < list->n; i++)
		r = read_file(s, &list->at[i]);
	return r;
}

/* Numbers go on after the highest that any name or line has, even when that file is damaged. */
static int find_end(struct trail *s)
{
	struct names_list list;

	int r = names_read_two(s->dir, s->second, NAMES_SEALED, &list);
	if (r)
		return r;
	for (size_t i = 0; i < list.n; i++) {
		if (list.at[i].epoch > s->epoch)
			s->epoch = list.at[i].epoch;
		if (list.at[i].last > s->now.seq)
			s->now.seq = list.at[i].last;
	}
	if (list.n) {
		r = read_newest(s, &list);
		/* Repaired just now, or by a start that ended before it began an epoch. */
		s->cause = s->recovered.files || !s->ends_sealed ? "crash" : "start";
		if (r == -ERR_CORRUPT) {
			log_error("the newest sealed file below %s is damaged; a new chain begins after line %llu", s->what,
			    (unsigned long long)s->now.seq);
			memset(&s->now.chain, 0, sizeof(s->now.chain));
			s->cause = "damaged";
			r = 0;
		}
	}
	names_free(&list);
	return r;
}

static int take_keys(struct trail *s)
{
	int r = keys_open(s->dir, s->host, s->stream, s->now.seals + 1, &s->keys);

	if (r)
		return r;
	/* More seals than the files have: somebody took files away, or the newest is damaged.  The gap in the numbers shows it. */
	s->now.seals = keys_next(s->keys, s->now.key) - 1;
	s->noted = s->now.seals;
	s->safe = s->now;
	if (!keys_behind(s->keys))
		return 0;
	r = keys_save(s->keys, s->now.seals + 1, s->now.key);
	/* A directory that cannot be written now: records go to the second one. */
	if (r && s->second)
		log_error("the key of the last seal below %s cannot be written over: %s", s->what, err_text(r));
	s->key_failed = r != 0;
	return s->second ? 0 : r;
}

void trail_set(struct trail *s, const struct trail_conf *conf)
{
	s->level = conf->level >= 1 && conf->level <= 9 ? conf->level : 6;
	s->segment_bytes = conf->segment_bytes ? conf->segment_bytes : UINT64_MAX;
	s->segment_ns = (conf->segment_seconds ? conf->segment_seconds : 3600) * 1000000000u;
	s->room = conf->room;
}

int trail_open(int dir, const struct trail_conf *conf, const struct trail_owner *owner, struct trail **out)
{
	struct trail *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->dir = dir;
	names_host(conf->host, s->host);
	snprintf(s->boot, sizeof(s->boot), "%.8s", conf->boot);
	snprintf(s->boot_id, sizeof(s->boot_id), "%.36s", conf->boot);
	snprintf(s->what, sizeof(s->what), "%.31s", conf->what);
	snprintf(s->stream, sizeof(s->stream), "%.15s", conf->stream ? conf->stream : "audit");
	s->clock = conf->clock ? *conf->clock : (struct trail_clock){wall_now, mono_now, NULL};
	s->filed_at = s->sealed_at = s->clock.mono();
	trail_set(s, conf);
	s->owner = owner ? *owner : (struct trail_owner){0};
	s->cause = "new";
	s->new_epoch = true;
	int r = chain_ready();
	if (!r && (r = trail_second_open(s, conf->second))) {
		trail_free(&s);
		return r;
	}
	/* With a second directory it need not be possible to write the first one. */
	int dirs = r ? 0 : segment_dirs(dir);
	if (!r && !s->second)
		r = dirs;
	if (!r)
		r = recover_all(dir, s->second, &s->recovered);
	if (r) {
		log_error("cannot read what is in %s: %s", s->what, err_text(r));
		trail_free(&s);
		return r;
	}
	if (s->recovered.files)
		log_notice("%s: %llu open files of an earlier run, %llu repaired (%llu bytes cut), %llu empty", s->what,
		    (unsigned long long)s->recovered.files, (unsigned long long)s->recovered.repaired,
		    (unsigned long long)s->recovered.cut_bytes, (unsigned long long)s->recovered.dropped);
	trail_room_begin(s);
	r = find_end(s);
	s->epoch++;
	if (!r)
		r = take_keys(s);
	bool begun = !r;
	if (begun)
		r = trail_commit(s, TRAIL_DURABLE);
	if (r && begun && trail_may_try(s))
		r = trail_commit(s, TRAIL_DURABLE);
	if (r) {
		trail_free(&s);
		return r;
	}
	*out = s;
	return 0;
}
