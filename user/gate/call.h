/*
 * call.h - one request on a registered host, from its head to the end of its answer.
 * Owns: references to its world and lease; its buffers stay with it in the worker's free list.
 */
#ifndef GATE_CALL_H
#define GATE_CALL_H

#include "codec/sse.h"
#include "gate/conn.h"

enum call_kind {
	CALL_NONE,
	CALL_TOOL,   /* tools/call */
	CALL_LIST,   /* tools/list */
	CALL_METHOD, /* any other POST on the MCP path */
	CALL_GET,    /* the server's own stream */
	CALL_DELETE,
	CALL_OTHER,  /* a path that is not MCP's */
};

/* How the answer's end is known. */
enum call_frame { FRAME_NONE, FRAME_LENGTH, FRAME_CHUNKED, FRAME_CLOSE };

struct call {
	struct list node; /* gate.spare_calls */
	enum call_kind kind;
	uint64_t number; /* within the ring; 0: no record */
	struct mono began;
	bool bodiless;   /* HEAD: an answer has no body */
	bool whole;      /* the request is in the buffer to its last byte */
	bool allowed;    /* goes to the server: a result record is owed when it has a number */
	bool by_stream;      /* its server is the one on whose stream its target was named */
	bool observed, reply_wanted, new_era, continued, result_done;

	/* request: offsets into the client's in-buffer, and into the body */
	size_t head_len, wire_len;
	bool chunked, apart; /* apart: the body does not travel behind the head in ${head} */
	struct chunked chunk;
	struct buf body;     /* decoded, when it came chunked */
	uint32_t id_off, id_len;
	size_t sent;
	bool lease_fresh; /* the vault was asked for this call */
	uint32_t refused; /* the version that a 401 met before; 0: none did */

	struct world *world;
	const struct world_server *server;
	const struct world_grant *grant;
	const char *credential; /* of ${world}; NULL: none */
	struct loan *lease;
	struct pol_charge charge;
	bool charged;
	struct held *held; /* policy wants a person to approve it; NULL: not, or not asked yet */
	bool durable;   /* its records are on disk before it leaves, and before its result does: by audit.strict and its risk class */
	enum risk risk; /* of a tools/call: what its tool may do at worst, as far as known */
	bool ended, withheld; /* the grant ended after the call had left; then what the server says does not go to the client */
	const char *ended_why; /* the rule, static */

	/* answer */
	enum call_frame frame;
	bool json, events, by_event; /* by_event: an event is passed on when it is whole and was looked at */
	bool filter, hold_back;      /* tools are taken out; the result's record comes before the result */
	bool chunk_down;             /* the client gets it chunked */
	bool wrap;                   /* it is JSON, and goes out as the data of one event */
	bool up_close, up_done, up_eof_ok;
	uint16_t http;
	uint8_t interim;             /* 1xx answers passed over */
	uint64_t left, bytes_in, bytes_out;
	struct chunked rchunk;
	struct sse sse;
	struct buf head;   /* the rebuilt request */
	struct buf hold;   /* bytes of the answer that are kept back, or copied to be read */
	struct buf tail;   /* the end of what came, when it may begin the secret */
	struct buf answer; /* for the client, not queued yet */
	struct buf endpoint; /* of a GET stream: where its client is to POST; see downlink.h */
	bool tells, relist, spoken; /* a stream on which a change of the list is told, is due, and one that has brought an event */
	bool reflected;    /* the secret came back */
	const struct placeholder *bait; /* of ${world}: a placeholder that came and does not belong; NULL: none was seen */
	const char *bait_where;         /* static */
	bool bait_told;
	bool unread;       /* too much to read: the status is unknown */
	const char *status; /* static; NULL: no answer seen */
	const char *detail; /* static; of the result's record */
	char rpc_code[24];
	int err;
};

/** call_begin(c): A fresh call on ${c}, or NULL when memory is out. */
struct call *call_begin(struct conn *c);
/** call_end(c): Settle what is charged, write the result record if one is owed, return it to the free list. */
void call_end(struct conn *c);

/** call_free_spare(g): Release the free list. */
void call_free_spare(struct gate *g);

/** call_head(c): The request's parsed head, borrowed for this step; never NULL once S_HEAD has passed. */
const struct http1_head *call_head(struct conn *c);
/** call_body(c): The request's body. */
struct view call_body(struct conn *c);
/** call_id(c): The raw id token, empty when there is none. */
struct view call_id(struct conn *c);

/** call_done(c): The answer is complete: on to the next request, or close. */
enum step call_done(struct conn *c);

/** say_http(c, status, json, close): Answer with a small JSON body of our own; ends the call. */
enum step say_http(struct conn *c, unsigned status, struct view json, bool close);
/** say_fail(c, err, text): The call cannot be carried out (allowed, but not possible): a result with isError for tools/call, else an error. */
enum step say_fail(struct conn *c, int err, const char *text);
/** say_denied(c): Refuse by g->decision, in the form that the kind of request asks for. */
enum step say_denied(struct conn *c);
/** say_refused(c, status, code, err, text): A request that is no call: 4xx with a JSON-RPC error, and a record. */
enum step say_refused(struct conn *c, unsigned status, int code, int err, const char *text);


#endif
