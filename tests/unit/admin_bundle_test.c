/*
 * admin_bundle_test.c - signed bundles at a workstation, with a real vault: what one puts in force, what is refused, what is left to the
 * workstation, and a journal that breaks off at every byte.
 */
#include "admin_aid.h"
#include "vault_aid.h"

#include "admin/bundle_plan.h"
#include "admin/publish.h"
#include "base/hex.h"

static const uint8_t seed[SIGN_SEED] = "thirty-two bytes of a test's key", other_seed[SIGN_SEED] = "some other signer's very own key";
#define SIGNER PARCEL_SIGNER "lab"
#define CONF "{\"users\":[4000],\"mode\":\"enforce\"}"
#define DENY "{\"version\":\"1\",\"default\":\"deny\"}"
#define SERVER "{\"name\":\"one\",\"match\":[{\"host\":\"one.example\"}],\"credential\":\"bot\"}"
#define GRANT "{\"uid\":4000,\"server\":\"one\",\"policy\":\"p\"}"

struct place {
	struct rig r;
	struct aid_vault at;
	uint8_t public[BOX_KEY];
	char vkey[NOTE_VKEY];
	const char *refuse; /* the vault fails at this credential */
};

static void vault_do(void *arg, struct view body, struct buf *answer)
{
	struct place *p = arg;
	struct op_effect fx;

	if (p->refuse && memmem(body.p, body.n, p->refuse, strlen(p->refuse)))
		assert_int_equal(buf_puts(answer, "{\"ok\":false,\"error\":\"unavailable\",\"text\":\"the vault's directory could not be written\"}"), 0);
	else
		assert_int_equal(op_do(&p->at.v, body, answer, &fx), 0);
}

static void key_of(const uint8_t *from, char out[NOTE_VKEY])
{
	uint8_t key[SIGN_PUBLIC];
	assert_int_equal(sign_public(from, key), 0);
	assert_int_equal(note_vkey(SIGNER, key, out), 0);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct buf said = {0};

	aid_vault_open(&p->at);
	vault_do(p, VIEW_LIT("{\"op\":\"box\"}"), &said);
	const uint8_t *at = memmem(buf_view(&said).p, said.len, "\"public\":\"", 10);
	assert_int_equal(hex_bytes(view_of(at + 10, 64), p->public, BOX_KEY), 0);
	buf_free(&said);
	key_of(seed, p->vkey);
	rig_open(&p->r, CONF);
	p->r.vault_do = vault_do;
	p->r.vault_arg = p;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	rig_close(&p->r);
	aid_vault_close(&p->at);
	free(p);
	return 0;
}

/* ---- bundles ---- */

static const struct spec {
	int version;
	const char *host, *local, *servers, *grants, *document, *credentials[3];
	const uint8_t *signer, *vault;
} one = {.version = 1, .servers = SERVER, .grants = GRANT, .document = DENY, .credentials = {"bot"}};

static json_t *list_of(const char *items)
{
	char text[2048];
	snprintf(text, sizeof(text), "[%s]", items ? items : "");
	json_t *v = json_loads(text, 0, NULL);
	assert_non_null(v);
	return v;
}

static void bundle(struct place *p, const struct spec *s, struct buf *out)
{
	char hex[2 * BOX_KEY + 1], what[BOX_WHAT];
	const char *host = s->host ? s->host : p->r.a.host;
	struct buf box[3] = {{0}};
	json_t *list = json_array();
	size_t n = 0;

	chain_hex(s->vault ? s->vault : p->public, BOX_KEY, hex);
	for (; n < 3 && s->credentials[n]; n++) {
		parcel_what((uint64_t)s->version, host, s->credentials[n], what);
		assert_int_equal(box_seal(s->vault ? s->vault : p->public, what, VIEW_LIT("{\"type\":\"bearer\"}\0tok_canary"), &box[n]), 0);
		json_array_append_new(list, json_pack("{s:s s:s}", "name", s->credentials[n], "type", "bearer"));
	}
	json_t *m = json_pack("{s:o s:o s:s s:o s:s s:{s:s} s:o s:s s:i}", "credentials", list, "grants", list_of(s->grants), "host", host, "local", list_of(s->local), "made",
	    "2026-11-27T08:00:00Z", "policies", "p", s->document ? s->document : DENY, "servers", list_of(s->servers), "vault", hex, "version", s->version);
	assert_int_equal(parcel_make(m, box, n, SIGNER, s->signer ? s->signer : seed, out), 0);
	json_decref(m);
	for (size_t i = 0; i < 3; i++)
		buf_free(&box[i]);
}

