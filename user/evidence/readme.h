/*
 * readme.h - the bundle's own explanation: each file, its criterion, how it was made, what it cannot show.
 * Floor: evidence.
 */
#ifndef EVIDENCE_README_H
#define EVIDENCE_README_H

#include "evidence/run.h"

/** readme_text(r, out): Markdown.  readme_html(r, out): one page without scripts.  0 or -ENOMEM. */
int readme_text(struct run *r, struct buf *out) __attribute__((warn_unused_result));
int readme_html(struct run *r, struct buf *out) __attribute__((warn_unused_result));

#endif
