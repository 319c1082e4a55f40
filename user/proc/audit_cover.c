/*
 * audit_cover.c - callgate-audit: what is covered, as it stands in the seals: kernel counters, hashes of programs, settings and policies, and
 * what is missing of the protection.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "audit/chain.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/audit_internal.h"

/* A record when it is another than before: which program runs, which settings hold, from here on. */
static void learn(struct audit *a, const char *event, const char *name, char known[65], int fd)
{
	uint8_t sum[CHAIN_LEN];
	char hex[CHAIN_HEX] = "";
	int r = chain_sum_fd(fd, sum, NULL);

	if (!r)
		chain_hex(sum, CHAIN_LEN, hex);
	else
		log_error("%s %s cannot be hashed: %s", event, name ? name : "", err_text(r));
	if (!a->trail || strcmp(hex, known) == 0)
		return;
	memcpy(known, hex, sizeof(hex));
	struct jsonw *w = trail_line(a->trail, "coverage", wall_now());
	jsonw_str(w, "event", event);
	if (name)
		jsonw_str(w, "name", name);
	jsonw_str(w, "sha256", hex);
	r = trail_end(a->trail);
	if (r)
		log_error("coverage was not recorded: %s", err_text(r));
}

void audit_files(struct audit *a)
{
	struct child *c = &a->child;

	for (size_t i = 0; i < c->fds;) {
		struct child_fd got = c->fd[i];
		if (got.what.what != FD_BINARY && got.what.what != FD_CONFIG) {
			i++;
			continue;
		}
		c->fd[i] = c->fd[--c->fds];
		if (got.what.what == FD_CONFIG)
			learn(a, "settings", NULL, a->cover.config, got.fd);
		else if (got.what.slot < P_COUNT)
			learn(a, "program", party_name((enum party)got.what.slot), a->cover.binary[got.what.slot], got.fd);
		fd_close(&got.fd);
	}
}

/* What the kernel side could not keep, since it was last asked.  A counter that fell is another callgated's. */
static void kernel_loss(struct audit *a, uint64_t dropped)
{
	struct audit_cover *c = &a->cover;
	struct wall now = wall_now();
	struct mono m = mono_now();
	uint64_t before = dropped < c->dropped ? 0 : c->dropped;
	struct wall from = {c->said_at.ns ? now.ns - (int64_t)(m.ns - c->said_at.ns) : now.ns};

	if (dropped > before && feed_loss(a->feed, dropped - before, from, now, "kernel"))
		return; /* said again with the next */
	c->dropped = dropped;
	c->said_at = m;
}

void audit_cover(struct audit *a, struct view body)
{
	json_t *o = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	bool good = json_is_object(o) && json_is_object(json_object_get(o, "kernel")) && json_is_object(json_object_get(o, "enforcement_state")) &&
	            json_object_size(o) == 2;

	json_int_t dropped = json_integer_value(json_object_get(json_object_get(o, "kernel"), "dropped"));
	json_decref(o);
	if (!good) {
		log_error("what callgated says is covered cannot be read");
		return;
	}
	kernel_loss(a, dropped > 0 ? (uint64_t)dropped : 0);
	buf_reset(&a->cover.state);
	if (buf_put(&a->cover.state, view_of(body.p + 1, body.n - 2)))
		buf_reset(&a->cover.state);
}

void audit_cover_note(struct audit *a, struct view body)
{
	json_t *o = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	const char *event = json_string_value(json_object_get(o, "event")), *sha = json_string_value(json_object_get(o, "sha256"));

	const char *bundle_sha = json_string_value(json_object_get(o, "bundle_sha256"));
	json_int_t bundle = json_integer_value(json_object_get(o, "bundle"));
	if (event && sha && strcmp(event, "policy") == 0 && strlen(sha) == 64) {
		snprintf(a->cover.policy, sizeof(a->cover.policy), "%s", sha);
		a->cover.bundle = bundle > 0 && bundle_sha && strlen(bundle_sha) == 64 ? (uint64_t)bundle : 0;
		snprintf(a->cover.bundle_sha, sizeof(a->cover.bundle_sha), "%s", a->cover.bundle ? bundle_sha : "");
	}
	json_decref(o);
}

/* One hash for all programs: SHA-256 over lines "NAME SHA256", in the order of their numbers. */
static void put_binary(struct audit *a, struct jsonw *w)
{
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];
	int r = s ? 0 : -ENOMEM;

	for (int p = 0; !r && p < P_COUNT; p++) {
		char line[128];
		int n = snprintf(line, sizeof(line), "%s %s\n", party_name((enum party)p), a->cover.binary[p]);
		if (a->cover.binary[p][0])
			r = chain_sum_add(s, view_of(line, (size_t)n));
	}
	if (!r)
		r = chain_sum_end(s, sum);
	chain_sum_free(&s);
	if (r)
		jsonw_null(w, "binary_hash");
	else
		jsonw_hex(w, "binary_hash", view_of(sum, CHAIN_LEN));
}

void audit_cover_seal(void *arg, struct jsonw *w)
{
	struct audit *a = arg;
	struct view v = buf_view(&a->cover.state);

	/* "kernel" and "enforcement_state", checked by audit_cover() */
	if (v.n && !w->err) {
		w->err = buf_puts(w->out, ",");
		if (!w->err)
			w->err = buf_put(w->out, v);
	} else {
		jsonw_null(w, "kernel");
		jsonw_null(w, "enforcement_state");
	}
	jsonw_uint(w, "queue_dropped", a->feed ? feed_lost(a->feed) : 0);
	jsonw_uint(w, "records", a->records);
	jsonw_str(w, "policy_hash", a->cover.policy[0] ? a->cover.policy : NULL);
	jsonw_str(w, "config_hash", a->cover.config[0] ? a->cover.config : NULL);
	put_binary(a, w);
	if (a->cover.bundle) {
		jsonw_uint(w, "bundle", a->cover.bundle);
		jsonw_str(w, "bundle_hash", a->cover.bundle_sha);
	}
}
