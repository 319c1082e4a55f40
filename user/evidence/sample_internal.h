/*
 * sample_internal.h - what sample.c (the draw) and sample_packet.c (a packet an item) share.
 * Floor: evidence.
 */
#ifndef EVIDENCE_SAMPLE_INTERNAL_H
#define EVIDENCE_SAMPLE_INTERNAL_H

#include <jansson.h>

#include "audit/chain.h"
#include "evidence/run.h"
#include "evidence/sample.h"

struct sample_item {
	uint8_t hash[CHAIN_LEN];
	uint64_t row; /* of the table, from 1 */
	char host[NAMES_HOST], id[80], seq[24], stratum[128];
	uint64_t seal, in_stratum;
	char grant[80], policy[80], segment[NAMES_MAX], ts[WALL_TEXT];
	json_t *packet;
};

/** sample_packets(dir, segments, item, n): Fill each item's packet.  0 or negative. */
int sample_packets(int dir, int segments, struct sample_item *item, size_t n) __attribute__((warn_unused_result));

#endif
