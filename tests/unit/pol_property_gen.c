/* pol_property_gen.c - random documents and calls; see pol_property_model.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/pol_property_model.h"

enum { VALUES = 1 << 14 };
static struct m_val value[VALUES];
static int used;
static struct m_val *before; /* the last call's arguments */
static uint64_t state = 1;

static const char *const words[] = {"", "a", "ab", "usd", "main", "1", "1.0", "true", "false", "null", "0", "-1", "0.5", "1000000", "x y", "ab\n", "MAIN", "b\xc3\xa9", "a\xc3\xa9" "c", "a\"c", "\x01", "12"};
static const char *const keys[] = {"a", "b", "o", "n", "l", "x"};
static const char *const paths[] = {"args.a", "args.b", "args.n", "args.l", "args.o", "args.o.a", "args.o.n", "args.o.o.x", "args.l.a", "args.zz"};
static const char *const names[M_TOOLS] = {"t", "u", "a/b", "v~w"};
const char *const m_patterns[] = {"^a", "b$", "[0-9]+", "a.c", "(?i)main", "^$", "", "^(a|b)*$", "\\d\\.\\d", "x y|usd"};
const char *const m_ops[M_OPS] = {"eq", "neq", "in", "not_in", "lt", "lte", "gt", "gte", "regex", "contains", "exists"};
const char *const m_windows[] = {"minute", "hour", "day", "month", "sliding_minute", "sliding_hour", "sliding_day"};
const char *const m_scopes[] = {"grant", "user", "server", "tool"};
static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

#define PICK(list) ((list)[m_random(sizeof(list) / sizeof((list)[0]))])

void m_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15u + 1;
}

uint64_t m_random(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % n;
}

static bool chance(unsigned percent)
{
	return m_random(100) < percent;
}

static struct m_val *new_value(void)
{
	struct m_val *v = &value[used++ % VALUES];
	memset(v, 0, sizeof(*v));
	return v;
}

static __int128 random_number(void)
{
	static const int64_t some[] = {0, 1000000, -1000000, 500000, 1000000000000, 999999999999, 1, -1, 100250000, 2000000, 3000000, 10000000, 12000000, 7000000};
	__int128 n = PICK(some);
	if (chance(20))
		n = (__int128)(int64_t)m_random(20000000) - 5000000;
	if (chance(3))
		n *= 1000000000000000;
	return n;
}

static struct m_val *random_value(int depth)
{
	struct m_val *v = new_value();
	unsigned kind = (unsigned)m_random(depth > 0 ? 10 : 7);
	v->type = kind < 3 ? M_NUMBER : kind < 5 ? M_STRING : kind < 6 ? (chance(50) ? M_TRUE : M_FALSE) : kind < 7 ? M_NULL : kind < 8 ? M_LIST : M_OBJECT;
	if (v->type == M_NUMBER)
		v->num = random_number();
	if (v->type == M_STRING)
		snprintf(v->text, sizeof(v->text), "%s", PICK(words));
	if (v->type == M_LIST)
		for (v->n = (int)m_random(M_KIDS); depth-- && v->kid[0] == NULL && v->n;)
			for (int i = 0; i < v->n; i++)
				v->kid[i] = random_value(depth);
	if (v->type == M_OBJECT)
		for (unsigned k = 0; k < sizeof(keys) / sizeof(keys[0]) && v->n < M_KIDS; k++)
			if (chance(45)) {
				snprintf(v->key[v->n], sizeof(v->key[0]), "%s", keys[k]);
				v->kid[v->n++] = random_value(depth - 1);
			}
	return v;
}

static struct m_val *list_value(void)
{
	struct m_val *v = new_value();
	v->type = M_LIST;
	v->n = (int)m_random(M_KIDS + 1);
	for (int i = 0; i < v->n; i++)
		v->kid[i] = random_value(1);
	return v;
}

