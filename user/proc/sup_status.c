/* sup_status.c - what `callgate status` shows of processes, hooks and counters. */
#include "base/jsonw.h"
#include "proc/sup.h"

static const char *life_name(enum sup_life l)
{
	static const char *const names[] = {"down", "starting", "ready", "stopping"};
	return names[l];
}

static void hook(void *arg, const char *name, bool attached, const char *note)
{
	struct jsonw *w = arg;
	jsonw_open(w, NULL, '{');
	jsonw_str(w, "hook", name);
	jsonw_bool(w, "attached", attached);
	if (note && *note)
		jsonw_str(w, "note", note);
	jsonw_close(w, '}');
}

static void counter(void *arg, const char *name, uint64_t n)
{
	jsonw_uint(arg, name, n);
}

static void children(struct sup *s, struct jsonw *w)
{
	jsonw_open(w, "processes", '[');
	for (size_t i = 0; i < s->children; i++) {
		const struct sup_child *c = &s->child[i];
		jsonw_open(w, NULL, '{');
		jsonw_str(w, "name", party_name(c->party));
		if (c->party == P_PROXY)
			jsonw_uint(w, "slot", c->slot);
		jsonw_int(w, "pid", c->life == LIFE_NONE ? 0 : c->pid);
		jsonw_str(w, "state", life_name(c->life));
		jsonw_uint(w, "restarts", c->restarts);
		if (c->party == P_PROXY) {
			jsonw_uint(w, "refused_memory", c->told.too_heavy);
			jsonw_uint(w, "server_elsewhere", c->told.elsewhere);
		}
		/* Refusals tried from inside the sandbox, and how many were refused. */
		jsonw_uint(w, "sandbox_tried", (unsigned)__builtin_popcount(c->ready.probes));
		jsonw_uint(w, "sandbox_refused", (unsigned)__builtin_popcount(c->ready.refused));
		jsonw_uint(w, "sandbox_set", c->ready.refused);
		if (c->ready.note[0])
			jsonw_str(w, "note", c->ready.note);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

void sup_status_parts(struct sup *s, struct jsonw *w)
{
	children(s, w);
	jsonw_open(w, "hooks", '[');
	kern_each_hook(s->kern, hook, w);
	jsonw_close(w, ']');
	jsonw_open(w, "kernel", '{');
	kern_each_counter(s->kern, counter, w);
	jsonw_close(w, '}');
}

int sup_status(struct sup *s, struct buf *out)
{
	struct jsonw w = jsonw_on(out);

	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "host", s->host);
	jsonw_str(&w, "mode", s->conf.mode);
	jsonw_str(&w, "scope", sup_conf_scope(&s->conf));
	jsonw_str(&w, "audit_strict", s->conf.strict);
	jsonw_uint(&w, "generation", s->generation);
	jsonw_uint(&w, "up_seconds", mono_since_us(s->began, mono_now()) / 1000000);
	jsonw_open(&w, "governed_uids", '[');
	for (size_t i = 0; i < s->conf.user_count; i++)
		jsonw_uint(&w, NULL, s->conf.users[i]);
	jsonw_close(&w, ']');
	jsonw_open(&w, "sockets_before_start", '{');
	jsonw_uint(&w, "ended", s->early_cut);
	jsonw_uint(&w, "labelled", s->early_labelled);
	jsonw_close(&w, '}');
	jsonw_open(&w, "namespaces", '{');
	jsonw_uint(&w, "listening", sup_netns_count(s));
	jsonw_uint(&w, "most", SUP_NETNS);
	jsonw_uint(&w, "opened", s->netns_opened);
	jsonw_uint(&w, "closed", s->netns_closed);
	jsonw_uint(&w, "refused_full", s->netns_full);
	jsonw_uint(&w, "failed", s->netns_failed);
	jsonw_close(&w, '}');
	/* Addresses that are known to be registered servers': by configuration, looked up, from answers that processes got. */
	jsonw_open(&w, "known_addresses", '{');
	jsonw_uint(&w, "configured", sup_known_count(s, P_ADMIN));
	jsonw_uint(&w, "resolved", sup_known_count(s, P_FETCH));
	jsonw_uint(&w, "observed", sup_known_count(s, P_IDENT));
	jsonw_close(&w, '}');
	sup_status_parts(s, &w);
	jsonw_close(&w, '}');
	return jsonw_end(&w);
}
