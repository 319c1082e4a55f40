/* collector.c - see collector.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/chain.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "fleet/collector.h"
#include "fleet/layout.h"
#include "fleet/put.h"

enum { STORE_JSON = 4096 };

bool collector_org(const char *s)
{
	return layout_host(s);
}

static bool empty(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_close(&fd);
		return false;
	}
	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, "lost+found") != 0;
	closedir(d);
	return !n;
}

static int put_secret(int store, const char *path, const uint8_t key[SIGN_SEED])
{
	char hex[2 * SIGN_SEED + 2];

	chain_hex(key, SIGN_SEED, hex);
	memcpy(hex + 2 * SIGN_SEED, "\n", 2);
	int r = put_file(store, path, view_str(hex), 0400);
	OPENSSL_cleanse(hex, sizeof(hex));
	return r;
}

static int put_keys(int store, const char *name, struct collector *c)
{
	uint8_t seed[SIGN_SEED], box[BOX_KEY], public[SIGN_PUBLIC];
	char line[NOTE_VKEY + 1];
	int r = getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) ? 0 : -EIO;

	if (!r)
		r = sign_public(seed, public);
	if (!r)
		r = note_vkey(name, public, c->vkey);
	if (!r)
		r = box_new(box, c->box);
	if (!r)
		r = put_secret(store, "collector.key", seed);
	if (!r)
		r = put_secret(store, "collector.box", box);
	if (!r) {
		snprintf(line, sizeof(line), "%s\n", c->vkey);
		r = put_file(store, "collector.vkey", view_str(line), 0444);
	}
	OPENSSL_cleanse(seed, sizeof(seed));
	OPENSSL_cleanse(box, sizeof(box));
	return r;
}

static int put_json(int store, const struct collector *c)
{
	struct buf out = {0};
	struct jsonw w = jsonw_on(&out);

	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "callgate_collector", 1);
	jsonw_str(&w, "org", c->org);
	jsonw_str(&w, "vkey", c->vkey);
	jsonw_hex(&w, "box", view_of(c->box, BOX_KEY));
	if (*c->ssh) {
		jsonw_open(&w, "ssh", '{');
		jsonw_str(&w, "to", c->ssh);
		jsonw_uint(&w, "port", c->port);
		jsonw_str(&w, "host_key", c->host_key);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, '}');
	int r = jsonw_end(&w);
	if (!r)
		r = buf_puts(&out, "\n");
	if (!r)
		r = put_file(store, "collector.json", buf_view(&out), 0444);
	buf_free(&out);
	return r;
}

/* They end up in command lines and configuration of ssh. */
static bool ssh_ok(const struct collector *c)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t user = strspn(c->ssh, word), host = c->ssh[user] == '@' ? strspn(c->ssh + user + 1, word) : 0;
	size_t type = strspn(c->host_key, word);
	size_t blob = c->host_key[type] == ' ' ? strspn(c->host_key + type + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=") : 0;

	return c->ssh[0] != '-' && user && host && !c->ssh[user + 1 + host] && c->ssh[user + 1] != '-' && c->port && c->port < 65536 && type && blob &&
	       !c->host_key[type + 1 + blob];
}

