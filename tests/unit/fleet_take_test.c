/*
 * fleet_take_test.c - what a collector lets into its store, and what it does with everything else: order, holes, torn ends, other histories,
 * other hosts, checkpoints, and files that are none.
 */
#include "fleet_aid.h"

#include "fleet/quarantine.h"

/* Every receipt of the host is signed by the collector; how many? */
static unsigned receipts(const char *host)
{
	struct buf vkey = {0};
	char path[LAYOUT_PATH];
	unsigned n = 0;

	assert_int_equal(fd_slurp(lab.store, "collector.vkey", 1024, &vkey), 0);
	struct view key = view_head(buf_view(&vkey), vkey.len - 1);
	snprintf(path, sizeof(path), "receipts/host=%s/audit", host);
	int fd = aid_dir(lab.store, path);
	DIR *d = fdopendir(fd);
	for (struct dirent *e; (e = readdir(d));) {
		struct buf text = {0};
		struct receipt r;
		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(fd_slurp(fd, e->d_name, RECEIPT_MAX, &text), 0);
		assert_int_equal(receipt_verify(buf_view(&text), key, &r), 0);
		assert_string_equal(r.names.host, host);
		assert_memory_equal(r.segment, e->d_name, strlen(r.segment));
		buf_free(&text);
		n++;
	}
	closedir(d);
	buf_free(&vkey);
	return n;
}

static void test_order(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	assert_int_equal(aid_files("ws", aid_file, AID_FILES), 4);
	for (int i = 3; i >= 0; i--)
		aid_deliver("ws", aid_file[i], "ws", NULL);
	struct take_result r = aid_take("ws", 3600);
	assert_int_equal(r.segments, 4);
	assert_int_equal(r.quarantined + r.waiting + r.duplicates, 0);
	assert_int_equal(aid_stored("ws"), 4);
	assert_int_equal(receipts("ws"), 4);
	assert_int_equal(aid_log_size(), 4);
	/* Everything once more: nothing changes. */
	for (int i = 0; i < 4; i++)
		aid_deliver("ws", aid_file[i], "ws", NULL);
	r = aid_take("ws", 3600);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.duplicates, 4);
	assert_int_equal(aid_log_size(), 4);
	/* A shipped segment that was changed later, under its old name. */
	aid_deliver("ws", aid_file[2], "ws", aid_file[1]);
	r = aid_take("ws", 3600);
	assert_int_equal(r.quarantined, 1);
	assert_int_equal(aid_said("ws", QUARANTINE_TAMPERED, aid_file[1]), 1);
	assert_int_equal(aid_stored("ws"), 4);
	assert_int_equal(aid_log_size(), 4);
}

static void test_hole(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[0], "ws", NULL);
	aid_deliver("ws", aid_file[3], "ws", NULL);
	struct take_result r = aid_take("ws", 3600);
	assert_int_equal(r.segments, 1);
	assert_int_equal(r.waiting, 1);
	struct state_trail t = aid_trail("ws");
	assert_int_equal(t.wait_from, t.at.seq + 1);
	/* It does not come: the next ones are taken over the hole. */
	r = aid_take("ws", 0);
	assert_int_equal(r.segments, 1);
	t = aid_trail("ws");
	assert_int_equal(t.ngaps, 1);
	assert_int_equal(t.waiting, 0);
	assert_int_equal(t.wait_from, 0);
	/* It comes after all, in two pieces, the later one first. */
	aid_deliver("ws", aid_file[2], "ws", NULL);
	r = aid_take("ws", 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.waiting, 1);
	aid_deliver("ws", aid_file[1], "ws", NULL);
	aid_deliver("ws", aid_file[4], "ws", NULL);
	r = aid_take("ws", 0);
	assert_int_equal(r.segments, 3);
	t = aid_trail("ws");
	assert_int_equal(t.ngaps, 0);
	assert_int_equal(aid_stored("ws"), 5);
	assert_int_equal(receipts("ws"), 5);
	/* The state is lost: it follows from the store. */
	assert_int_equal(unlinkat(lab.store, "hosts/ws/state.json", 0), 0);
	aid_run("ws", 5, AID_CLOSE);
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[5], "ws", NULL);
	r = aid_take("ws", 3600);
	assert_int_equal(r.segments, 1);
	assert_int_equal(aid_log_size(), 6);
}

/* A crash leaves an end without a seal: it counts when the next segment proves it. */
static void test_torn(void **state)
{
	(void)state;
	aid_run("ws", 6, AID_KILL);
	aid_run("ws", 2, AID_KILL);
	aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	assert_int_equal(aid_files("ws", aid_file, AID_FILES), 3);
	aid_deliver("ws", aid_file[0], "ws", NULL);
	aid_deliver("ws", aid_file[1], "ws", NULL);
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.waiting, 2);
	assert_int_equal(receipts("ws"), 0);
	aid_deliver("ws", aid_file[2], "ws", NULL);
	r = aid_take("ws", 0);
	assert_int_equal(r.segments, 3);
	assert_int_equal(r.waiting, 0);
	assert_int_equal(receipts("ws"), 3);
}

