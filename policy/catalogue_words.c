/* catalogue_words.c - see catalogue_words.h.  The tables are the knowledge of the catalogue; CATALOGUE_METHOD changes with them. */
#include <stdlib.h>

#include "policy/catalogue_words.h"

#define R RISK_READ
#define W RISK_WRITE
#define E RISK_EXECUTE
#define D RISK_DESTRUCTIVE
#define F RISK_FINANCIAL

/* Sorted by text. */
static const struct word verbs[] = {
    {"abort", E, 0}, {"accept", W, 0}, {"access", R, WORD_NOUN}, {"acknowledge", W, 0}, {"activate", W, 0}, {"add", W, WORD_FLOOR},
    {"adjust", W, 0}, {"allocate", W, 0}, {"allow", W, 0}, {"analyse", R, 0}, {"analyze", R, 0}, {"annotate", W, 0}, {"append", W, 0},
    {"apply", W, 0}, {"approve", W, 0}, {"archive", W, WORD_NOUN}, {"assign", W, 0}, {"associate", W, 0}, {"attach", W, 0},
    {"audit", R, WORD_NOUN}, {"authorize", W, 0}, {"autofix", W, 0}, {"automate", E, 0}, {"ban", D, 0}, {"bash", E, 0}, {"block", W, WORD_NOUN},
    {"book", W, WORD_NOUN}, {"browse", R, 0}, {"build", E, WORD_NOUN}, {"buy", F, 0}, {"calculate", R, 0}, {"call", E, WORD_FLOOR | WORD_NOUN},
    {"cancel", E, 0}, {"capture", R, 0}, {"categorize", W, 0}, {"change", W, WORD_NOUN}, {"charge", F, 0}, {"check", R, 0},
    {"checkout", W, WORD_NOUN}, {"clear", D, 0}, {"click", W, WORD_NOUN}, {"clone", W, 0}, {"close", W, 0}, {"collect", R, 0},
    {"comment", W, WORD_NOUN}, {"commit", W, WORD_NOUN}, {"compare", R, 0}, {"compile", E, 0}, {"complete", W, 0}, {"compose", W, 0},
    {"compute", E, WORD_NOUN}, {"configure", W, 0}, {"confirm", W, 0}, {"connect", W, 0}, {"convert", W, 0}, {"copy", W, 0},
    {"count", R, WORD_NOUN}, {"crawl", R, 0}, {"create", W, WORD_FLOOR}, {"deactivate", W, 0}, {"decline", W, 0}, {"decode", R, 0},
    {"decommission", D, 0}, {"decompile", R, 0}, {"define", W, 0}, {"delete", D, WORD_FLOOR | WORD_ANY}, {"deploy", E, 0},
    {"deprovision", D, 0}, {"deregister", D, 0}, {"describe", R, WORD_FLOOR}, {"destroy", D, WORD_FLOOR | WORD_ANY}, {"detach", W, 0},
    {"detect", R, 0}, {"diagnose", R, 0}, {"diff", R, WORD_NOUN}, {"disable", W, 0}, {"disassemble", R, 0}, {"discard", D, 0},
    {"discover", R, 0}, {"dismiss", W, 0}, {"dispatch", E, 0}, {"display", R, WORD_NOUN}, {"dispose", D, 0}, {"donate", F, 0},
    {"download", W, WORD_NOUN}, {"draft", W, WORD_NOUN}, {"drag", W, 0}, {"drain", D, 0}, {"drop", D, WORD_FLOOR | WORD_ANY},
    {"duplicate", W, 0}, {"edit", W, WORD_FLOOR}, {"empty", D, 0}, {"emulate", W, 0}, {"enable", W, 0}, {"erase", D, WORD_ANY},
    {"establish", W, 0}, {"estimate", R, 0}, {"eval", E, WORD_ANY}, {"evaluate", E, WORD_FLOOR | WORD_ANY}, {"evict", D, 0},
    {"examine", R, 0}, {"exec", E, WORD_ANY}, {"execute", E, WORD_FLOOR | WORD_ANY | WORD_LIGHT}, {"expire", D, 0}, {"explain", R, 0}, {"explore", R, 0},
    {"export", W, WORD_NOUN}, {"extend", W, 0}, {"extract", R, 0}, {"fetch", R, WORD_FLOOR}, {"fill", W, 0}, {"find", R, WORD_FLOOR},
    {"fix", W, 0}, {"flush", D, 0}, {"follow", W, 0}, {"force", D, 0}, {"fork", W, WORD_NOUN}, {"format", W, WORD_NOUN}, {"gather", R, 0},
    {"generate", E, WORD_LIGHT}, {"get", R, WORD_FLOOR}, {"grant", W, WORD_NOUN}, {"halt", E, 0}, {"hide", W, 0}, {"hover", W, 0}, {"identify", R, 0},
    {"import", W, WORD_NOUN}, {"increment", W, 0}, {"index", W, WORD_NOUN}, {"ingest", W, 0}, {"init", W, 0}, {"initialise", W, 0},
    {"initialize", W, 0}, {"initiate", E, WORD_LIGHT}, {"insert", W, WORD_FLOOR}, {"inspect", R, 0}, {"install", E, 0}, {"introspect", R, 0},
    {"invite", W, 0}, {"invoke", E, WORD_FLOOR | WORD_ANY}, {"join", W, 0}, {"kill", D, 0}, {"label", W, WORD_NOUN}, {"launch", E, 0},
    {"leave", W, 0}, {"link", W, WORD_NOUN}, {"list", R, WORD_FLOOR}, {"locate", R, 0}, {"lock", W, WORD_NOUN}, {"log", R, WORD_NOUN},
    {"lookup", R, WORD_FLOOR}, {"manage", W, 0}, {"mark", W, 0}, {"measure", R, WORD_NOUN}, {"merge", W, WORD_NOUN}, {"modify", W, 0},
    {"monitor", R, WORD_NOUN}, {"move", W, WORD_FLOOR}, {"navigate", E, 0}, {"notify", W, 0}, {"obtain", R, 0}, {"open", W, 0},
    {"overwrite", D, WORD_ANY}, {"patch", W, WORD_NOUN}, {"pause", E, 0}, {"pay", F, 0}, {"perform", E, WORD_LIGHT}, {"pin", W, 0}, {"ping", R, 0},
    {"poll", R, WORD_NOUN}, {"post", W, WORD_FLOOR | WORD_NOUN}, {"press", W, 0}, {"preview", R, WORD_NOUN}, {"promote", W, 0},
    {"provision", W, 0}, {"prune", D, WORD_ANY}, {"publish", W, 0}, {"pull", W, WORD_NOUN}, {"purchase", F, 0}, {"purge", D, WORD_ANY},
    {"push", W, WORD_FLOOR}, {"put", W, 0}, {"query", R, WORD_FLOOR}, {"read", R, WORD_FLOOR}, {"rebase", W, 0}, {"reboot", E, 0},
    {"rebuild", E, 0}, {"recommend", R, 0}, {"record", W, WORD_NOUN}, {"recreate", D, 0}, {"refund", F, 0}, {"register", W, 0}, {"reject", W, 0},
    {"remember", W, 0}, {"remove", D, WORD_FLOOR | WORD_ANY}, {"rename", W, WORD_FLOOR}, {"replace", W, 0}, {"reply", W, 0},
    {"request", W, WORD_NOUN}, {"rerun", E, 0}, {"reset", D, 0}, {"resize", W, 0}, {"resolve", W, 0}, {"restart", E, 0}, {"restore", W, 0},
    {"resume", E, 0}, {"retrieve", R, WORD_FLOOR}, {"retry", E, 0}, {"return", R, 0}, {"revert", D, 0}, {"review", R, WORD_NOUN}, {"revoke", D, 0},
    {"rollback", D, WORD_NOUN}, {"rotate", W, 0}, {"run", E, WORD_FLOOR | WORD_LIGHT}, {"save", W, 0}, {"scale", W, WORD_NOUN},
    {"schedule", W, WORD_NOUN}, {"scrape", R, 0}, {"search", R, WORD_FLOOR}, {"select", W, 0}, {"sell", F, 0}, {"send", W, WORD_FLOOR},
    {"set", W, WORD_FLOOR}, {"setup", W, 0}, {"share", W, WORD_NOUN}, {"shell", E, 0}, {"show", R, WORD_FLOOR}, {"shred", D, WORD_ANY}, {"shutdown", E, 0},
    {"simulate", E, WORD_LIGHT}, {"spawn", E, 0}, {"stage", W, WORD_NOUN}, {"star", W, 0}, {"start", E, WORD_LIGHT}, {"stop", E, 0},
    {"store", W, WORD_NOUN}, {"submit", W, 0}, {"subscribe", W, 0}, {"suggest", R, 0}, {"summarise", R, 0}, {"summarize", R, 0},
    {"surface", R, WORD_NOUN}, {"suspend", E, 0}, {"switch", W, 0}, {"sync", W, 0}, {"synchronize", W, 0}, {"tag", W, WORD_NOUN},
    {"terminate", D, 0}, {"test", E, WORD_NOUN}, {"toggle", W, 0}, {"trace", R, WORD_NOUN}, {"trade", F, 0}, {"train", E, 0}, {"transcribe", R, 0},
    {"transfer", W, 0}, {"transform", W, 0}, {"transition", W, 0}, {"trash", D, 0}, {"traverse", R, 0}, {"trigger", E, WORD_LIGHT},
    {"truncate", D, WORD_ANY}, {"type", W, WORD_NOUN}, {"unarchive", W, 0}, {"unassign", W, 0}, {"undeploy", D, 0}, {"uninstall", D, WORD_ANY},
    {"unlink", W, 0}, {"unlock", W, 0}, {"unpin", W, 0}, {"unpublish", D, 0}, {"unregister", D, 0}, {"unsubscribe", W, 0}, {"update", W, WORD_FLOOR},
    {"upgrade", E, 0}, {"upload", W, 0}, {"upsert", W, 0}, {"validate", W, 0}, {"verify", W, 0}, {"view", R, WORD_NOUN}, {"vote", W, 0},
    {"wait", E, 0}, {"watch", R, 0}, {"whoami", R, 0}, {"wipe", D, WORD_ANY}, {"withdraw", F, 0}, {"write", W, WORD_FLOOR},
};
enum { VERBS = sizeof(verbs) / sizeof(*verbs) };

