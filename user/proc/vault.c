/*
 * vault.c - callgate-vault: keeps the certificate authority and the credentials, gives short leases, mints leaves.
 * Process: callgate-vault (own uid, no network).      Floor: proc (uses vault, ipc, base).
 * Must not: let plaintext leave but in a lease to a worker; release anything that callgate-audit was not told of first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/wipe.h"
#include "proc/serve.h"
#include "vault/op.h"

enum {
	RECORD_WAIT_MS = 50,
	REVOKE_AGAIN_MS = 20,
	OVERLAP_MS = 30000,
	WAITERS = 256,
	MINTED_MAX = sizeof(struct m_minted) + MINT_DER_MAX + MINT_ISSUER_MAX + MINT_KEY_MAX,
};

struct peer {
	struct edge edge; /* first: serve.h knows this part */
	bool owed;           /* a revocation that the full queue did not take yet */
	struct m_revoke who; /* which one; empty: all */
};

static struct child child;
static struct pump *pump;
static struct op_vault vault;
static struct keep secret, minted;
static struct peer admin, audit, fetch, worker[LEASE_SLOTS];

static struct wait { /* a lease that waits for a token */
	uint64_t ask; /* the tag of the question; 0: free */
	struct peer *p; /* NULL: gone */
	uint64_t tag;
	struct m_lease_get q;
} waiting[WAITERS];

/* ---- telling audit ---- */

/* While it cannot be told, nothing is released. */
static int record(const struct m_release *rec)
{
	return edge_send_soon(&audit.edge, M_RELEASE, 0, view_of(rec, sizeof(*rec)), RECORD_WAIT_MS);
}

static void record_or_say(const struct m_release *rec)
{
	int r = record(rec);
	if (r)
		log_warning("a %s of %s%s could not be recorded (%s)", rec->event, rec->credential, rec->host, err_name(r));
}

/* ---- telling the workers ---- */

static void revoke_again(void *arg);

static void push_owed(struct peer *p)
{
	if (!p->owed)
		return;
	int r = edge_send(&p->edge, M_REVOKE, 0, view_of(&p->who, sizeof(p->who)), -1);
	if (r != -EAGAIN)
		p->owed = false; /* sent, or the worker is gone and its leases with it */
	else if (pump_timer(pump, mono_after_ms(mono_now(), REVOKE_AGAIN_MS), revoke_again, NULL))
		log_error("no timer left to repeat a revocation");
}

static void revoke_again(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < LEASE_SLOTS; i++)
		push_owed(&worker[i]);
}

static void revoke(const struct m_revoke *who)
{
	for (size_t i = 0; i < LEASE_SLOTS; i++) {
		struct peer *p = &worker[i];
		if (p->edge.fd < 0)
			continue;
		if (p->owed && strcmp(p->who.credential, who->credential))
			p->who = (struct m_revoke){0};
		else
			p->who = *who;
		p->owed = true;
		push_owed(p);
	}
}

/* ---- requests ---- */

static void reply(struct peer *p, enum msg type, uint64_t tag, struct view head, struct view tail)
{
	int r = edge_send2(&p->edge, type, tag, head, tail, -1);
	/* The asker's time-out is its refusal; saying it again and again would help nobody. */
	if (r && r != -EAGAIN && r != -ERR_CLOSED)
		log_error("no answer to %s: %s", party_name(p->edge.peer), err_text(r));
}

/* One question at a time for each credential, however many wait for the token. */
static int ask_token(struct peer *p, uint64_t tag, const struct m_lease_get *q)
{
	static uint64_t last;
	struct buf ask = {.max = MSG_MAX};
	struct wait *room = NULL, *same = NULL;
	const struct store_item *it = store_find(vault.store, q->credential);

	for (struct wait *w = waiting; w < waiting + WAITERS; w++)
		if (!w->ask)
			room = w;
		else if (strcmp(w->q.credential, q->credential) == 0)
			same = w;
	int r = !room || !it ? -EAGAIN : same ? 0 : token_ask(&it->head, keep_view(&secret), wall_now(), &ask);
	if (!r && !same)
		r = edge_send(&fetch.edge, M_TOKEN_GET, ++last, buf_view(&ask), -1);
	buf_wipe(&ask);
	if (!r)
		*room = (struct wait){same ? same->ask : last, p, tag, *q};
	return r;
}

