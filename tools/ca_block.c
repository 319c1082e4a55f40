/*
 * ca_block.c - the block of variables in /etc/environment.  See ca_install.h.
 * The first mark remembers what else was done to the file, so that taking the block out gives back every byte:
 * whether there was a file at all, and whether its last line had no end.
 */
#include <errno.h>

#include "base/err.h"
#include "tools/ca_install.h"
#include "tools/ca_vars.h"

#define MARK "# callgate: begin"
#define MARK_ABSENT "# callgate: begin (file made)"
#define MARK_JOINED "# callgate: begin (line end added)"
#define MARK_END "# callgate: end"

const struct ca_var ca_vars[] = {
    {"NODE_EXTRA_CA_CERTS", CA_FILE},
    {"NODE_USE_SYSTEM_CA", "1"},
    {"SSL_CERT_FILE", CA_BUNDLE},
    {"REQUESTS_CA_BUNDLE", CA_BUNDLE},
    {"CURL_CA_BUNDLE", CA_BUNDLE},
    {"PIP_CERT", CA_BUNDLE},
    {"CARGO_HTTP_CAINFO", CA_BUNDLE},
    {"GIT_SSL_CAINFO", CA_BUNDLE},
    {"AWS_CA_BUNDLE", CA_BUNDLE},
    {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", CA_BUNDLE},
    {"UV_SYSTEM_CERTS", "true"},
    {"DENO_TLS_CA_STORE", "system,mozilla"},
    {NULL, NULL},
};

/* The line at the front of ${v}, without its end; *${used} counts the end. */
static struct view line_of(struct view v, size_t *used)
{
	const uint8_t *end = v.n ? memchr(v.p, '\n', v.n) : NULL;
	size_t n = end ? (size_t)(end - v.p) : v.n;

	*used = end ? n + 1 : n;
	return view_of(v.p, n);
}

static bool sets(struct view line, const char *name)
{
	while (line.n && (*line.p == ' ' || *line.p == '\t'))
		line = view_skip(line, 1);
	if (view_starts(line, VIEW_LIT("export ")))
		line = view_skip(line, 7);
	size_t n = strlen(name);
	return view_starts(line, view_str(name)) && line.n > n && line.p[n] == '=';
}

bool ca_var_set(struct view file, const char *name)
{
	size_t used;

	for (; file.n; file = view_skip(file, used))
		if (sets(line_of(file, &used), name))
			return true;
	return false;
}

int ca_block_out(struct view file, struct buf *out, bool *absent)
{
	bool inside = false, joined = false;
	size_t used;

	*absent = false;
	for (; file.n; file = view_skip(file, used)) {
		struct view line = line_of(file, &used);
		bool begins = view_is(line, MARK) || view_is(line, MARK_ABSENT) || view_is(line, MARK_JOINED);
		if (begins && inside)
			return -ERR_MALFORMED;
		if (begins) {
			inside = true;
			joined = view_is(line, MARK_JOINED);
			*absent = view_is(line, MARK_ABSENT);
		}
		int r = inside ? 0 : buf_put(out, view_of(file.p, used));
		if (r)
			return r;
		if (inside && view_is(line, MARK_END)) {
			inside = false;
			if (joined && out->len && file.n == used)
				buf_truncate(out, out->len - 1);
		}
	}
	*absent = *absent && out->len == 0;
	return inside ? -ERR_MALFORMED : 0;
}

int ca_block_in(struct view file, bool absent, struct buf *out)
{
	bool joined = file.n && file.p[file.n - 1] != '\n';
	int r = buf_put(out, file);

	if (!r && joined)
		r = buf_puts(out, "\n");
	if (!r)
		r = buf_printf(out, "%s\n", absent ? MARK_ABSENT : joined ? MARK_JOINED : MARK);
	for (const struct ca_var *v = ca_vars; !r && v->name; v++)
		if (!ca_var_set(file, v->name))
			r = buf_printf(out, "%s=%s\n", v->name, v->value);
	return r ? r : buf_puts(out, MARK_END "\n");
}
