/*
 * fleet_fuzz.c - what a collector reads that others wrote: names, checkpoints, enrolments, sealed boxes, segment files.
 * The first byte says what the rest is.  What is accepted must hold when it is written again.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "audit/verify_segment.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/box.h"
#include "fleet/collector.h"
#include "fleet/enrol.h"
#include "fleet/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void names(const char *s)
{
	struct names n;
	struct layout_note note;
	char again[NAMES_MAX];

	if (layout_segment(s, &n)) {
		names_path(&n, again);
		check(strcmp(again + strlen("sealed/"), s) == 0 && !strchr(s, '/') && layout_host(n.host));
	}
	if (layout_note(s, &note)) {
		layout_note_name(&note, again);
		check(strcmp(again, s) == 0 && !strchr(s, '/'));
	}
	if (layout_host(s))
		check(!strchr(s, '/') && *s != '.' && *s != '-' && strlen(s) < NAMES_HOST);
	check(!layout_policy(s) || strlen(s) == 69);
	check(!layout_date_ok(s) || strlen(s) == 10);
}

static void enrolment(struct view v)
{
	struct enrol e, again;
	struct buf a = {0}, b = {0};

	if (enrol_parse(v, &e))
		return;
	check(layout_host(e.host) && enrol_text(&e, &a) == 0 && enrol_parse(buf_view(&a), &again) == 0);
	check(enrol_text(&again, &b) == 0 && view_eq(buf_view(&a), buf_view(&b)));
	check(!strchr(e.push, '\n') && !strchr(e.push, '"') && !strchr(e.fetch, '\n'));
	enrol_free(&e);
	enrol_free(&again);
	buf_free(&a);
	buf_free(&b);
}

/* A segment that continues a trail of which nothing is known but a key: it may be anything, and is never proved. */
static void segment(struct view v)
{
	static const char key[] = "{\"callgate_seal_key\":1,\"host\":\"w\",\"name\":\"callgate/w/audit\",\"id\":\"5b400a28871fb21c\",\"first_seal\":1,\"key\":"
				  "\"0000000000000000000000000000000000000000000000000000000000000000\",\"public\":\"0000000000000000000000000000000000000000000000000000000000000000\"}";
	const struct verify_known known = {.keys = view_str(key)};
	const struct names n = {.sealed = true, .host = "w", .epoch = 1, .first = 1, .last = 3, .sha = "0123456789abcdef"};
	struct verify_at from = {0}, to;
	struct verify_result r;
	int fd = fd_sealed("segment", v);

	check(fd >= 0);
	for (int i = 0; i < 2; i++) {
		int e = verify_segment(fd, &n, &known, i ? &from : NULL, &to, &r);
		check(e != -ERR_MALFORMED && e != -EINVAL);
		check(e <= 0 && (e || r.bad || to.seq == n.last));
		check(r.macs == 0);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[BOX_KEY] = {1};
	struct buf out = {.max = 1 << 20};
	struct collector c;
	struct receipt rec;
	struct note n;
	char text[512];

	if (!size)
		return 0;
	struct view v = view_of(data + 1, size - 1);
	switch (data[0]) {
	case 'n':
		if (v.n >= sizeof(text))
			return 0;
		memcpy(text, v.p, v.n);
		text[v.n] = '\0';
		names(text);
		break;
	case 'e':
		enrolment(v);
		break;
	case 'c':
		if (!collector_parse(v, &c))
			check(collector_org(c.org) && !strchr(c.ssh, ' ') && !strchr(c.host_key, '\n'));
		break;
	case 'k':
		(void)!note_read(v, &n);
		(void)!receipt_read(v, &rec);
		break;
	case 'b':
		(void)!box_open(key, "enrol", v, &out);
		buf_free(&out);
		break;
	default:
		segment(v);
	}
	return 0;
}
