/* proxy_limits.c - see proxy_limits.h. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/charge_row.h"
#include "proc/proxy_limits.h"

static const char damaged[] = "the file of their counters is damaged";

static struct pol_limits *limits; /* NULL: ${why} */
static const char *why = "their counters are not there";
static bool wait;

static struct pol_limits *map(int fd)
{
	size_t n = pol_limits_size();
	struct pol_limits *l;
	struct stat st;

	if (fstat(fd, &st) || ((size_t)st.st_size < n && ftruncate(fd, (off_t)n))) {
		log_error("the file of the limit counters: %s", err_text(-errno));
		return NULL;
	}
	void *mem = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED) {
		log_error("the file of the limit counters: %s", err_text(-errno));
		return NULL;
	}
	int r = pol_limits_open(mem, n, &l);
	if (!r)
		return l;
	log_error("the file \"limits\" of the state directory holds no counters (%s): calls with limits are refused.  Stop callgated, move the file "
		  "away and start it again: the counters are then made up from the audit", err_text(r));
	why = damaged;
	munmap(mem, n);
	return NULL;
}

void proxy_limits_open(struct child *c, bool first)
{
	int fd = child_take_fd(c, FD_LIMITS, 0);

	wait = first;
	if (fd < 0)
		return;
	limits = map(fd);
	fd_close(&fd);
	unsigned left = limits ? pol_limits_claim(limits, c->slot) : 0;
	if (left)
		log_notice("%u charges of this slot's last worker are uncertain and stay counted", left);
}

/* The rows into counters of our own, those into the file's. */
static int take(int fd, uint32_t slot)
{
	struct view all = {0}, rest;
	struct pol_limits *again = NULL;
	struct charge_row row;
	unsigned lost = 0;

	int r = fd_map_sealed(fd, CHARGE_FILE_MAX, &all);
	r = r ? r : pol_limits_again(&again);
	rest = all;
	int more = r;
	while (!r && (more = charge_row_take(&rest, &row)) > 0) {
		char grant[NAME_LEN * 4], server[NAME_LEN * 4];
		snprintf(grant, sizeof(grant), "%.*s", (int)row.grant.n, (const char *)row.grant.p);
		snprintf(server, sizeof(server), "%.*s", (int)row.server.n, (const char *)row.server.p);
		struct pol_who who = {.grant = grant, .server = server, .uid = row.uid, .worker = slot};
		lost += pol_limits_replay(again, row.charge, &who, row.tool) != 1;
	}
	r = r ? r : more;
	if (!r && !pol_limits_raise(limits, again, slot))
		r = -ENOSPC;
	if (lost)
		log_error("%u sums of charges in the audit name no counter that is known and are not counted", lost);
	pol_limits_close(&again);
	fd_unmap(&all);
	return r;
}

void proxy_limits_turn(struct child *c, struct gate *g)
{
	int fd;

	while ((fd = child_take_fd(c, FD_CHARGES, 0)) >= 0) {
		int r = limits ? take(fd, c->slot) : 0;
		fd_close(&fd);
		if (r)
			log_error("what was charged cannot be counted again: %s: calls with limits stay refused", err_text(r));
		wait = wait && r;
	}
	if (wait && limits)
		gate_limits(g, NULL, "their counters are compared with the audit, since the last run did not end in order");
	else
		gate_limits(g, limits, why);
}

void proxy_limits_close(void)
{
	pol_limits_close(&limits);
}
