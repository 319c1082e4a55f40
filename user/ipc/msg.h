/*
 * msg.h - the processes, and every frame that may pass between two of them.
 * Floor: ipc.      The table is msg.tbl.h; encoder, permission check and docs/IPC.md come from it.
 */
#ifndef IPC_MSG_H
#define IPC_MSG_H

#include <stdint.h>

enum party { /* values are stable: they are in boot frames */
	P_NONE = 0,
	P_SUP = 1,
	P_ADMIN = 2,
	P_IDENT = 3,
	P_PROXY = 4,
	P_VAULT = 5,
	P_AUDIT = 6,
	P_FETCH = 7,
	P_COUNT
};

/* party_name(p): "callgated", "callgate-admin", ... */
const char *party_name(enum party p);

enum msg {
#define X(sym, num, from, to, min, max, fds, flags) sym = num,
#include "ipc/msg.tbl.h"
#undef X
};

enum msg_flag { MSG_ANY_TIME = 0, MSG_ONCE = 1 };

#define MSG_P(p) (1u << (p))
#define MSG_ALL 0xffffffffu

struct msg_row {
	uint16_t type;
	uint32_t from, to; /* sets of MSG_P() */
	uint32_t min, max; /* payload bytes */
	uint8_t fds;       /* exactly so many descriptors */
	uint8_t flags;
	const char *name;
};

/** msg_row(type): The row of ${type}, or NULL. */
const struct msg_row *msg_row(uint16_t type);

enum { MSG_MAX = 65536, MSG_FDS = 2 };

/* ---- fixed payloads.  All little pieces of text are NUL-terminated inside their array. ---- */

enum { NAME_LEN = 64, HOST_LEN = 256, PATH_LEN = 256 };

/* M_EDGE: a new channel; replaces an earlier one to the same party and slot. */
struct m_edge {
	uint32_t party;
	uint32_t slot; /* of the worker at the other end, when party is P_PROXY */
};

/* M_FD: a descriptor with a purpose. */
enum fd_what {
	FD_LISTEN4 = 1, /* proxy: redirect listener 127.0.0.1 */
	FD_LISTEN6,     /* proxy: redirect listener [::1] */
	FD_ACCEPTED,    /* proxy: BPF socket storage map of accepted sockets, read only */
	FD_HANDOFF,     /* proxy: BPF hash between the sockops callbacks, read only */
	FD_RING,        /* proxy (rw), audit (rw): data file of a record ring */
	FD_RING_ACK,    /* proxy (r), audit (rw): acknowledgement page of that ring */
	FD_RING_BELL,   /* eventfd, proxy -> audit */
	FD_RING_ACKBELL, /* eventfd, audit -> proxy */
	FD_TRUST,       /* proxy: sealed PEM bundle of the upstream roots */
	FD_CONTROL,     /* admin: listening control socket */
	FD_DIR,         /* vault, audit: its own state directory */
	FD_JOURNAL_DIR, /* audit: journal directory */
	FD_KEY,         /* vault: key file, open for reading */
	FD_SEAL_KEY,    /* no longer sent: a stream has its keys in its own directory */
	FD_LIMITS,      /* proxy, admin: mapped file of the limit counters */
	FD_EXEC_EVENTS, /* ident: BPF ring buffer of exec events */
	FD_BOARD,       /* all: shared page of counters that `callgate status` shows */
	FD_PROC,        /* ident: /proc */
	FD_CGROUP,      /* ident: root of the cgroup v2 mount, O_PATH */
	FD_LISTEN_NS,   /* proxy: a listener on loopback of another network namespace; ends when callgated shuts it down */
	FD_BEATS,       /* proxy: BPF array of heartbeats; mapped, each worker writes its own */
	FD_BINARY,      /* audit: the program of party ${slot}, open for reading; hashed and closed */
	FD_CONFIG,      /* audit: callgate.json, open for reading; hashed and closed */
	FD_DNS_EVENTS,  /* ident: BPF ring buffer of DNS answers */
	FD_CHARGES,     /* proxy: sealed file of what the records say was charged (ipc/charge_row.h), when the counters' file may be older */
	FD_ARG_KEY,     /* proxy: key of the digests of arguments, open for reading; read and closed */
	FD_SECOND_DIR,  /* audit: where the audit trail goes on when its own directory fails */
};
struct m_fd {
	uint32_t what; /* enum fd_what */
	uint32_t slot; /* worker slot for FD_RING*, FD_LISTEN* */
	uint64_t ring; /* identity of the ring for FD_RING*: never used twice on a host */
};

/* M_READY: answered once the sandbox is on. */
struct m_ready {
	uint32_t probes;  /* set of refusals that were tried from inside */
	uint32_t refused; /* those that were refused: must equal probes */
	char note[NAME_LEN]; /* a spoken downgrade, or empty */
};

/* M_FORWARDED (fetch -> audit): copies of lines, over all destinations and since that process started. */
struct m_forwarded {
	uint64_t sent, lost;
};

