/*
 * sheets.h - the tables of a bundle: path, columns, criterion, what a row is.
 * Floor: evidence.      Source: sheets.tbl.h, which docs/EVIDENCE.md repeats in words.
 */
#ifndef EVIDENCE_SHEETS_H
#define EVIDENCE_SHEETS_H

#include <stddef.h>

enum sheet {
#define X(symbol, path, criterion, columns, row) SH_##symbol,
#include "evidence/sheets.tbl.h"
#undef X
	SHEETS
};

struct sheet_info {
	const char *path, *criterion, *columns, *row; /* criterion "-": none; row begins with "-": no source exists yet, what one would be */
};
extern const struct sheet_info sheets[SHEETS];

/* What an auditor is promised, and the files that hold it. */
struct artefact_info {
	const char *name;
	enum sheet sheet, also; /* also: SHEETS when there is only one */
};
enum { ARTEFACTS = 7 };
extern const struct artefact_info artefacts[ARTEFACTS];

#endif
