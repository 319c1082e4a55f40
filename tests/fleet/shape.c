/*
 * shape.c - from a host's directories to the trees that others take: what it hands over, and a store; with the faults that lie in files.
 * Runs in the host's own directory, after its last day.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/note.h"
#include "audit/walk.h"
#include "base/fd.h"
#include "fault.h"
#include "fleet.h"
#include "fleet/enrol.h"

void make_path(int at, const char *path)
{
	char part[LAYOUT_PATH];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdirat(at, part, 0755) < 0 && errno != EEXIST)
			die("%s: %s", part, strerror(errno));
		*p = '/';
	}
}

void put_text(int at, const char *path, mode_t mode, struct view text)
{
	make_path(at, path);
	unlinkat(at, path, 0);
	int fd = openat(at, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, text) || fchmod(fd, mode) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

/* The same file under another name: nobody writes to it again. */
static void put_link(const char *from, int at, const char *path)
{
	make_path(at, path);
	if (linkat(AT_FDCWD, from, at, path, 0) < 0 && errno != EEXIST)
		die("%s: %s", path, strerror(errno));
}

static void first_line(const char *path, char date[LAYOUT_DATE])
{
	struct walk *w = NULL;
	struct view line;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || walk_new(fd, &w) || walk_next(w, &line) != WALK_LINE)
		die("%s: no line", path);
	const uint8_t *at = memmem(line.p, line.n, ",\"ts\":\"", 7);
	if (!at)
		die("%s: no time", path);
	snprintf(date, LAYOUT_DATE, "%.10s", (const char *)at + 7);
	walk_free(&w);
	close(fd);
}

static int by_first(const void *a, const void *b)
{
	const struct shape_file *x = a, *y = b;
	return x->n.first != y->n.first ? (x->n.first < y->n.first ? -1 : 1) : strcmp(x->name, y->name);
}

static void list(struct shape_list *l, const char *root, enum layout_trail t)
{
	char dir[64];
	struct dirent *e;

	snprintf(dir, sizeof(dir), "%s%s/sealed", root, layout_trail(t));
	DIR *d = opendir(dir);
	*l = (struct shape_list){.trail = t};
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (l->n == SHAPE_FILES)
			die("%s: too many files", dir);
		struct shape_file *f = &l->at[l->n++];
		*f = (struct shape_file){0};
		snprintf(f->name, sizeof(f->name), "%.199s", e->d_name);
		snprintf(f->path, sizeof(f->path), "%s/%.199s", dir, e->d_name);
		if (!layout_segment(f->name, &f->n))
			die("%s: no name of a segment", f->path);
		first_line(f->path, f->date);
	}
	if (d)
		closedir(d);
	qsort(l->at, l->n, sizeof(*l->at), by_first);
}

static void place(const struct out *out, const char *host, const struct shape_list *l)
{
	char path[LAYOUT_PATH];

	for (size_t i = 0; i < l->n; i++) {
		const struct shape_file *f = &l->at[i];
		if (f->gone)
			continue;
		snprintf(path, sizeof(path), "%s/%s/sealed/%s", host, layout_trail(l->trail), f->name);
		put_link(f->path, f->late ? out->late : out->inbox, path);
		if (f->refused) {
			snprintf(path, sizeof(path), "quarantine/host=%s/%s/%s", host, layout_trail(l->trail), f->name);
			put_link(f->path, out->store, path);
			fault_reason(out, path, layout_trail(l->trail), f);
			continue;
		}
		layout_segment_path(l->trail, host, f->date, f->name, path);
		put_link(f->path, out->store, path);
	}
}