int collector_init(int store, struct collector *c)
{
	/* What the transfer account must be able to reach is receipts/ alone. */
	static const struct {
		const char *dir;
		mode_t mode;
	} dirs[] = {{"hosts", 0700}, {"tmp", 0700}, {"audit", 0750}, {"journal", 0750}, {"checkpoints", 0750}, {"policies", 0750}, {"quarantine", 0750},
	    {"receipts", 0755}, {"log", 0755}};
	char name[NOTE_NAME], text[STORE_JSON];
	int r = 0;

	if (!collector_org(c->org) || (*c->ssh && !ssh_ok(c)))
		return -ERR_MALFORMED;
	if (faccessat(store, "store.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (!empty(store))
		return -ENOTEMPTY;
	snprintf(name, sizeof(name), "callgate-collector/%s", c->org);
	for (size_t i = 0; !r && i < sizeof(dirs) / sizeof(*dirs); i++)
		if (mkdirat(store, dirs[i].dir, dirs[i].mode) < 0 || fchmodat(store, dirs[i].dir, dirs[i].mode, 0) < 0)
			r = -errno;
	if (!r)
		r = put_keys(store, name, c);
	if (!r)
		r = put_json(store, c);
	snprintf(text, sizeof(text), "{\"callgate_store\":1,\"org\":\"%s\"}\n", c->org);
	/* Last: a directory with it is whole. */
	return r ? r : put_file(store, "store.json", view_str(text), 0444);
}

static int take_text(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || strlen(s) >= cap)
		return -ERR_MALFORMED;
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

int collector_parse(struct view text, struct collector *c)
{
	char box[2 * BOX_KEY + 1], name[NOTE_NAME], want[NOTE_NAME];
	uint8_t key[SIGN_PUBLIC];

	*c = (struct collector){0};
	json_t *o = text.n <= COLLECTOR_MAX ? json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const json_t *ssh = json_object_get(o, "ssh");
	int r = json_integer_value(json_object_get(o, "callgate_collector")) == 1 ? 0 : -ERR_MALFORMED;
	if (!r)
		r = take_text(o, "org", c->org, sizeof(c->org));
	if (!r)
		r = take_text(o, "vkey", c->vkey, sizeof(c->vkey));
	if (!r)
		r = take_text(o, "box", box, sizeof(box));
	if (!r)
		r = chain_unhex(view_str(box), c->box, BOX_KEY);
	if (!r)
		r = collector_org(c->org) ? note_key(view_str(c->vkey), name, key) : -ERR_MALFORMED;
	snprintf(want, sizeof(want), "callgate-collector/%s", c->org);
	if (!r && strcmp(name, want) != 0)
		r = -ERR_MALFORMED;
	if (!r && ssh) {
		json_int_t port = json_integer_value(json_object_get(ssh, "port"));
		c->port = port > 0 && port < 65536 ? (unsigned)port : 0;
		r = take_text(ssh, "to", c->ssh, sizeof(c->ssh));
		if (!r)
			r = take_text(ssh, "host_key", c->host_key, sizeof(c->host_key));
		if (!r && !ssh_ok(c))
			r = -ERR_MALFORMED;
	}
	json_decref(o);
	return r;
}

int collector_name(int store, char name[NOTE_NAME])
{
	struct buf b = {0};
	int r = fd_slurp(store, "store.json", STORE_JSON, &b);
	json_t *o = r ? NULL : json_loadb((const char *)buf_view(&b).p, b.len, JSON_REJECT_DUPLICATES, NULL);
	const char *org = json_string_value(json_object_get(o, "org"));

	if (!r && (json_integer_value(json_object_get(o, "callgate_store")) != 1 || !org || !collector_org(org)))
		r = -ERR_MALFORMED;
	if (!r)
		snprintf(name, NOTE_NAME, "callgate-collector/%s", org);
	json_decref(o);
	buf_free(&b);
	return r;
}

static int take_secret(int store, const char *path, uint8_t key[SIGN_SEED])
{
	struct buf b = {0};
	int r = fd_slurp(store, path, 4 * SIGN_SEED, &b);

	if (!r)
		r = chain_unhex(view_head(buf_view(&b), 2 * SIGN_SEED), key, SIGN_SEED);
	buf_wipe(&b);
	buf_free(&b);
	return r;
}

int collector_seed(int store, uint8_t seed[SIGN_SEED])
{
	return take_secret(store, "collector.key", seed);
}

int collector_box(int store, uint8_t key[BOX_KEY])
{
	return take_secret(store, "collector.box", key);
}

int collector_lock(int store)
{
	int fd = openat(store, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : 0;

	if (!r && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EAGAIN : -errno;
		fd_close(&fd);
	}
	return r ? r : fd;
}
