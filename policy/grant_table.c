/* grant_table.c - see grant_table.h. */
#include <stdio.h>

#include "base/err.h"
#include "policy/grant_table.h"

const char *grant_text_key(enum grant_text t)
{
	static const char *const key[] = {[GT_ID] = "id", [GT_SERVER] = "server", [GT_POLICY] = "policy", [GT_CREDENTIAL] = "credential", [GT_AGENT] = "agent",
	    [GT_EXE_SHA256] = "exe_sha256", [GT_UNIT] = "unit", [GT_CGROUP] = "cgroup", [GT_TOKEN_SHA256] = "token_sha256"};

	return key[t];
}

static const char *row_wrong(const struct grant_table *t, const struct grant_row *r)
{
	bool one = !(r->flags & GRANT_UID) != !(r->flags & GRANT_ANY_UID);

	for (size_t i = 0; i < GT_TEXTS; i++)
		if (r->text[i] >= t->pool_n || (r->text[i] && t->pool[r->text[i] - 1]))
			return "has a text outside the table";
	if (!t->pool[r->text[GT_ID]] || !t->pool[r->text[GT_SERVER]])
		return "needs an id and a server";
	if (!one || r->flags & ~(uint32_t)GRANT_FLAGS)
		return "does not say whose it is";
	if ((r->flags & GRANT_UID && r->uid == UINT32_MAX) || (r->flags & GRANT_GID && r->gid == UINT32_MAX) || (r->flags & GRANT_LOGIN_UID && r->login_uid == UINT32_MAX))
		return "has a user number that is none";
	return NULL;
}

int grant_table_open(struct view in, struct grant_table *t, char *why, size_t why_len)
{
	struct grant_table_head h;
	const char *last = "", *wrong = in.n < sizeof(h) ? "is shorter than its head" : NULL;

	*t = (struct grant_table){0};
	if (!wrong) {
		memcpy(&h, in.p, sizeof(h));
		struct view rest = view_skip(in, sizeof(h));
		if (memcmp(h.magic, GRANT_TABLE_MAGIC, sizeof(h.magic)) != 0 || h.row_size != sizeof(struct grant_row))
			wrong = "is of another version";
		else if (h.rows > GRANT_TABLE_ROWS || (uint64_t)h.rows * sizeof(struct grant_row) > rest.n || h.pool != rest.n - (uint64_t)h.rows * sizeof(struct grant_row))
			wrong = "is not as long as it says";
		else if (!h.pool || h.pool > UINT32_MAX || in.p[in.n - 1] || in.p[in.n - h.pool])
			wrong = "has a text without an end";
		else
			*t = (struct grant_table){rest.p, (const char *)in.p + (in.n - h.pool), h.rows, h.pool};
	}
	for (uint32_t i = 0; !wrong && i < t->rows; i++) {
		struct grant_row r = grant_table_row(t, i);
		wrong = row_wrong(t, &r);
		const char *id = wrong ? "" : t->pool + r.text[GT_ID];
		if (!wrong && strcmp(last, id) >= 0)
			wrong = "is out of order";
		if (wrong)
			snprintf(why, why_len, "grant %u %s", i, wrong);
		last = id;
	}
	if (!wrong)
		return 0;
	if (!t->row)
		snprintf(why, why_len, "the table of grants %s", wrong);
	*t = (struct grant_table){0};
	return -ERR_MALFORMED;
}
