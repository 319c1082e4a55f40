/*
 * step_relay.c - bytes that are none of our business: moved, counted, one record at the end.
 * States S_RELAY, and S_TUNNEL behind a CONNECT that was passed to somebody's HTTP proxy.
 */
#include <errno.h>

#include "base/err.h"
#include "codec/hello.h"
#include "gate/conn.h"
#include "gate/record.h"

int relay_pump(struct stream *from, struct stream *to, uint64_t *count)
{
	if (stream_flags(to) & STREAM_ERROR)
		return -EPIPE;
	if (!(stream_flags(to) & STREAM_OPEN))
		return 0;
	struct view in = stream_in(from);
	size_t n = stream_room(to);
	n = in.n < n ? in.n : n;
	if (n) {
		if (stream_put(to, view_head(in, n)))
			return -EPIPE;
		stream_consume(from, n);
		*count += n;
	}
	unsigned f = stream_flags(from);
	if ((f & STREAM_EOF) && n == in.n && !(stream_flags(to) & STREAM_SHUT))
		stream_shut(to);
	return f & STREAM_ERROR ? -EPIPE : 0;
}

/* Both directions ended and flushed. */
static bool relay_done(const struct stream *a, const struct stream *b)
{
	unsigned fa = stream_flags(a), fb = stream_flags(b), both = STREAM_EOF | STREAM_SHUT | STREAM_FLUSHED;

	return (fa & fb & both) == both;
}

enum step step_relay(struct conn *c)
{
	if (!c->cl || !c->up)
		return conn_reset(c);
	int r = relay_pump(c->up, c->cl, &c->out);
	int q = relay_pump(c->cl, c->up, &c->in);
	if (r || q) {
		int err = stream_error(c->up) ? stream_error(c->up) : stream_error(c->cl);
		record_connection(c, "relay", err);
		/* What the server still said before it failed belongs to the client. */
		return conn_reset(c);
	}
	if (!relay_done(c->cl, c->up))
		return STEP_WAIT;
	record_connection(c, "relay", 0);
	return STEP_END;
}

/* A second name inside a tunnel: a registered one cannot be judged there, and must not pass unjudged. */
enum step step_tunnel(struct conn *c)
{
	struct hello hello;
	struct view in = stream_in(c->cl);
	unsigned f = stream_flags(c->cl);

	if (!c->up || relay_pump(c->up, c->cl, &c->out)) {
		record_connection(c, "relay", c->up ? stream_error(c->up) : -ERR_UNAVAILABLE);
		return conn_reset(c);
	}
	int like = hello_looks_like(in);
	int r = like > 0 ? hello_read(in, &hello) : 0;
	if (like < 0 || r < 0 || (f & STREAM_EOF))
		return conn_goto(c, S_RELAY, 0);
	if (r == 0)
		return c->late || (f & STREAM_ERROR) ? conn_reset(c) : STEP_WAIT;
	struct view name = view_str(hello.name);
	if (world_host(c->g->world, name, 443) || world_host(c->g->world, name, c->port)) {
		record_refused(c, -ERR_DENIED, "a registered server inside a CONNECT tunnel", 0);
		return conn_reset(c);
	}
	return conn_goto(c, S_RELAY, 0);
}