static void lease(struct peer *p, uint64_t tag, const struct m_lease_get *q)
{
	struct m_release rec;
	struct m_lease head;
	bool tell = lease_answer(vault.book, vault.store, vault.tokens, q, p->edge.slot, mono_now(), &rec, &head, &secret);

	if (head.status == -EINPROGRESS && ask_token(p, tag, q) == 0) {
		keep_wipe(&secret);
		return;
	}
	if ((head.status == 0 && record(&rec)) || head.status == -EINPROGRESS) {
		head = (struct m_lease){.status = -ERR_UNAVAILABLE};
		keep_wipe(&secret);
	} else if (head.status && tell) {
		log_warning("refused worker %u a lease of %s for %s: %s", p->edge.slot, rec.credential, rec.host, err_name(head.status));
		record_or_say(&rec);
	}
	reply(p, M_LEASE, tag, view_of(&head, sizeof(head)), keep_view(&secret));
	keep_wipe(&secret);
}

static void on_lease(struct peer *p, const struct frame *f)
{
	struct m_lease_get q;

	memcpy(&q, f->body.p, sizeof(q));
	push_owed(p); /* what was revoked first is heard of first */
	lease(p, f->tag, &q);
}

/* ${ask} has its answer, or will have none (0: whichever is asked). */
static void wake(uint64_t ask)
{
	for (struct wait *w = waiting; w < waiting + WAITERS; w++) {
		struct wait done = *w;
		if (!w->ask || (ask && w->ask != ask))
			continue;
		w->ask = 0;
		done.q.refused = 0;
		if (!ask)
			token_failed(vault.tokens, done.q.credential, mono_now());
		if (done.p)
			lease(done.p, done.tag, &done.q);
	}
}

static void on_token(struct peer *p, const struct frame *f)
{
	struct m_release rec = {.event = "token"};
	struct wrap_head h = {0};
	struct buf kept = {0};
	const struct wait *w = waiting;

	(void)p;
	while (w < waiting + WAITERS && w->ask != f->tag)
		w++;
	if (!f->tag || w == waiting + WAITERS)
		return;
	rec.status = store_get(vault.store, WRAP_CREDENTIAL, w->q.credential, &h, &secret);
	if (!rec.status)
		rec.status = token_came(vault.tokens, &h, f->body, keep_view(&secret), mono_now(), &kept);
	if (!rec.status && kept.len)
		rec.status = store_put(vault.store, &h, buf_view(&kept));
	rec.version = h.version;
	snprintf(rec.credential, NAME_LEN, "%s", h.name);
	buf_wipe(&kept);
	keep_wipe(&secret);
	edge_wipe(f);
	record_or_say(&rec);
	if (rec.status)
		log_warning("no token for %s: %s", h.name, err_text(rec.status));
	wake(f->tag);
}

static void on_mint(struct peer *p, const struct frame *f)
{
	struct m_mint q;
	struct m_release rec;

	memcpy(&q, f->body.p, sizeof(q));
	if (mint_answer(vault.mint, vault.book, &q, p->edge.slot, wall_now(), mono_now(), &rec, &minted))
		record_or_say(&rec);
	reply(p, M_MINTED, f->tag, keep_view(&minted), view_of(NULL, 0));
	keep_wipe(&minted);
}

/* ${f} NULL: nobody asked. */
static void send_ca(struct peer *p, const struct frame *f)
{
	struct mint_ca ca = {0};

	if (vault.mint)
		mint_ca(vault.mint, &ca);
	reply(p, M_CA, f ? f->tag : 0, ca.pem, view_of(NULL, 0));
}

/* What is ours may vouch for no upstream: the workers hear of a root before anybody can have installed it. */
static void tell_ca(void)
{
	for (size_t i = 0; i < LEASE_SLOTS; i++)
		if (worker[i].edge.fd >= 0)
			send_ca(&worker[i], NULL);
}

/* Versions whose time is over are taken out of the store and back from the workers. */
static void overlaps(void *arg)
{
	uint64_t now = mono_boot_now().ns, wait_ms = 0;

	(void)arg;
	for (const struct store_item *it = store_next(vault.store, ""); it; it = store_next(vault.store, it->head.name)) {
		struct m_release rec = {.event = "overlap-end", .version = it->before};
		struct m_revoke who = {0};
		uint64_t left_ms = it->until.ns > now ? (it->until.ns - now) / 1000000 + 1 : OVERLAP_MS;
		if (it->before && it->until.ns <= now) {
			snprintf(who.credential, NAME_LEN, "%s", it->head.name);
			memcpy(rec.credential, who.credential, NAME_LEN);
			int r = store_forget(vault.store, it->head.name);
			revoke(&who);
			if (r)
				log_error("version %u of %s cannot be taken out of the store (%s); it is used no more", rec.version, rec.credential, err_text(r));
			else
				record_or_say(&rec);
		}
		if (it->before && (!wait_ms || left_ms < wait_ms))
			wait_ms = left_ms;
	}
	/* Not for longer: a timer stands still while the machine sleeps. */
	if (wait_ms && pump_timer(pump, mono_after_ms(mono_now(), wait_ms < OVERLAP_MS ? wait_ms : OVERLAP_MS), overlaps, NULL))
		log_error("no timer left for the end of an overlap");
}

