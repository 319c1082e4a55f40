/* kept.c - see kept.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/kept.h"
#include "base/err.h"
#include "base/fd.h"

static const char first[] = "callgate-kept 1";
enum { LINE = 160, CHUNK = 1 << 18 };

/* "WORD NUMBER HEX" and nothing else. */
static bool line_of(struct view *v, const char *word, uint64_t *n, uint8_t hash[CHAIN_LEN])
{
	char text[LINE], again[LINE], hex[CHAIN_HEX];

	if (!note_line(v, text, sizeof(text)) || strncmp(text, word, strlen(word)) != 0 || sscanf(text + strlen(word), " %" SCNu64 " %64[0-9a-f]", n, hex) != 2)
		return false;
	snprintf(again, sizeof(again), "%s %" PRIu64 " %s", word, *n, hex);
	return strcmp(again, text) == 0 && chain_unhex(view_str(hex), hash, CHAIN_LEN) == 0;
}

int kept_head(struct view text, struct kept *k)
{
	char word[sizeof(first)], blank[2], signature[NOTE_MAX];
	struct view v = text;

	*k = (struct kept){.fd = -1};
	if (!note_line(&v, word, sizeof(word)) || strcmp(word, first) != 0 || !note_line(&v, k->name, sizeof(k->name)) || !line_of(&v, "line", &k->mark.seq, k->mark.head.head) ||
	    !line_of(&v, "files", &k->sealed, k->files_sum) || !line_of(&v, "state", &k->bytes, k->sum) || !note_line(&v, blank, sizeof(blank)) || blank[0] ||
	    !note_line(&v, signature, sizeof(signature)))
		return -ERR_MALFORMED;
	if (!k->mark.seq || k->sealed > k->mark.seq || !k->bytes || k->bytes > KEPT_STATE)
		return -ERR_MALFORMED;
	k->off = text.n - v.n;
	return 0;
}

/* The hash of a sealed file is in its name: who changed the bytes did not change that. */
static int file_sum(int dir, const struct names *n, uint8_t sum[CHAIN_LEN], char path[NAMES_MAX])
{
	char hex[CHAIN_HEX];

	names_path(n, path);
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : chain_sum_fd(fd, sum, NULL);
	fd_close(&fd);
	if (r)
		return r;
	chain_hex(sum, CHAIN_LEN, hex);
	return strncmp(hex, n->sha, NAMES_SHA - 1) == 0 ? 0 : -ERR_CORRUPT;
}

int kept_files(int dir, uint64_t seq, uint64_t *last, uint8_t sum[CHAIN_LEN], char file[NAMES_MAX])
{
	struct names_list list;
	struct chain_sum *all = chain_sum_new();
	char text[NAMES_MAX + CHAIN_HEX + 2], hex[CHAIN_HEX];
	uint8_t one[CHAIN_LEN];
	int r = all ? names_read(dir, NAMES_SEALED, &list) : -ENOMEM;

	*last = 0;
	file[0] = '\0';
	if (r) {
		chain_sum_free(&all);
		return r;
	}
	for (size_t i = 0; !r && i < list.n; i++) {
		r = file_sum(dir, &list.at[i], one, file);
		if (r)
			break;
		if (list.at[i].last > seq)
			continue;
		chain_hex(one, CHAIN_LEN, hex);
		int len = snprintf(text, sizeof(text), "%s %s\n", file, hex);
		r = chain_sum_add(all, view_of(text, (size_t)len));
		*last = list.at[i].last;
	}
	names_free(&list);
	if (!r)
		r = chain_sum_end(all, one);
	if (!r && sum)
		memcpy(sum, one, CHAIN_LEN);
	chain_sum_free(&all);
	return r;
}

/* ---- reading ---- */

static int look(int dir, const struct trail *s, struct kept *k, char why[KEPT_WHY])
{
	uint8_t text[KEPT_HEAD], sum[CHAIN_LEN];
	char file[NAMES_MAX];
	struct stat st;
	uint64_t sealed;
	ssize_t got = pread(k->fd, text, sizeof(text), 0);
	int fd = k->fd, r = got < 0 || fstat(fd, &st) < 0 ? -errno : kept_head(view_of(text, (size_t)got), k);

	k->fd = fd;
	snprintf(why, KEPT_WHY, "%s", r == -ERR_MALFORMED ? "it is torn, or of another version" : r ? err_text(r) : "");
	if (r)
		return r;
	if (!trail_signed(s, view_of(text, k->off))) {
		snprintf(why, KEPT_WHY, "it was not written by this host for this stream, or it was changed");
		return -ERR_CORRUPT;
	}
	if ((uint64_t)st.st_size != k->off + k->bytes) {
		snprintf(why, KEPT_WHY, "it is torn");
		return -ERR_CORRUPT;
	}
	if (k->mark.seq > trail_state(s).seq) {
		snprintf(why, KEPT_WHY, "it ends at line %" PRIu64 ", the lines at %" PRIu64, k->mark.seq, trail_state(s).seq);
		return -ERR_CORRUPT;
	}
	r = kept_files(dir, k->sealed, &sealed, sum, file);
	if (r == -ERR_CORRUPT)
		snprintf(why, KEPT_WHY, "%s is not what was sealed", file);
	else if (r)
		snprintf(why, KEPT_WHY, "%s: %s", file, err_text(r));
	else if (sealed != k->sealed || memcmp(sum, k->files_sum, CHAIN_LEN) != 0) {
		snprintf(why, KEPT_WHY, "the sealed files up to line %" PRIu64 " are not those that it was made of", k->sealed);
		return -ERR_CORRUPT;
	}
	return r;
}

