/*
 * fields.h - the members of a line, as spans of it, without a tree.
 * Floor: evidence.      Owns: nothing; views borrow the line.      Cost: one pass over the line.
 *
 * A line that was proved came from callgate-audit's writer on the host; who took that host over can still write what he likes, so
 * any input is legal to pass.  A known member that stands twice is an error; members that are not known are passed over.
 */
#ifndef EVIDENCE_FIELDS_H
#define EVIDENCE_FIELDS_H

#include "base/view.h"

/* X(symbol, member) */
#define FIELDS(X) \
	X(KIND, "kind") X(SEQ, "seq") X(TS, "ts") X(HOST, "host") X(BOOT, "boot") X(ID, "id") X(UID, "uid") X(PID, "pid") X(PID_START, "pid_start") \
	X(EXE, "exe") X(UNIT, "unit") X(AGENT, "agent") X(STRENGTH, "agent_strength") X(CLIENT, "client") X(SERVER, "server") X(DST_HOST, "dst_host") \
	X(DST_ADDR, "dst_addr") X(DST_PORT, "dst_port") X(METHOD, "method") X(TOOL, "tool") X(ARG_KEYS, "arg_keys") X(VERDICT, "verdict") X(RULE, "rule") \
	X(AUTHORISED_BY, "authorised_by") X(POLICY, "policy") X(POLICY_NAME, "policy_name") X(GRANT, "grant") X(CRED, "cred") X(CRED_VER, "cred_ver") \
	X(SESS, "sess") X(STATUS, "status") X(ERR, "err") X(DUR_US, "dur_us") X(MODE, "mode") X(DETAIL, "detail") X(RISK, "risk") X(APPROVAL, "approval") \
	X(TOOL_HASH, "tool_hash") X(EXE_SHA256, "exe_sha256") X(AGENT_PID, "agent_pid") X(EVENT, "event") X(CAUSE, "cause") X(COUNT, "count") \
	X(FROM, "from") X(TO, "to") X(EPOCH, "epoch") X(AFTER, "after") X(PREV, "prev") X(SEALS, "seals") X(PREV_SEAL, "prev_seal") X(KEY, "key") \
	X(SEAL, "seal") X(FIRST_SEQ, "first_seq") X(LAST_SEQ, "last_seq") X(RAW_BYTES, "raw_bytes") X(PREV_HEAD, "prev_head") X(HEAD, "head") \
	X(WALL, "wall") X(MONO, "mono") X(BOOT_ID, "boot_id") X(CLOCK_SYNC, "clock_sync") X(KERNEL, "kernel") X(STATE, "enforcement_state") \
	X(QUEUE_DROPPED, "queue_dropped") X(RECORDS, "records") X(POLICY_HASH, "policy_hash") X(BINARY_HASH, "binary_hash") \
	X(CONFIG_HASH, "config_hash") X(MAC, "mac") X(CLAIMED, "claimed") X(DO, "do") X(REASON, "reason") X(BY, "by") X(SYNCED, "synced") \
	X(OFFSET_US, "offset_us") X(EST_ERROR_US, "est_error_us") X(INTERCEPTED, "intercepted") X(REFUSED, "refused") X(DROPPED, "dropped") \
	X(USER, "user") X(MISSING, "missing") X(REPAIRED, "repaired") X(CUT_BYTES, "cut_bytes")

enum field {
#define X(symbol, member) FLD_##symbol,
	FIELDS(X)
#undef X
	FLD_N
};

struct fields {
	struct view raw[FLD_N]; /* the JSON value as it stands; n 0: absent */
};

/** fields_read(f, object): 0 or -ERR_MALFORMED: not one object, or a known member twice. */
int fields_read(struct fields *f, struct view object) __attribute__((warn_unused_result));

/** fields_text(f, i): What is between the quotes, escapes as they stand; empty when it is absent or no string. */
struct view fields_text(const struct fields *f, enum field i);
/** fields_num(f, i, none): A whole number from 0, or ${none}. */
uint64_t fields_num(const struct fields *f, enum field i, uint64_t none);
/** fields_int(f, i): A whole number, perhaps negative; 0 when there is none. */
int64_t fields_int(const struct fields *f, enum field i);
/** fields_is(f, i, word): Is it the string ${word}? */
static inline bool fields_is(const struct fields *f, enum field i, const char *word)
{
	return view_is(fields_text(f, i), word);
}

#endif
