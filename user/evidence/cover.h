/*
 * cover.h - what cover.c (lines against time) and cover_rows.c (days and hours as rows) share.
 * Floor: evidence.
 */
#ifndef EVIDENCE_COVER_H
#define EVIDENCE_COVER_H

#include "evidence/run.h"

struct cover_hour {
	uint64_t intercepted, refused, dropped, queue_dropped;
	uint32_t seals;
	uint16_t gap; /* seconds, the longest between two seals */
	bool expected, enforce;
};

struct cover {
	int64_t start; /* hours since 1970 */
	size_t hours;
	struct cover_hour *hour;
	char last[WALL_TEXT], first_seal[WALL_TEXT], last_seal[WALL_TEXT], boot[64], mode[16], missing[300];
	bool stopped; /* the last thing said was a clean stop */
	int64_t seal_wall, seal_mono;

	uint64_t epoch, epoch_seals, found, losses, records, intercepted, refused, dropped, queue_dropped;
	bool epoch_whole; /* its first line was read */
	char epoch_from[WALL_TEXT];

	struct {
		char date[LAYOUT_DATE];
		uint64_t seals, synced, jumps;
		int64_t offset, error, drift;
	} day; /* of the clock */
};

/** cover_day(h, ts): Another day: a row of the clock's. */
void cover_day(struct host *h, const char *ts);
/** cover_write(h): Rows of hours, days, and of the host. */
void cover_write(struct host *h);

#endif
