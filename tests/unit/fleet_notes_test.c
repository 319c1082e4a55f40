/* fleet_notes_test.c - what comes beside the segments: checkpoints that show another history, keys, policies. */
#include "fleet_aid.h"

#include "fleet/quarantine.h"

static void note_of(const char *host, const char *segment, char name[NAMES_MAX])
{
	struct names n;
	struct layout_note note;
	char a[LAYOUT_PATH], b[LAYOUT_PATH];

	assert_true(layout_segment(segment, &n));
	note = (struct layout_note){.epoch = n.epoch, .line = n.last};
	snprintf(note.host, sizeof(note.host), "%s", host);
	layout_note_name(&note, name);
	snprintf(a, sizeof(a), "ws/%s/checkpoints/%s", host, name);
	snprintf(b, sizeof(b), "%s/audit/checkpoints/%s", host, name);
	aid_copy(lab.top, a, lab.inbox, b);
}

/* The machine's disk is put back to an earlier day, and goes on from there: two histories with good seals. */
static void test_rolled_back(void **state)
{
	char note[NAMES_MAX], command[300];

	(void)state;
	aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	snprintf(command, sizeof(command), "cp -a %s/ws/ws %s/ws/before", lab.path, lab.path);
	assert_int_equal(system(command), 0);
	aid_run("ws", 5, AID_CLOSE);
	aid_run("ws", 5, AID_CLOSE);
	assert_int_equal(aid_files("ws", aid_file, AID_FILES), 3);
	aid_deliver("ws", aid_file[0], "ws", NULL);
	aid_deliver("ws", aid_file[1], "ws", NULL);
	/* Only its checkpoint came of the third one. */
	note_of("ws", aid_file[2], note);
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(r.segments, 2);
	assert_int_equal(r.notes, 1);
	snprintf(command, sizeof(command), "rm -r %s/ws/ws && mv %s/ws/before %s/ws/ws", lab.path, lab.path, lab.path);
	assert_int_equal(system(command), 0);
	aid_run("ws", 7, AID_CLOSE);
	aid_run("ws", 5, AID_CLOSE);
	aid_run("ws", 5, AID_CLOSE);
	assert_int_equal(aid_files("ws", aid_file, AID_FILES), 4);
	for (int i = 1; i < 4; i++)
		aid_deliver("ws", aid_file[i], "ws", NULL);
	note_of("ws", aid_file[1], note);
	r = aid_take("ws", 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(r.quarantined, 3);
	assert_int_equal(aid_said("ws", QUARANTINE_ROLLED_BACK, NULL), 3);
	assert_string_not_equal(aid_trail("ws").fork, "");
	assert_int_equal(aid_stored("ws"), 2);
}

/* A checkpoint that came ahead of its lines binds them. */
static void test_anchor(void **state)
{
	char note[NAMES_MAX], command[300];

	(void)state;
	aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	snprintf(command, sizeof(command), "cp -a %s/ws/ws %s/ws/before", lab.path, lab.path);
	assert_int_equal(system(command), 0);
	aid_run("ws", 5, AID_CLOSE);
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[0], "ws", NULL);
	note_of("ws", aid_file[1], note);
	assert_int_equal(aid_take("ws", 0).notes, 1);
	snprintf(command, sizeof(command), "rm -r %s/ws/ws && mv %s/ws/before %s/ws/ws", lab.path, lab.path, lab.path);
	assert_int_equal(system(command), 0);
	aid_run("ws", 9, AID_CLOSE);
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[1], "ws", NULL);
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(r.segments, 0);
	assert_int_equal(aid_said("ws", QUARANTINE_ROLLED_BACK, aid_file[1]), 1);
}