static int by_text(const void *key, const void *row)
{
	return strcmp(key, ((const struct word *)row)->text);
}

const struct word *words_verb(const char *w)
{
	return bsearch(w, verbs, VERBS, sizeof(*verbs), by_text);
}

/* gets, searches, applies, retries */
const struct word *words_verb_s(const char *w)
{
	char base[WORD_LEN];
	size_t n = strlen(w);
	const struct word *v = words_verb(w);

	if (v || n < 3 || w[n - 1] != 's')
		return v;
	memcpy(base, w, n + 1);
	base[n - 1] = '\0';
	v = words_verb(base);
	if (v || n < 4 || w[n - 2] != 'e')
		return v;
	base[n - 2] = '\0';
	v = words_verb(base);
	if (v || w[n - 3] != 'i')
		return v;
	base[n - 3] = 'y';
	base[n - 2] = '\0';
	return words_verb(base);
}

bool words_in(const char *w, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(w, *list) == 0)
			return true;
	return false;
}

int words_money(const char *w)
{
	static const char *const whole[] = {"charge", "charges", "chargeback", "chargebacks", "invoice", "invoices", "refund", "refunds",
	    "payment", "payments", "subscription", "subscriptions", "pricing", "payout", "payouts", NULL};
	static const char *const inside[] = {"charge", "invoice", "refund", "payment", "subscription", "pricing", "payout", NULL};

	if (words_in(w, whole))
		return 2;
	for (const char *const *p = inside; *p; p++)
		if (strstr(w, *p))
			return 1;
	return 0;
}

