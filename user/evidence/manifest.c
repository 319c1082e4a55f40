/*
 * manifest.c - what says what the bundle is: README, query, MANIFEST and its signature; and, apart from them, when and by whom it was made.
 * MANIFEST.json has one line a file, in a fixed form that sed can read: verify.sh does.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/jsonw.h"
#include "evidence/files.h"
#include "evidence/readme.h"

/* The text of verify.sh, as it lies beside this file. */
__asm__(".section .rodata\n"
	"manifest_verify_sh: .incbin \"user/evidence/verify.sh\"\n"
	"manifest_verify_sh_end: .byte 0\n"
	".previous\n");
extern const uint8_t manifest_verify_sh[], manifest_verify_sh_end[];

void files_pem(const uint8_t public[SIGN_PUBLIC], char out[FILES_PEM])
{
	static const uint8_t head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
	uint8_t der[sizeof(head) + SIGN_PUBLIC];
	char b64[80];

	memcpy(der, head, sizeof(head));
	memcpy(der + sizeof(head), public, SIGN_PUBLIC);
	EVP_EncodeBlock((unsigned char *)b64, der, sizeof(der));
	snprintf(out, FILES_PEM, "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n", b64);
}

/* NAME+HASH+BASE64(0x01, PUBLIC) */
static void collector_key(struct run *r)
{
	/* The last part is base64, which has '+' of its own. */
	const char *hash = strchr(r->collector, '+'), *b64 = hash ? strchr(hash + 1, '+') : NULL;
	uint8_t raw[64];
	char pem[FILES_PEM];
	size_t n = b64 ? strlen(++b64) : 0;

	if (n != 44 || EVP_DecodeBlock(raw, (const uint8_t *)b64, (int)n) != 33 || raw[0] != 1)
		return;
	files_pem(raw + 1, pem);
	bundle_put(r->b, "integrity/collector.pem", view_str(pem));
	bundle_put(r->b, "integrity/collector.vkey", view_str(r->collector));
}

static void put(struct run *r, const char *path, struct buf *b, int err)
{
	if (err)
		bundle_fail(r->b, err, path);
	else
		bundle_put(r->b, path, buf_view(b));
	buf_free(b);
}

/* What was asked, and how many lines went which way: the same for the same input. */
static void query(struct run *r)
{
	struct buf b = {0};
	struct jsonw w = jsonw_on(&b);

	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "callgate_evidence", 1);
	jsonw_str(&w, "from", r->from);
	jsonw_str(&w, "to", r->to);
	jsonw_str(&w, "as_of", r->as_of);
	jsonw_uint(&w, "leaver_hours", r->o->leaver_hours);
	jsonw_uint(&w, "vendor_ms", r->o->vendor_ms);
	jsonw_uint(&w, "gap_seconds", r->o->gap_s);
	jsonw_uint(&w, "quiet_days", r->o->quiet_days);
	jsonw_bool(&w, "hr_list", r->o->hr.p);
	jsonw_bool(&w, "asset_list", r->o->assets.p);
	jsonw_bool(&w, "vendor_log", r->o->vendor.p);
	jsonw_bool(&w, "segments_copied", !r->o->no_segments);
	jsonw_open(&w, "stages", '{');
	jsonw_uint(&w, "lines_read", r->proved_lines + r->held_back);
	jsonw_uint(&w, "lines_proved", r->proved_lines);
	jsonw_uint(&w, "audit_lines_parsed", r->lines - r->rejects);
	jsonw_uint(&w, "rejected", r->rejects);
	jsonw_uint(&w, "audit_lines_in_period", r->lines - r->rejects - r->outside);
	jsonw_uint(&w, "calls", r->calls);
	jsonw_close(&w, '}');
	jsonw_open(&w, "rows", '{');
	for (enum sheet s = 0; s < SHEETS; s++)
		jsonw_uint(&w, sheets[s].path, bundle_rows(r->b, s));
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	int e = jsonw_end(&w);
	put(r, "ipe/query.json", &b, e ? e : buf_puts(&b, "\n"));
}

static void run_facts(struct run *r)
{
	struct buf b = {0};
	struct jsonw w = jsonw_on(&b);
	struct utsname u = {0};

	uname(&u);
	jsonw_open(&w, NULL, '{');
	jsonw_wall(&w, "at", wall_now());
	jsonw_str(&w, "command", r->o->command);
	jsonw_str(&w, "operator", r->o->operator);
	jsonw_str(&w, "machine", u.nodename);
	jsonw_str(&w, "store", r->o->store);
	jsonw_close(&w, '}');
	if (jsonw_end(&w) || buf_puts(&b, "\n"))
		bundle_fail(r->b, -ENOMEM, "ipe/run.json");
	else
		bundle_put_apart(r->b, "ipe/run.json", buf_view(&b), 0644);
	buf_free(&b);
}

static int file_line(struct buf *b, const struct bundle_file *f, bool last)
{
	int e = buf_printf(b, "{\"path\":\"%s\",\"sha256\":\"%s\",\"bytes\":%" PRIu64, f->path, f->sha256, f->bytes);

	if (!e && f->is_csv)
		e = buf_printf(b, ",\"rows\":%" PRIu64 ",\"first\":\"%s\",\"last\":\"%s\"", f->rows, f->first, f->last);
	return e ? e : buf_puts(b, last ? "}\n" : "},\n");
}

static void manifest(struct run *r)
{
	struct buf b = {0};
	uint8_t sig[SIGN_LEN], public[SIGN_PUBLIC];
	char pem[FILES_PEM];
	size_t n;
	const struct bundle_file *f = bundle_files(r->b, &n);
	int e = buf_printf(&b, "{\"callgate_bundle\":1,\"from\":\"%s\",\"to\":\"%s\",\"as_of\":\"%s\",\"files\":[\n", r->from, r->to, r->as_of);

	for (size_t i = 0; !e && i < n; i++)
		e = file_line(&b, &f[i], i + 1 == n);
	if (!e)
		e = buf_puts(&b, "]}\n");
	if (!e)
		bundle_put_apart(r->b, "MANIFEST.json", buf_view(&b), 0644);
	if (!e && r->o->seed) {
		e = sign_text(r->o->seed, buf_view(&b), sig);
		if (!e)
			e = sign_public(r->o->seed, public);
		if (!e) {
			files_pem(public, pem);
			bundle_put_apart(r->b, "MANIFEST.sig", view_of(sig, SIGN_LEN), 0644);
			bundle_put_apart(r->b, "signer.pem", view_str(pem), 0644);
		}
	}
	if (e)
		bundle_fail(r->b, e, "MANIFEST.json");
	buf_free(&b);
}

void manifest_write(struct run *r)
{
	struct buf b = {0};
	int e;

	collector_key(r);
	query(r);
	bundle_put(r->b, "verify.sh", view_of(manifest_verify_sh, (size_t)(manifest_verify_sh_end - manifest_verify_sh)));
	e = readme_text(r, &b);
	put(r, "README.md", &b, e);
	e = readme_html(r, &b);
	put(r, "README.html", &b, e);
	bundle_close_sheets(r->b);
	run_facts(r);
	manifest(r);
}
