/* pol_diag.c - where the loader is, and what is wrong there; see pol_load_internal.h. */
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "policy/pol_load_internal.h"

static void put(struct pol_loader *l, const char *s, size_t n)
{
	if (l->len + n < sizeof(l->pointer))
		memcpy(l->pointer + l->len, s, n);
	l->len += n;
}

/* RFC 6901 3: '~' and '/' are escaped. */
size_t pol_diag_name(struct pol_loader *l, struct view name)
{
	size_t back = l->len;
	put(l, "/", 1);
	for (size_t i = 0; i < name.n; i++) {
		char c = (char)name.p[i];
		put(l, c == '~' ? "~0" : c == '/' ? "~1" : &c, c == '~' || c == '/' ? 2 : 1);
	}
	return back;
}

size_t pol_diag_key(struct pol_loader *l, const struct json_node *n)
{
	uint8_t key[sizeof(l->pointer)];
	int len = json_key(&l->doc, n, key, sizeof(key));
	return pol_diag_name(l, len < 0 ? VIEW_LIT("...") : view_of(key, (size_t)len));
}

size_t pol_diag_index(struct pol_loader *l, uint32_t i)
{
	char t[16];
	snprintf(t, sizeof(t), "%u", i);
	return pol_diag_name(l, view_str(t));
}

void pol_diag_back(struct pol_loader *l, size_t len)
{
	l->len = len;
}

/* Where each line begins, found once: a document may have thousands of problems. */
static bool find_lines(struct pol_loader *l)
{
	struct view in = l->doc.in;
	uint32_t n = 1, i = 0;
	if (l->line_start)
		return true;
	for (size_t k = 0; k < in.n; k++)
		n += in.p[k] == '\n';
	l->line_start = arena_take(&l->p->arena, n, sizeof(*l->line_start));
	if (!l->line_start)
		return false;
	for (size_t k = 0; k < in.n; k++)
		if (in.p[k] == '\n')
			l->line_start[++i] = (uint32_t)k + 1;
	l->lines = n;
	return true;
}

static struct json_error position(struct pol_loader *l, uint32_t off)
{
	if (!find_lines(l))
		return (struct json_error){.off = off};
	uint32_t lo = 0, hi = l->lines; /* the last line that begins at or before ${off} */
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (l->line_start[mid] <= off)
			lo = mid;
		else
			hi = mid;
	}
	return (struct json_error){.off = off, .line = lo + 1, .column = off - l->line_start[lo] + 1};
}

static void report(struct pol_loader *l, bool warning, const struct json_error *at, const char *fmt, va_list ap)
{
	struct pol_problem p = {.warning = warning, .line = at->line, .column = at->column};
	size_t n = l->len < sizeof(l->pointer) ? l->len : sizeof(l->pointer) - 1;
	memcpy(p.pointer, l->pointer, n);
	vsnprintf(p.text, sizeof(p.text), fmt, ap);
	l->report(l->arg, &p);
}

void pol_diag_error(struct pol_loader *l, const struct json_node *n, int err, const char *fmt, ...)
{
	va_list ap;
	if (!l->err)
		l->err = err;
	if (!l->report)
		return;
	struct json_error at = position(l, n->off);
	va_start(ap, fmt);
	report(l, false, &at, fmt, ap);
	va_end(ap);
}

void pol_diag_warning(struct pol_loader *l, const struct json_node *n, const char *fmt, ...)
{
	va_list ap;
	if (!l->report)
		return;
	struct json_error at = position(l, n->off);
	va_start(ap, fmt);
	report(l, true, &at, fmt, ap);
	va_end(ap);
}

void pol_diag_scan(struct pol_loader *l, int err, const struct json_error *at)
{
	l->err = err;
	if (!l->report)
		return;
	struct pol_problem p = {.line = at->line, .column = at->column};
	snprintf(p.text, sizeof(p.text), "%s", err_text(err));
	l->report(l->arg, &p);
}
