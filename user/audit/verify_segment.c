/* verify_segment.c - see verify_segment.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/verify_internal.h"
#include "audit/verify_segment.h"
#include "base/err.h"

static int take_notes(struct check *c, const struct verify_known *known)
{
	if (!known->nnotes)
		return 0;
	c->notes = calloc(known->nnotes, sizeof(*c->notes));
	if (!c->notes)
		return -ENOMEM;
	for (; c->nnotes < known->nnotes; c->nnotes++) {
		struct verify_note *at = &c->notes[c->nnotes];
		at->n = known->notes[c->nnotes];
		at->signed_by = true;
		snprintf(at->file, sizeof(at->file), "the checkpoint of line %" PRIu64, at->n.size);
		/* What lies before this file is not its business. */
		if (at->n.size <= c->seq)
			c->next_note = c->nnotes + 1;
	}
	return 0;
}

static size_t key_of(const struct check *c, const char *id)
{
	size_t i = 0;

	while (i < c->nkeys && strcmp(c->keys[i].id, id) != 0)
		i++;
	return i;
}

static void begin(struct check *c, const struct names *n, const struct verify_at *from)
{
	c->seq = c->proven = n->first - 1;
	if (!from)
		return;
	c->known = true;
	c->seq = c->proven = from->seq;
	c->epoch = from->epoch;
	c->seal = from->seal;
	memcpy(c->chain.head, from->head, CHAIN_LEN);
	memcpy(c->mac, from->mac, MAC_LEN);
	memcpy(c->key, from->key, MAC_ID);
	c->cut = from->cut;
	size_t i = key_of(c, from->key);
	if (i < c->nkeys && from->run_seal >= c->keys[i].first) {
		c->at[i] = from->run_seal;
		memcpy(c->run[i], from->run, MAC_LEN);
	}
}

static void end(const struct check *c, struct verify_at *to)
{
	size_t i = key_of(c, c->key);

	*to = (struct verify_at){.seq = c->seq, .epoch = c->epoch, .seal = c->seal, .cut = c->cut};
	memcpy(to->head, c->chain.head, CHAIN_LEN);
	memcpy(to->mac, c->mac, MAC_LEN);
	memcpy(to->key, c->key, MAC_ID);
	to->said = c->said;
	memcpy(to->first_ts, c->first_ts, WALL_TEXT);
	memcpy(to->last_ts, c->last_ts, WALL_TEXT);
	if (i < c->nkeys && c->at[i]) {
		to->run_seal = c->at[i];
		memcpy(to->run, c->run[i], MAC_LEN);
	}
}

int verify_segment(int fd, const struct names *n, const struct verify_known *known, const struct verify_at *from, struct verify_at *to,
    struct verify_result *v)
{
	const struct verify_opts opts = {.keys = known->keys, .partial = true};
	struct check *c = known->keys.n ? calloc(1, sizeof(*c)) : NULL;

	*to = (struct verify_at){0};
	*v = (struct verify_result){.files = 1, .first = n->first, .from = 1};
	if (!c)
		return known->keys.n ? -ENOMEM : -EINVAL;
	c->dir = -1;
	c->opts = &opts;
	c->v = v;
	c->names = n;
	c->host = n->host;
	c->once = true;
	c->most_raw = VERIFY_UNSEALED;
	int r = chain_ready();
	if (!r)
		r = proof_keys(c, known->keys);
	if (!r) {
		begin(c, n, from);
		r = take_notes(c, known);
	}
	if (!r) {
		verify_place(c, n);
		r = v->bad ? 0 : verify_lines(c, fd, true, UINT64_MAX);
	}
	if (!r && !v->bad && n->last != c->seq)
		check_bad(c, "its name says that it ends with line %" PRIu64 ", it ends with %" PRIu64, n->last, c->seq);
	/* Checkpoints of lines after the last seal: it should have been there. */
	if (!r && !v->bad)
		proof_notes(c);
	v->last = c->seq;
	if (!r && !v->bad)
		end(c, to);
	proof_free(c);
	buf_free(&c->held);
	explicit_bzero(c, sizeof(*c));
	free(c);
	return r < 0 ? r : 0;
}