static void on_do(struct peer *p, const struct frame *f)
{
	struct buf answer = {.max = MSG_MAX};
	struct op_effect fx;
	int r = op_do(&vault, f->body, &answer, &fx);

	edge_wipe(f);
	if (fx.revoke)
		revoke(&fx.who);
	if (fx.ca)
		tell_ca();
	if (fx.record)
		record_or_say(&fx.rec);
	reply(p, M_VAULT_DID, f->tag, r ? VIEW_LIT("{\"ok\":false,\"error\":\"too-long\",\"text\":\"the answer does not fit\"}")
					: buf_view(&answer), view_of(NULL, 0));
	buf_free(&answer);
	overlaps(NULL);
}

static const struct {
	enum msg type;
	void (*fn)(struct peer *p, const struct frame *f);
} asks[] = {{M_LEASE_GET, on_lease}, {M_TOKEN, on_token}, {M_MINT, on_mint}, {M_CA_GET, send_ca}, {M_VAULT_DO, on_do}};

static void on_frame(struct edge *e, struct frame *f)
{
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
		if (asks[i].type == (enum msg)f->type)
			asks[i].fn((struct peer *)e, f);
}

static void on_dropped(struct edge *e)
{
	struct peer *p = (struct peer *)e;

	p->owed = false;
	for (struct wait *w = waiting; w < waiting + WAITERS; w++)
		if (w->p == p)
			w->p = NULL;
	if (p == &fetch)
		wake(0);
}

static struct edge *place(enum party who, uint32_t slot)
{
	struct peer *p = who == P_ADMIN ? &admin : who == P_AUDIT ? &audit : who == P_FETCH ? &fetch
			 : who == P_PROXY && slot < LEASE_SLOTS ? &worker[slot] : NULL;
	return p ? &p->edge : NULL;
}

static struct serve serve = {.child = &child, .place = place, .frame = on_frame, .dropped = on_dropped};

/* ---- start ---- */

static void open_store(void)
{
	static struct wrap_key *key;
	int dir = child_take_fd(&child, FD_DIR, 0), key_fd = child_take_fd(&child, FD_KEY, 0);
	bool locked = mint_memory(), made;

	if (dir < 0 || key_fd < 0)
		serve_fatal("callgated sent no directory or no key file", -ERR_UNAVAILABLE);
	int r = wrap_key_read(key_fd, &key);
	if (r)
		serve_fatal("the key file must hold 32 bytes, or 64 hexadecimal digits, that are not all zero", r);
	fd_close(&key_fd);
	r = store_open(dir, key, &vault.store);
	if (r)
		serve_fatal("the vault's directory cannot be read", r);
	r = mint_open(vault.store, &vault.mint, &made);
	if (r)
		log_error("no certificate authority (%s): registered hosts cannot be reached until it is restored", err_text(r));
	else if (made)
		log_notice("made a new certificate authority for this machine");
	if (r)
		snprintf(child.note, sizeof(child.note), "the certificate authority does not open");
	else if (!wrap_key_kept(key)->secretmem)
		snprintf(child.note, sizeof(child.note), "secrets in %s memory: no memfd_secret",
		    locked && wrap_key_kept(key)->locked ? "locked" : "swappable");
	if (made) {
		struct m_release rec = {.event = "ca-create"};
		record_or_say(&rec);
	}
}

int main(int argc, char **argv)
{
	child_boot(P_VAULT, argc, argv, &child);
	pump = serve.pump = pump_new();
	vault.book = lease_new();
	vault.tokens = token_new();
	wipe_json();
	if (!pump || !vault.book || !vault.tokens || keep_open(&secret, WRAP_BODY_MAX) || keep_open(&minted, MINTED_MAX))
		serve_fatal("cannot start", -ENOMEM);
	for (size_t i = 0; i < LEASE_SLOTS; i++)
		worker[i].edge.fd = -1;
	admin.edge.fd = audit.edge.fd = fetch.edge.fd = -1;
	serve_start(&serve);
	open_store();
	overlaps(NULL);
	child_ready(&child, -1);
	int r = serve_run(&serve);
	keep_free(&secret);
	keep_free(&minted);
	mint_free(&vault.mint);
	return r;
}
