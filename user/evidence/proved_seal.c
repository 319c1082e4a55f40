/* proved_seal.c - seals, the keys that made them, and checkpoints.  See proved.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/seek.h"
#include "base/err.h"
#include "base/fd.h"
#include "evidence/fields.h"
#include "evidence/proved_internal.h"

enum { MAC_TAIL = 74 }; /* ,"mac":"64 digits"} */

static int why(struct proved *p, const char *text)
{
	snprintf(p->why, sizeof(p->why), "%s", text);
	return 1;
}

static bool hex_of(const struct fields *f, enum field i, uint8_t out[CHAIN_LEN])
{
	return chain_unhex(fields_text(f, i), out, CHAIN_LEN) == 0;
}

int proved_first(struct proved *p, struct view line)
{
	const struct names *n = &p->file->names;
	struct fields f;
	uint8_t prev[CHAIN_LEN], mac[MAC_LEN];

	if (fields_read(&f, line) || (!fields_is(&f, FLD_KIND, "epoch") && !fields_is(&f, FLD_KIND, "segment")))
		return why(p, "it does not begin with a line that says what came before it");
	uint64_t seals = fields_num(&f, FLD_SEALS, UINT64_MAX);
	if (fields_num(&f, FLD_EPOCH, 0) != n->epoch || !fields_is(&f, FLD_HOST, n->host) || strcmp(n->host, p->host) != 0)
		return why(p, "it is named after another host or epoch than its first line tells");
	if (fields_num(&f, FLD_AFTER, UINT64_MAX) != n->first - 1 || seals == UINT64_MAX || !hex_of(&f, FLD_PREV, prev) || !hex_of(&f, FLD_PREV_SEAL, mac))
		return why(p, "its first line names no chain before it");
	if (p->known && (memcmp(prev, p->chain.head, CHAIN_LEN) != 0 || seals != p->seal || memcmp(mac, p->mac, MAC_LEN) != 0))
		return why(p, "it does not continue the chain of the file before it");
	if (!p->known) {
		/* What it says of the past is proved with its first seal, which is made over this line too. */
		proved_drop(p);
		memcpy(p->chain.head, prev, CHAIN_LEN);
		memcpy(p->mac, mac, MAC_LEN);
		p->seal = seals;
		p->known = true;
	}
	/* Lines that the file before left without a seal stay held: the chain in this file's seals goes over them. */
	p->range_first = n->first;
	p->range_raw = 0;
	p->range_before = p->chain;
	return 0;
}

/* Was the seal made with a key of this trail?  1, 0, -ERR_NOT_FOUND, -ENOMEM. */
static int mac_good(struct proved *p, struct view id, uint64_t seal, struct view text, const uint8_t mac[MAC_LEN])
{
	uint8_t want[MAC_LEN];
	size_t i = 0;

	while (i < p->nkeys && !view_is(id, p->keys[i].id))
		i++;
	if (i == p->nkeys)
		return -ERR_NOT_FOUND;
	if (seal < p->keys[i].first)
		return 0;
	if (!p->at[i] || seal < p->at[i]) {
		memcpy(p->run[i], p->keys[i].key, MAC_LEN);
		p->at[i] = p->keys[i].first;
	}
	/* A number that no trail reaches must not keep the reader busy for ever. */
	if (seal - p->at[i] > 1u << 28)
		return 0;
	if (mac_evolve(p->run[i], seal - p->at[i]))
		return -ENOMEM;
	p->at[i] = seal;
	int r = mac_of(p->run[i], text, want);
	return r ? r : mac_same(want, mac);
}

int proved_seal(struct proved *p, struct view line)
{
	struct fields f;
	uint8_t before[CHAIN_LEN], head[CHAIN_LEN], prev[MAC_LEN], mac[MAC_LEN];

	if (line.n < MAC_TAIL || fields_read(&f, line) || !hex_of(&f, FLD_PREV_HEAD, before) || !hex_of(&f, FLD_HEAD, head) ||
	    !hex_of(&f, FLD_PREV_SEAL, prev) || !hex_of(&f, FLD_MAC, mac) || memcmp(line.p + line.n - MAC_TAIL, ",\"mac\":\"", 8) != 0)
		return why(p, "a seal that is not whole");
	uint64_t n = fields_num(&f, FLD_SEAL, 0);
	int r = p->calls->chain_only ? 1 : mac_good(p, fields_text(&f, FLD_KEY), n, view_head(line, line.n - MAC_TAIL), mac);
	if (r == -ERR_NOT_FOUND)
		return why(p, "a seal that was made with a key that nobody enrolled");
	if (r <= 0)
		return r < 0 ? r : why(p, "a seal that was not made with the key of this trail");
	if (n != p->seal + 1 || memcmp(prev, p->mac, MAC_LEN) != 0)
		return why(p, "a seal that does not follow the one before it");
	if (fields_num(&f, FLD_FIRST_SEQ, 0) != p->range_first || fields_num(&f, FLD_LAST_SEQ, UINT64_MAX) != p->seq ||
	    fields_num(&f, FLD_RAW_BYTES, UINT64_MAX) != p->range_raw)
		return why(p, "a seal that covers other lines than there are");
	if (memcmp(before, p->range_before.head, CHAIN_LEN) != 0 || memcmp(head, p->chain.head, CHAIN_LEN) != 0)
		return why(p, "a seal that names another chain: a line was changed");
	p->seal = n;
	memcpy(p->mac, mac, MAC_LEN);
	return 0;
}

