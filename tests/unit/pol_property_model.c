/* pol_property_model.c - what has to become of a call; see pol_property_model.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/unit/pol_property_model.h"

extern const char *const m_ops[], *const m_scopes[];

/* --- equality and conditions --- */

static void plain_text(__int128 n, char out[48])
{
	unsigned __int128 u = n < 0 ? (unsigned __int128)-n : (unsigned __int128)n;
	int len = snprintf(out, 48, "%s%llu.%06llu", n < 0 ? "-" : "", (unsigned long long)(u / 1000000), (unsigned long long)(u % 1000000));
	while (out[len - 1] == '0')
		out[--len] = '\0';
	if (out[len - 1] == '.')
		out[--len] = '\0';
}

static bool same(const struct m_val *a, const struct m_val *b, bool strict);

static bool same_members(const struct m_val *a, const struct m_val *b, bool strict)
{
	if (a->n != b->n)
		return false;
	for (int i = 0; i < a->n; i++) {
		int k = 0;
		while (k < b->n && strcmp(a->key[i], b->key[k]) != 0)
			k++;
		if (k == b->n || !same(a->kid[i], b->kid[k], strict))
			return false;
	}
	return true;
}

static bool same(const struct m_val *a, const struct m_val *b, bool strict)
{
	char text[48];
	if (a->type == b->type) {
		if (a->type == M_NUMBER)
			return a->num == b->num;
		if (a->type == M_STRING)
			return strcmp(a->text, b->text) == 0;
		if (a->type == M_OBJECT)
			return same_members(a, b, strict);
		if (a->type == M_LIST && a->n != b->n)
			return false;
		for (int i = 0; a->type == M_LIST && i < a->n; i++)
			if (!same(a->kid[i], b->kid[i], strict))
				return false;
		return true;
	}
	if (strict || (a->type != M_STRING && b->type != M_STRING))
		return false;
	const struct m_val *s = a->type == M_STRING ? a : b, *o = s == a ? b : a;
	if (o->type == M_NUMBER) {
		plain_text(o->num, text);
		return strcmp(text, s->text) == 0;
	}
	return (o->type == M_TRUE && strcmp(s->text, "true") == 0) || (o->type == M_FALSE && strcmp(s->text, "false") == 0);
}

static const struct m_val *at_path(const struct m_val *v, const char *path)
{
	char copy[24], *save = NULL;
	snprintf(copy, sizeof(copy), "%s", path + 5);
	for (char *name = strtok_r(copy, ".", &save); name; name = strtok_r(NULL, ".", &save)) {
		const struct m_val *next = NULL;
		for (int i = 0; v && v->type == M_OBJECT && i < v->n; i++)
			if (strcmp(v->key[i], name) == 0)
				next = v->kid[i];
		v = next;
	}
	return v;
}

/* One function for each of m_patterns, by hand. */
static bool matches(int pattern, const char *s)
{
	size_t n = strlen(s);
	switch (pattern) {
	case 0: return s[0] == 'a';
	case 1: return n && s[n - 1] == 'b';
	case 2: return strpbrk(s, "0123456789") != NULL;
	case 3:
		for (size_t i = 0; i < n; i++) {
			size_t k = i + 2;
			while (s[i + 1] && k <= n && ((unsigned char)s[k] & 0xc0) == 0x80)
				k++;
			if (s[i] == 'a' && s[i + 1] && s[i + 1] != '\n' && k <= n && s[k] == 'c')
				return true;
		}
		return false;
	case 4: return strcasestr(s, "main") != NULL;
	case 5: return n == 0;
	case 6: return true;
	case 7: return strspn(s, "ab") == n;
	case 8:
		for (size_t i = 0; i + 2 < n; i++)
			if (isdigit((unsigned char)s[i]) && s[i + 1] == '.' && isdigit((unsigned char)s[i + 2]))
				return true;
		return false;
	default: return strstr(s, "x y") || strstr(s, "usd");
	}
}

static bool holds(const struct m_cond *c, const struct m_val *args)
{
	const struct m_val *a = at_path(args, c->path), *v = c->value;
	bool in = false;
	if (c->op == M_EXISTS)
		return (a && a->type != M_NULL) == (v->type == M_TRUE);
	if (!a)
		return false;
	if (c->op == M_IN || c->op == M_NOT_IN) {
		for (int i = 0; i < v->n; i++)
			in = in || same(a, v->kid[i], false);
		return in == (c->op == M_IN);
	}
	if (c->op == M_EQ || c->op == M_NEQ)
		return same(a, v, false) == (c->op == M_EQ);
	if (c->op == M_REGEX)
		return a->type == M_STRING && matches(c->pattern, a->text);
	if (c->op == M_CONTAINS) {
		for (int i = 0; a->type == M_LIST && i < a->n; i++)
			in = in || same(a->kid[i], v, false);
		return in || (a->type == M_STRING && v->type == M_STRING && strstr(a->text, v->text));
	}
	if (a->type != M_NUMBER)
		return false;
	return c->op == M_LT ? a->num < v->num : c->op == M_LTE ? a->num <= v->num : c->op == M_GT ? a->num > v->num : a->num >= v->num;
}

