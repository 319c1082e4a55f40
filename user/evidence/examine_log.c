/* examine_log.c - the collector's log against what a bundle holds.  See examine.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/fd.h"
#include "evidence/examine_internal.h"
#include "evidence/ledger.h"
#include "evidence/sheets.h"

enum { PEM_MAX = 4096 };

struct walk_log {
	struct ledger_tree tree;
	struct buf scratch;
	struct map strangers; /* hosts of the log that the bundle does not have */
};
static struct walk_log *at_log; /* examine_rows() has no argument for it */

static int take_leaf(struct examine *c, const struct view cell[])
{
	struct walk_log *w = at_log;
	uint8_t leaf[CHAIN_LEN];
	int r = ledger_leaf(cell, &w->scratch, leaf);

	if (!r)
		r = ledger_add(&w->tree, leaf);
	if (r)
		return r;
	struct examine_segment *s = map_find(&c->names, cell[LEDGER_SEGMENT]);
	const struct examine_host *h = map_find(&c->hosts, cell[LEDGER_HOST]);
	enum layout_trail t = view_is(cell[LEDGER_TRAIL], "journal") ? LAYOUT_JOURNAL : LAYOUT_AUDIT;
	if (s) {
		s->logged = true;
	} else if (!h) {
		if (!map_find(&w->strangers, cell[LEDGER_HOST]))
			examine_bad(c, "the collector's log has files of %.*s, the bundle has none of that host", (int)(cell[LEDGER_HOST].n < 64 ? cell[LEDGER_HOST].n : 63), (const char *)cell[LEDGER_HOST].p);
		map_get(&w->strangers, cell[LEDGER_HOST]);
	} else if (h->first[t] && examine_number(cell[LEDGER_FIRST]) > h->first[t] && examine_number(cell[LEDGER_LAST]) < h->last[t]) {
		examine_bad(c, "the collector's log has %.*s, the bundle does not", (int)(cell[LEDGER_SEGMENT].n < 150 ? cell[LEDGER_SEGMENT].n : 150), (const char *)cell[LEDGER_SEGMENT].p);
	}
	return 0;
}

static void compare(struct examine *c, const struct walk_log *w, struct view text)
{
	struct ledger_checkpoint said;
	struct buf pem = {0};
	uint8_t key[SIGN_PUBLIC], root[CHAIN_LEN];
	bool good = fd_slurp(c->dir, "integrity/collector.pem", PEM_MAX, &pem) == 0 && examine_public(buf_view(&pem), key) && ledger_checkpoint(text, key, &said) == 0;

	buf_free(&pem);
	if (!good)
		examine_bad(c, "integrity/log/checkpoint is not signed by the collector");
	else if (said.size != w->tree.size || ledger_root(&w->tree, root) || memcmp(root, said.root, CHAIN_LEN) != 0)
		examine_bad(c, "%s is not the log that the collector signed: %" PRIu64 " leaves of %" PRIu64 ", or another root", sheets[SH_LOG].path, w->tree.size, said.size);
	else
		examine_good(c, "the collector's log of %" PRIu64 " leaves is the one that it signed", said.size);
}

int examine_log(struct examine *c)
{
	struct walk_log w = {0};
	struct buf text = {.max = NOTE_MAX};
	int r = fd_slurp(c->dir, "integrity/log/checkpoint", NOTE_MAX, &text);

	if (r == -ENOENT) {
		examine_good(c, "there is no collector's log: that nothing the collector took was left out is not proved");
		return 0;
	}
	map_init(&w.strangers, 1, 10000);
	at_log = &w;
	if (!r)
		r = examine_rows(c, sheets[SH_LOG].path, ledger_columns, LEDGER_CELLS, take_leaf);
	if (!r && w.tree.size)
		compare(c, &w, buf_view(&text));
	for (struct map_entry *e = c->names.first; !r && w.tree.size && e; e = e->next)
		if (!((const struct examine_segment *)e->data)->logged)
			examine_bad(c, "%.*s is not in the collector's log", (int)e->key.n, (const char *)e->key.p);
	map_free(&w.strangers);
	buf_free(&w.scratch);
	buf_free(&text);
	return r;
}
