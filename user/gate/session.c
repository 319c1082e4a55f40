/* session.c - see session.h. */
#include <stdlib.h>
#include <sys/random.h>

#include "gate/session.h"

struct sessions *session_new(void)
{
	struct sessions *s = calloc(1, sizeof(*s));

	/* Without random bytes ids would only meet in a set more often. */
	if (s && getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) < 0)
		s->seed = 0;
	return s;
}

void session_free(struct sessions **s)
{
	free(*s);
	*s = NULL;
}

static uint64_t mix(uint64_t h, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * 0x100000001b3u;
	h ^= h >> 29;
	return (h ^ v.n) * 0x9e3779b97f4a7c15u;
}

static uint64_t key_of(const struct sessions *s, const char *server, struct view id)
{
	return mix(mix(0xcbf29ce484222325u ^ s->seed, view_str(server)), id);
}

/* The way that holds ${key}, or -1. */
static int find(const struct sessions *s, uint64_t key)
{
	for (int i = 0; i < SESSION_WAYS; i++)
		if (s->way[key % SESSION_SETS][i].used && s->way[key % SESSION_SETS][i].key == key)
			return i;
	return -1;
}

static unsigned held(const struct sessions *s, size_t set, uint32_t uid)
{
	unsigned n = 0;

	for (int i = 0; i < SESSION_WAYS; i++)
		n += s->way[set][i].used && s->way[set][i].uid == uid;
	return n;
}

/* Where ${uid} gets a place: the oldest one of who holds most of the set, which is ${uid} itself when nobody holds more. */
static int place(const struct sessions *s, size_t set, uint32_t uid)
{
	unsigned n[SESSION_WAYS], most = 0;
	int at = -1;

	for (int i = 0; i < SESSION_WAYS; i++) {
		if (!s->way[set][i].used)
			return i;
		n[i] = held(s, set, s->way[set][i].uid);
		most = n[i] > most ? n[i] : most;
	}
	bool own = held(s, set, uid) == most;
	for (int i = 0; i < SESSION_WAYS; i++)
		if ((own ? s->way[set][i].uid == uid : n[i] == most) && (at < 0 || s->way[set][i].used < s->way[set][at].used))
			at = i;
	return at;
}

void session_bind(struct sessions *s, const char *server, struct view id, uint32_t uid)
{
	uint64_t key = key_of(s, server, id);
	size_t set = key % SESSION_SETS;
	int at = find(s, key);

	if (at < 0) {
		at = place(s, set, uid);
		s->way[set][at].key = key;
		s->way[set][at].uid = uid;
	}
	s->way[set][at].used = ++s->clock;
}

bool session_ok(struct sessions *s, const char *server, struct view id, uint32_t uid)
{
	uint64_t key = key_of(s, server, id);
	int at = find(s, key);

	if (at < 0)
		return true;
	if (s->way[key % SESSION_SETS][at].uid != uid)
		return false;
	s->way[key % SESSION_SETS][at].used = ++s->clock;
	return true;
}

bool session_has(const struct sessions *s, const char *server, struct view id, uint32_t uid)
{
	uint64_t key = key_of(s, server, id);
	int at = find(s, key);

	return at >= 0 && s->way[key % SESSION_SETS][at].uid == uid;
}

void session_end(struct sessions *s, const char *server, struct view id)
{
	uint64_t key = key_of(s, server, id);
	int at = find(s, key);

	if (at >= 0)
		s->way[key % SESSION_SETS][at].used = 0;
}
