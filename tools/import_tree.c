/* import_tree.c - see import.h. */
#include <stdarg.h>
#include <stdio.h>

#include "tools/import.h"
#include "tools/tools.h"

enum { DEPTH = 32 };

void import_bad(struct import *m, const yaml_node_t *at, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	m->errors++;
	for (size_t i = 0; at && i < m->n_said; i++)
		if (m->said[i] == at->start_mark.index)
			return;
	if (at && m->n_said < IMPORT_SAID)
		m->said[m->n_said++] = at->start_mark.index;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tool_clean(text);
	fprintf(stderr, "%s:%zu:%zu: %s\n", m->file, at ? at->start_mark.line + 1 : 1, at ? at->start_mark.column + 1 : 1, text);
}

/* ---- the tree ---- */

struct view import_text(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? view_of(n->data.scalar.value, n->data.scalar.length) : view_of(NULL, 0);
}

bool import_is(const yaml_node_t *n, const char *s)
{
	return n && n->type == YAML_SCALAR_NODE && view_is(import_text(n), s);
}

yaml_node_t *import_node(struct import *m, int id)
{
	return yaml_document_get_node(&m->doc, id);
}

yaml_node_t *import_member(struct import *m, const yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++)
		if (import_is(import_node(m, p->key), key))
			return import_node(m, p->value);
	return NULL;
}

/* Only these keys, each once: a file of a later version would lose its protections silently. */
void import_known(struct import *m, const yaml_node_t *map, const char *what, const char *const *keys)
{
	if (!map || map->type != YAML_MAPPING_NODE) {
		import_bad(m, map, "%s must be a mapping", what);
		return;
	}
	for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		struct view k = import_text(import_node(m, p->key));
		bool found = !keys;
		for (const char *const *w = keys; w && *w; w++)
			found = found || view_is(k, *w);
		if (!found)
			import_bad(m, import_node(m, p->key), "%s has no \"%.*s\" here: it cannot be imported", what, (int)(k.n < 64 ? k.n : 64), (const char *)k.p);
		for (const yaml_node_pair_t *q = map->data.mapping.pairs.start; q < p; q++)
			if (view_eq(k, import_text(import_node(m, q->key)))) {
				import_bad(m, import_node(m, p->key), "%s has \"%.*s\" twice", what, (int)(k.n < 64 ? k.n : 64), (const char *)k.p);
				break;
			}
	}
}

bool import_seq(const yaml_node_t *n)
{
	return n && n->type == YAML_SEQUENCE_NODE;
}

/* ---- values ---- */

/* A number as JSON writes it: nothing is converted, so no digit is lost. */
static bool json_number(struct view v)
{
	size_t i = 0, d;

	i += i < v.n && v.p[i] == '-';
	d = i;
	while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
		i++;
	if (i == d || (v.p[d] == '0' && i - d > 1))
		return false;
	if (i < v.n && v.p[i] == '.') {
		d = ++i;
		while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
			i++;
		if (i == d)
			return false;
	}
	if (i < v.n && (v.p[i] | 0x20) == 'e') {
		i++;
		i += i < v.n && (v.p[i] == '-' || v.p[i] == '+');
		d = i;
		while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
			i++;
		if (i == d)
			return false;
	}
	return i == v.n;
}

/* Plain text that some reader of YAML takes for something else than text: nobody can tell what was meant. */
static bool ambiguous(struct view v)
{
	static const char *const words[] = {"y", "n", "yes", "no", "on", "off", ".inf", "-.inf", ".nan", "+.inf"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (view_ieq(v, view_str(words[i])))
			return true;
	return v.n && ((v.p[0] >= '0' && v.p[0] <= '9') || ((v.p[0] == '+' || v.p[0] == '-' || v.p[0] == '.') && v.n > 1 && v.p[1] >= '0' && v.p[1] <= '9'));
}

static void scalar(struct import *m, const yaml_node_t *n, const char *key)
{
	struct view v = import_text(n);

	if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		jsonw_text(&m->w, key, v);
	else if (view_is(v, "true") || view_is(v, "false") || view_is(v, "True") || view_is(v, "False") || view_is(v, "TRUE") || view_is(v, "FALSE"))
		jsonw_bool(&m->w, key, (v.p[0] | 0x20) == 't');
	else if (!v.n || view_is(v, "null") || view_is(v, "~") || view_is(v, "Null") || view_is(v, "NULL"))
		jsonw_null(&m->w, key);
	else if (json_number(v))
		jsonw_raw(&m->w, key, v);
	else if (ambiguous(v))
		import_bad(m, n, "\"%.*s\" means different things to different readers of YAML: put it in quotes, or write a plain number", (int)(v.n < 64 ? v.n : 64), (const char *)v.p);
	else
		jsonw_text(&m->w, key, v);
}

void import_value(struct import *m, const yaml_node_t *n, const char *key, unsigned depth)
{
	char name[IMPORT_NAME];

	if (!n || depth == DEPTH || m->w.err) {
		import_bad(m, n, "a value is missing, or too deep");
	} else if (n->type == YAML_SCALAR_NODE) {
		scalar(m, n, key);
	} else if (n->type == YAML_SEQUENCE_NODE) {
		jsonw_open(&m->w, key, '[');
		for (const yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
			import_value(m, import_node(m, *i), NULL, depth + 1);
		jsonw_close(&m->w, ']');
	} else {
		jsonw_open(&m->w, key, '{');
		for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
			struct view k = import_text(import_node(m, p->key));
			if (!k.n || k.n >= sizeof(name) || memchr(k.p, 0, k.n)) {
				import_bad(m, import_node(m, p->key), "a key is no text, or too long");
				continue;
			}
			snprintf(name, sizeof(name), "%.*s", (int)k.n, (const char *)k.p);
			import_value(m, import_node(m, p->value), name, depth + 1);
		}
		jsonw_close(&m->w, '}');
	}
}