/* M_LEASE_GET (proxy -> vault) */
struct m_lease_get {
	char credential[NAME_LEN];
	char server[NAME_LEN];
	char host[HOST_LEN];
	uint32_t port;
	uint32_t refused;    /* the version that was lent last, when the server did not take it; 0: nothing of the kind */
	uint64_t ring, call; /* the call it is for; recorded by the vault itself */
};

/* M_LEASE (vault -> proxy), followed by the secret's bytes.  The secret is the bare credential. */
struct m_lease {
	int32_t status; /* 0 or negative, err.h */
	uint32_t version;
	uint32_t ttl_ms;
	uint32_t again; /* when the server refuses it the vault has another: a token made anew, or the other of two versions */
	uint32_t len;
	uint8_t secret[];
};

/*
 * M_TOKEN_GET (vault -> fetch): {"type":T, and the fields of that type}, see vault/token.h; for github-app "jwt" instead of the private key.
 * M_TOKEN (fetch -> vault), followed by the token and then the refresh token that replaces the one used, if any.
 */
struct m_token {
	int32_t status; /* 0; -ERR_DENIED: the endpoint refused; -ERR_UNAVAILABLE: it was not reached; -ERR_MALFORMED */
	uint32_t http;  /* 0: no answer */
	uint32_t life_s; /* 0: not said */
	uint32_t token_len;
};

/* M_MINT (proxy -> vault): the name that the client asked for; a registered host only. */
struct m_mint {
	char name[HOST_LEN]; /* DNS name in lower case, or an address literal */
	uint32_t is_ip;
};

/* M_MINTED (vault -> proxy), followed by leaf DER, then issuer DER (may be empty: direct from the root), then key PKCS#8 DER. */
struct m_minted {
	int32_t status;
	uint32_t ttl_s; /* use it no longer than this */
	uint32_t leaf_len, issuer_len, key_len;
	uint8_t der[];
};

/* M_REVOKE (vault -> proxy): drop leases of this credential now; "" means all. */
struct m_revoke {
	char credential[NAME_LEN];
};

/* M_DESCRIBE (proxy, admin -> ident): what is this process?  start_ns 0: whatever the pid is now. */
struct m_describe {
	uint32_t tgid;
	uint32_t pad;
	uint64_t start_ns;
	uint64_t cgroup;
	uint64_t exe_ino;
	uint32_t exe_dev;
	uint32_t agent;       /* what the kernel's record says of its tree: label, class, pid of the root; 0: nothing */
	uint32_t agent_class; /* enum cg_class */
	uint32_t agent_root;
};

/* M_DESCRIBED (ident -> proxy, admin) */
enum { DESCRIBED_GROUPS = 64 };
enum ident_strength { IDENT_NONE, IDENT_WEAK, IDENT_MEDIUM, IDENT_STRONG };
struct m_described {
	int32_t status; /* 0, or -ERR_NOT_FOUND when the process has gone */
	uint32_t uid, loginuid;
	uint32_t agent_class; /* enum cg_class; of the process or its nearest ancestor */
	uint32_t strength;    /* enum ident_strength */
	uint32_t ppid;
	uint64_t start_ns;
	char agent[NAME_LEN];  /* "claude-code", or empty */
	char exe[PATH_LEN];    /* empty: unknown */
	char cgroup[PATH_LEN]; /* path below the cgroup root, empty: unknown */
	char unit[NAME_LEN];   /* systemd unit, or empty */
	char script[PATH_LEN]; /* what an interpreter runs, as its arguments say, or empty */
	char container[NAME_LEN + 8]; /* id of the container by its cgroup, or empty */
	char tty[24];          /* controlling terminal, "pts/3", or empty */
	char chain[PATH_LEN];  /* "PID NAME" of it and its parents up to the agent's root, 0x1f between; empty when in no tree */
	uint32_t uid_runs_agents; /* 1: a process of class agent has run under this uid since callgate-ident started */
	uint32_t groups;       /* how many of the next; those beyond are left out, which can only narrow */
	uint32_t group[DESCRIBED_GROUPS];
};

/* M_DIGEST (ident -> proxy), the answer to M_DIGEST_GET, which asks with a struct m_describe: SHA-256 of the executable. */
struct m_digest {
	int32_t status; /* 0, or why it cannot be known */
	uint8_t sha256[32];
};

/* M_MARK (ident -> callgated): this process is the root of an agent tree. */
struct m_mark {
	uint32_t tgid;
	uint32_t agent_class;
	uint64_t start_ns;
	uint32_t agent; /* label: a hash of the name (ident/agents.h), never 0 */
	uint32_t pad;
	char label[NAME_LEN];
};

/* M_WORKER (proxy -> callgated): what a worker has counted since its start, when it has changed. */
struct m_worker {
	uint64_t too_heavy; /* requests and connections that were ended because their user held too much memory */
	uint64_t elsewhere; /* connections to a server that stand at another address than the client's choice */
};

