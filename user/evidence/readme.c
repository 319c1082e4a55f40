/* readme.c - see readme.h.  One list of blocks, written twice: as Markdown and as HTML. */
#include <inttypes.h>
#include <stdio.h>

#include "evidence/readme.h"

enum how { MARKDOWN, HTML };

struct page {
	struct buf *out;
	enum how how;
	int err;
};

static void escaped(struct page *p, const char *s)
{
	for (; *s && !p->err; s++) {
		const char *e = *s == '&' ? "&amp;" : *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : NULL;
		p->err = p->how == HTML && e ? buf_puts(p->out, e) : buf_put(p->out, view_of(s, 1));
	}
}

static void raw(struct page *p, const char *s)
{
	if (!p->err)
		p->err = buf_puts(p->out, s);
}

static void heading(struct page *p, const char *s)
{
	raw(p, p->how == HTML ? "<h2>" : "\n## ");
	escaped(p, s);
	raw(p, p->how == HTML ? "</h2>\n" : "\n\n");
}

static void paragraph(struct page *p, const char *s)
{
	raw(p, p->how == HTML ? "<p>" : "");
	escaped(p, s);
	raw(p, p->how == HTML ? "</p>\n" : "\n\n");
}

static void table_begin(struct page *p, size_t n, const char *const cells[])
{
	raw(p, p->how == HTML ? "<table>\n<tr>" : "|");
	for (size_t i = 0; i < n; i++) {
		raw(p, p->how == HTML ? "<th>" : " ");
		escaped(p, cells[i]);
		raw(p, p->how == HTML ? "</th>" : " |");
	}
	raw(p, p->how == HTML ? "</tr>\n" : "\n|");
	for (size_t i = 0; p->how == MARKDOWN && i < n; i++)
		raw(p, "---|");
	raw(p, p->how == HTML ? "" : "\n");
}

static void table_row(struct page *p, size_t n, const char *const cells[])
{
	raw(p, p->how == HTML ? "<tr>" : "|");
	for (size_t i = 0; i < n; i++) {
		raw(p, p->how == HTML ? "<td>" : " ");
		escaped(p, cells[i]);
		raw(p, p->how == HTML ? "</td>" : " |");
	}
	raw(p, p->how == HTML ? "</tr>\n" : "\n");
}

static void table_end(struct page *p)
{
	raw(p, p->how == HTML ? "</table>\n" : "\n");
}

static void artefact_table(struct page *p, const struct run *r)
{
	static const char *const head[] = {"what is promised", "file", "rows"};

	table_begin(p, 3, head);
	for (size_t i = 0; i < ARTEFACTS; i++) {
		char file[256], n[64];
		const struct artefact_info *a = &artefacts[i];
		run_text(file, sizeof(file), "%s%s%s", sheets[a->sheet].path, a->also < SHEETS ? ", " : "", a->also < SHEETS ? sheets[a->also].path : "");
		if (a->also < SHEETS)
			run_text(n, sizeof(n), "%" PRIu64 ", %" PRIu64, bundle_rows(r->b, a->sheet), bundle_rows(r->b, a->also));
		else
			run_text(n, sizeof(n), "%" PRIu64, bundle_rows(r->b, a->sheet));
		table_row(p, 3, (const char *const[]){a->name, file, n});
	}
	table_end(p);
}

/* source: those that have one, or those that do not. */
static void sheet_table(struct page *p, const struct run *r, bool source)
{
	const char *head[] = {"file", "criterion", source ? "a row is" : "what would be in it", "rows"};

	table_begin(p, 4, head);
	for (enum sheet s = 0; s < SHEETS; s++) {
		char n[24];
		if ((sheets[s].row[0] != '-') != source)
			continue;
		run_text(n, sizeof(n), "%" PRIu64, bundle_rows(r->b, s));
		table_row(p, 4, (const char *const[]){sheets[s].path, *sheets[s].criterion == '-' ? "" : sheets[s].criterion, sheets[s].row + !source, n});
	}
	table_end(p);
}

