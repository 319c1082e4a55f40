/* crowd.c - see crowd.h. */
#include <stdlib.h>

#include "gate/crowd.h"

struct crowd_user {
	struct crowd_user *next;
	uint32_t uid;
	size_t n, held;
};

/* The link that holds the entry of ${uid}, or the one at the end of its chain. */
static struct crowd_user **find(struct crowd *w, uint32_t uid)
{
	struct crowd_user **at = &w->set[uid % CROWD_SETS];

	while (*at && (*at)->uid != uid)
		at = &(*at)->next;
	return at;
}

bool crowd_enter(struct crowd *w, uint32_t uid)
{
	struct crowd_user **at = find(w, uid);
	size_t mine = *at ? (*at)->n : 0;

	if (w->n >= w->max || mine >= CROWD_SHARE * (w->max - w->n))
		return false;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return false;
		(*at)->uid = uid;
	}
	(*at)->n++;
	w->n++;
	return true;
}

void crowd_leave(struct crowd *w, uint32_t uid)
{
	struct crowd_user **at = find(w, uid), *u = *at;

	if (!u)
		return;
	w->n--;
	if (--u->n)
		return;
	*at = u->next;
	free(u);
}

size_t crowd_hold(struct crowd *w, uint32_t uid, size_t was, size_t is)
{
	struct crowd_user *u = *find(w, uid);

	if (!u)
		return 0;
	u->held = u->held - was + is;
	return u->held;
}

void crowd_free(struct crowd *w)
{
	for (size_t i = 0; i < CROWD_SETS; i++)
		while (w->set[i]) {
			struct crowd_user *u = w->set[i];
			w->set[i] = u->next;
			free(u);
		}
	w->n = 0;
}
