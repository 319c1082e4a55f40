/*
 * pol_property_model.h - the policy language a second time, as its documentation reads: over its own values, with long arithmetic, lists
 * that are searched from one end to the other, and no code of policy/.  It generates documents and calls, writes them as JSON in many
 * spellings, and says what has to become of a call.  For pol_property_test.c alone.
 */
#ifndef TESTS_POL_PROPERTY_MODEL_H
#define TESTS_POL_PROPERTY_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { M_KIDS = 4, M_CONDS = 3, M_RULES = 3, M_LIMITS = 2, M_TOOLS = 4, M_TEXT = 24, M_CALLS = 12 };

enum m_type { M_NULL, M_TRUE, M_FALSE, M_NUMBER, M_STRING, M_LIST, M_OBJECT };
struct m_val {
	enum m_type type;
	__int128 num; /* millionths */
	char text[M_TEXT];
	int n;
	struct m_val *kid[M_KIDS];
	char key[M_KIDS][4];
};

enum m_op { M_EQ, M_NEQ, M_IN, M_NOT_IN, M_LT, M_LTE, M_GT, M_GTE, M_REGEX, M_CONTAINS, M_EXISTS, M_OPS };
struct m_cond {
	char path[24];
	enum m_op op;
	struct m_val *value;
	int pattern;
};
struct m_rule {
	struct m_cond cond[M_CONDS];
	int n;
};
struct m_limit {
	char counter[8], list; /* t a x y */
	int window, scope;
	int64_t max, increment;
	char from[24]; /* "": ${increment} */
};
struct m_tool {
	char name[8];
	bool listed, extra;
	struct m_rule require[M_RULES], deny_if[M_RULES];
	int n_require, n_deny_if;
	struct m_limit limit[M_LIMITS], extra_limit[M_LIMITS];
	int n_limit, n_extra_limit;
	bool when, approve;
	int from, to, days;
	struct m_rule approval;
	int64_t once;
};
struct m_policy {
	bool allow, hide_all, hides[M_TOOLS + 1]; /* the last: a name without an entry */
	struct m_tool tool[M_TOOLS];
	struct m_limit all[M_LIMITS], extra_all[M_LIMITS];
	int n_all, n_extra_all;
	bool slides;
};

struct m_call {
	const char *tool;
	struct m_val *args; /* NULL: absent */
	char grant[24], server[24];
	uint32_t uid;
	int64_t at; /* seconds */
};

struct m_said {
	bool allow, unknown;
	char rule[256], by[256], approve[256];
	int index;
};

uint64_t m_random(uint64_t n);
void m_seed(uint64_t seed);
/** m_policy(p): A new one; earlier values are gone. */
void m_policy(struct m_policy *p);
void m_call(const struct m_policy *p, struct m_call *c, uint64_t round, int64_t *clock);
/** m_print_policy(), m_print_args(): JSON, spelled anew each time. */
void m_print_policy(const struct m_policy *p, char *out, unsigned long cap);
void m_print_args(const struct m_val *v, char *out, unsigned long cap);

/** m_judge(p, c, out): What has to become of it; counts, when it is allowed. */
void m_judge(const struct m_policy *p, const struct m_call *c, struct m_said *out);
/** m_refund(): The last allowed call was not sent. */
void m_refund(void);
/** m_forget(): All counters are empty again. */
void m_forget(void);

#endif