static void test_checkpoints(void **state)
{
	char note[NAMES_MAX], path[LAYOUT_PATH];
	struct buf b = {0};

	(void)state;
	aid_run("ws", 5, AID_CLOSE);
	aid_run("other", 5, AID_CLOSE);
	aid_enrol("ws");
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[0], "ws", NULL);
	note_of("ws", aid_file[0], note);
	snprintf(path, sizeof(path), "ws/audit/checkpoints/%s", note);
	assert_int_equal(fd_slurp(lab.inbox, path, NOTE_MAX, &b), 0);
	/* One digit of the seal's MAC. */
	uint8_t *head = memmem(b.mem, b.len, "\nseal ", 6);
	assert_non_null(head);
	head += 10;
	uint8_t was = *head;
	*head = was == 'a' ? 'b' : 'a';
	assert_int_equal(put_file(lab.inbox, path, buf_view(&b), 0640), 0);
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(r.segments, 1);
	assert_int_equal(aid_said("ws", QUARANTINE_BAD_CHECKPOINT, note), 1);
	*head = was;
	assert_int_equal(put_file(lab.inbox, path, buf_view(&b), 0640), 0);
	r = aid_take("ws", 0);
	assert_int_equal(r.notes, 1);
	/* Another host's. */
	aid_files("other", aid_file, AID_FILES);
	struct names n;
	assert_true(layout_segment(aid_file[0], &n));
	struct layout_note other = {.host = "other", .epoch = n.epoch, .line = n.last};
	char name[NAMES_MAX], from[LAYOUT_PATH];
	layout_note_name(&other, name);
	snprintf(from, sizeof(from), "ws/other/checkpoints/%s", name);
	snprintf(path, sizeof(path), "ws/audit/checkpoints/%s", name);
	aid_copy(lab.top, from, lab.inbox, path);
	memcpy(other.host, "ws", 3);
	layout_note_name(&other, name);
	snprintf(path, sizeof(path), "ws/audit/checkpoints/%s", name);
	aid_copy(lab.top, from, lab.inbox, path);
	r = aid_take("ws", 0);
	assert_int_equal(aid_said("ws", QUARANTINE_OTHER_HOST, NULL), 2);
	buf_free(&b);
}

/* A key that nobody brought: nothing is lost, and nothing is believed. */
static void test_new_key(void **state)
{
	(void)state;
	aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	aid_files("ws", aid_file, AID_FILES);
	int dir = aid_dir(lab.top, "ws/ws");
	aid_forget(dir);
	close(dir);
	aid_run("ws", 5, AID_CLOSE);
	aid_files("ws", aid_file, AID_FILES);
	aid_deliver("ws", aid_file[0], "ws", NULL);
	aid_deliver("ws", aid_file[1], "ws", NULL);
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(r.segments, 1);
	assert_int_equal(r.waiting, 1);
	assert_int_equal(r.quarantined, 0);
	struct enrol e;
	assert_int_equal(enrol_read(lab.store, "ws", &e), 0);
	struct buf old = e.keys[LAYOUT_AUDIT], text = {0};
	e.keys[LAYOUT_AUDIT] = (struct buf){0};
	enrol_free(&e);
	aid_enrol("ws");
	assert_int_equal(enrol_read(lab.store, "ws", &e), 0);
	assert_int_equal(buf_put(&e.keys[LAYOUT_AUDIT], buf_view(&old)), 0);
	assert_int_equal(enrol_text(&e, &text), 0);
	assert_int_equal(put_file(lab.store, "hosts/ws/enrol.json", buf_view(&text), 0400), 0);
	enrol_free(&e);
	buf_free(&old);
	buf_free(&text);
	r = aid_take("ws", 0);
	assert_int_equal(r.segments, 1);
	assert_int_equal(r.waiting, 0);
}

static void test_policies(void **state)
{
	uint8_t sum[CHAIN_LEN];
	char hex[CHAIN_HEX], path[LAYOUT_PATH];
	struct chain_sum *s = chain_sum_new();
	struct stat st;

	(void)state;
	aid_run("ws", 5, AID_CLOSE);
	aid_enrol("ws");
	assert_int_equal(chain_sum_add(s, VIEW_LIT("{}")), 0);
	assert_int_equal(chain_sum_end(s, sum), 0);
	chain_sum_free(&s);
	chain_hex(sum, CHAIN_LEN, hex);
	snprintf(path, sizeof(path), "ws/policies/%s.json", hex);
	assert_int_equal(put_dirs(lab.inbox, path, 0755), 0);
	assert_int_equal(put_file(lab.inbox, path, VIEW_LIT("{}"), 0644), 0);
	assert_int_equal(aid_take("ws", 0).policies, 1);
	assert_int_equal(fstatat(lab.store, path + 3, &st, 0), 0);
	assert_int_equal(put_file(lab.inbox, path, VIEW_LIT("{} "), 0644), 0);
	struct take_result r = aid_take("ws", 0);
	assert_int_equal(r.policies, 0);
	assert_int_equal(aid_said("ws", QUARANTINE_BAD_POLICY, NULL), 1);
	assert_int_equal(fstatat(lab.store, path + 3, &st, 0), 0);
	assert_int_equal(st.st_size, 2);
}
#define T(f) cmocka_unit_test_setup_teardown(f, aid_setup, aid_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_rolled_back), T(test_anchor), T(test_checkpoints), T(test_new_key), T(test_policies)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
