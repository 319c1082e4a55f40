/* describe.c - see describe.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "ident/describe.h"
#include "ident/proc.h"

/* A process that is in an agent tree.  One place per number: a newer process takes it. */
struct seen {
	uint64_t start_ns;
	uint32_t tgid;
	uint32_t label; /* 0: in a tree whose root this run of ident has not seen */
	uint8_t cls, strength;
	bool root; /* callgated was told */
};

struct describe {
	int procfs;
	uint64_t hz;
	const struct agents *agents;
	struct seen seen[DESCRIBE_SEEN];
};

struct hit {
	uint32_t label, cls, strength;
	bool root; /* the process itself looks like it */
};

struct describe *describe_new(int procfs, const struct agents *agents)
{
	struct describe *d = calloc(1, sizeof(*d));

	if (d) {
		d->procfs = procfs;
		d->agents = agents;
		d->hz = (uint64_t)sysconf(_SC_CLK_TCK);
	}
	return d;
}

void describe_free(struct describe **d)
{
	free(*d);
	*d = NULL;
}

/* ---- what one process looks like ---- */

/* The first arguments, NUL behind the last; the length without it. */
static size_t arguments(const struct proc *p, char out[AGENTS_ARGS + 1])
{
	int n = proc_args(p, out, AGENTS_ARGS);

	out[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

/* argv can be rewritten by the process itself, so what it names is believed a little, whoever owns the file. */
static struct hit look_script(const struct describe *d, const struct proc *p)
{
	char args[AGENTS_ARGS + 1], path[PATH_MAX];
	const char *script, *module;
	struct hit h = {0};
	size_t n = arguments(p, args);

	if (!n)
		return h;
	agents_script(args, n, &script, &module);
	if (module)
		h.label = agents_by_module(d->agents, module);
	if (script)
		h.label = agents_by_script(d->agents, script);
	h.strength = h.label ? IDENT_WEAK : IDENT_NONE;
	if (script && proc_resolve(p, d->procfs, script, path) == 0) {
		uint32_t real = agents_by_script(d->agents, path);
		if (real)
			h = (struct hit){.label = real, .strength = IDENT_MEDIUM};
	}
	h.cls = agents_class(d->agents, h.label);
	return h;
}

static struct hit look(const struct describe *d, const struct proc *p, char exe[PATH_MAX])
{
	bool deleted;
	enum agents_how how;
	struct hit h = {0};

	if (proc_exe(p, exe, &deleted))
		return h;
	h.label = agents_by_exe(d->agents, exe, &how);
	if (h.label) {
		h.cls = agents_class(d->agents, h.label);
		if (h.cls == CG_CLASS_EDITOR) {
			char args[AGENTS_ARGS + 1];
			h.cls = agents_role(d->agents, h.label, exe, args, arguments(p, args));
		}
		h.strength = !deleted && proc_root_owned(p, d->procfs, exe) ? IDENT_STRONG
			     : how == AGENTS_BY_PATH ? IDENT_MEDIUM : IDENT_WEAK;
		return h;
	}
	return agents_interpreter(exe) ? look_script(d, p) : h;
}

/* ---- what is remembered ---- */

static const struct seen *place_of(const struct describe *d, uint32_t tgid)
{
	return &d->seen[tgid % DESCRIBE_SEEN];
}

static struct seen *place(struct describe *d, uint32_t tgid)
{
	return &d->seen[tgid % DESCRIBE_SEEN];
}

static struct hit remembered(struct describe *d, uint32_t tgid, uint64_t ticks)
{
	const struct seen *s = place(d, tgid);

	if (s->tgid != tgid || !s->cls || !proc_same_start(ticks, d->hz, s->start_ns))
		return (struct hit){0};
	return (struct hit){.label = s->label, .cls = s->cls, .strength = s->strength};
}

static void fill_mark(const struct describe *d, struct m_mark *m, uint32_t tgid, uint64_t start_ns, const struct hit *h)
{
	*m = (struct m_mark){.tgid = tgid, .agent_class = h->cls, .start_ns = start_ns, .agent = agents_tag(d->agents, h->label)};
	snprintf(m->label, sizeof(m->label), "%s", agents_name(d->agents, h->label));
}

/* True when callgated is to be told. */
static bool remember(struct describe *d, uint32_t tgid, uint64_t start_ns, const struct hit *h, bool root)
{
	struct seen *s = place(d, tgid);
	bool same = s->tgid == tgid && s->start_ns == start_ns;
	bool tell = root && !(same && s->root && s->label == h->label && s->cls == h->cls);

	*s = (struct seen){.tgid = tgid, .start_ns = start_ns, .label = h->label, .cls = (uint8_t)h->cls,
	    .strength = (uint8_t)h->strength, .root = root || (same && s->root)};
	return tell;
}

/* ---- the walk to the nearest agent ---- */

static struct hit ancestors(struct describe *d, uint32_t pid, uint64_t before)
{
	char exe[PATH_MAX];
	struct hit h = {0};

	for (int depth = 0; pid > 1 && depth < DESCRIBE_DEPTH && !h.cls; depth++) {
		struct proc p;
		struct proc_stat st;
		if (proc_open(d->procfs, pid, &p))
			break;
		/* A parent that started after its child is another process with the old number. */
		if (proc_stat(&p, &st) || st.start_ticks > before) {
			proc_close(&p);
			break;
		}
		h = look(d, &p, exe);
		if (!h.cls)
			h = remembered(d, pid, st.start_ticks);
		proc_close(&p);
		pid = st.ppid;
		before = st.start_ticks;
	}
	return h;
}

/* An editor that an agent started is no person's: it stays in the agent's tree. */
static struct hit unless_agent(struct describe *d, struct hit editor, uint32_t tgid, const struct proc_stat *st)
{
	struct hit up = remembered(d, tgid, st->start_ticks);

	if (up.cls != CG_CLASS_AGENT)
		up = ancestors(d, st->ppid, st->start_ticks);
	return up.cls == CG_CLASS_AGENT ? up : editor;
}

/* What it runs, when it is an interpreter: by its own arguments, the path without links where there is such a file. */
static void script_of(const struct describe *d, const struct proc *p, const char *exe, char out[PATH_LEN])
{
	char args[AGENTS_ARGS + 1], path[PATH_MAX];
	const char *script, *module;
	size_t n = agents_interpreter(exe) || agents_shell(exe) ? arguments(p, args) : 0;

	out[0] = 0;
	if (!n)
		return;
	agents_script(args, n, &script, &module);
	if (module)
		snprintf(path, sizeof(path), "-m %.240s", module);
	else if (!script)
		return;
	else if (proc_resolve(p, d->procfs, script, path))
		snprintf(path, sizeof(path), "%.*s", PATH_MAX - 1, script);
	proc_show(out, path, PATH_LEN);
}

/* "PID NAME", and 0x1f before all but the first. */
static size_t add_link(char out[PATH_LEN], size_t used, uint32_t pid, const char *exe)
{
	char item[NAME_LEN], safe[NAME_LEN];
	const char *slash = strrchr(exe, '/');

	snprintf(item, sizeof(item), "%s%u %.40s", used ? "\x1f" : "", pid, *exe ? slash ? slash + 1 : exe : "?");
	proc_show(safe, item + (used ? 1 : 0), sizeof(safe));
	size_t n = strlen(safe) + (used ? 1 : 0);
	if (used + n >= PATH_LEN)
		return used;
	snprintf(out + used, PATH_LEN - used, "%s%s", used ? "\x1f" : "", safe);
	return used + n;
}

/* From the process up to the root of its tree; where its parents have gone the root alone is named. */
static void chain_of(const struct describe *d, uint32_t pid, uint32_t root, char out[PATH_LEN])
{
	uint64_t before = UINT64_MAX;
	size_t used = 0;
	bool reached = false;

	out[0] = 0;
	for (int depth = 0; root && pid > 1 && depth < DESCRIBE_DEPTH && !reached; depth++) {
		char exe[PATH_MAX];
		bool deleted;
		struct proc p;
		struct proc_stat st;
		if (proc_open(d->procfs, pid, &p))
			break;
		int r = proc_stat(&p, &st);
		if (!r && st.start_ticks <= before) {
			if (proc_exe(&p, exe, &deleted))
				exe[0] = 0;
			used = add_link(out, used, pid, exe);
			reached = pid == root;
		}
		proc_close(&p);
		if (r || st.start_ticks > before)
			break;
		pid = st.ppid;
		before = st.start_ticks;
	}
	if (root && !reached)
		(void)add_link(out, used, root, "");
}

/* Facts of the process itself; those that cannot be had stay empty. */
static int facts(struct describe *d, const struct proc *p, const struct m_describe *q, struct m_described *out,
    struct proc_stat *st, struct hit *h)
{
	char exe[PATH_MAX], cgroup[PATH_MAX];
	int r = proc_stat(p, st);

	if (r || (q->start_ns && !proc_same_start(st->start_ticks, d->hz, q->start_ns)))
		return -ERR_NOT_FOUND;
	r = proc_uids(p, &out->uid, &out->loginuid);
	if (r)
		return -ERR_NOT_FOUND;
	int n = proc_groups(p, out->group, DESCRIBED_GROUPS);
	out->groups = n > 0 ? (uint32_t)n : 0;
	out->ppid = st->ppid;
	out->start_ns = q->start_ns ? q->start_ns : st->start_ticks * (1000000000u / d->hz);
	*h = look(d, p, exe);
	h->root = h->label != 0;
	proc_show(out->exe, exe, sizeof(out->exe));
	if (proc_cgroup(p, cgroup, sizeof(cgroup)) == 0) {
		proc_show(out->cgroup, cgroup, sizeof(out->cgroup));
		proc_unit(out->cgroup, out->unit, sizeof(out->unit));
		proc_container(cgroup, out->container, sizeof(out->container));
	}
	script_of(d, p, exe, out->script);
	proc_tty(st->tty, out->tty, sizeof(out->tty));
	chain_of(d, q->tgid, q->agent_root, out->chain);
	return 0;
}

bool describe(struct describe *d, const struct m_describe *q, struct m_described *out, struct m_mark *mark)
{
	struct proc p;
	struct proc_stat st;
	struct hit h = {0};
	bool tell = false;

	*out = (struct m_described){.status = -ERR_NOT_FOUND, .uid = ~0u, .loginuid = ~0u};
	if (q->tgid == 0 || proc_open(d->procfs, q->tgid, &p))
		return false;
	out->status = facts(d, &p, q, out, &st, &h);
	proc_close(&p);
	if (out->status)
		return false;
	if (h.cls == CG_CLASS_EDITOR)
		h = unless_agent(d, h, q->tgid, &st);
	if (h.root && q->start_ns) {
		tell = remember(d, q->tgid, q->start_ns, &h, true);
		if (tell)
			fill_mark(d, mark, q->tgid, q->start_ns, &h);
	}
	if (!h.cls)
		h = remembered(d, q->tgid, st.start_ticks);
	if (!h.cls)
		h = ancestors(d, st.ppid, st.start_ticks);
	/* Whose parents have gone: the kernel remembers. */
	if (!h.label && q->agent)
		h = (struct hit){.label = agents_by_tag(d->agents, q->agent), .cls = q->agent_class, .strength = IDENT_WEAK};
	out->agent_class = h.cls;
	out->strength = h.strength;
	snprintf(out->agent, sizeof(out->agent), "%s", agents_name(d->agents, h.label));
	return tell;
}

int describe_exe(const struct describe *d, const struct m_describe *q)
{
	struct proc p;
	struct proc_stat st;
	struct stat file;
	int fd = -ERR_NOT_FOUND;

	if (q->tgid == 0 || proc_open(d->procfs, q->tgid, &p))
		return fd;
	if (proc_stat(&p, &st) == 0 && (!q->start_ns || proc_same_start(st.start_ticks, d->hz, q->start_ns)))
		fd = proc_exe_open(&p);
	proc_close(&p);
	/* It may have become another program since it connected. */
	if (fd >= 0 && q->exe_ino && (fstat(fd, &file) < 0 || file.st_ino != q->exe_ino)) {
		close(fd);
		return -ERR_NOT_FOUND;
	}
	return fd;
}

/* ---- execs ---- */

/* By the event's own words, for a process that is gone before it could be looked at. */
static struct hit look_event(const struct describe *d, const struct cg_exec *e)
{
	enum agents_how how;
	struct hit h = {.label = agents_by_exe(d->agents, e->path, &how)};

	if (!h.label)
		h.label = agents_by_script(d->agents, e->path);
	if (!h.label && agents_interpreter(e->path))
		h.label = agents_by_script(d->agents, e->script);
	h.cls = agents_role(d->agents, h.label, e->path, e->script, strlen(e->script));
	h.strength = h.label ? IDENT_WEAK : IDENT_NONE;
	return h;
}

/* A process of a tree that the kernel knows, or whose parent is in one: it takes over the parent's label. */
static void inherit(struct describe *d, const struct cg_exec *e)
{
	const struct seen *s = place(d, e->ppid);
	struct hit h = {.cls = e->cls, .strength = e->cls ? IDENT_WEAK : IDENT_NONE};

	if (s->tgid == e->ppid && s->cls && s->start_ns <= e->start_ns)
		h = (struct hit){.label = s->label, .cls = s->cls, .strength = s->strength};
	s = place(d, e->tgid);
	if (s->tgid == e->tgid && s->start_ns == e->start_ns && s->cls)
		return; /* it was in a tree before this exec, and stays there */
	if (h.cls)
		(void)remember(d, e->tgid, e->start_ns, &h, false);
}

/* By what the kernel says, or by what was seen of the parent. */
static bool of_agent(struct describe *d, const struct cg_exec *e)
{
	const struct seen *s = place(d, e->ppid), *own = place(d, e->tgid);

	return e->cls == CG_CLASS_AGENT || (s->tgid == e->ppid && s->cls == CG_CLASS_AGENT && s->start_ns <= e->start_ns) ||
	       (own->tgid == e->tgid && own->start_ns == e->start_ns && own->cls == CG_CLASS_AGENT);
}

uint32_t describe_class(const struct describe *d, uint32_t tgid, uint64_t start_ns)
{
	const struct seen *s = place_of(d, tgid);
	return s->tgid == tgid && s->start_ns == start_ns ? s->cls : CG_CLASS_NONE;
}

void describe_untold(struct describe *d, uint32_t tgid, uint64_t start_ns)
{
	struct seen *s = place(d, tgid);
	if (s->tgid == tgid && s->start_ns == start_ns)
		s->root = false;
}

bool describe_glance(struct describe *d, const struct cg_exec *ev, struct m_mark *mark)
{
	struct cg_exec e = *ev;

	e.path[sizeof(e.path) - 1] = e.script[sizeof(e.script) - 1] = 0;
	if (e.tgid == 0)
		return false;
	struct hit h = look_event(d, &e);
	/* An editor may be in an agent's tree, which takes a look. */
	if (h.cls != CG_CLASS_AGENT || !remember(d, e.tgid, e.start_ns, &h, true))
		return false;
	fill_mark(d, mark, e.tgid, e.start_ns, &h);
	return true;
}

/*
 * Every exec of the machine passes here.  Root's own programs, of which a busy machine starts thousands, are looked at in /proc only
 * when their words alone make it likely; should root hide an agent behind another name, its living children are still found.
 */
static bool worth_a_look(const struct describe *d, const struct cg_exec *e)
{
	/* Without words it ran before it could be told. */
	return e->uid != 0 || e->cls || !e->path[0] || agents_interpreter(e->path) || look_event(d, e).label;
}

bool describe_exec(struct describe *d, const struct cg_exec *ev, struct m_mark *mark)
{
	char exe[PATH_MAX];
	struct cg_exec e = *ev;
	struct proc p;
	struct proc_stat st;
	struct hit h = {0};

	e.path[sizeof(e.path) - 1] = e.script[sizeof(e.script) - 1] = 0;
	if (e.tgid == 0)
		return false;
	if (worth_a_look(d, &e) && proc_open(d->procfs, e.tgid, &p) == 0) {
		if (proc_stat(&p, &st) == 0 && proc_same_start(st.start_ticks, d->hz, e.start_ns))
			h = look(d, &p, exe);
		proc_close(&p);
	}
	if (!h.label)
		h = look_event(d, &e);
	if (!h.label || (h.cls == CG_CLASS_EDITOR && of_agent(d, &e))) {
		inherit(d, &e);
		return false;
	}
	if (!remember(d, e.tgid, e.start_ns, &h, true))
		return false;
	fill_mark(d, mark, e.tgid, e.start_ns, &h);
	return true;
}
