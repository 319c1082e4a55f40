/* fault.h - faults that lie in files: what is changed, lost, sent twice or not sent at all.  See shape.c. */
#ifndef TESTS_FLEET_FAULT_H
#define TESTS_FLEET_FAULT_H

#include "fleet.h"
#include "fleet/layout.h"

enum { SHAPE_FILES = 8192 };

struct shape_file {
	struct names n;
	char name[NAMES_MAX], path[LAYOUT_PATH], date[LAYOUT_DATE];
	bool gone, late;
	const char *refused, *words; /* why ingest does not take it */
};
struct shape_list {
	enum layout_trail trail;
	size_t n;
	struct shape_file at[SHAPE_FILES];
};

void make_path(int at, const char *path);
void put_text(int at, const char *path, mode_t mode, struct view text);

/** fault_files(p, number, l, facts): Tampered, lost, not collected. */
void fault_files(const struct plan *p, int number, struct shape_list *l, json_t *facts);
/** fault_late(out, host, l, facts): After an older image came back: what the inbox has is not sent again, the rest comes late and is refused. */
void fault_late(const struct out *out, const char *host, struct shape_list *l, json_t *facts);
bool fault_uncollected(const struct plan *p, int number, int64_t at);
/** fault_reason(out, path, trail, f): NAME.reason beside a refused file of the store. */
void fault_reason(const struct out *out, const char *path, const char *trail, const struct shape_file *f);

#endif
