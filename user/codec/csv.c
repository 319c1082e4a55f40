/* csv.c - see csv.h. */
#include "base/err.h"
#include "codec/csv.h"

void csv_begin(struct csv *c, uint8_t *p, size_t n)
{
	*c = (struct csv){.p = p, .end = p + n, .next = 1};
}

/* A field in quotes, unescaped in place: the result is never longer. */
static int quoted(struct csv *c, struct view *out)
{
	uint8_t *from = ++c->p, *to = from;

	for (; c->p < c->end; c->p++) {
		c->next += *c->p == '\n';
		if (*c->p != '"') {
			*to++ = *c->p;
		} else if (c->p + 1 < c->end && c->p[1] == '"') {
			*to++ = *c->p++;
		} else {
			c->p++;
			*out = view_of(from, (size_t)(to - from));
			return 0;
		}
	}
	return -ERR_MALFORMED;
}

static int plain(struct csv *c, struct view *out)
{
	uint8_t *from = c->p;

	while (c->p < c->end && *c->p != ',' && *c->p != '\n' && *c->p != '\r') {
		if (*c->p == '"')
			return -ERR_MALFORMED;
		c->p++;
	}
	*out = view_of(from, (size_t)(c->p - from));
	return 0;
}

/* 1: another field follows. */
static int after(struct csv *c)
{
	if (c->p < c->end && *c->p == ',') {
		c->p++;
		return 1;
	}
	if (c->p < c->end && *c->p == '\r')
		c->p++;
	if (c->p == c->end)
		return 0;
	if (*c->p != '\n')
		return -ERR_MALFORMED;
	c->p++;
	c->next++;
	return 0;
}

int csv_row(struct csv *c)
{
	do {
		int more = 1;
		c->n = 0;
		c->line = c->next;
		if (c->p == c->end)
			return 0;
		while (more == 1) {
			if (c->n == CSV_FIELDS)
				return -ERR_TOO_LONG;
			bool q = c->p < c->end && *c->p == '"';
			int r = q ? quoted(c, &c->field[c->n]) : plain(c, &c->field[c->n]);
			if (r)
				return r;
			c->n++;
			more = after(c);
		}
		if (more < 0)
			return more;
	} while (c->n == 1 && !c->field[0].n);
	return 1;
}

int csv_column(const struct csv *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (view_ieq(c->field[i], view_str(name)))
			return (int)i;
	return -1;
}