static void notes(const struct plan *p, const struct out *out, int number, const char *host, const char *root, enum layout_trail t, bool late)
{
	char dir[64], from[NAMES_MAX + 80], path[LAYOUT_PATH];
	struct dirent *e;

	snprintf(dir, sizeof(dir), "%s%s/checkpoints", root, layout_trail(t));
	DIR *d = opendir(dir);
	while (d && (e = readdir(d))) {
		struct buf b = {.max = NOTE_MAX};
		struct note n;
		struct wall at;
		if (e->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/%.199s", dir, e->d_name);
		if (fd_slurp(AT_FDCWD, from, NOTE_MAX, &b) || note_read(buf_view(&b), &n) || wall_parse(n.time, &at))
			die("%s: no checkpoint", from);
		buf_free(&b);
		if (fault_uncollected(p, number, at.ns))
			continue;
		snprintf(path, sizeof(path), "%s/%s/checkpoints/%.199s", host, layout_trail(t), e->d_name);
		if (late && faccessat(out->inbox, path, F_OK, 0) == 0)
			continue;
		put_link(from, late ? out->late : out->inbox, path);
		if (late)
			continue;
		layout_note_path(t, host, e->d_name, path);
		put_link(from, out->store, path);
	}
	if (d)
		closedir(d);
}

static void keys(const struct plan *p, const struct out *out, const char *host)
{
	struct enrol enrol = {0};
	struct buf text = {0};
	char dir[64], path[LAYOUT_PATH];

	snprintf(enrol.host, sizeof(enrol.host), "%s", host);
	wall_text((struct wall){p->start}, enrol.at);
	for (int t = 0; t < LAYOUT_TRAILS; t++) {
		struct dirent *e;
		snprintf(dir, sizeof(dir), "%s/keys", layout_trail((enum layout_trail)t));
		DIR *d = opendir(dir);
		while (d && (e = readdir(d))) {
			size_t n = strlen(e->d_name);
			if (n < 5 || strcmp(e->d_name + n - 5, ".json") != 0)
				continue;
			snprintf(path, sizeof(path), "%s/%.199s", dir, e->d_name);
			if (fd_slurp(AT_FDCWD, path, 4096, &enrol.keys[t]))
				die("%s", path);
		}
		if (d)
			closedir(d);
		snprintf(path, sizeof(path), "%s/%s.json", host, layout_trail((enum layout_trail)t));
		put_text(out->keys, path, 0400, buf_view(&enrol.keys[t]));
	}
	if (enrol_text(&enrol, &text))
		die("enrol.json");
	snprintf(path, sizeof(path), "hosts/%s/enrol.json", host);
	put_text(out->store, path, 0400, buf_view(&text));
	enrol_free(&enrol);
	buf_free(&text);
}

/* Both versions of a document, when the second was ever in force. */
static void documents(const struct plan *p, const struct out *out, int number, const char *host)
{
	for (size_t i = 0; i < POLICIES; i++) {
		bool changed = false;
		const json_t *o;
		for (size_t k = 0; (o = plan_plant(p, number, "policy", k)); k++)
			changed |= strcmp(json_string_value(json_object_get(o, "policy")) ? json_string_value(json_object_get(o, "policy")) : "", policies[i].name) == 0 ||
			           !json_object_get(o, "policy");
		for (int v = 0; v < 1 + changed; v++) {
			const char *text = v ? policies[i].next : policies[i].text;
			char sha[HEX], path[LAYOUT_PATH];
			sha_hex(view_str(text), sha);
			snprintf(path, sizeof(path), "%s/policies/%s.json", host, sha);
			put_text(out->inbox, path, 0444, view_str(text));
			snprintf(path, sizeof(path), "policies/%s.json", sha);
			if (faccessat(out->store, path, F_OK, 0) < 0)
				put_text(out->store, path, 0444, view_str(text));
		}
	}
}

void shape_host(const struct plan *p, const struct out *out, int number, json_t *facts)
{
	static struct shape_list l;
	char host[NAME];
	bool back = access("first", F_OK) == 0;

	snprintf(host, sizeof(host), "ws-%03d", number);
	json_object_set_new(facts, "faults", json_array());
	for (int t = 0; t < LAYOUT_TRAILS; t++) {
		list(&l, back ? "first/" : "", (enum layout_trail)t);
		fault_files(p, number, &l, facts);
		place(out, host, &l);
		notes(p, out, number, host, back ? "first/" : "", (enum layout_trail)t, false);
		if (!back)
			continue;
		list(&l, "", (enum layout_trail)t);
		fault_late(out, host, &l, facts);
		place(out, host, &l);
		notes(p, out, number, host, "", (enum layout_trail)t, true);
	}
	keys(p, out, host);
	documents(p, out, number, host);
}