static bool all_hold(const struct m_rule *r, const struct m_val *args)
{
	for (int i = 0; i < r->n; i++)
		if (!holds(&r->cond[i], args))
			return false;
	return true;
}

/* --- names of rules --- */

static const char *escaped(const char *name)
{
	static char out[64];
	size_t n = 0;
	for (; *name; name++)
		n += (size_t)sprintf(out + n, *name == '~' ? "~0" : *name == '/' ? "~1" : "%c", *name);
	out[n] = '\0';
	return out;
}

static void label(const struct m_rule *r, int i, char out[64])
{
	if (r[i].n)
		snprintf(out, 64, "%s-%s", r[i].cond[0].path, m_ops[r[i].cond[0].op]);
	else
		snprintf(out, 64, "%d", i);
}

static void deny_rule(struct m_said *s, const char *tool, const char *list, const struct m_rule *r, int n, int i)
{
	char mine[64], other[64];
	bool twice = false;
	label(r, i, mine);
	for (int k = 0; k < n; k++) {
		label(r, k, other);
		twice = twice || (k != i && strcmp(mine, other) == 0);
	}
	snprintf(s->rule, sizeof(s->rule), "/tools/%s/%s/%s", escaped(tool), list, mine);
	if (twice)
		snprintf(s->rule + strlen(s->rule), sizeof(s->rule) - strlen(s->rule), "#%d", i);
	s->index = i;
}

/* --- counters: a list of everything that was ever counted --- */

struct event {
	char key[128];
	int64_t window;
	__int128 amount;
};
struct use {
	char grant[24], tool[8];
	const struct m_val *args;
	int64_t until;
};
enum { EVENTS = 4096 };
static struct event events[EVENTS];
static struct use uses[EVENTS];
static int n_events, n_uses, kept_events, kept_uses;

void m_forget(void)
{
	n_events = n_uses = kept_events = kept_uses = 0;
}

void m_refund(void)
{
	/* What was counted is given back; that its window had begun is not undone. */
	for (int i = kept_events; i < n_events; i++)
		events[i].amount = 0;
	n_uses = kept_uses;
}

static int64_t window_number(int window, int64_t at)
{
	static const int64_t length[] = {60, 3600, 86400, 0, 10, 600, 14400};
	time_t t = at;
	struct tm tm;
	if (window != 3)
		return at / length[window];
	gmtime_r(&t, &tm);
	return tm.tm_year * 12 + tm.tm_mon;
}

static void key_of(const struct m_limit *l, const struct m_call *c, char out[128])
{
	char owner[64];
	if (l->scope == 0)
		snprintf(owner, sizeof(owner), "%s", c->grant);
	else if (l->scope == 1)
		snprintf(owner, sizeof(owner), "%u", c->uid);
	else
		snprintf(owner, sizeof(owner), "%s %s", c->server, l->scope == 3 ? c->tool : "");
	snprintf(out, 128, "%d %c %s %s %s %s", l->window, l->list, l->list == 't' || l->list == 'x' ? c->tool : "", l->counter, m_scopes[l->scope], owner);
}

static bool amount_of(const struct m_limit *l, const struct m_val *args, __int128 *out)
{
	*out = (__int128)l->increment * 1000000;
	if (!l->from[0])
		return true;
	const struct m_val *v = at_path(args, l->from);
	if (!v || v->type != M_NUMBER || v->num < 0)
		return false;
	*out = v->num;
	return true;
}

/* Does it fit?  If so, it is counted. */
static bool count(const struct m_limit *l, const struct m_call *c)
{
	struct event *e = &events[n_events];
	__int128 sum = 0;
	if (!amount_of(l, c->args, &e->amount))
		return false;
	key_of(l, c, e->key);
	e->window = window_number(l->window, c->at);
	for (int i = 0; i < n_events; i++) /* a counter's window only moves forward */
		if (l->window < 4 && strcmp(events[i].key, e->key) == 0 && events[i].window > e->window)
			e->window = events[i].window;
	for (int i = 0; i < n_events; i++)
		if (strcmp(events[i].key, e->key) == 0 && (l->window < 4 ? events[i].window == e->window : events[i].window > e->window - 7))
			sum += events[i].amount;
	if (sum + e->amount > (__int128)l->max * 1000000)
		return false;
	n_events++;
	return true;
}

