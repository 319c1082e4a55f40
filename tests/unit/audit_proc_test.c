/*
 * audit_proc_test.c - callgate-audit itself, in its sandbox, started as callgated does: acknowledgement in each strict mode, the
 * journal's answers, notes and releases, a stop that seals, a kill that the next start repairs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/chain.h"
#include "audit/entry.h"
#include "audit/read.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "base/mtime.h"
#include "ipc/edge.h"
#include "ipc/rec.h"
#include "lines_aid.h"

enum { WAIT_MS = 20000 };

static char path[64], program[PATH_LEN];
static int audit_dir, journal_dir;

struct run {
	pid_t pid;
	struct edge sup, admin, vault;
	struct shring *ring;
	int fd[4]; /* data, ack, bell, ackbell */
};

static int setup(void **state)
{
	char self[PATH_LEN];
	char sub[96];

	(void)state;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 32);
	if (n < 0)
		return -1;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(program, sizeof(program), "%.200s/../callgate-audit", self);
	snprintf(path, sizeof(path), "/tmp/audit-proc-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	snprintf(sub, sizeof(sub), "%s/audit", path);
	if (mkdir(sub, 0700) < 0)
		return -1;
	audit_dir = open(sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(sub, sizeof(sub), "%s/journal", path);
	if (mkdir(sub, 0700) < 0)
		return -1;
	journal_dir = open(sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return audit_dir < 0 || journal_dir < 0;
}

static int teardown(void **state)
{
	char cmd[96];
	(void)state;
	close(audit_dir);
	close(journal_dir);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", path);
	return system(cmd);
}

static void send_fd(struct edge *e, uint32_t what, uint32_t slot, uint64_t ring, int fd)
{
	struct m_fd m = {what, slot, ring};
	assert_int_equal(edge_send(e, M_FD, 0, view_of(&m, sizeof(m)), fd), 0);
}

static void send_edge(struct edge *sup, uint32_t party, struct edge *mine, enum party me)
{
	struct m_edge m = {party, 0};
	int fd[2];
	assert_int_equal(edge_pair(fd), 0);
	assert_int_equal(edge_send(sup, M_EDGE, 0, view_of(&m, sizeof(m)), fd[1]), 0);
	close(fd[1]);
	edge_init(mine, fd[0], me, P_AUDIT, 0);
}

static void send_ring(struct run *r, uint32_t slot, uint64_t id)
{
	static const uint32_t what[] = {FD_RING, FD_RING_ACK, FD_RING_BELL, FD_RING_ACKBELL};
	for (size_t i = 0; i < 4; i++)
		send_fd(&r->sup, what[i], slot, id, r->fd[i]);
}

static void new_ring(struct run *r, uint64_t id)
{
	char name[32];
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(name, sizeof(name), "%llx", (unsigned long long)id);
	assert_int_equal(shring_create(dir, name, &r->fd[0], &r->fd[1]), 0);
	close(dir);
	r->fd[2] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->fd[3] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(shring_writer(r->fd[0], r->fd[1], r->fd[2], &r->ring), 0);
}

static void start(struct run *r, const char *strict, uint32_t slot, uint64_t ring)
{
	char conf[256];
	int fd[2];
	struct frame f;

	assert_int_equal(edge_pair(fd), 0);
	r->pid = fork();
	if (r->pid == 0) {
		/* Descriptor 3, as callgated gives it. */
		if (dup2(fd[1], 3) < 0 || fcntl(3, F_SETFD, 0) < 0)
			_exit(99);
		execle(program, "callgate-audit", (char *)NULL, (char *[]){NULL});
		_exit(98);
	}
	close(fd[1]);
	edge_init(&r->sup, fd[0], P_SUP, P_AUDIT, 0);
	snprintf(conf, sizeof(conf), "{\"host\":\"box\",\"strict\":\"%s\",\"level\":6,\"segment_bytes\":65536,\"segment_seconds\":3600}", strict);
	assert_int_equal(edge_send(&r->sup, M_CONF, 0, view_str(conf), -1), 0);
	send_fd(&r->sup, FD_DIR, 0, 0, audit_dir);
	send_fd(&r->sup, FD_JOURNAL_DIR, 0, 0, journal_dir);
	send_edge(&r->sup, P_ADMIN, &r->admin, P_ADMIN);
	send_edge(&r->sup, P_VAULT, &r->vault, P_VAULT);
	send_ring(r, slot, ring);
	assert_int_equal(edge_send(&r->sup, M_GO, 0, view_of(NULL, 0), -1), 0);
	assert_int_equal(edge_recv_wait(&r->sup, &f, WAIT_MS), 1);
	assert_int_equal(f.type, M_READY);
}

static int end(struct run *r, int sig)
{
	int status;
	if (sig)
		kill(r->pid, sig);
	else
		assert_int_equal(edge_send(&r->sup, M_STOP, 0, view_of(NULL, 0), -1), 0);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	edge_close(&r->sup);
	edge_close(&r->admin);
	edge_close(&r->vault);
	return status;
}

static void drop_ring(struct run *r)
{
	shring_free(&r->ring);
	for (size_t i = 0; i < 4; i++)
		close(r->fd[i]);
}

static uint64_t put(struct run *r, enum rec_kind kind, uint64_t call, uint16_t flags)
{
	struct rec rec;
	uint64_t pos;
	rec_begin(&rec, kind, call, mono_now().ns);
	rec.u.head.flags = flags;
	if (kind == REC_CALL)
		rec_text(&rec, F_VERDICT, VIEW_LIT("allow"));
	assert_int_equal(shring_put(r->ring, rec_end(&rec), &pos), 0);
	return pos;
}

static void wait_ack(struct run *r, uint64_t pos)
{
	struct mono until = mono_after_ms(mono_now(), WAIT_MS);
	while (shring_acked(r->ring) < pos) {
		struct pollfd p = {.fd = r->fd[3], .events = POLLIN};
		uint64_t n;
		assert_true(mono_now().ns < until.ns);
		poll(&p, 1, 100);
		if (read(r->fd[3], &n, sizeof(n)) < 0)
			assert_int_equal(errno, EAGAIN);
	}
}

static void sound(int dir)
{
	struct verify_result v;
	assert_int_equal(verify_dir(dir, NULL, &v), 0);
	if (v.bad)
		fail_msg("%s: %s", v.file, v.why);
}

static void test_modes(void **state)
{
	static const char *const modes[] = {"async", "class", "all"};
	(void)state;

	for (size_t m = 0; m < 3; m++) {
		struct run r;
		uint64_t id = 0x1000 + m;
		char call[48];
		new_ring(&r, id);
		start(&r, modes[m], 0, id);
		for (uint64_t i = 1; i <= 40; i++) {
			uint64_t pos = put(&r, REC_CALL, i, m ? REC_WAIT : 0);
			wait_ack(&r, pos);
			/* Acknowledged: whoever reads the directory now finds it. */
			snprintf(call, sizeof(call), "\"id\":\"%012llx-%llx\"", (unsigned long long)id, (unsigned long long)i);
			assert_int_equal(lines_in(audit_dir, "call", call), 1);
			put(&r, REC_RESULT, i, 0);
		}
		wait_ack(&r, put(&r, REC_CALL, 41, 0));
		assert_int_equal(end(&r, 0), 0);
		drop_ring(&r);
		sound(audit_dir);
		snprintf(call, sizeof(call), "%012llx-", (unsigned long long)id);
		assert_int_equal(lines_in(audit_dir, "result", call), 40);
		assert_int_equal(lines_in(audit_dir, "abandoned", call), 1);
	}
}

static void ask_journal(struct run *r, const char *body, int status)
{
	struct frame f;
	struct m_journal_ack ack;
	assert_int_equal(edge_send(&r->admin, M_JOURNAL_ADD, 7, view_str(body), -1), 0);
	assert_int_equal(edge_recv_wait(&r->admin, &f, WAIT_MS), 1);
	assert_int_equal(f.type, M_JOURNAL_ACK);
	assert_int_equal(f.tag, 7);
	memcpy(&ack, f.body.p, sizeof(ack));
	if (status == 0)
		assert_int_equal(ack.status, 0);
	else
		assert_true(ack.status < 0);
}

static struct m_journal get_journal(struct run *r, uint32_t whole, struct view *v)
{
	struct m_journal_get get = {.whole = whole};
	struct m_journal m;
	struct frame f;

	assert_int_equal(edge_send(&r->admin, M_JOURNAL_GET, 9, view_of(&get, sizeof(get)), -1), 0);
	assert_int_equal(edge_recv_wait(&r->admin, &f, WAIT_MS), 1);
	assert_int_equal(f.type, M_JOURNAL);
	assert_int_equal(f.tag, 9);
	memcpy(&m, f.body.p, sizeof(m));
	assert_int_equal(fd_map_sealed(f.fd[0], 1 << 20, v), 0);
	close(f.fd[0]);
	return m;
}

static void keep(struct run *r, uint64_t seq, const char *text)
{
	struct m_keep k = {seq};
	int fd = fd_sealed("state", view_str(text));

	assert_true(fd >= 0);
	assert_int_equal(edge_send(&r->admin, M_KEEP, 0, view_of(&k, sizeof(k)), fd), 0);
	close(fd);
}

static void test_journal(void **state)
{
	struct run r;
	struct frame f;
	struct view v;

	(void)state;
	for (unsigned run = 1; run <= 3; run++) {
		new_ring(&r, 0x2000 + run);
		start(&r, "async", 0, 0x2000 + run);
		ask_journal(&r, "{\"event\":\"grant.add\",\n\t\"id\":\"g-1\",\"n\":0.10, \"text\":\"\\n\"}", 0);
		ask_journal(&r, "{\"event\":\"x\",\"seq\":1}", -1);
		ask_journal(&r, "{\"event\":\"x\",\"event\":\"y\"}", -1);
		ask_journal(&r, "{\"event\":\"x\"}\n{\"event\":\"y\"}", -1);
		ask_journal(&r, "[1]", -1);
		ask_journal(&r, "{}", -1);
		ask_journal(&r, "{\"event\":\"grant.revoke\",\"id\":\"g-1\"}", 0);
		/* What was kept in the run before, and the lines since; then all of it. */
		struct m_journal m = get_journal(&r, 0, &v);
		assert_int_equal(m.state_bytes, run == 1 ? 0 : 5);
		assert_int_equal(m.lines, 2);
		assert_true(run == 1 || view_starts(v, VIEW_LIT("state")));
		fd_unmap(&v);
		m = get_journal(&r, 1, &v);
		assert_true(m.state_bytes == 0 && m.lines == 2 * run && m.seq > 2 * run);
		unsigned n = 0;
		for (size_t i = 0; i < v.n; i++)
			n += v.p[i] == '\n';
		assert_int_equal(n, 2 * run);
		assert_non_null(memmem(v.p, v.n, "\"event\":\"grant.add\",  \"id\":\"g-1\",\"n\":0.10, \"text\":\"\\n\"}\n", 54));
		fd_unmap(&v);
		/* A number that is not the one that was told is none. */
		keep(&r, m.seq + 1, "other");
		keep(&r, m.seq, "state");
		assert_int_equal(edge_send(&r.admin, M_AUDIT_GET, 10, view_of(NULL, 0), -1), 0);
		assert_int_equal(edge_recv_wait(&r.admin, &f, WAIT_MS), 1);
		assert_int_equal(f.type, M_AUDIT);
		assert_non_null(memmem(f.body.p, f.body.n, "\"state\":\"writing\"", 17));
		/* Killed, then repaired by the next start; the last time stopped. */
		end(&r, run < 3 ? SIGKILL : 0);
		drop_ring(&r);
	}
	sound(journal_dir);
}

static void test_notes(void **state)
{
	struct run r;
	struct m_release m = {.ring = 0x3000, .call = 1, .version = 2, .event = "release", .credential = "key", .server = "s", .port = 443};

	(void)state;
	memset(m.host, 'h', sizeof(m.host)); /* not ended */
	new_ring(&r, 0x3000);
	start(&r, "async", 0, 0x3000);
	assert_int_equal(edge_send(&r.vault, M_RELEASE, 0, view_of(&m, sizeof(m)), -1), 0);
	assert_int_equal(edge_send(&r.sup, M_AUDIT_NOTE, 0, VIEW_LIT("{\"kind\":\"coverage\",\"event\":\"start\"}"), -1), 0);
	assert_int_equal(edge_send(&r.admin, M_AUDIT_NOTE, 0, VIEW_LIT("{\"kind\":\"call\",\"event\":\"forged\"}"), -1), 0);
	assert_int_equal(edge_send(&r.admin, M_AUDIT_NOTE, 0, VIEW_LIT("nonsense"), -1), 0);
	/* The state is asked for last on the same channel: what came before is in. */
	struct frame f;
	assert_int_equal(edge_send(&r.admin, M_AUDIT_GET, 1, view_of(NULL, 0), -1), 0);
	assert_int_equal(edge_recv_wait(&r.admin, &f, WAIT_MS), 1);
	assert_int_equal(end(&r, 0), 0);
	drop_ring(&r);
	sound(audit_dir);
	assert_int_equal(lines_in(audit_dir, "release", "\"id\":\"000000003000-1\",\"event\":\"release\",\"cred\":\"key\",\"cred_ver\":2"), 1);
	assert_int_equal(lines_in(audit_dir, "coverage", "\"event\":\"start\""), 1);
	assert_int_equal(lines_in(audit_dir, "note", "\"event\":\"forged\""), 1);
	assert_int_equal(lines_in(audit_dir, "call", "forged"), 0);
	assert_int_equal(lines_in(audit_dir, "alert", "malformed-note"), 1);
}

static void state_of(struct run *r, const char *until_has)
{
	struct mono until = mono_after_ms(mono_now(), WAIT_MS);
	struct frame f;

	/* callgated's channel and this one are two: ask until the other was read. */
	do {
		assert_true(mono_now().ns < until.ns);
		assert_int_equal(edge_send(&r->admin, M_AUDIT_GET, 1, view_of(NULL, 0), -1), 0);
		assert_int_equal(edge_recv_wait(&r->admin, &f, WAIT_MS), 1);
	} while (!memmem(f.body.p, f.body.n, until_has, strlen(until_has)));
}

static void cover(struct run *r, unsigned intercepted, unsigned dropped)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"kernel\":{\"intercepted\":%u,\"refused\":3,\"dropped\":%u},\"enforcement_state\":{\"mode\":\"enforce\",\"missing\":[\"a hook\"]}}", intercepted,
	    dropped);
	assert_int_equal(edge_send(&r->sup, M_COVER, 0, view_str(text), -1), 0);
}