static json_t *ask(struct place *p, const char *what, json_t *args)
{
	json_t *q = json_pack("{s:s s:o}", "do", what, "args", args);
	char *text = json_dumps(q, JSON_COMPACT);
	struct buf line = {0};

	assert_int_equal(buf_printf(&line, "%s", ""), 0);
	assert_int_equal(buf_puts(&line, text), 0);
	assert_int_equal(buf_put(&line, view_of("\n", 2)), 0);
	json_t *v = rig_ask(&p->r, (const char *)buf_view(&line).p);
	free(text);
	json_decref(q);
	buf_free(&line);
	return v;
}

static json_t *offer(struct place *p, const struct buf *b)
{
	return ask(p, "bundle.apply", json_pack("{s:s%}", "bundle", buf_view(b).p, b->len));
}

/* "ok", or the words of the refusal. */
static const char *ended(json_t *v)
{
	static char text[512];
	snprintf(text, sizeof(text), "%s", json_is_true(json_object_get(v, "ok")) ? "ok" : json_string_value(json_object_get(v, "text")));
	json_decref(v);
	return text;
}

static const char *apply(struct place *p, const struct spec *s)
{
	struct buf b = {0};
	bundle(p, s, &b);
	const char *text = ended(offer(p, &b));
	buf_free(&b);
	return text;
}

static void trust(struct place *p)
{
	assert_string_equal(ended(ask(p, "bundle.trust", json_pack("{s:s}", "signer", p->vkey))), "ok");
}

static bool journal_has(const struct place *p, const char *text)
{
	struct view v = buf_view(&p->r.journal);
	return memmem(v.p, v.n, text, strlen(text)) != NULL;
}

#define has(text, part) assert_non_null(strstr(text, part))

/* ---- tests ---- */

static void test_in_force(void **state)
{
	struct place *p = *state;
	struct buf b = {0};

	has(apply(p, &one), "no key of a signer");
	trust(p);
	bundle(p, &one, &b);
	json_t *v = offer(p, &b);
	assert_true(json_is_true(json_object_get(v, "ok")));
	assert_int_equal(json_integer_value(json_object_get(v, "changes")), 4);
	json_decref(v);
	assert_true(journal_has(p, "\"text\":\"bundle 1 applied\"") && journal_has(p, "\"event\":\"bundle.apply\",\"version\":1"));
	assert_true(rig_world_has(&p->r, "\"credential_items\":{\"bot\":\"bot.bundle-a\"}"));
	assert_int_equal(rig_world_grants(&p->r), 1);
	assert_non_null(memmem(buf_view(&p->r.hosts).p, p->r.hosts.len, "\"credential\":\"bot.bundle-a\"", 27));
	assert_non_null(store_find(p->at.v.store, "bot.bundle-a"));
	assert_false(journal_has(p, "canary") || rig_world_has(&p->r, "canary"));
	v = rig_ask(&p->r, "{\"do\":\"status\"}\n");
	const json_t *at = json_object_get(json_object_get(v, "in_force"), "bundle");
	assert_int_equal(json_integer_value(json_object_get(at, "version")), 1);
	assert_int_equal(json_string_length(json_object_get(at, "sha256")), 64);
	json_decref(v);
	/* The same again is no change. */
	uint64_t seq = p->r.seq;
	v = offer(p, &b);
	assert_non_null(json_object_get(v, "note"));
	json_decref(v);
	assert_int_equal(p->r.seq, seq);
	/* What was folded anew is what was in force. */
	struct buf before = {0};
	assert_int_equal(buf_put(&before, buf_view(&p->r.world)), 0);
	rig_read_again(&p->r);
	assert_true(p->r.a.folded && view_eq(buf_view(&before), buf_view(&p->r.world)));
	assert_int_equal(roster_bundle(&p->r.a.roster), 1);
	buf_free(&before);
	buf_free(&b);
}