/* M_DESTS (admin -> callgated), array: destinations that are always redirected for governed processes.  Replaces the set. */
struct m_dest {
	uint8_t addr[16]; /* all zero: any address */
	uint16_t port_be;
	uint8_t prefix; /* bits of addr, 0..128 */
	uint8_t pad;
};

/* M_KNOWN (fetch, ident -> callgated), then an array: where registered servers are.  Redirected for every governed process. */
struct m_known_head {
	uint32_t whole; /* 1: the array is all that the sender knows; 0: it is to be added */
	uint32_t pad;
};
struct m_known {
	uint8_t addr[16];
	uint16_t port_be; /* 0: every port */
	uint16_t pad;
};

/* M_ADDRS_GET (proxy -> fetch): the addresses that looking up this name has brought.  It starts no look-up. */
struct m_addrs_get {
	char host[HOST_LEN]; /* lower case */
};

/* M_ADDRS (fetch -> proxy): those last seen first.  None: the name is no registered host's, or has no address. */
enum { ADDRS_MAX = 32 };
struct m_addrs {
	uint32_t n;
	uint32_t pad;
	uint8_t addr[ADDRS_MAX][16]; /* IPv6, or IPv4-mapped */
};

/* M_JOURNAL_GET (admin -> audit) */
struct m_journal_get {
	uint32_t whole; /* 0: what was kept of it and the lines behind that will do */
	uint32_t pad;
};

/* M_JOURNAL (audit -> admin): what is in the file. */
struct m_journal {
	uint64_t state_bytes; /* of its front, what was kept; 0: every line is there */
	uint64_t lines;       /* behind that */
	uint64_t seq;         /* for M_KEEP: the last line; 0: nothing can be kept now */
};

/* M_KEEP (admin -> audit): what M_JOURNAL's lines up to ${seq} come to; there is no answer. */
struct m_keep {
	uint64_t seq;
};

/* M_JOURNAL_ACK (audit -> admin): durable. */
struct m_journal_ack {
	int32_t status;
	uint32_t pad;
	uint64_t seq;
};

/* M_WORLD_ACK (proxy -> admin) */
struct m_world_ack {
	int32_t status;
	uint32_t pad;
	uint64_t generation;
};

/* M_TOOL (proxy -> admin), followed by the input schema as the server wrote it, unless it is longer: a definition as this worker has seen it.  Names are what servers wrote: any bytes but NUL. */
enum { TOOL_SCHEMA_MAX = 4096 };
struct m_tool {
	uint8_t hash[32];
	uint32_t risk, confidence; /* enum risk; of 100 */
	uint32_t known, len;       /* of name */
	char server[NAME_LEN];
	char evidence[256];
	char name[512];
};

/*
 * M_APPROVAL_ASK (proxy -> admin): may this call, for which policy wants a person's word, be made?  Followed by the names of its arguments
 * (0x1f between), then by the arguments as they came, unless they are longer than APPROVAL_ARGS_MAX.  A yes is spent by the answer.
 */
enum { APPROVAL_ID = 16, APPROVAL_KEYS_MAX = 4096, APPROVAL_ARGS_MAX = 16384, APPROVAL_REASON = 264 };
struct m_approval_ask {
	uint8_t canon[32]; /* of the arguments, policy/pol_canon.h */
	uint32_t uid, auid, pid, risk; /* enum risk */
	uint32_t keys_len, args_len;   /* of what follows */
	uint64_t args_bytes;           /* how long the arguments are */
	char server[NAME_LEN];
	char grant[NAME_LEN];
	char policy[NAME_LEN + 8]; /* hash of the document, hexadecimal */
	char agent[NAME_LEN];      /* empty: none is known */
	char tool[512];
};

/* M_APPROVAL (admin -> proxy).  The zero state is no. */
enum approval_word { APPROVAL_CANNOT, APPROVAL_WAITING, APPROVAL_NO, APPROVAL_YES };
struct m_approval {
	uint32_t word;  /* enum approval_word */
	int32_t status; /* APPROVAL_CANNOT: why */
	char id[APPROVAL_ID];
	char reason[APPROVAL_REASON]; /* APPROVAL_NO: what the person said, may be empty */
};

/* M_APPROVAL_NEWS (admin -> proxy): somebody has decided; whoever waits for it may ask again. */
struct m_approval_news {
	char id[APPROVAL_ID];
};

/* M_RELEASE (vault -> audit): a secret left the vault, or something happened to one. */
struct m_release {
	uint64_t ring, call; /* 0: not for a call */
	uint32_t version;
	int32_t status;
	char event[NAME_LEN]; /* "release", "refuse", "mint", "token", ... */
	char credential[NAME_LEN];
	char server[NAME_LEN];
	char host[HOST_LEN];
	uint32_t port;
	uint32_t slot; /* the worker whose edge it left by */
};

/* M_CHARGES (audit -> callgated): asked for by "charges": true in its settings. */
struct m_charges {
	uint64_t calls; /* records that were charged */
	uint64_t rows;  /* counters that came of it, whose windows are not over */
};

#endif