static uint64_t sum_in(int at, const char *kind, const char *with, const char *key)
{
	struct read *r;
	struct view line;
	uint64_t sum = 0;

	assert_int_equal(read_new(at, &r), 0);
	while (read_line(r, &line) > 0) {
		struct entry_head h;
		char text[1024];
		assert_int_equal(entry_head(line, &h), 0);
		if (!view_is(h.kind, kind) || line.n >= sizeof(text) || !memmem(line.p, line.n, with, strlen(with)))
			continue;
		memcpy(text, line.p, line.n);
		text[line.n] = '\0';
		const char *v = strstr(text, key);
		assert_non_null(v);
		sum += strtoull(v + strlen(key), NULL, 10);
	}
	read_free(&r);
	return sum;
}

/* What the kernel side could not keep becomes "loss" whose counts add up to exactly that, over a counter that began anew as well. */
static void test_loss(void **state)
{
	static const unsigned dropped[] = {0, 7, 7, 12, 12, 1000000, 4 /* another callgated's */, 4, 9};
	struct run r;

	(void)state;
	new_ring(&r, 0x3600);
	start(&r, "class", 0, 0x3600);
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		cover(&r, 0, dropped[i]);
	assert_int_equal(edge_send(&r.sup, M_CONF, 0, VIEW_LIT("{\"strict\":\"all\"}"), -1), 0);
	state_of(&r, "\"strict\":\"all\"");
	assert_int_equal(end(&r, 0), 0);
	drop_ring(&r);
	sound(audit_dir);
	assert_int_equal(lines_in(audit_dir, "loss", "\"cause\":\"kernel\""), 5);
	assert_int_equal(sum_in(audit_dir, "loss", "\"cause\":\"kernel\"", "\"count\":"), 1000000 + 9);
}