static void random_rule(struct m_rule *r)
{
	r->n = chance(6) ? 0 : 1 + (int)m_random(M_CONDS - (chance(60) ? 2 : 0));
	for (int i = 0; i < r->n; i++) {
		struct m_cond *c = &r->cond[i];
		snprintf(c->path, sizeof(c->path), "%s", PICK(paths));
		c->op = (enum m_op)m_random(M_OPS);
		if (c->op == M_IN || c->op == M_NOT_IN) {
			c->value = list_value();
			continue;
		}
		c->value = random_value(2);
		if (c->op >= M_LT && c->op <= M_GTE) {
			c->value->type = M_NUMBER;
			c->value->num = random_number();
		}
		if (c->op == M_EXISTS)
			c->value->type = chance(70) ? M_TRUE : M_FALSE;
		if (c->op == M_REGEX)
			c->pattern = (int)m_random(sizeof(m_patterns) / sizeof(m_patterns[0]));
	}
}

static int random_limits(struct m_limit *l, char list)
{
	int n = (int)m_random(M_LIMITS + 1);
	for (int i = 0; i < n; i++, l++) {
		memset(l, 0, sizeof(*l));
		snprintf(l->counter, sizeof(l->counter), "c%d", i);
		l->list = list;
		l->window = (int)m_random(list == 'x' || list == 'y' ? 7 : 3);
		l->scope = list == 'x' || list == 'y' ? (int)m_random(4) : 0;
		l->max = (int64_t)(chance(70) ? 1 + m_random(6) : 1000000);
		l->increment = (int64_t)(chance(80) ? 1 : 1 + m_random(4));
		if ((list == 't' || list == 'x') && chance(40)) {
			snprintf(l->from, sizeof(l->from), "%s", chance(70) ? "args.n" : PICK(paths));
			l->increment = 1;
		}
	}
	return n;
}

static void random_tool(struct m_tool *t, const char *name)
{
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->listed = chance(80);
	t->n_require = chance(40) ? (int)m_random(M_RULES + 1) : 0;
	t->n_deny_if = (int)m_random(M_RULES + 1);
	for (int i = 0; i < t->n_require; i++)
		random_rule(&t->require[i]);
	for (int i = 0; i < t->n_deny_if; i++)
		random_rule(&t->deny_if[i]);
	t->n_limit = chance(50) ? random_limits(t->limit, 't') : 0;
	t->extra = chance(50);
	if (!t->extra)
		return;
	t->n_extra_limit = chance(50) ? random_limits(t->extra_limit, 'x') : 0;
	t->once = chance(30) ? 1 + (int64_t)m_random(4000) : 0;
	t->when = chance(25);
	t->from = t->to = -1;
	if (t->when && chance(80)) {
		t->from = (int)m_random(1440);
		t->to = (t->from + 1 + (int)m_random(1439)) % 1440;
	}
	t->days = t->when && (t->from < 0 || chance(40)) ? 1 + (int)m_random(127) : 0;
	t->approve = chance(30);
	if (t->approve && chance(70))
		random_rule(&t->approval);
	else
		t->approval.n = -1; /* true */
}

void m_policy(struct m_policy *p)
{
	memset(p, 0, sizeof(*p));
	used = 0;
	before = NULL; /* its values are gone */
	p->allow = chance(40);
	p->hide_all = chance(3);
	for (int i = 0; i <= M_TOOLS; i++)
		p->hides[i] = chance(8);
	for (int i = 0; i < M_TOOLS; i++)
		random_tool(&p->tool[i], names[i]);
	p->n_all = chance(40) ? random_limits(p->all, 'a') : 0;
	p->n_extra_all = chance(30) ? random_limits(p->extra_all, 'y') : 0;
	for (int i = 0; i < M_TOOLS; i++)
		for (int k = 0; k < p->tool[i].n_extra_limit; k++)
			p->slides |= p->tool[i].extra_limit[k].window > 3;
	for (int k = 0; k < p->n_extra_all; k++)
		p->slides |= p->extra_all[k].window > 3;
}

