/*
 * op.h - what callgate-admin may ask of the vault (M_VAULT_DO): set, revert, list, remove, hosts, ca, box, unseal.
 * Floor: vault.      Owns: nothing.
 *
 *   {"op":"set","name":N,"type"?:T,"hosts"?:[HOST...],"overlap"?:S} NUL SECRET   -> {"ok":true,"name","version","previous"?,"previous_until"?}
 *       type: see token_kind_ok(), "bearer" when absent.  hosts: the secret is sealed for these alone.  overlap: seconds for which the
 *       version before stays: it is lent to whoever says that the server refuses the new one.
 *   {"op":"revert","name":N}                            -> {"ok":true,"name","version","from","type"}     the version before, as a new one
 *   {"op":"remove","name":N}                            -> {"ok":true,"name","version"}
 *   {"op":"list","after"?:N}                            -> {"ok":true,"credentials":[...],"more":bool}
 *   {"op":"hosts","servers":[...]}                      -> {"ok":true,"changed":bool}       see lease.h
 *   {"op":"box"}                                        -> {"ok":true,"public"}                X25519, hexadecimal: what bundles are sealed to
 *   {"op":"unseal","name":N,"what":TEXT} NUL BOX        -> as set: the box (base/box.h), sealed for ${what}, holds what set takes
 *   {"op":"ca"}                                         -> {"ok":true,"pem","sha256","subject","not_before","not_after","next_sha256"?}
 *   {"op":"ca-rotate","stage":"begin"|"finish"}         -> the same
 * A refusal: {"ok":false,"error":NAME,"text":"..."}.  A secret is never in an answer.
 */
#ifndef VAULT_OP_H
#define VAULT_OP_H

#include "vault/lease.h"
#include "vault/mint.h"

enum { OP_OVERLAP_MAX_S = 30 * 86400 };

struct op_vault {
	struct store *store;
	struct lease_book *book;
	struct token_book *tokens;
	struct mint *mint; /* NULL: no authority */
};

struct op_effect { /* what the caller still has to do */
	bool revoke;
	struct m_revoke who; /* empty name: all */
	bool ca; /* the roots changed: tell the workers */
	bool record;
	struct m_release rec;
};

/** op_do(v, body, answer, fx): Do the request in ${body} (any bytes) and append the answer to ${answer}.  0 or -ENOMEM, -ENOBUFS. */
int op_do(struct op_vault *v, struct view body, struct buf *answer, struct op_effect *fx) __attribute__((warn_unused_result));

#endif