static void test_refused(void **state)
{
	struct place *p = *state;
	struct spec s = one;
	uint8_t other[BOX_KEY], other_public[BOX_KEY];
	struct buf b = {0}, before = {0};

	trust(p);
	s.version = 5;
	assert_string_equal(apply(p, &s), "ok");
	assert_int_equal(buf_put(&before, buf_view(&p->r.world)), 0);
	size_t refused = rig_events(&p->r, "refused");
	s.version = 4;
	has(apply(p, &s), "bundle 5 is in force: the older bundle 4 is not taken");
	s.version = 5;
	has(apply(p, &s), "another bundle 5 is not taken");
	s.version = 6;
	s.host = "laptop.lab";
	has(apply(p, &s), "it was made for laptop.lab");
	s.host = NULL;
	assert_int_equal(box_new(other, other_public), 0);
	s.vault = other_public;
	has(apply(p, &s), "sealed to the vault of another machine");
	s.vault = NULL;
	s.signer = other_seed;
	has(apply(p, &s), "not signed with the key of callgate-bundle/lab");
	s.signer = NULL;
	s.document = "{\"version\":\"2\"}";
	has(apply(p, &s), "/policies/p: the document has");
	s.document = NULL;
	s.grants = "{\"uid\":4000,\"server\":\"two\",\"policy\":\"p\"}";
	has(apply(p, &s), "no server is named two");
	s.grants = "{\"uid\":4000,\"server\":\"one\",\"policy\":\"p\",\"token\":true}";
	has(apply(p, &s), "asks for a token");
	s.grants = GRANT;
	s.servers = SERVER "," SERVER;
	has(apply(p, &s), "server one is there twice");
	s.servers = SERVER ",{\"name\":\"../x\",\"match\":[{\"host\":\"two.example\"}]}";
	has(apply(p, &s), "/name: must be");
	s.servers = SERVER;
	p->refuse = "\"unseal\"";
	has(apply(p, &s), "its credential bot cannot be taken");
	p->refuse = NULL;
	bundle(p, &s, &b);
	b.mem[b.off + b.len / 2] ^= 1;
	has(ended(offer(p, &b)), "changed");
	assert_int_equal(rig_events(&p->r, "refused"), refused + 12);
	assert_true(journal_has(p, "\"do\":\"bundle.apply\",\"reason\":\"it was made for laptop.lab") && journal_has(p, "\"offered\":{\"sha256\":\""));
	/* Nothing of it holds, here or after a restart. */
	assert_true(view_eq(buf_view(&before), buf_view(&p->r.world)));
	rig_read_again(&p->r);
	assert_int_equal(roster_bundle(&p->r.a.roster), 5);
	assert_string_equal(apply(p, &s), "ok");
	assert_int_equal(roster_bundle(&p->r.a.roster), 6);
	buf_free(&b);
	buf_free(&before);
}

static const struct {
	const char *ask, *kind;
} changes[] = {
    {"{\"do\":\"server.add\",\"args\":{\"server\":{\"name\":\"own\",\"match\":[{\"host\":\"own.example\"}]}}}\n", "servers"},
    {"{\"do\":\"grant.add\",\"args\":{\"grant\":{\"uid\":4001,\"server\":\"one\",\"policy\":\"p\"}}}\n", "grants"},
    {"{\"do\":\"policy.apply\",\"args\":{\"name\":\"own\",\"document\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"deny\\\"}\"}}\n", "policies"},
    {"{\"do\":\"vault.set\",\"args\":{\"name\":\"own\"},\"secret_bytes\":3}\nabc", "credentials"},
};
enum { CHANGES = sizeof(changes) / sizeof(*changes) };

