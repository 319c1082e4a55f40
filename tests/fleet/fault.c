/* fault.c - see fault.h.  And what other systems know: leavers, hosts, the vendor's log. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "audit/chain.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "fault.h"
#include "fleet/layout.h"

static void date_of(const struct plan *p, const json_t *plant, char out[LAYOUT_DATE])
{
	layout_date((struct wall){p->start + (plan_number(plant, "day", 1) - 1) * DAY}, out);
}

/* The segment of that day that a plant means: the third, or "segment". */
static struct shape_file *pick(const struct plan *p, const json_t *plant, struct shape_list *l)
{
	char date[LAYOUT_DATE];
	int64_t k = plan_number(plant, "segment", 3);

	date_of(p, plant, date);
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].date, date) == 0 && --k == 0)
			return &l->at[i];
	die("%s: there is no such segment on %s", json_string_value(json_object_get(plant, "what")), date);
}

static void fact(json_t *facts, const char *what, const char *trail, const struct shape_file *f)
{
	json_array_append_new(json_object_get(facts, "faults"),
	    json_pack("{s:s s:s s:s s:I s:I}", "what", what, "trail", trail, "file", f->name, "first", (json_int_t)f->n.first, "last", (json_int_t)f->n.last));
}

static size_t unpack(const char *path, char *out, size_t cap)
{
	gzFile z = gzopen(path, "rb");
	int n = z ? gzread(z, out, (unsigned)cap) : -1;

	if (n < 0 || (size_t)n == cap)
		die("%s: cannot be read, or is too large", path);
	gzclose(z);
	return (size_t)n;
}

/* One digit of one line is another, and everything around it is put right: a whole gzip file under the name that its bytes ask for. */
static void tamper(struct shape_file *f)
{
	enum { CAP = 64 << 20 };
	static char *text;
	char hex[HEX];
	struct buf b = {0};

	text = text ? text : malloc(CAP);
	size_t n = text ? unpack(f->path, text, CAP) : 0;
	char *at = memmem(text + n / 2, n - n / 2, "\"dur_us\":", 9);
	if (!at)
		at = memmem(text, n, "\"processes\":", 12);
	while (at && (*at < '0' || *at > '9'))
		at++;
	if (!at)
		die("%s: nothing to change", f->path);
	*at = *at == '9' ? '8' : (char)(*at + 1);
	gzFile z = gzopen("tampered", "wb");
	if (!z || gzwrite(z, text, (unsigned)n) != (int)n || gzclose(z) != Z_OK || fd_slurp(AT_FDCWD, "tampered", CAP, &b))
		die("tampered: cannot be written");
	sha_hex(buf_view(&b), hex);
	buf_free(&b);
	snprintf(f->n.sha, sizeof(f->n.sha), "%.16s", hex);
	char path[NAMES_MAX];
	names_path(&f->n, path);
	snprintf(f->name, sizeof(f->name), "%s", strchr(path, '/') + 1);
	snprintf(f->path, sizeof(f->path), "%s", f->name);
	if (rename("tampered", f->path) < 0 || chmod(f->path, 0440) < 0)
		die("%s: %s", f->path, strerror(errno));
	f->refused = "tampered";
	f->words = "a line was changed";
}

bool fault_uncollected(const struct plan *p, int number, int64_t at)
{
	const json_t *o = plan_plant(p, number, "uncollected", 0);

	return o && at >= p->start + (plan_number(o, "day", 1) - 1) * DAY;
}

void fault_files(const struct plan *p, int number, struct shape_list *l, json_t *facts)
{
	const char *trail = layout_trail(l->trail);
	const json_t *o = plan_plant(p, number, "uncollected", 0);
	char date[LAYOUT_DATE];

	if (o) {
		date_of(p, o, date);
		for (size_t i = 0; i < l->n; i++)
			l->at[i].gone = strcmp(l->at[i].date, date) >= 0;
	}
	if (l->trail != LAYOUT_AUDIT)
		return;
	for (size_t i = 0; (o = plan_plant(p, number, "lost", i)); i++) {
		struct shape_file *f = pick(p, o, l);
		f->gone = true;
		fact(facts, "lost", trail, f);
	}
	for (size_t i = 0; (o = plan_plant(p, number, "tamper", i)); i++) {
		struct shape_file *f = pick(p, o, l);
		tamper(f);
		fact(facts, "tamper", trail, f);
	}
}

void fault_late(const struct out *out, const char *host, struct shape_list *l, json_t *facts)
{
	char path[LAYOUT_PATH];

	for (size_t i = 0; i < l->n; i++) {
		struct shape_file *f = &l->at[i];
		snprintf(path, sizeof(path), "%s/%s/sealed/%s", host, layout_trail(l->trail), f->name);
		f->gone = faccessat(out->inbox, path, F_OK, 0) == 0;
		f->late = !f->gone;
		if (f->gone)
			continue;
		f->refused = "rolled-back";
		f->words = "lines that were collected before stand there anew";
		fact(facts, "rollback", layout_trail(l->trail), f);
	}
}