/* A gzip file of ${text} in the inbox of ${host}, named as a segment with these lines. */
static void forge(const char *host, const char *text, size_t n, uint64_t epoch, uint64_t first, uint64_t last, char name[NAMES_MAX])
{
	uint8_t *out = malloc(n + 4096), sum[CHAIN_LEN];
	z_stream z = {.next_out = out, .avail_out = (unsigned)n + 4096};
	struct names names = {.sealed = true, .epoch = epoch, .first = first, .last = last};
	union {
		const char *in;
		Bytef *out;
	} p = {text};
	char hex[CHAIN_HEX], path[NAMES_MAX], full[LAYOUT_PATH];

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = p.out;
	z.avail_in = (unsigned)n;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	struct chain_sum *s = chain_sum_new();
	assert_int_equal(chain_sum_add(s, view_of(out, z.total_out)), 0);
	assert_int_equal(chain_sum_end(s, sum), 0);
	chain_sum_free(&s);
	chain_hex(sum, CHAIN_LEN, hex);
	snprintf(names.host, sizeof(names.host), "%s", host);
	memcpy(names.sha, hex, NAMES_SHA - 1);
	names_path(&names, path);
	snprintf(name, NAMES_MAX, "%s", path + strlen("sealed/"));
	snprintf(full, sizeof(full), "%s/audit/%s", host, path);
	assert_int_equal(put_dirs(lab.inbox, full, 0755), 0);
	assert_int_equal(put_file(lab.inbox, full, view_of(out, z.total_out), 0640), 0);
	deflateEnd(&z);
	free(out);
}

/* What somebody can write who has the host's ssh key and its files, but no seal key: lines that continue the chain, without a seal. */
static void forged_lines(const struct verify_at *at, char *out, size_t cap, uint64_t *last)
{
	char head[CHAIN_HEX], mac[MAC_HEX];

	chain_hex(at->head, CHAIN_LEN, head);
	chain_hex(at->mac, MAC_LEN, mac);
	*last = at->seq + 2;
	snprintf(out, cap,
	    "{\"kind\":\"epoch\",\"seq\":%llu,\"ts\":\"2026-01-01T00:00:00.000000Z\",\"host\":\"ws\",\"boot\":\"0123456789abcdef\",\"epoch\":%llu,\"after\":%llu,\"prev\":\"%s\","
	    "\"seals\":%llu,\"prev_seal\":\"%s\",\"key\":\"%s\",\"cause\":\"start\"}\n"
	    "{\"kind\":\"note\",\"seq\":%llu,\"ts\":\"2026-01-01T00:00:00.000000Z\",\"host\":\"ws\",\"boot\":\"0123456789abcdef\",\"text\":\"forged\"}\n",
	    (unsigned long long)at->seq + 1, (unsigned long long)at->epoch + 1, (unsigned long long)at->seq, head, (unsigned long long)at->seal, mac, at->key,
	    (unsigned long long)at->seq + 2);
}

static void test_forged(void **state)
{
	char text[2000], name[NAMES_MAX];
	uint64_t last;

	(void)state;
	aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[0], "ws", NULL);
	assert_int_equal(aid_take("ws", 0).segments, 1);
	struct state_trail t = aid_trail("ws");
	forged_lines(&t.at, text, sizeof(text), &last);
	forge("ws", text, strlen(text), t.at.epoch + 1, t.at.seq + 1, last, name);
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.waiting, 1);
	/* The host's own next segment comes: it does not continue what was forged. */
	aid_run("ws", 5, AID_CLOSE);
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[1], "ws", NULL);
	r = aid_take("ws", 0);
	assert_int_equal(r.segments, 1);
	assert_int_equal(r.quarantined, 1);
	assert_int_equal(aid_said("ws", QUARANTINE_TAMPERED, name), 1);
	assert_int_equal(aid_said("ws", "taken", aid_file[1]), 1);
	assert_int_equal(aid_stored("ws"), 2);
	assert_string_equal(aid_trail("ws").fork, "");
	/* Now that the lines are there: no second text for them. */
	forge("ws", text, strlen(text), t.at.epoch + 1, t.at.seq + 1, last, name);
	r = aid_take("ws", 0);
	assert_int_equal(aid_said("ws", QUARANTINE_TAMPERED, name), 1);
	assert_int_equal(aid_stored("ws"), 2);
}