static void test_local(void **state)
{
	struct place *p = *state;
	struct spec s = one;
	char word[128], local[64];
	size_t refused = 0;

	/* Before there is a bundle everything is the workstation's own. */
	trust(p);
	assert_string_equal(rig_end(&p->r, changes[3].ask), "ok");
	assert_string_equal(apply(p, &s), "ok");
	assert_null(json_object_get(p->r.a.roster.credentials, "own"));
	for (size_t i = 0; i < CHANGES; i++) {
		snprintf(word, sizeof(word), "bundle 1 of lab is in force and leaves %s to", changes[i].kind);
		has(ended(rig_ask(&p->r, changes[i].ask)), word);
		assert_int_equal(rig_events(&p->r, "refused"), ++refused);
	}
	assert_string_equal(rig_end(&p->r, "{\"do\":\"server.remove\",\"args\":{\"name\":\"one\"}}\n"), "denied");
	assert_string_equal(rig_end(&p->r, "{\"do\":\"policy.rollback\",\"args\":{\"name\":\"p\"}}\n"), "denied");
	assert_string_equal(rig_end(&p->r, "{\"do\":\"vault.remove\",\"args\":{\"name\":\"bot.bundle-a\"}}\n"), "denied");
	assert_string_equal(rig_end(&p->r, "{\"do\":\"vault.remove\",\"args\":{\"name\":\"bot\"}}\n"), "denied");
	assert_string_equal(rig_end(&p->r, "{\"do\":\"vault.revert\",\"args\":{\"name\":\"bot.bundle-a\"}}\n"), "denied");
	assert_string_equal(rig_end(&p->r, "{\"do\":\"vault.revert\",\"args\":{\"name\":\"bot\"}}\n"), "denied");
	/* One kind after the other is permitted. */
	for (size_t i = 0; i < CHANGES; i++) {
		s.version = (int)i + 2;
		snprintf(local, sizeof(local), "\"%s\"", changes[i].kind);
		s.local = local;
		assert_string_equal(apply(p, &s), "ok");
		for (size_t k = 0; k < CHANGES; k++)
			assert_string_equal(rig_end(&p->r, changes[k].ask), k == i ? "ok" : "denied");
	}
	assert_string_equal(rig_end(&p->r, "{\"do\":\"vault.set\",\"args\":{\"name\":\"bot\"},\"secret_bytes\":3}\nabc"), "denied");
	/* What only takes away is always the workstation's. */
	struct grant_ref ref = {0};
	assert_true(grants_next(&p->r.a.roster.grants, &ref));
	snprintf(word, sizeof(word), "{\"do\":\"grant.revoke\",\"args\":{\"id\":\"%s\"}}\n", grant_ref_text(&ref, GT_ID));
	assert_string_equal(rig_end(&p->r, word), "ok");
	/* The next bundle gives it again. */
	s.version = 10;
	assert_string_equal(apply(p, &s), "ok");
	assert_int_equal(grants_count(&p->r.a.roster.grants), 1);
}

/* What is the workstation's own stays where it is permitted; what an earlier bundle brought goes with the one that does not. */
static void test_next(void **state)
{
	struct place *p = *state;
	struct spec s = one;
	struct grant_ref ref = {0};
	char id[32];

	trust(p);
	s.local = "\"servers\",\"grants\",\"credentials\"";
	s.credentials[1] = "more";
	assert_string_equal(apply(p, &s), "ok");
	assert_true(grants_next(&p->r.a.roster.grants, &ref));
	snprintf(id, sizeof(id), "%s", grant_ref_text(&ref, GT_ID));
	for (size_t i = 0; i < CHANGES; i++)
		assert_string_equal(rig_end(&p->r, changes[i].ask), i == 2 ? "denied" : "ok");
	s.version = 2;
	s.credentials[1] = NULL;
	s.servers = "{\"name\":\"one\",\"match\":[{\"host\":\"one.example\"},{\"host\":\"two.example\"}],\"credential\":\"bot\"}";
	assert_string_equal(apply(p, &s), "ok");
	/* The same grant has the same id; the secret has the other place, and the old one is empty. */
	assert_true(grants_find(&p->r.a.roster.grants, id, NULL));
	assert_int_equal(grants_count(&p->r.a.roster.grants), 2);
	assert_true(rig_world_has(&p->r, "two.example") && rig_world_has(&p->r, "own.example"));
	assert_string_equal(roster_item(&p->r.a.roster, "bot"), "bot.bundle-b");
	rig_turns(&p->r, 4);
	assert_non_null(store_find(p->at.v.store, "bot.bundle-b"));
	assert_null(store_find(p->at.v.store, "bot.bundle-a"));
	assert_null(store_find(p->at.v.store, "more.bundle-a"));
	assert_non_null(store_find(p->at.v.store, "own"));
	assert_null(json_object_get(p->r.a.roster.credentials, "more"));
	/* Without permission, and without anything: nothing is left. */
	s = (struct spec){.version = 3};
	assert_string_equal(apply(p, &s), "ok");
	assert_int_equal(grants_count(&p->r.a.roster.grants) + json_object_size(p->r.a.roster.servers) + json_object_size(p->r.a.roster.credentials), 0);
	/* Accounts by name; one that is not here, and one that is over, are left out and told. */
	s = one;
	s.version = 4;
	s.grants = "{\"user\":\"root\",\"server\":\"one\",\"policy\":\"p\"},{\"user\":\"nobody-here\",\"server\":\"one\",\"policy\":\"p\"},"
	           "{\"uid\":4000,\"server\":\"one\",\"policy\":\"p\",\"expires_at\":\"2020-01-01T00:00:00Z\"}";
	struct buf b = {0};
	bundle(p, &s, &b);
	json_t *v = offer(p, &b);
	assert_int_equal(json_array_size(json_object_get(v, "left_out")), 2);
	json_decref(v);
	buf_free(&b);
	assert_int_equal(grants_count(&p->r.a.roster.grants), 1);
}

