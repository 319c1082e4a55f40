/*
 * trail_room.c - a trail on a disk that fills up: stages, each a line; a pause, in which the next file is the one that was put aside; the end
 * of the pause.  What is written meanwhile is the owner's to decide: it asks trail_state().
 */
#include <stdio.h>

#include "audit/room.h"
#include "audit/trail_internal.h"
#include "base/err.h"
#include "base/log.h"

enum { RESERVE_EVERY_S = 5 };

/* A line of these is kept like any other: it goes to the next file when this one fails. */
void trail_room_say(struct trail *s, const char *kind, const char *event, int err)
{
	struct jsonw *w = trail_line(s, kind, s->clock.wall());

	jsonw_str(w, "event", event);
	if (err)
		jsonw_str(w, "err", err_name(err));
	jsonw_uint(w, "free", s->disk.free);
	jsonw_uint(w, "total", s->disk.total);
	jsonw_bool(w, "reserve", s->reserve);
	if (!s->paused && s->paused_at.ns)
		jsonw_uint(w, "paused_ms", mono_since_us(s->paused_at, s->clock.mono()) / 1000);
	int r = trail_end(s);
	if (r)
		log_error("%s %s below %s cannot be recorded: %s", kind, event, s->what, err_text(r));
}

void trail_room_reserve(struct trail *s)
{
	int r = s->room.reserve ? room_set_aside(trail_place(s), s->room.reserve) : 0;

	if (r && !s->reserve_failed)
		log_warning("no room is put aside below %s: %s; when the disk is full nothing more can be recorded", s->what, err_text(r));
	s->reserve_failed = r != 0;
	s->reserve = s->room.reserve && !r;
	s->reserve_at = s->clock.mono();
}

static void pause_for(struct trail *s, int err)
{
	if (s->paused)
		return;
	s->paused = true;
	s->paused_at = s->clock.mono();
	s->stage = ROOM_FULL;
	log_error("the disk of %s is full (%s): make room; %s", s->what, err ? err_text(err) : "hardly anything is left",
	    s->reserve ? "what must be recorded goes to the room that was put aside" : "nothing was put aside");
	trail_room_say(s, "audit_pause", "disk_full", err);
}

void trail_room_begin(struct trail *s)
{
	if (room_look(trail_place(s), &s->disk))
		s->disk = (struct room){0};
	trail_room_reserve(s);
}

void trail_room_failed(struct trail *s, int err)
{
	if (!s->room.reserve || !room_error(err) || s->begun)
		return;
	pause_for(s, err);
	/* There is something to write into: at once. */
	if (s->reserve)
		s->retry_at = (struct mono){0};
}

/* Room again, and the reserve with it.  A file system that has none, or does not tell its room, must have taken what waited. */
static void try_resume(struct trail *s)
{
	if (s->disk.total && s->disk.free < ROOM_LEAST + s->room.reserve)
		return;
	int r = s->room.reserve ? room_set_aside(trail_place(s), s->room.reserve) : 0;
	if (room_error(r) || (s->err && (r || !s->disk.total)))
		return;
	s->reserve = s->room.reserve && !r;
	s->reserve_failed = r != 0;
	s->paused = false;
	s->retry_at = (struct mono){0};
	s->stage = room_stage(&s->disk, &s->room);
	trail_room_say(s, "audit_resume", "disk_full", 0);
	s->paused_at = (struct mono){0};
	log_notice("the disk of %s has room again", s->what);
}

void trail_room_tick(struct trail *s)
{
	if (room_look(trail_place(s), &s->disk))
		s->disk = (struct room){0};
	if (s->paused) {
		if (!trail_second_full(s))
			try_resume(s);
		return;
	}
	enum room_stage now = room_stage(&s->disk, &s->room);
	if (now == ROOM_FULL) {
		if (!trail_second_full(s))
			pause_for(s, 0);
		return;
	}
	if (now != s->stage) {
		s->stage = now;
		if (now == ROOM_GOOD)
			log_notice("the disk of %s has room again", s->what);
		else
			log_warning("the disk of %s has %llu MiB left (%s): make room; when it is full, calls are refused", s->what,
			    (unsigned long long)(s->disk.free >> 20), room_word(now));
		trail_room_say(s, "disk", room_word(now), 0);
	}
	if (s->room.reserve && !s->reserve && s->clock.mono().ns >= mono_after_ms(s->reserve_at, RESERVE_EVERY_S * 1000).ns)
		trail_room_reserve(s);
}
