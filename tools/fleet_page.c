/*
 * fleet_page.c - `callgate fleet status --html`: one page that needs nothing but itself, opens from a file, sorts, fits a phone, prints.
 * Words in it come from workstations: everything is escaped, and the page forbids itself all but its own style and script.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/fleet_status.h"

#define DAY_NS ((int64_t)86400 * 1000000000)

static const char style[] =
    ":root{--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5c6878;--line:#e1e5eb;--ok:#2f8f6b;--off:#cfd6df;--bad:#c9382f;--warn:#c98512;--accent:#2b5c9e}"
    "@media(prefers-color-scheme:dark){:root{--bg:#12171e;--card:#1b222c;--ink:#e6ebf1;--soft:#9aa6b5;--line:#2c3642;--ok:#49b48b;--off:#3d4855;--bad:#ef6a60;--warn:#e0a53c;--accent:#7fb0f2}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "main{max-width:1240px;margin:0 auto;padding:24px 20px 60px}h1{font-size:24px;margin:0}h2{font-size:17px;margin:34px 0 10px}p{margin:4px 0;color:var(--soft)}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin-top:20px}"
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}.tile b{display:block;font-size:25px;font-variant-numeric:tabular-nums}"
    ".tile span{color:var(--soft);font-size:13px}.tile.bad b{color:var(--bad)}.tile.good b{color:var(--ok)}"
    "table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden;font-variant-numeric:tabular-nums}"
    "th,td{padding:8px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}tbody tr:last-child td{border-bottom:0}"
    "th{font-size:12px;color:var(--soft);font-weight:600;white-space:nowrap}th button{all:unset;cursor:pointer}th button:focus-visible{outline:2px solid var(--accent)}"
    "th[aria-sort=ascending] button:after{content:' \\2191'}th[aria-sort=descending] button:after{content:' \\2193'}td.n{text-align:right}td.n,td:first-child{white-space:nowrap}"
    "code{font:13px ui-monospace,SFMono-Regular,Menlo,monospace}small{color:var(--soft);overflow-wrap:anywhere}"
    ".tag{display:inline-block;border-radius:20px;padding:1px 10px;font-size:13px;font-weight:600;color:#fff;background:var(--bad);white-space:nowrap}"
    "svg{display:block;width:100%;min-width:150px;height:14px;border-radius:4px;background:var(--line)}.up{fill:var(--ok)}.off,.asleep{fill:var(--off)}"
    ".power,.not-collected{fill:var(--warn)}.daemon,.stalled,.lost,.tampered,.rolled-back{fill:var(--bad)}"
    ".key{display:flex;flex-wrap:wrap;gap:6px 16px;font-size:13px;color:var(--soft);margin:0 0 10px}.key i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}"
    ".k1{background:var(--ok)}.k2{background:var(--off)}.k3{background:var(--warn)}.k4{background:var(--bad)}"
    "input{font:inherit;padding:7px 12px;border:1px solid var(--line);border-radius:8px;background:var(--card);color:inherit;width:100%;max-width:320px;margin-bottom:10px}"
    "td.when{white-space:nowrap}[hidden]{display:none!important}.none{color:var(--ok);font-weight:600}"
    ".tick{fill:var(--card);opacity:.7}"
    "@media(max-width:760px){main{padding:16px 12px 40px}table,tbody,tr,td{display:block;border:0}thead{display:none}table{background:none;border-radius:0}"
    "tr{background:var(--card);border:1px solid var(--line);border-radius:10px;margin-bottom:10px;padding:8px 4px}"
    "td,td.n{display:flex;justify-content:space-between;gap:16px;text-align:right;padding:4px 12px;white-space:normal}td:before{content:attr(data-l);color:var(--soft);text-align:left;flex:none}"
    "td.wide{display:block;text-align:left}td.wide:before{display:block}td:empty{display:none}}"
    "@media print{input{display:none}body{background:#fff}.tile,table{break-inside:avoid}}";

static const char script[] =
    "document.querySelectorAll('th button').forEach(b=>b.onclick=()=>{const h=b.parentNode,i=h.cellIndex,t=h.closest('table').tBodies[0],up=h.getAttribute('aria-sort')!=='ascending';"
    "h.parentNode.querySelectorAll('th').forEach(x=>x.removeAttribute('aria-sort'));h.setAttribute('aria-sort',up?'ascending':'descending');"
    "const v=r=>r.cells[i].dataset.v??r.cells[i].textContent;[...t.rows].sort((a,c)=>{const x=v(a),y=v(c),n=x-y;return(up?1:-1)*(isNaN(n)?x.localeCompare(y):n)}).forEach(r=>t.append(r))});"
    "const f=document.querySelector('input');if(f)f.oninput=()=>{for(const r of document.querySelector('#hosts').tBodies[0].rows)r.hidden=!r.textContent.toLowerCase().includes(f.value.toLowerCase())};";

/* Errors stick in p->err. */
struct page {
	struct buf *out;
	int err;
};

