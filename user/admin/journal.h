/*
 * journal.h - callgate-admin reads the journal: at its start, when its keeper is new, and now and then.
 * Process: callgate-admin.      Floor: admin.
 *
 * A long journal takes a while to read.  What was kept of it when it was last read whole (state.h) bridges that: it and the lines behind it
 * are put in force at once, and then the whole journal is asked for.  Only that counts: nothing is changed and no grant is shown before it is read, and
 * when it says something else, it holds, and an alert is recorded.
 */
#ifndef ADMIN_JOURNAL_H
#define ADMIN_JOURNAL_H

#include "admin/admin.h"

enum {
	JOURNAL_KEEP = 512,       /* lines: a shorter one is read as quickly as what would be kept of it */
	JOURNAL_WHOLE_MS = 100,   /* from what was kept is in force until the whole journal is asked for */
	JOURNAL_EARLY_MS = 60000, /* so long at most what was kept is in force without the journal */
	JOURNAL_AGAIN = 8192,     /* changes after which it is read again, for a newer state */
};

/** journal_ask(a): Ask for it, again and again until it came. */
void journal_ask(struct admin *a);
/** journal_came(a, e, f): M_JOURNAL. */
void journal_came(struct admin *a, struct edge *e, const struct frame *f);
/** journal_changed(a): A change was written and is in force. */
void journal_changed(struct admin *a);
/** journal_lost(a): Its keeper has gone. */
void journal_lost(struct admin *a);

#endif