static const char *const limits[][2] = {
    {"CC1 to CC5, CC9", "control environment, communication, risk assessment, monitoring of controls, vendors: nothing here; a proxy does not see them"},
    {"CC6.1", "servers, tools and agents that were called through the gate. MCP over stdio, and software that does not speak MCP, are not seen"},
    {"CC6.2", "who is named as requester and approver of a grant is what was typed in or came from a ticket; the ticket system has the approval itself"},
    {"CC6.3", "who left or moved is known from the HR list that was given to the export; without one the file has no row"},
    {"CC6.4, CC6.5", "physical access, disposal of equipment: nothing here"},
    {"CC6.6", "hours in which a machine was off or asleep cannot be told from hours in which it ran without Callgate and without network, other than by the boot it came back with"},
    {"CC6.7, CC6.8", "transmission and removable media outside of MCP, malware: nothing here"},
    {"CC7.1", "vulnerability management: nothing here"},
    {"CC7.2", "denials and alerts; whether somebody looked at them is in no record yet"},
    {"CC7.3, CC7.4, CC7.5", "triage, incidents, recovery: the files are there with their header only; no record of Callgate is their source"},
    {"CC8.1", "which policy was in force and who applied it; that tests were run before is not recorded. A version counts as approved when it names an approver who is another person, or a ticket"},
    {"arguments of calls", "only the names of arguments are recorded, never values; nor is what a server answered"},
    {"root", "whoever is root on a workstation can suppress records from then on until the next checkpoint is collected. Tamper-evident, never tamper-proof"},
};

static void body(struct page *p, struct run *r)
{
	char text[600];

	run_text(text, sizeof(text), "From %s up to, and without, %s; as of %s. %zu hosts, %" PRIu64 " calls, %" PRIu64 " lines that a seal proves, %" PRIu64
	    " lines that were read and are not proved. Times are UTC.", r->from, r->to, r->as_of, r->hosts.n, r->calls, r->proved_lines, r->held_back);
	paragraph(p, text);
	paragraph(p, "findings.csv lists what was found wrong or missing, with the file that shows it. Start there.");
	heading(p, "Check it");
	paragraph(p, "sh verify.sh --key SIGNER.pem checks the signature of MANIFEST.json, the hash and rows of each file, that no file was added, the segments' names, numbers and lines, "
	    "that call_log.csv has exactly their calls, the seals that checkpoints name, and the signatures of checkpoints and receipts. It needs sha256sum, openssl, zcat and the usual shell tools. "
	    "Get SIGNER.pem from another place than this bundle: signer.pem beside it proves only that the bundle is whole. callgate evidence verify does the same and computes the hash chain of every line.");
	heading(p, "What is promised");
	artefact_table(p, r);
	heading(p, "Files");
	paragraph(p, "All tables are CSV (RFC 4180) in UTF-8 with a header. A text stands as JSON writes it, without the quotes; one that begins with =, +, - or @ has a ' in front. "
	    "Each row comes from lines that a seal proves: segment_file, member_offset, line_offset and seal_seq say where. tail -c +$((member_offset + 1)) FILE | zcat | tail -c +$((line_offset + 1)) | head -n 1 prints the line.");
	sheet_table(p, r, true);
	heading(p, "Files without a source");
	paragraph(p, "No record that Callgate writes is the source of these yet. They have their header and no row, and count for nothing.");
	sheet_table(p, r, false);
	heading(p, "How it was made");
	paragraph(p, "ipe/query.json has the parameters and the counts at each stage: lines read, proved, parsed, in the period, rows written. ipe/run.json has when, where and by whom; it is the only file "
	    "that another export of the same store would not repeat, and the manifest does not name it. completeness/ tells what is missing, integrity/ has public keys, checkpoints and receipts, "
	    "policies/ the policy texts by their SHA-256, segments/ the records themselves.");
	heading(p, "What this cannot show");
	table_begin(p, 2, (const char *const[]){"of", "limit"});
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		table_row(p, 2, limits[i]);
	table_end(p);
}

int readme_text(struct run *r, struct buf *out)
{
	struct page p = {.out = out, .how = MARKDOWN};

	raw(&p, "# Evidence of Callgate\n\n");
	body(&p, r);
	return p.err;
}

int readme_html(struct run *r, struct buf *out)
{
	struct page p = {.out = out, .how = HTML};

	raw(&p, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Evidence of Callgate</title>\n"
	    "<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;display:block;overflow-x:auto}"
	    "td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}</style>\n<h1>Evidence of Callgate</h1>\n");
	body(&p, r);
	raw(&p, "</html>\n");
	return p.err;
}
