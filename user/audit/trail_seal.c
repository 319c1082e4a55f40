/*
 * trail_seal.c - what proves a stream: seals in it, and checkpoints beside it.
 * The key of a seal is kept until the seal is on disk: should its file fail, it is made again with the same number.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "audit/trail_internal.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { NOTE_MS = 1000, FILED_SECONDS = 3600 };

void trail_range_begin(struct trail *s)
{
	s->range = (struct trail_range){.first = s->now.seq + 1, .before = s->now.chain};
}

static struct trail_sync sync_now(void)
{
	struct timex t = {0};
	long state = syscall(SYS_adjtimex, &t);
	int64_t unit = t.status & STA_NANO ? 1000 : 1;

	if (state < 0)
		return (struct trail_sync){.est_error_us = -1, .max_error_us = -1};
	return (struct trail_sync){state != TIME_ERROR && !(t.status & STA_UNSYNC), t.offset / unit, t.esterror, t.maxerror};
}

static void put_clock(struct jsonw *w, struct trail_sync now)
{
	jsonw_open(w, "clock_sync", '{');
	jsonw_bool(w, "synced", now.synced);
	jsonw_int(w, "offset_us", now.offset_us);
	jsonw_int(w, "est_error_us", now.est_error_us);
	jsonw_int(w, "max_error_us", now.max_error_us);
	jsonw_close(w, '}');
}

int trail_put_seal(struct trail *s)
{
	struct jsonw w = trail_own_begin(s);

	jsonw_uint(&w, "seal", s->now.seals + 1);
	jsonw_str(&w, "key", keys_id(s->keys));
	jsonw_uint(&w, "first_seq", s->range.first);
	jsonw_uint(&w, "last_seq", s->now.seq);
	jsonw_uint(&w, "raw_bytes", s->range.raw);
	jsonw_hex(&w, "prev_head", view_of(s->range.before.head, CHAIN_LEN));
	jsonw_hex(&w, "head", view_of(s->now.chain.head, CHAIN_LEN));
	jsonw_hex(&w, "prev_seal", view_of(s->now.mac, MAC_LEN));
	jsonw_int(&w, "wall", s->clock.wall().ns);
	jsonw_uint(&w, "mono", s->clock.mono().ns);
	jsonw_str(&w, "boot_id", s->boot_id);
	put_clock(&w, s->clock.sync ? s->clock.sync() : sync_now());
	if (s->owner.seal)
		s->owner.seal(s->owner.arg, &w);
	int r = jsonw_end(&w);
	if (!r)
		r = trail_number_line(s, "seal", buf_view(&s->own), true);
	if (!r)
		r = mac_evolve(s->now.key, 1);
	if (r)
		return r;
	s->now.seals++;
	s->now.seal_seq = s->now.seq;
	s->now.seal_head = s->now.chain;
	s->sealed_at = s->clock.mono();
	trail_range_begin(s);
	return 0;
}

void trail_key_past(struct trail *s)
{
	int r = keys_save(s->keys, s->safe.seals + 1, s->safe.key);

	/* Once, not at each seal. */
	if (r && !s->key_failed)
		log_error("the key of the last seal below %s cannot be written over: %s", s->what, err_text(r));
	s->key_failed = r != 0;
}

/* Whole before it has its name. */
static int put_note(int dir, const char *path, struct view v)
{
	unlinkat(dir, "checkpoint.new", 0);
	int fd = openat(dir, "checkpoint.new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0440);
	int r = fd < 0 ? -errno : fd_write_all(fd, v);
	if (!r && (fsync(fd) < 0 || renameat(dir, "checkpoint.new", dir, path) < 0))
		r = -errno;
	fd_close(&fd);
	return r;
}

static int put_notes(struct trail *s, bool filed)
{
	struct note n = {.size = s->safe.seal_seq, .seal = s->safe.seals, .epoch = s->epoch};
	struct buf b = {.max = NOTE_MAX};
	char path[NAMES_MAX];

	memcpy(n.head, s->safe.seal_head.head, CHAIN_LEN);
	memcpy(n.mac, s->safe.mac, MAC_LEN);
	wall_text(s->clock.wall(), n.time);
	int r = keys_sign(s->keys, &n, &b);
	snprintf(path, sizeof(path), "checkpoints/%s-%06" PRIu64 "-%012" PRIu64 ".note", s->host, s->epoch, n.size);
	/* Those that stay are for who collects, in the first directory. */
	if (!r && filed && !s->away)
		r = put_note(s->dir, path, buf_view(&b));
	if (!r)
		r = put_note(trail_place(s), "checkpoint", buf_view(&b));
	buf_free(&b);
	return r;
}

void trail_checkpoint(struct trail *s, bool filed)
{
	struct mono now = s->clock.mono();

	filed |= now.ns - s->filed_at.ns >= FILED_SECONDS * 1000000000ull;
	if (s->safe.seals == s->noted || (!filed && now.ns < mono_after_ms(s->noted_at, NOTE_MS).ns))
		return;
	/* Only the reader at another place misses one: records go on. */
	int r = put_notes(s, filed);
	if (r && !s->note_failed)
		log_error("a checkpoint cannot be written below %s: %s", s->what, err_text(r));
	if (!r && !s->key_failed)
		r = keys_sync(s->keys);
	s->note_failed = r != 0;
	if (r)
		return;
	s->noted = s->safe.seals;
	s->noted_at = now;
	if (filed)
		s->filed_at = now;
}

const char *trail_name(const struct trail *s)
{
	return keys_name(s->keys);
}

int trail_sign(const struct trail *s, struct buf *out)
{
	return keys_sign_text(s->keys, out);
}

bool trail_signed(const struct trail *s, struct view text)
{
	return keys_signed(s->keys, text);
}