void m_call(const struct m_policy *p, struct m_call *c, uint64_t round, int64_t *clock)
{
	static const int64_t steps[] = {0, 1, 5, 30, 61, 400, 3601, 20000, 90000, 2700000};
	int64_t step = PICK(steps);
	/* Back by less than a day in all: a counter is kept for a day after its window, and the model keeps it for ever. */
	*clock += chance(12) && !p->slides ? -(step < 3602 ? step : 3601) : step;
	c->tool = chance(70) ? names[0] : chance(12) ? "nothing" : PICK(names);
	c->args = chance(4) ? NULL : before && chance(25) ? before : random_value(3);
	if (c->args && c->args->type != M_OBJECT) {
		c->args = new_value();
		c->args->type = M_OBJECT;
		c->args->n = 1;
		snprintf(c->args->key[0], sizeof(c->args->key[0]), "n");
		c->args->kid[0] = random_value(0);
	}
	before = c->args;
	snprintf(c->grant, sizeof(c->grant), "g%d-%llu", (int)m_random(2), (unsigned long long)round);
	snprintf(c->server, sizeof(c->server), "s%d-%llu", (int)m_random(2), (unsigned long long)round);
	c->uid = (uint32_t)(round * 4 + m_random(2));
	c->at = *clock;
}

/* --- as JSON --- */

struct out {
	char *p;
	unsigned long n, cap;
};

static void put(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	o->n += (unsigned long)vsnprintf(o->p + o->n, o->cap - o->n, fmt, ap);
	va_end(ap);
}

static void put_string(struct out *o, const char *s)
{
	put(o, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c < 0x20 || c == '"' || c == '\\' || (c < 0x80 && chance(5)))
			put(o, "\\u%04x", c);
		else
			put(o, "%c", c);
	}
	put(o, "\"");
}

static void put_number(struct out *o, __int128 n)
{
	unsigned __int128 u = n < 0 ? (unsigned __int128)-n : (unsigned __int128)n;
	unsigned long long whole = (unsigned long long)(u / 1000000), part = (unsigned long long)(u % 1000000);
	const char *sign = n < 0 || (n == 0 && chance(10)) ? "-" : "";
	switch (m_random(4)) {
	case 0:
		put(o, "%s%llu.%06llu%s", sign, whole, part, chance(50) ? "00" : "");
		break;
	case 1:
		if (u < (unsigned __int128)1 << 60) {
			put(o, "%s%lluE-%s6", sign, (unsigned long long)u, chance(50) ? "0" : "");
			break;
		}
		/* fall through */
	default:
		put(o, "%s%llu", sign, whole);
		if (part) {
			char digits[8];
			snprintf(digits, sizeof(digits), "%06llu", part);
			for (int i = 5; digits[i] == '0'; i--)
				digits[i] = '\0';
			put(o, ".%s", digits);
		} else if (chance(20)) {
			put(o, "e+0");
		}
	}
}

static void put_value(struct out *o, const struct m_val *v)
{
	static const char *const plain[] = {"null", "true", "false"};
	int at = (int)m_random(M_KIDS);
	if (v->type <= M_FALSE)
		put(o, "%s", plain[v->type]);
	if (v->type == M_NUMBER)
		put_number(o, v->num);
	if (v->type == M_STRING)
		put_string(o, v->text);
	if (v->type != M_LIST && v->type != M_OBJECT)
		return;
	put(o, v->type == M_LIST ? "[" : "{%s", chance(20) ? "\n " : "");
	for (int i = 0; i < v->n; i++) {
		int k = v->type == M_LIST ? i : (i + at) % v->n; /* members have no order */
		put(o, "%s", i ? "," : "");
		if (v->type == M_OBJECT) {
			put_string(o, v->key[k]);
			put(o, ":");
		}
		put_value(o, v->kid[k]);
	}
	put(o, v->type == M_LIST ? "]" : "}");
}

void m_print_args(const struct m_val *v, char *out, unsigned long cap)
{
	struct out o = {out, 0, cap};
	put_value(&o, v);
}

