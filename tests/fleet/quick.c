/*
 * quick.c - time and chance of the generator.  fsync, fdatasync and getrandom of the audit code end here: what is generated need not
 * survive a power cut, and its keys come from the seed.
 */
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "audit/chain.h"
#include "fleet.h"

struct sim_clock sim;
static uint64_t key_state;

struct wall sim_wall(void)
{
	return (struct wall){sim.now + sim.wrong};
}

struct mono sim_mono(void)
{
	return (struct mono){(uint64_t)(sim.now - sim.boot_at - sim.slept)};
}

/* A clock that is wrong knows nothing of it: only that nobody corrects it. */
static struct trail_sync sim_sync(void)
{
	if (sim.wrong)
		return (struct trail_sync){false, 0, 16000000, 16000000};
	return (struct trail_sync){true, 40 + sim.now / SECOND % 60, 180, 20400};
}

const struct trail_clock sim_trail_clock = {sim_wall, sim_mono, sim_sync};

int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

uint64_t chance(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t chance_of(const char *what, uint64_t seed, uint64_t host)
{
	uint64_t s = seed ^ host << 32;

	for (; *what; what++)
		s = chance(&s) ^ (uint8_t)*what;
	return chance(&s);
}

void chance_keys(uint64_t seed)
{
	key_state = seed;
}

ssize_t getrandom(void *out, size_t n, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)out)[i] = (uint8_t)chance(&key_state);
	return (ssize_t)n;
}

void sha_hex(struct view v, char out[HEX])
{
	uint8_t sum[CHAIN_LEN];
	unsigned n = 0;

	if (EVP_Digest(v.p, v.n, sum, &n, EVP_sha256(), NULL) != 1 || n != CHAIN_LEN)
		die("SHA-256");
	chain_hex(sum, CHAIN_LEN, out);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("fleet: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}