void fault_reason(const struct out *out, const char *path, const char *trail, const struct shape_file *f)
{
	struct buf b = {0};
	struct jsonw w = jsonw_on(&b);
	char to[LAYOUT_PATH + 16], at[LAYOUT_DATE + 24];

	snprintf(to, sizeof(to), "%s.reason", path);
	snprintf(at, sizeof(at), "%sT23:00:00.000000Z", f->date);
	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "file", f->name);
	jsonw_str(&w, "trail", trail);
	jsonw_str(&w, "reason", f->refused);
	jsonw_str(&w, "words", f->words);
	jsonw_str(&w, "time", at);
	jsonw_close(&w, '}');
	if (jsonw_end(&w) || buf_puts(&b, "\n"))
		die("%s", to);
	put_text(out->store, to, 0440, buf_view(&b));
	buf_free(&b);
}

/* ---- a segment of one host among those of another ---- */

static void replay(const struct plan *p, const struct out *out, int number, json_t *facts)
{
	const json_t *o = plan_plant(p, number, "replay", 0);
	struct shape_file f = {.refused = "other-host", .words = "holds the lines of another host"};
	struct layout_files files;
	char from[NAME], host[NAME], path[LAYOUT_PATH], date[LAYOUT_DATE];
	struct buf b = {0};

	if (!o)
		return;
	snprintf(host, sizeof(host), "ws-%03d", number);
	snprintf(from, sizeof(from), "ws-%03d", (int)plan_number(o, "of", 1));
	date_of(p, o, date);
	if (layout_segments(out->store, LAYOUT_AUDIT, from, date, date, &files) || !files.n)
		die("replay: %s has no segment of %s", from, date);
	f.n = files.at[files.n / 2].names;
	snprintf(f.date, sizeof(f.date), "%s", date);
	names_path(&f.n, path);
	char *name = strchr(path, '/') + 1;
	layout_segment_path(LAYOUT_AUDIT, from, date, name, f.path);
	if (fd_slurp(out->store, f.path, 64 << 20, &b))
		die("%s", f.path);
	snprintf(f.n.host, sizeof(f.n.host), "%s", host);
	names_path(&f.n, path);
	snprintf(f.name, sizeof(f.name), "%s", strchr(path, '/') + 1);
	snprintf(path, sizeof(path), "%s/audit/sealed/%s", host, f.name);
	put_text(out->inbox, path, 0440, buf_view(&b));
	snprintf(path, sizeof(path), "quarantine/host=%s/audit/%s", host, f.name);
	put_text(out->store, path, 0440, buf_view(&b));
	fault_reason(out, path, "audit", &f);
	fact(facts, "replay", "audit", &f);
	layout_files_free(&files);
	buf_free(&b);
}

static void leavers(const struct plan *p, const struct out *out)
{
	static const char *const kinds[][2] = {{"leaver", "leaver"}, {"role", "mover"}};
	struct buf b = {0};
	char user[NAME], at[WALL_TEXT];
	int r = buf_puts(&b, "user,event,at,hosts\n");

	for (int i = 1; i <= p->hosts; i++)
		for (size_t k = 0; k < 2; k++) {
			const json_t *o = plan_plant(p, i, kinds[k][0], 0);
			if (!o)
				continue;
			wall_text((struct wall){plan_at(p, o)}, at);
			r = r ? r : buf_printf(&b, "%s,%s,%s,ws-%03d\n", user_name(i, user), kinds[k][1], at, i);
		}
	if (r)
		die("leavers.csv");
	put_text(out->dir, "leavers.csv", 0644, buf_view(&b));
	buf_free(&b);
}

static void assets(const struct plan *p, const struct out *out)
{
	struct buf b = {0};
	char at[LAYOUT_DATE], user[NAME];
	int r = buf_puts(&b, "host,from,to,owner\n");

	layout_date((struct wall){p->start}, at);
	for (int i = 1; i <= p->hosts; i++)
		r = r ? r : buf_printf(&b, "ws-%03d,%s,,%s\n", i, at, user_name(i, user));
	if (r)
		die("hosts.csv");
	put_text(out->dir, "hosts.csv", 0644, buf_view(&b));
	buf_free(&b);
}

void shape_end(const struct plan *p, const struct out *out, json_t *facts)
{
	struct buf org = {0};
	size_t i;
	json_t *h;

	json_array_foreach(json_object_get(facts, "hosts"), i, h) {
		int number = 0;
		if (sscanf(json_string_value(json_object_get(h, "host")), "ws-%d", &number) == 1)
			replay(p, out, number, h);
	}
	leavers(p, out);
	assets(p, out);
	struct jsonw w = jsonw_on(&org);
	jsonw_open(&w, NULL, '{');
	jsonw_uint(&w, "callgate_store", 1);
	jsonw_str(&w, "org", p->org);
	jsonw_close(&w, '}');
	if (jsonw_end(&w) || buf_puts(&org, "\n"))
		die("store.json");
	put_text(out->store, "store.json", 0644, buf_view(&org));
	buf_free(&org);
	char *text = json_dumps(facts, JSON_INDENT(1));
	if (!text)
		die("facts.json");
	put_text(out->dir, "facts.json", 0644, view_str(text));
	free(text);
	json_decref(facts);
}
