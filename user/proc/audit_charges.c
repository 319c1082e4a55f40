/*
 * audit_charges.c - what the records say was charged, for counters whose file may be older than the audit.
 * Process: callgate-audit.      Read a little at a time, after the rings that an earlier run left have been read: this process has records to write.
 */
#include <string.h>

#include "audit/read.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/charge_row.h"
#include "proc/audit_internal.h"

enum { LINES = 2000 };

static void end(struct audit_charges *q, int r)
{
	if (r)
		log_error("what was charged cannot be read from the audit, at %s: %s: calls with limits stay refused.  A damaged file that is moved out of the "
			  "directory counts no more; then start callgated again", q->in ? read_file(q->in) : "its directory", err_text(r));
	charges_free(&q->sum);
	read_free(&q->in);
	q->state = r ? CHARGES_FAILED : CHARGES_TOLD;
}

static int begin(struct audit *a)
{
	struct audit_charges *q = &a->charges;
	struct wall now = wall_now();

	int r = charges_new(now, &q->sum);
	if (!r)
		r = read_new(a->dir, &q->in);
	if (!r)
		r = read_also(q->in, a->second);
	if (!r)
		read_since(q->in, charges_since(now));
	q->state = CHARGES_READING;
	return r;
}

static int tell(struct audit *a)
{
	struct audit_charges *q = &a->charges;
	struct buf rows = {.max = CHARGE_FILE_MAX};
	size_t n;

	int r = charges_rows(q->sum, &rows, &n);
	int fd = r ? r : fd_sealed("charges", buf_view(&rows));
	buf_free(&rows);
	if (fd < 0)
		return fd;
	struct m_charges m = {.calls = charges_calls(q->sum), .rows = n};
	r = edge_send(&a->child.sup, M_CHARGES, 0, view_of(&m, sizeof(m)), fd);
	fd_close(&fd);
	if (!r && charges_unread(q->sum))
		log_error("%llu charges in the audit cannot be understood and are not counted", (unsigned long long)charges_unread(q->sum));
	return r;
}

bool audit_charges(struct audit *a, bool quiet)
{
	struct audit_charges *q = &a->charges;
	struct view line;
	int r = 0;

	if (q->state == CHARGES_WANTED && quiet)
		r = begin(a);
	for (int i = 0; !r && q->state == CHARGES_READING && i < LINES; i++) {
		int got = read_line(q->in, &line);
		r = got < 0 ? got : got ? charges_line(q->sum, line) : 0;
		if (!got) {
			r = tell(a);
			end(q, r);
		}
	}
	if (r && q->state == CHARGES_READING)
		end(q, r);
	return q->state == CHARGES_READING;
}