static void puts_raw(struct page *p, const char *s)
{
	if (!p->err)
		p->err = buf_puts(p->out, s);
}

static void __attribute__((format(printf, 2, 3))) put(struct page *p, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		p->err = p->err ? p->err : -1;
	puts_raw(p, text);
}

static void escaped(struct page *p, const char *s)
{
	for (; *s; s++) {
		char one[2] = {*s, 0};
		puts_raw(p, *s == '&' ? "&amp;" : *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : *s == '"' ? "&quot;" : *s == '\'' ? "&#39;" : (unsigned char)*s < ' ' ? " " : one);
	}
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static long long num(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static int64_t ns_of(const char *s)
{
	struct wall t = {0};
	return *s && wall_parse(s, &t) == 0 ? t.ns : 0;
}

/* "2026-11-03T10:20:00Z" as "3 Nov 10:20". */
static void moment(struct page *p, const char *s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int month = strlen(s) >= 16 ? (s[5] - '0') * 10 + s[6] - '0' : 0;

	if (month < 1 || month > 12)
		return;
	put(p, "%d %.3s %.5s", (s[8] - '0') * 10 + s[9] - '0', months + 3 * (month - 1), s + 11);
}

static void duration(struct page *p, long long s)
{
	if (s >= 86400)
		put(p, "%lld d %lld h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		put(p, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else
		put(p, "%lld min", (s + 30) / 60);
}

static void head(struct page *p, const char *org)
{
	uint8_t sum[32];
	char b64[64] = "";
	unsigned n = 0;

	if (EVP_Digest(script, sizeof(script) - 1, sum, &n, EVP_sha256(), NULL) != 1)
		p->err = -1;
	EVP_EncodeBlock((unsigned char *)b64, sum, (int)n);
	puts_raw(p, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
	put(p, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'\">\n<title>Callgate fleet: ", b64);
	escaped(p, org);
	puts_raw(p, "</title>\n<style>");
	puts_raw(p, style);
	puts_raw(p, "</style></head><body><main>\n");
}

static void tile(struct page *p, const char *class, const char *words, const char *fmt, double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.0f", value);
	if (strcmp(fmt, "%") == 0)
		snprintf(text, sizeof(text), "%.2f %%", value);
	put(p, "<div class=\"tile %s\"><b>%s</b><span>%s</span></div>\n", class, text, words);
}

static void tiles(struct page *p, const json_t *t)
{
	const json_t *c = json_object_get(t, "coverage");

	puts_raw(p, "<div class=\"tiles\">\n");
	tile(p, "", "hosts", "", (double)num(t, "hosts"));
	if (json_is_real(c))
		tile(p, json_real_value(c) > 0.999 ? "good" : "", "of the time they were on, covered", "%", 100 * json_real_value(c));
	tile(p, num(t, "findings") ? "bad" : "good", "to look into", "", (double)num(t, "findings"));
	tile(p, "", "calls", "", (double)num(t, "calls"));
	tile(p, "", "denied", "", (double)num(t, "denied"));
	tile(p, num(t, "quarantined") ? "bad" : "", "files in quarantine", "", (double)num(t, "quarantined"));
	puts_raw(p, "</div>\n");
}

static void columns(struct page *p, const char *id, const char *const *name)
{
	put(p, "<table id=\"%s\"><thead><tr>", id);
	for (; *name; name++)
		put(p, "<th><button>%s</button></th>", *name);
	puts_raw(p, "</tr></thead><tbody>\n");
}

static void finding(struct page *p, const json_t *f)
{
	puts_raw(p, "<tr><td data-l=\"Host\"><b>");
	escaped(p, str(f, "host"));
	puts_raw(p, "</b></td><td data-l=\"What\"><span class=\"tag\">");
	escaped(p, str(f, "cause"));
	put(p, "</span></td><td data-l=\"From\" class=\"when\" data-v=\"%.32s\">", str(f, "from"));
	moment(p, str(f, "from"));
	put(p, "</td><td data-l=\"To\" class=\"when\" data-v=\"%.32s\">", str(f, "to"));
	moment(p, str(f, "to"));
	puts_raw(p, "</td><td data-l=\"\" class=\"wide\">");
	escaped(p, str(f, "words"));
	if (json_object_get(f, "seconds") && num(f, "seconds") > 0) {
		puts_raw(p, ", ");
		duration(p, num(f, "seconds"));
	}
	if (json_object_get(f, "first"))
		put(p, "<br><small>%s lines %lld to %lld</small>", str(f, "trail"), num(f, "first"), num(f, "last"));
	if (json_object_get(f, "files")) {
		put(p, "<br><small>%lld %s in quarantine: ", num(f, "files"), num(f, "files") == 1 ? "file" : "files");
		escaped(p, str(f, "file"));
		puts_raw(p, "</small>");
	}
	puts_raw(p, "</td></tr>\n");
}

static void findings(struct page *p, const json_t *list)
{
	static const char *const names[] = {"Host", "What", "From", "To", "Words", NULL};
	json_t *f;
	size_t i;

	puts_raw(p, "<h2>To look into</h2>\n");
	if (!json_array_size(list)) {
		puts_raw(p, "<p class=\"none\">Nothing.</p>\n");
		return;
	}
	columns(p, "findings", names);
	json_array_foreach(list, i, f)
		finding(p, f);
	puts_raw(p, "</tbody></table>\n");
}

/* A thousand units wide, whatever the time. */
static void bar(struct page *p, const char *class, int64_t from, int64_t to, int64_t begin, int64_t end, const char *title)
{
	double x = 1000.0 * (double)(from - begin) / (double)(end - begin), w = 1000.0 * (double)(to - from) / (double)(end - begin);

	if (w <= 0)
		return;
	/* What is short is still to be seen. */
	if (w < 3 && strcmp(class, "up") != 0)
		w = 3;
	put(p, "<rect class=\"%s\" x=\"%.1f\" width=\"%.1f\" height=\"10\">", class, x, w);
	if (title)
		put(p, "<title>%s</title>", title);
	puts_raw(p, "</rect>");
}

static void strip(struct page *p, const json_t *h, int64_t begin, int64_t end)
{
	int64_t first = ns_of(str(h, "first_seen")), last = ns_of(str(h, "last_seen"));
	json_t *g;
	size_t i;

	puts_raw(p, "<td data-l=\"Days\" class=\"wide\"><svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\">");
	if (first && last > begin)
		bar(p, "up", first > begin ? first : begin, last < end ? last : end, begin, end, NULL);
	json_array_foreach(json_object_get(h, "gaps"), i, g) {
		char title[128];
		snprintf(title, sizeof(title), "%.20s: %.16s to %.16s", str(g, "cause"), str(g, "from"), str(g, "to"));
		bar(p, str(g, "cause"), ns_of(str(g, "from")), ns_of(str(g, "to")), begin, end, title);
	}
	for (int64_t midnight = begin - begin % DAY_NS + DAY_NS; midnight < end && end - begin < 100 * DAY_NS; midnight += DAY_NS)
		put(p, "<rect class=\"tick\" x=\"%.1f\" width=\"2\" height=\"10\"/>", 1000.0 * (double)(midnight - begin) / (double)(end - begin));
	puts_raw(p, "</svg></td>");
}

static void hash_cell(struct page *p, const char *label, const char *hash)
{
	char eight[9];

	snprintf(eight, sizeof(eight), "%s", hash);
	put(p, "<td data-l=\"%s\"><code>", label);
	escaped(p, eight);
	puts_raw(p, "</code></td>");
}

static void host(struct page *p, const json_t *h, int64_t begin, int64_t end)
{
	const json_t *c = json_object_get(h, "coverage"), *clock = json_object_get(h, "clock");
	long long files = 0, step = num(clock, "step_s") ? num(clock, "step_s") : num(clock, "ahead_s");
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(h, "quarantine"), key, v)
		files += (long long)json_integer_value(v);
	puts_raw(p, "<tr><td data-l=\"Host\"><b>");
	escaped(p, str(h, "host"));
	put(p, "</b></td><td data-l=\"Last seen\" class=\"when\" data-v=\"%.32s\">", str(h, "last_seen"));
	moment(p, str(h, "last_seen"));
	put(p, "</td><td data-l=\"Covered\" class=\"n\" data-v=\"%.6f\">", json_is_real(c) ? json_real_value(c) : -1.0);
	if (json_is_real(c))
		put(p, "%.2f %%", 100 * json_real_value(c));
	puts_raw(p, "</td>");
	strip(p, h, begin, end);
	put(p, "<td data-l=\"Calls\" class=\"n\">%lld</td><td data-l=\"Denied\" class=\"n\">%lld</td>", num(h, "calls"), num(h, "denied"));
	hash_cell(p, "In force", str(h, "policy_hash"));
	put(p, "<td data-l=\"Bundle\" class=\"n\" data-v=\"%lld\">", num(h, "bundle"));
	if (num(h, "bundle"))
		put(p, "%lld", num(h, "bundle"));
	puts_raw(p, "</td>");
	hash_cell(p, "Programs", str(h, "binary_hash"));
	put(p, "<td data-l=\"Clock\" data-v=\"%lld\">", step);
	if (step)
		put(p, "%+lld s", step);
	else if (*str(h, "binary_hash"))
		puts_raw(p, json_is_true(json_object_get(clock, "synced")) ? "synced" : "not synced");
	put(p, "</td><td data-l=\"Quarantine\" class=\"n\">%lld</td></tr>\n", files);
}

static void hosts(struct page *p, const json_t *s)
{
	static const char *const names[] = {"Host", "Last seen", "Covered", "Days", "Calls", "Denied", "In force", "Bundle", "Programs", "Clock", "Quarantine", NULL};
	int64_t begin = ns_of(str(s, "from")), end = ns_of(str(s, "to"));
	json_t *h;
	size_t i;

	puts_raw(p, "<h2>Hosts</h2>\n<div class=\"key\"><span><i class=\"k1\"></i>covered</span><span><i class=\"k2\"></i>off, asleep</span><span><i class=\"k3\"></i>power lost, not collected</span>"
	            "<span><i class=\"k4\"></i>daemon down, lines lost or changed</span></div>\n<input type=\"search\" placeholder=\"Filter hosts\" aria-label=\"Filter hosts\">\n");
	columns(p, "hosts", names);
	json_array_foreach(json_object_get(s, "hosts"), i, h)
		host(p, h, begin, end > begin ? end : begin + 1);
	puts_raw(p, "</tbody></table>\n");
}

int fleet_page(const json_t *s, struct buf *out)
{
	struct page p = {.out = out};

	head(&p, str(s, "org"));
	puts_raw(&p, "<h1>Callgate fleet: ");
	escaped(&p, str(s, "org"));
	puts_raw(&p, "</h1><p>");
	moment(&p, str(s, "from"));
	puts_raw(&p, " to ");
	moment(&p, str(s, "to"));
	put(&p, " %.4s, UTC</p>\n", str(s, "to"));
	tiles(&p, json_object_get(s, "totals"));
	findings(&p, json_object_get(s, "findings"));
	hosts(&p, s);
	puts_raw(&p, "</main><script>");
	puts_raw(&p, script);
	puts_raw(&p, "</script></body></html>\n");
	return p.err;
}