void proved_peek(int fd, char ts[WALL_TEXT])
{
	uint64_t bytes = 0;

	if (!seek_first(fd, 0, ts, &bytes))
		ts[0] = '\0';
}

/* ---- checkpoints ---- */

static int by_size(const void *a, const void *b)
{
	const struct proved_note *x = a, *y = b;
	return x->n.size < y->n.size ? -1 : x->n.size > y->n.size;
}

static int take_note(struct proved *p, int dir, const char *name, const char *to)
{
	struct buf b = {.max = NOTE_MAX};
	struct layout_note named;
	struct note n;

	if (!layout_note(name, &named))
		return 0;
	int r = fd_slurp(dir, name, NOTE_MAX, &b);
	if (!r && note_read(buf_view(&b), &n))
		r = -ERR_MALFORMED;
	/* Of a later day than what is read: its lines are not looked at. */
	if (!r && !(to && strncmp(n.time, to, LAYOUT_DATE - 1) > 0)) {
		void *at = p->nnotes & (p->nnotes - 1) ? p->notes : reallocarray(p->notes, p->nnotes ? 2 * p->nnotes : 1, sizeof(*p->notes));
		if (at) {
			p->notes = at;
			struct proved_note *note = &p->notes[p->nnotes++];
			*note = (struct proved_note){.n = n};
			for (size_t i = 0; i < p->nkeys; i++)
				if (strcmp(p->keys[i].id, n.key_id) == 0)
					note->good |= note_signed(buf_view(&b), p->keys[i].name, p->keys[i].public);
		} else {
			r = -ENOMEM;
		}
	}
	buf_free(&b);
	return r == -ERR_MALFORMED ? proved_bad_at(p, "damaged", 1, 0, "checkpoint %.140s is not whole", name) : r;
}

int proved_load(struct proved *p, const struct enrol *e, const char *to)
{
	struct view v = buf_view(&e->keys[p->t]);
	char path[LAYOUT_PATH];
	int r = 0;

	while (v.n && p->nkeys < PROVED_KEYS) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
		v = view_skip(v, line.n + 1);
		if (line.n && keys_parse(line, &p->keys[p->nkeys++]))
			return -ERR_MALFORMED;
	}
	snprintf(path, sizeof(path), "checkpoints/host=%s/%s", p->host, layout_trail(p->t));
	int fd = openat(p->store, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *i; !r && (i = readdir(d));)
		r = take_note(p, dirfd(d), i->d_name, to);
	closedir(d);
	if (p->nnotes)
		qsort(p->notes, p->nnotes, sizeof(*p->notes), by_size);
	return r;
}

void proved_unload(struct proved *p)
{
	OPENSSL_cleanse(p->keys, sizeof(p->keys));
	OPENSSL_cleanse(p->run, sizeof(p->run));
	free(p->notes);
}

int proved_notes(struct proved *p)
{
	for (; p->next_note < p->nnotes && p->notes[p->next_note].n.size <= p->seq; p->next_note++) {
		const struct proved_note *n = &p->notes[p->next_note];
		int r = 0;
		if (n->n.size < p->seq || !n->good) {
			/* Of a place before what is read, or inside of what was told already; or of nobody. */
			if (!n->good && n->n.size == p->seq)
				r = proved_bad_at(p, "damaged", 1, 0, "the checkpoint at line %" PRIu64 " is not signed with the key of this trail", n->n.size);
		} else if (memcmp(n->n.head, p->chain.head, CHAIN_LEN) != 0 || n->n.seal != p->seal || memcmp(n->n.mac, p->mac, MAC_LEN) != 0) {
			r = proved_bad_at(p, "rewritten", 1, 0, "the checkpoint at line %" PRIu64 " names another chain: lines were written anew", n->n.size);
		} else {
			p->out->notes++;
		}
		if (r)
			return r;
	}
	return 0;
}

int proved_end(struct proved *p)
{
	if (p->next_note >= p->nnotes)
		return 0;
	const struct proved_note *n = &p->notes[p->nnotes - 1];
	/* Files that a later day brought may hold what follows. */
	if (!n->good || n->n.size <= p->seq)
		return 0;
	return proved_bad_at(p, "cut-off", p->seq + 1, n->n.size, "a checkpoint names lines that no file of the store has");
}