/* ---- splitting ---- */

static bool lower(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

/* Does a word end between ${at} - 1 and ${at}?  "getURLList" is get, url, list. */
static bool edge(struct view v, size_t at)
{
	if (!upper(v.p[at]))
		return false;
	return lower(v.p[at - 1]) || (upper(v.p[at - 1]) && at + 1 < v.n && v.p[at + 1] >= 'a' && v.p[at + 1] <= 'z');
}

static void put(struct words *out, const uint8_t *p, size_t n)
{
	if (!n || out->n == WORDS_MAX)
		return;
	char *w = out->w[out->n];
	n = n < WORD_LEN ? n : WORD_LEN - 1;
	for (size_t i = 0; i < n; i++)
		w[i] = (char)(upper(p[i]) ? p[i] | 0x20 : p[i]);
	w[n] = '\0';
	out->stop[out->n++] = 0;
}

void words_name(struct view name, struct words *out)
{
	size_t from = 0;

	out->n = 0;
	for (size_t i = 0; i < name.n; i++) {
		bool letter = lower(name.p[i]) || upper(name.p[i]);
		if (letter && !(i > from && edge(name, i)))
			continue;
		put(out, name.p + from, i - from);
		from = letter ? i : i + 1;
	}
	put(out, name.p + from, name.n - from);
}

void words_sentence(struct view text, struct words *out)
{
	size_t from = 0, i;

	out->n = 0;
	for (i = 0; i < text.n && out->n < WORDS_MAX; i++) {
		uint8_t c = text.p[i];
		if (lower(c) || upper(c) || ((c == '-' || c == '\'') && i > from))
			continue;
		put(out, text.p + from, i - from);
		from = i + 1;
		if (!out->n)
			continue;
		/* A full stop inside "shopify.dev" ends nothing. */
		if ((c == '.' && (i + 1 == text.n || text.p[i + 1] <= ' ')) || c == '!' || c == ';' || (c == '\n' && i + 1 < text.n && text.p[i + 1] == '\n'))
			return;
		if (c == ',' || c == '/' || c == '&')
			out->stop[out->n - 1] = WORD_COMMA;
	}
	put(out, text.p + from, i - from);
}