static void put_conditions(struct out *o, const struct m_rule *r)
{
	put(o, "{\"conditions\":[");
	for (int i = 0; i < r->n; i++) {
		const struct m_cond *c = &r->cond[i];
		put(o, "%s{\"path\":\"%s\",\"op\":\"%s\",\"value\":", i ? "," : "", c->path, m_ops[c->op]);
		if (c->op == M_REGEX)
			put_string(o, m_patterns[c->pattern]);
		else
			put_value(o, c->value);
		put(o, "}");
	}
	put(o, "]}");
}

static void put_rules(struct out *o, const char *key, const struct m_rule *r, int n)
{
	put(o, "\"%s\":[", key);
	for (int i = 0; i < n; i++) {
		put(o, "%s", i ? "," : "");
		put_conditions(o, &r[i]);
	}
	put(o, "]");
}

static void put_limits(struct out *o, const struct m_limit *l, int n)
{
	put(o, "\"limits\":[");
	for (int i = 0; i < n; i++, l++) {
		put(o, "%s{\"counter\":\"%s\",\"window\":\"%s\",\"max\":%lld,\"scope\":\"%s\"", i ? "," : "", l->counter, m_windows[l->window],
		    (long long)l->max, m_scopes[l->scope]);
		if (l->from[0])
			put(o, ",\"increment_from\":\"%s\"}", l->from);
		else
			put(o, ",\"increment\":%lld}", (long long)l->increment);
	}
	put(o, "]");
}

static void put_extra(struct out *o, const struct m_tool *t)
{
	put_string(o, t->name);
	put(o, ":{");
	put_limits(o, t->extra_limit, t->n_extra_limit);
	if (t->once)
		put(o, ",\"idempotency\":{\"seconds\":%lld}", (long long)t->once);
	if (t->approve) {
		put(o, ",\"approve\":");
		if (t->approval.n < 0)
			put(o, "true");
		else
			put_conditions(o, &t->approval);
	}
	if (t->when) {
		put(o, ",\"when\":{");
		if (t->from >= 0)
			put(o, "\"from\":\"%02d:%02d\",\"to\":\"%02d:%02d\"", t->from / 60, t->from % 60, t->to / 60, t->to % 60);
		if (t->days)
			put(o, "%s\"days\":[", t->from >= 0 ? "," : "");
		for (int i = 0, some = 0; i < 7 && t->days; i++)
			if (t->days >> i & 1)
				put(o, "%s\"%s\"", some++ ? "," : "", days[i]);
		put(o, t->days ? "]}" : "}");
	}
	put(o, "}");
}

void m_print_policy(const struct m_policy *p, char *out, unsigned long cap)
{
	struct out o = {out, 0, cap};
	int n = 0;
	put(&o, "{\"version\":\"1\",\"default\":\"%s\",\"hide\":[", p->allow ? "allow" : "deny");
	for (int i = 0; i <= M_TOOLS; i++)
		if (p->hides[i])
			put(&o, "%s\"%s\"", n++ ? "," : "", i < M_TOOLS ? names[i] : "nothing");
	if (p->hide_all)
		put(&o, "%s\"*\"", n ? "," : "");
	put(&o, "],\"tools\":{");
	n = 0;
	for (int i = 0; i < M_TOOLS; i++) {
		const struct m_tool *t = &p->tool[i];
		if (!t->listed)
			continue;
		put(&o, "%s", n++ ? "," : "");
		put_string(&o, t->name);
		put(&o, ":{");
		put_rules(&o, "deny_if", t->deny_if, t->n_deny_if);
		put(&o, ",");
		put_rules(&o, "require", t->require, t->n_require);
		put(&o, ",");
		put_limits(&o, t->limit, t->n_limit);
		put(&o, "}");
	}
	put(&o, "},\"all_tools\":{");
	put_limits(&o, p->all, p->n_all);
	put(&o, "},\"x-callgate\":{\"version\":1,\"tools\":{");
	n = 0;
	for (int i = 0; i < M_TOOLS; i++)
		if (p->tool[i].extra) {
			put(&o, "%s", n++ ? "," : "");
			put_extra(&o, &p->tool[i]);
		}
	put(&o, "},");
	put_limits(&o, p->extra_all, p->n_extra_all);
	put(&o, "}}");
}
