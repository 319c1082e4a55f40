/* keeps.c - see keeps.h. */
#include <stdio.h>
#include <string.h>

#include "gate/keeps.h"

static size_t find(const struct keeps *k, const char *host, uint16_t port)
{
	for (size_t i = 0; i < KEEPS_MAX; i++)
		if (k->of[i].when.ns && k->of[i].port == port && strcmp(k->of[i].host, host) == 0)
			return i;
	return KEEPS_MAX;
}

void keeps_say(struct keeps *k, const char *host, uint16_t port, bool stays, struct mono now)
{
	size_t at = find(k, host, port), oldest = 0;

	for (size_t i = 1; i < KEEPS_MAX; i++)
		if (k->of[i].when.ns < k->of[oldest].when.ns)
			oldest = i;
	struct keeps_server *s = &k->of[at < KEEPS_MAX ? at : oldest];
	snprintf(s->host, sizeof(s->host), "%s", host);
	s->port = port;
	s->stays = stays;
	s->when = now;
}

enum keeps_word keeps_ask(const struct keeps *k, const char *host, uint16_t port, struct mono now)
{
	size_t at = find(k, host, port);

	if (at == KEEPS_MAX || mono_after_ms(k->of[at].when, KEEPS_MS).ns < now.ns)
		return KEEPS_UNKNOWN;
	return k->of[at].stays ? KEEPS_SHOWN : KEEPS_ENDED;
}

uint16_t keeps_timeout(struct view field)
{
	static const struct view name = VIEW_LIT("timeout=");
	unsigned s = 0;

	while (field.n && !view_ieq(view_head(field, name.n), name)) {
		/* To the next parameter. */
		while (field.n && field.p[0] != ',')
			field = view_skip(field, 1);
		while (field.n && (field.p[0] == ',' || field.p[0] == ' ' || field.p[0] == '\t'))
			field = view_skip(field, 1);
	}
	field = view_skip(field, name.n);
	for (; field.n && field.p[0] >= '0' && field.p[0] <= '9'; field = view_skip(field, 1))
		s = s < UINT16_MAX ? 10 * s + (unsigned)(field.p[0] - '0') : s;
	return s < UINT16_MAX ? (uint16_t)s : UINT16_MAX;
}
