/* claim.c - see claim.h. */
#include <openssl/evp.h>
#include <stdio.h>

#include "gate/claim.h"

struct subject claim_of(const struct conn *c)
{
	struct subject who = {.uid = c->flow.uid, .login_uid = c->flow.loginuid, .gid = c->flow.gid, .agent = "", .token_sha256 = c->token,
	    .exe_sha256 = c->exe_sha256};

	if (!c->described)
		return who;
	who.agent = c->who.agent;
	who.unit = c->who.unit;
	who.cgroup = c->who.cgroup;
	who.group = c->who.group;
	who.groups = c->who.groups;
	return who;
}

static void on_patience(void *arg)
{
	struct conn *c = arg;

	c->impatient = true;
	conn_step(c);
}

bool claim_pending(struct conn *c)
{
	if (c->impatient || (c->describe.state != ASK_PENDING && c->digest.state != ASK_PENDING))
		return false;
	return c->patience.pos || timer_set(c->g->loop, &c->patience, GATE_DESCRIBE_MS, on_patience, c) == 0;
}

static struct view bare(struct view v)
{
	if (v.n > 7 && view_ieq(view_head(v, 7), VIEW_LIT("bearer ")))
		v = view_skip(v, 7);
	while (v.n && v.p[0] == ' ')
		v = view_skip(v, 1);
	return v;
}

bool claim_is_token(struct view value)
{
	return view_starts(bare(value), VIEW_LIT("cgt_"));
}

void claim_token(const struct http1_head *head, char hex[CLAIM_TOKEN])
{
	struct view v = http1_get(head, "authorization", NULL);
	uint8_t sum[32];
	unsigned n = 0;

	hex[0] = '\0';
	if (!claim_is_token(v))
		return;
	v = bare(v);
	if (EVP_Digest(v.p, v.n, sum, &n, EVP_sha256(), NULL) != 1)
		return;
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}