static int file_with(const char *text, char hex[CHAIN_HEX])
{
	uint8_t sum[CHAIN_LEN];
	struct chain_sum *s = chain_sum_new();
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_int_equal(chain_sum_add(s, view_str(text)), 0);
	assert_int_equal(chain_sum_end(s, sum), 0);
	chain_sum_free(&s);
	chain_hex(sum, CHAIN_LEN, hex);
	assert_int_equal(fd_write_all(fd, view_str(text)), 0);
	return fd;
}

/* Coverage: which programs and settings run, by their bytes, each change once; and what every seal says of it. */
static void test_coverage(void **state)
{
	static const char *const texts[] = {"program one", "program two", "the settings"};
	char hex[3][CHAIN_HEX], want[200], all[2][CHAIN_HEX], line[256];
	struct run r;

	(void)state;
	new_ring(&r, 0x3700);
	start(&r, "class", 0, 0x3700);
	for (int again = 0; again < 2; again++) /* the same once more is no change */
		for (size_t i = 0; i < 3; i += 1 + (i == 0)) {
			int fd = file_with(texts[i], hex[i]);
			send_fd(&r.sup, i < 2 ? FD_BINARY : FD_CONFIG, P_PROXY, 0, fd);
			close(fd);
		}
	cover(&r, 41, 0);
	assert_int_equal(edge_send(&r.admin, M_AUDIT_NOTE, 0,
	                     VIEW_LIT("{\"kind\":\"coverage\",\"event\":\"policy\",\"sha256\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"bundle\":7,\"bundle_sha256\":\"ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}"), -1),
	    0);
	assert_int_equal(edge_send(&r.sup, M_CONF, 0, VIEW_LIT("{\"strict\":\"all\"}"), -1), 0);
	state_of(&r, "\"strict\":\"all\"");
	int fd = file_with(texts[1], hex[1]);
	send_fd(&r.sup, FD_BINARY, P_PROXY, 0, fd);
	close(fd);
	cover(&r, 42, 0);
	assert_int_equal(edge_send(&r.sup, M_CONF, 0, VIEW_LIT("{\"strict\":\"class\"}"), -1), 0);
	state_of(&r, "\"strict\":\"class\"");
	assert_int_equal(end(&r, 0), 0);
	drop_ring(&r);
	sound(audit_dir);
	for (size_t i = 0; i < 3; i++) {
		snprintf(want, sizeof(want), i < 2 ? "\"event\":\"program\",\"name\":\"callgate-proxy\",\"sha256\":\"%s\"" : "\"event\":\"settings\",\"sha256\":\"%s\"", hex[i]);
		assert_int_equal(lines_in(audit_dir, "coverage", want), 1);
	}
	/* Over lines NAME SHA256 of the programs: here of one. */
	for (size_t i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "callgate-proxy %s\n", hex[i]);
		close(file_with(line, all[i]));
	}
	snprintf(want, sizeof(want), "\"config_hash\":\"%s\",\"binary_hash\":\"%s\"", hex[2], all[1]);
	assert_true(lines_in(audit_dir, "seal", want) >= 1);
	assert_true(lines_in(audit_dir, "seal", "\"kernel\":{\"intercepted\":42,\"refused\":3,\"dropped\":0},\"enforcement_state\":{\"mode\":\"enforce\",\"missing\":[\"a hook\"]},\"queue_dropped\":0") >= 1);
	assert_true(lines_in(audit_dir, "seal", "\"policy_hash\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"") >= 1);
	assert_true(lines_in(audit_dir, "seal", "\"bundle\":7,\"bundle_hash\":\"ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"") >= 1);
}

/* The settings come again: the promise changes at once, a broken set changes nothing. */
static void test_settings_again(void **state)
{
	static const struct {
		const char *conf, *strict;
	} steps[] = {
	    {"{\"strict\":\"all\",\"level\":1}", "\"strict\":\"all\""},
	    {"[]", "\"strict\":\"all\""},
	    {"{\"strict\":\"async\"}", "\"strict\":\"async\""},
	    {"{\"strict\":\"unheard of\"}", "\"strict\":\"all\""},
	};
	struct run r;

	(void)state;
	new_ring(&r, 0x3500);
	start(&r, "async", 0, 0x3500);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(edge_send(&r.sup, M_CONF, 0, view_str(steps[i].conf), -1), 0);
		wait_ack(&r, put(&r, REC_CONNECTION, 0, REC_WAIT));
		state_of(&r, steps[i].strict);
	}
	assert_int_equal(end(&r, 0), 0);
	drop_ring(&r);
}

/* The same many times, at seeded moments, the ring never empty for long: KILLS of them.  Every call and result is there, and once. */
static void test_kills(void **state)
{
	unsigned kills = getenv("KILLS") ? (unsigned)atoi(getenv("KILLS")) : 10, seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;
	uint64_t call = 0, acked = 0;
	struct run r;

	(void)state;
	srand(seed);
	new_ring(&r, 0x4100);
	for (unsigned k = 0; k < kills; k++) {
		uint64_t pos = 0;
		start(&r, (const char *const[]){"async", "class", "all"}[k % 3], 0, 0x4100);
		for (unsigned n = (unsigned)rand() % 40; n; n--) {
			pos = put(&r, REC_CALL, ++call, rand() % 2 ? REC_WAIT : 0);
			pos = put(&r, REC_RESULT, call, rand() % 2 ? REC_WAIT : 0);
			if (rand() % 20 == 0)
				wait_ack(&r, pos);
		}
		if (rand() % 3)
			usleep((useconds_t)(rand() % 3000));
		acked += shring_acked(r.ring) == pos;
		end(&r, SIGKILL);
		if (k % 500 == 499)
			printf("# %u kills, %llu calls; %llu times everything was acknowledged before\n", k + 1, (unsigned long long)call, (unsigned long long)acked), fflush(stdout);
	}
	start(&r, "all", 0, 0x4100);
	wait_ack(&r, put(&r, REC_CONNECTION, 0, REC_WAIT));
	assert_int_equal(end(&r, 0), 0);
	drop_ring(&r);
	sound(audit_dir);
	assert_int_equal(lines_in(audit_dir, "call", "000000004100-"), call);
	assert_int_equal(lines_in(audit_dir, "result", "000000004100-"), call);
	assert_int_equal(lines_in(audit_dir, "abandoned", "000000004100-"), 0);
	assert_int_equal(lines_in(audit_dir, "alert", "000000004100-"), 0);
}

/* Killed under load, again and again, the ring living on: each call is there once, whatever was acknowledged and whatever not. */
static void test_killed(void **state)
{
	struct run r;
	uint64_t call = 0, pos = 0;

	(void)state;
	new_ring(&r, 0x4000);
	for (unsigned run = 0; run < 12; run++) {
		start(&r, run % 2 ? "async" : "all", 0, 0x4000);
		for (unsigned i = 0; i < 30 * run; i++) {
			pos = put(&r, REC_CALL, ++call, run % 2 ? 0 : REC_WAIT);
			if (i % 50 == 49)
				wait_ack(&r, pos);
		}
		end(&r, SIGKILL);
	}
	start(&r, "all", 0, 0x4000);
	wait_ack(&r, put(&r, REC_CALL, ++call, REC_WAIT));
	assert_int_equal(end(&r, 0), 0);
	drop_ring(&r);
	sound(audit_dir);
	assert_int_equal(lines_in(audit_dir, "call", "000000004000-"), call);
	assert_int_equal(lines_in(audit_dir, "abandoned", "000000004000-"), call);
	assert_int_equal(lines_in(audit_dir, "alert", "000000004000-"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_journal),
	    cmocka_unit_test(test_notes),
	    cmocka_unit_test(test_loss),
	    cmocka_unit_test(test_coverage),
	    cmocka_unit_test(test_settings_again),
	    cmocka_unit_test(test_killed),
	    cmocka_unit_test(test_kills),
	};
	if (setup(NULL))
		return 1;
	if (access(program, X_OK) < 0) {
		printf("1..0 # SKIP %s is not built\n", program);
		teardown(NULL);
		return 0;
	}
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	return teardown(NULL) || r;
}