int kept_open(int dir, const struct trail *s, struct kept *k, char why[KEPT_WHY])
{
	*k = (struct kept){.fd = openat(dir, "kept", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
	why[0] = '\0';
	if (k->fd < 0) {
		int r = -errno;
		snprintf(why, KEPT_WHY, "%s", err_text(r));
		return r;
	}
	int r = look(dir, s, k, why);
	if (r)
		kept_close(k);
	return r == -ENOENT ? -ERR_CORRUPT : r;
}

int kept_copy(const struct kept *k, int fd)
{
	static uint8_t chunk[CHUNK];
	uint8_t sum[CHAIN_LEN];
	struct chain_sum *s = chain_sum_new();
	uint64_t done = 0;
	int r = s ? 0 : -ENOMEM;

	while (!r && done < k->bytes) {
		uint64_t left = k->bytes - done;
		ssize_t got = pread(k->fd, chunk, left < CHUNK ? left : CHUNK, (off_t)(k->off + done));
		if (got <= 0) {
			r = got < 0 ? -errno : -ERR_CORRUPT;
			break;
		}
		/* What is handed on is what was hashed. */
		r = chain_sum_add(s, view_of(chunk, (size_t)got));
		if (!r)
			r = fd_write_all(fd, view_of(chunk, (size_t)got));
		done += (uint64_t)got;
	}
	if (!r)
		r = chain_sum_end(s, sum);
	chain_sum_free(&s);
	return r ? r : memcmp(sum, k->sum, CHAIN_LEN) == 0 ? 0 : -ERR_CORRUPT;
}

void kept_close(struct kept *k)
{
	fd_close(&k->fd);
}

/* ---- writing ---- */

static int state_sum(struct view state, uint8_t sum[CHAIN_LEN])
{
	struct chain_sum *s = chain_sum_new();
	int r = s ? chain_sum_add(s, state) : -ENOMEM;

	if (!r)
		r = chain_sum_end(s, sum);
	chain_sum_free(&s);
	return r;
}

/* No sync: what a power cut leaves of it is found to be torn. */
static int put(int dir, struct view head, struct view state)
{
	if (unlinkat(dir, "kept.new", 0) < 0 && errno != ENOENT)
		return -errno;
	int fd = openat(dir, "kept.new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, head);
	if (!r)
		r = fd_write_all(fd, state);
	if (!r && renameat(dir, "kept.new", dir, "kept") < 0)
		r = -errno;
	fd_close(&fd);
	if (r)
		unlinkat(dir, "kept.new", 0);
	return r;
}

int kept_save(int dir, const struct trail *s, const struct kept_mark *mark, struct view state)
{
	uint8_t files_sum[CHAIN_LEN], sum[CHAIN_LEN];
	char file[NAMES_MAX], hex[3][CHAIN_HEX];
	struct buf head = {.max = KEPT_HEAD};
	uint64_t sealed;

	if (!mark->seq || !state.n || state.n > KEPT_STATE)
		return -ERR_RANGE;
	int r = kept_files(dir, mark->seq, &sealed, files_sum, file);
	if (!r)
		r = state_sum(state, sum);
	if (r)
		return r;
	chain_hex(mark->head.head, CHAIN_LEN, hex[0]);
	chain_hex(files_sum, CHAIN_LEN, hex[1]);
	chain_hex(sum, CHAIN_LEN, hex[2]);
	r = buf_printf(&head, "%s\n%s\nline %" PRIu64 " %s\nfiles %" PRIu64 " %s\nstate %zu %s\n", first, trail_name(s), mark->seq, hex[0], sealed, hex[1], state.n, hex[2]);
	if (!r)
		r = trail_sign(s, &head);
	if (!r)
		r = put(dir, buf_view(&head), state);
	buf_free(&head);
	return r;
}