static void test_trust(void **state)
{
	struct place *p = *state;
	char other[NOTE_VKEY], collector[NOTE_VKEY];
	uint8_t key[SIGN_PUBLIC];
	struct spec s = one;

	trust(p);
	trust(p);
	assert_int_equal(rig_events(&p->r, "bundle.trust"), 1);
	key_of(other_seed, other);
	has(ended(ask(p, "bundle.trust", json_pack("{s:s}", "signer", other))), "--replace");
	assert_int_equal(sign_public(seed, key) + note_vkey("callgate-collector/lab", key, collector), 0);
	has(ended(ask(p, "bundle.trust", json_pack("{s:s s:b}", "signer", collector, "replace", 1))), "must be the public key");
	s.version = 9;
	assert_string_equal(apply(p, &s), "ok");
	assert_string_equal(ended(ask(p, "bundle.trust", json_pack("{s:s s:b}", "signer", other, "replace", 1))), "ok");
	/* Another signer does not begin to count anew. */
	s.signer = other_seed;
	has(apply(p, &s), "another bundle 9");
	s.version = 8;
	has(apply(p, &s), "the older bundle 8");
	s.version = 10;
	assert_string_equal(apply(p, &s), "ok");
}

/* All that the workers, the vault and a person see of a roster. */
static void picture(const struct roster *r, struct buf *out)
{
	json_t *told = json_copy(r->bundle);

	json_object_del(told, "at"); /* the rig's journal has a clock of its own */
	char *bundle_text = json_dumps(told, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(told);
	buf_reset(out);
	assert_int_equal(publish_world(r, 1, "enforce", out), 0);
	assert_int_equal(publish_hosts(r, out), 0);
	assert_int_equal(buf_puts(out, bundle_text), 0);
	free(bundle_text);
}

/* A power cut at every byte of what the journal took: what was before, or all of it. */
static void test_broken_off(void **state)
{
	struct place *p = *state;
	struct spec s = one;
	struct buf old = {0}, new = {0}, now = {0};
	char big[60000];

	trust(p);
	assert_string_equal(apply(p, &s), "ok");
	picture(&p->r.a.roster, &old);
	size_t from = p->r.journal.len, changed = 0;
	/* Two servers, another grant, another credential, and a document that takes several lines. */
	snprintf(big, sizeof(big), "{\"version\":\"1\",\"default\":\"deny\",%49000s\"tools\":{}}", "");
	s = (struct spec){.version = 2, .document = big, .grants = "{\"uid\":4000,\"server\":\"two\",\"policy\":\"p\"},{\"uid\":null,\"server\":\"one\",\"policy\":\"p\"}",
	    .servers = SERVER ",{\"name\":\"two\",\"match\":[{\"host\":\"two.example\"}],\"credential\":\"more\"}", .credentials = {"bot", "more"}};
	assert_string_equal(apply(p, &s), "ok");
	assert_true(rig_events(&p->r, "policy.part") > 1);
	for (size_t n = from; n <= p->r.journal.len; n++) {
		/* Between two lines, and a few places inside each. */
		if (n < p->r.journal.len && buf_view(&p->r.journal).p[n - 1] != '\n' && n % 997)
			continue;
		struct roster r;
		assert_int_equal(roster_init(&r), 0);
		assert_int_equal(roster_fold(&r, view_head(buf_view(&p->r.journal), n)), 0);
		picture(&r, &now);
		if (n == p->r.journal.len) {
			assert_int_equal(roster_bundle(&r), 2);
			assert_true(!view_eq(buf_view(&now), buf_view(&old)));
		} else {
			assert_true(view_eq(buf_view(&now), buf_view(&old)));
			changed++;
		}
		roster_free(&r);
	}
	assert_true(changed > 12);
	buf_free(&old);
	buf_free(&new);
	buf_free(&now);
}

/* The journal fails at each line in turn: nothing holds, and the next try holds whole. */
static void test_journal_fails(void **state)
{
	struct place *p = *state;
	struct spec s = one;

	trust(p);
	assert_string_equal(apply(p, &s), "ok");
	for (int line = 1; line <= 5; line++) {
		struct buf before = {0}, after = {0};
		s = (struct spec){.version = line + 1, .grants = line % 2 ? "" : GRANT, .servers = line % 2 ? "" : SERVER, .credentials = {line % 2 ? "more" : "bot"}};
		picture(&p->r.a.roster, &before);
		p->r.journal_fails_in = line;
		has(apply(p, &s), "nothing was changed");
		p->r.journal_fails_in = 0;
		picture(&p->r.a.roster, &after);
		assert_true(view_eq(buf_view(&before), buf_view(&after)));
		rig_read_again(&p->r);
		picture(&p->r.a.roster, &after);
		assert_true(view_eq(buf_view(&before), buf_view(&after)));
		assert_string_equal(apply(p, &s), "ok");
		assert_int_equal(roster_bundle(&p->r.a.roster), line + 1);
		buf_free(&before);
		buf_free(&after);
	}
}

/* One breaks off, and the next one says what is in force: nothing changes by it, and what was begun before does not count with it. */
static void test_nothing_after_half(void **state)
{
	struct place *p = *state;
	struct spec s = one;

	s.credentials[0] = NULL;
	s.servers = "{\"name\":\"one\",\"match\":[{\"host\":\"one.example\"}]}";
	trust(p);
	assert_string_equal(apply(p, &s), "ok");
	for (int again = 0; again < 2; again++) {
		struct spec half = s;
		half.version = s.version + 1;
		half.grants = "";
		p->r.journal_fails_in = 2;
		has(apply(p, &half), "nothing was changed");
		p->r.journal_fails_in = 0;
		if (again)
			rig_read_again(&p->r);
		s.version += 2;
		assert_string_equal(apply(p, &s), "ok");
		rig_read_again(&p->r);
		assert_string_equal(p->r.a.roster.damage, "");
		assert_int_equal(roster_bundle(&p->r.a.roster), s.version);
		assert_int_equal(rig_world_grants(&p->r), 1);
	}
}

/* A journal that says what no bundle can have said is damage, and no grant is in force. */
static void test_damage(void **state)
{
	static const char *const lines[] = {
	    "{\"seq\":1,\"kind\":\"journal\",\"event\":\"bundle.apply\",\"version\":1,\"sha256\":\"x\",\"items\":1}\n",
	    "{\"seq\":1,\"kind\":\"journal\",\"event\":\"bundle.apply\",\"version\":0,\"sha256\":\"x\",\"items\":0}\n",
	    "{\"seq\":1,\"kind\":\"journal\",\"event\":\"server.remove\",\"name\":\"x\",\"bundle\":{\"version\":1,\"item\":1}}\n",
	    "{\"seq\":1,\"kind\":\"journal\",\"event\":\"server.remove\",\"name\":\"x\",\"bundle\":{\"version\":1,\"item\":-1}}\n",
	    "{\"seq\":1,\"kind\":\"journal\",\"event\":\"server.remove\",\"bundle\":{\"version\":1,\"item\":0}}\n"
	    "{\"seq\":2,\"kind\":\"journal\",\"event\":\"bundle.apply\",\"version\":1,\"sha256\":\"x\",\"items\":1}\n",
	    "{\"seq\":1,\"kind\":\"journal\",\"event\":\"server.remove\",\"name\":\"x\",\"bundle\":{\"version\":2,\"item\":0}}\n"
	    "{\"seq\":2,\"kind\":\"journal\",\"event\":\"bundle.apply\",\"version\":1,\"sha256\":\"x\",\"items\":1}\n",
	    "{\"seq\":1,\"kind\":\"journal\",\"event\":\"bundle.trust\"}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct roster r;
		assert_int_equal(roster_init(&r), 0);
		assert_int_equal(roster_fold(&r, view_str(lines[i])), 1);
		assert_int_equal(roster_bundle(&r), 0);
		roster_free(&r);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_in_force), T(test_refused), T(test_local), T(test_next), T(test_trust), T(test_broken_off), T(test_journal_fails),
	    T(test_nothing_after_half),
	    cmocka_unit_test(test_damage)};
	if (geteuid() != 0)
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