static bool limited(const struct m_limit *l, int n, const struct m_call *c, struct m_said *s)
{
	for (int i = 0; i < n; i++) {
		if (count(&l[i], c))
			continue;
		if (l->list == 't' || l->list == 'x')
			snprintf(s->rule, sizeof(s->rule), "%s/tools/%s/limits/%s", l->list == 'x' ? "/x-callgate" : "", escaped(c->tool), l[i].counter);
		else
			snprintf(s->rule, sizeof(s->rule), "%s/limits/%s", l->list == 'a' ? "/all_tools" : "/x-callgate", l[i].counter);
		s->index = i;
		return true;
	}
	return false;
}

static bool repeated(const struct m_tool *t, const struct m_call *c)
{
	static const struct m_val nothing = {.type = M_OBJECT};
	const struct m_val *args = c->args ? c->args : &nothing;
	for (int i = 0; i < n_uses; i++) {
		if (strcmp(uses[i].grant, c->grant) || strcmp(uses[i].tool, c->tool) || !same(uses[i].args, args, true))
			continue;
		if (uses[i].until > c->at)
			return true;
		uses[i].until = 0; /* over once is over for good, though the clock be set back */
	}
	struct use *u = &uses[n_uses++];
	snprintf(u->grant, sizeof(u->grant), "%s", c->grant);
	snprintf(u->tool, sizeof(u->tool), "%s", c->tool);
	u->args = args;
	u->until = c->at + t->once;
	return false;
}

static bool out_of_hours(const struct m_tool *t, int64_t at)
{
	time_t now = at;
	struct tm tm;
	gmtime_r(&now, &tm);
	int minute = tm.tm_hour * 60 + tm.tm_min, day = (tm.tm_wday + 6) % 7;
	if (t->from >= 0 && t->from < t->to && (minute < t->from || minute >= t->to))
		return true;
	if (t->from > t->to && minute < t->from && minute >= t->to)
		return true;
	if (t->from > t->to && minute < t->to)
		day = (day + 6) % 7;
	return t->days && !(t->days >> day & 1);
}

static bool refused_later(const struct m_policy *p, const struct m_tool *t, const struct m_call *c, struct m_said *s)
{
	bool listed = t && t->listed, extra = t && t->extra;
	if (extra && t->when && out_of_hours(t, c->at)) {
		snprintf(s->rule, sizeof(s->rule), "/x-callgate/tools/%s/when", escaped(t->name));
		return true;
	}
	if (extra && t->once && repeated(t, c)) {
		snprintf(s->rule, sizeof(s->rule), "/x-callgate/tools/%s/idempotency", escaped(t->name));
		return true;
	}
	return (listed && limited(t->limit, t->n_limit, c, s)) || limited(p->all, p->n_all, c, s) ||
	    (extra && limited(t->extra_limit, t->n_extra_limit, c, s)) || limited(p->extra_all, p->n_extra_all, c, s);
}

static bool refused(const struct m_tool *t, const struct m_call *c, struct m_said *s)
{
	for (int i = 0; i < t->n_require; i++)
		if (!all_hold(&t->require[i], c->args)) {
			deny_rule(s, t->name, "require", t->require, t->n_require, i);
			return true;
		}
	for (int i = 0; i < t->n_deny_if; i++)
		if (all_hold(&t->deny_if[i], c->args)) {
			deny_rule(s, t->name, "deny_if", t->deny_if, t->n_deny_if, i);
			return true;
		}
	return false;
}

void m_judge(const struct m_policy *p, const struct m_call *c, struct m_said *s)
{
	const struct m_tool *t = NULL;
	int which = M_TOOLS;
	memset(s, 0, sizeof(*s));
	s->index = -1;
	kept_events = n_events;
	kept_uses = n_uses;
	for (int i = 0; i < M_TOOLS; i++)
		if (strcmp(p->tool[i].name, c->tool) == 0) {
			t = &p->tool[i];
			which = i;
		}
	bool listed = t && t->listed;
	s->unknown = p->hide_all || p->hides[which] || (!p->allow && !listed);
	if (s->unknown) {
		snprintf(s->rule, sizeof(s->rule), p->hide_all || p->hides[which] ? "(hidden)" : "(default deny)");
		return;
	}
	if ((listed && refused(t, c, s)) || refused_later(p, t, c, s)) {
		n_events = kept_events; /* a refused call leaves no trace, not even a window that it began */
		n_uses = kept_uses;
		return;
	}
	s->allow = true;
	if (listed)
		snprintf(s->by, sizeof(s->by), "/tools/%s", escaped(c->tool));
	else
		snprintf(s->by, sizeof(s->by), "(default allow)");
	if (t && t->extra && t->approve && (t->approval.n < 0 || all_hold(&t->approval, c->args)))
		snprintf(s->approve, sizeof(s->approve), "/x-callgate/tools/%s/approve", escaped(t->name));
}