/* Much text from few bytes: it is not unpacked beyond what a writer leaves between two seals. */
static void test_bomb(void **state)
{
	enum { BOMB = 96 << 20 };
	char *text = malloc(BOMB), name[NAMES_MAX];
	uint64_t last;

	(void)state;
	aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[0], "ws", NULL);
	assert_int_equal(aid_take("ws", 0).segments, 1);
	struct state_trail t = aid_trail("ws");
	forged_lines(&t.at, text, BOMB, &last);
	size_t n = strlen(text);
	for (uint64_t seq = last + 1; n + 1200 < BOMB; seq++) {
		n += (size_t)snprintf(text + n, 1200, "{\"kind\":\"note\",\"seq\":%llu,\"ts\":\"2026-01-01T00:00:00.000000Z\",\"host\":\"ws\",\"boot\":\"0123456789abcdef\",\"text\":\"%01000d\"}\n",
		    (unsigned long long)seq, 0);
		last = seq;
	}
	forge("ws", text, n, t.at.epoch + 1, t.at.seq + 1, last, name);
	clock_t before = clock();
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(aid_said("ws", QUARANTINE_TAMPERED, name), 1);
	/* CPU of this process, not time that passed: unpacking and hashing all of it takes some seconds. */
	assert_true(clock() - before < CLOCKS_PER_SEC / 4);
	/* One line that never ends. */
	memset(text, 'x', BOMB);
	forge("ws", text, BOMB, t.at.epoch + 1, t.at.seq + 1, last, name);
	r = aid_take("ws", 0);
	assert_int_equal(r.quarantined, 1);
	assert_int_equal(aid_said("ws", QUARANTINE_TAMPERED, name), 1);
	free(text);
}

static void test_no_files(void **state)
{
	char deep[NAMES_MAX + 20];
	struct stat st;

	(void)state;
	aid_run("ws", 5, AID_CLOSE);
	aid_run("other", 5, AID_CLOSE);
	aid_enrol("ws");
	aid_files("ws", aid_file, AID_FILES);
	int in = aid_dir(lab.inbox, "ws/audit/sealed");
	assert_int_equal(symlinkat("/etc/passwd", in, "ws-000001-000000000001-000000000002-0123456789abcdef.jsonl.gz"), 0);
	assert_int_equal(symlinkat("../../../../store/collector.key", in, "key"), 0);
	assert_int_equal(mkfifoat(in, "ws-000001-000000000001-000000000003-0123456789abcdef.jsonl.gz", 0666), 0);
	assert_int_equal(mkdirat(in, "ws-000001-000000000001-000000000004-0123456789abcdef.jsonl.gz", 0755), 0);
	int fd = openat(in, "ws-000001-000000000001-000000000005-0123456789abcdef.jsonl.gz", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, 1ll << 40), 0);
	close(fd);
	memset(deep, 'a', sizeof(deep));
	deep[NAMES_MAX + 19] = '\0';
	fd = openat(in, deep, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	fd = openat(in, "x\n\x1b[31m..", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	close(fd);
	fd = openat(in, ".ws-000001-000000000001-000000000009-0123456789abcdef.jsonl.gz.Xa3fGh", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	close(fd);
	aid_files("other", aid_file, AID_FILES);
	aid_deliver("other", aid_file[0], "ws", NULL);
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(aid_said("ws", QUARANTINE_NOT_A_FILE, NULL), 4);
	assert_int_equal(aid_said("ws", QUARANTINE_TOO_LARGE, NULL), 1);
	assert_int_equal(aid_said("ws", QUARANTINE_BAD_NAME, NULL), 1);
	assert_int_equal(aid_said("ws", QUARANTINE_OTHER_HOST, aid_file[0]), 1);
	assert_int_equal(r.quarantined, 7);
	/* What rsync has not finished stays, and what has no name that could be ours. */
	assert_int_equal(fstatat(in, ".ws-000001-000000000001-000000000009-0123456789abcdef.jsonl.gz.Xa3fGh", &st, 0), 0);
	assert_int_equal(fstatat(in, "key", &st, AT_SYMLINK_NOFOLLOW), -1);
	/* The same file under this host's name: its lines tell. */
	struct names n;
	char as[NAMES_MAX];
	assert_true(layout_segment(aid_file[0], &n));
	snprintf(n.host, sizeof(n.host), "ws");
	names_path(&n, as);
	aid_deliver("other", aid_file[0], "ws", as + strlen("sealed/"));
	r = aid_take("ws", 0);
	assert_int_equal(aid_said("ws", QUARANTINE_OTHER_HOST, as + strlen("sealed/")), 1);
	close(in);
	/* The directory itself is a link. */
	aid_remove(lab.inbox, "ws");
	assert_int_equal(mkdirat(lab.inbox, "ws", 0755), 0);
	assert_int_equal(mkdirat(lab.inbox, "ws/audit", 0755), 0);
	assert_int_equal(symlinkat("../../../ws/ws/sealed", lab.inbox, "ws/audit/sealed"), 0);
	r = aid_take("ws", 0);
	assert_int_equal(r.segments, 0);
	aid_remove(lab.inbox, "ws");
	assert_int_equal(symlinkat("../ws/ws", lab.inbox, "ws"), 0);
	struct record *rec;
	assert_int_equal(record_open(lab.store, &rec), 0);
	const struct take_conf conf = {.store = lab.store, .inbox = lab.inbox, .record = aid_record, .arg = rec};
	assert_int_not_equal(take_host(&conf, "ws", &r), 0);
	assert_int_equal(take_host(&conf, "..", &r), -ENOENT);
	record_free(&rec);
	assert_int_equal(aid_log_size(), 0);
}
#define T(f) cmocka_unit_test_setup_teardown(f, aid_setup, aid_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_order), T(test_hole), T(test_torn), T(test_forged), T(test_bomb), T(test_no_files)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
