/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * task.bpf.h - what the calling task is: governed or not, of an agent tree or not, and what goes into the record.
 * Reads the task through BTF, without probe_read, so that lockdown has nothing to refuse.
 */
#ifndef CG_TASK_BPF_H
#define CG_TASK_BPF_H

#include "bpf/lib/maps.bpf.h"
#include <bpf/bpf_core_read.h>

enum { TASK_NS_DEPTH = 33, TASK_CGROUP_DEPTH = 16 };

static __always_inline bool task_mark_of(__u64 id, struct cg_mark *out)
{
	struct cg_mark *m = bpf_map_lookup_elem(&cg_marks, &id);
	if (!m)
		return false;
	*out = *m;
	return true;
}

static __always_inline __u64 task_id(struct task_struct *leader)
{
	return cg_proc_id(leader->tgid, leader->start_boottime);
}

/* Living parents, for processes older than our programs. */
static __always_inline bool task_mark_by_parents(struct task_struct *leader, struct cg_mark *out)
{
	struct task_struct *t = leader;
	for (int i = 0; i < CG_ANCESTORS; i++) {
		t = t->real_parent;
		if (!t)
			break;
		t = t->group_leader;
		if (!t || t->tgid <= 1)
			break;
		if (task_mark_of(task_id(t), out))
			return true;
	}
	return false;
}

/*
 * The uid to govern by: the real uid, or for a task inside a user namespace the owner of the outermost one.
 * Otherwise a user's subordinate uids would be a way out.
 */
static __always_inline __u32 task_uid_of(struct task_struct *t, __u32 real)
{
	struct user_namespace *ns = t->cred->user_ns;
	for (int i = 0; i < TASK_NS_DEPTH && ns; i++) {
		if (ns->level == 0)
			break;
		if (ns->level == 1)
			return ns->owner.val;
		ns = ns->parent;
	}
	return real;
}

__noinline __u32 task_uid(__u32 real)
{
	return task_uid_of(bpf_get_current_task_btf(), real);
}

static __always_inline bool task_user_governed(__u32 uid)
{
	return bpf_map_lookup_elem(&cg_users, &uid) != NULL;
}

/*
 * No entry, though its birth was watched: the table was full then.  Filling it is in the power of any user who may have many processes,
 * and must not be a way out of the tree.
 */
static __always_inline bool task_missed(struct task_struct *leader, struct cg_mark *out)
{
	const struct cg_conf *conf = maps_conf();
	if (!conf || !conf->watched_s || leader->start_boottime < conf->watched_s * 1000000000ull)
		return false;
	if (conf->scope != CG_SCOPE_ALL && !task_user_governed(task_uid_of(leader, leader->cred->uid.val)))
		return false;
	*out = (struct cg_mark){.cls = CG_CLASS_AGENT, .root = leader->tgid};
	return true;
}

static __always_inline __u64 task_marks_given(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&cg_given, &zero);
	return n ? *n : 0;
}

/* A mark of one of the process's ancestors at birth. */
static __always_inline bool task_mark_by_birth(const struct cg_proc *p, struct cg_mark *out)
{
	for (int i = 0; i < CG_ANCESTORS && p->ancestor[i]; i++)
		if (task_mark_of(p->ancestor[i], out))
			return true;
	return false;
}

/*
 * The agent tree that the process is in, if any.  Nearly every process is in none: that costs one look-up, unless a mark was given to anybody since it was
 * last found out.  The count is read before the marks are.
 */
static __always_inline bool task_mark_leader(struct task_struct *leader, struct cg_mark *out)
{
	__u32 tgid = leader->tgid;
	__u64 given = task_marks_given();
	barrier();
	struct cg_proc *p = bpf_map_lookup_elem(&cg_procs, &tgid);
	if (p && p->start_ns != leader->start_boottime)
		p = NULL;
	if (p && !p->mark.cls && p->looked == given)
		return false;
	if (task_mark_of(task_id(leader), out))
		return true;
	if (!p)
		return task_mark_by_parents(leader, out) || task_missed(leader, out);
	if (p->mark.cls) {
		*out = p->mark;
		return true;
	}
	if (task_mark_by_birth(p, out))
		return true;
	p->looked = given;
	return false;
}

/* The same of the calling process.  A global function: verified once, by itself. */
__noinline int task_mark(struct cg_mark *out)
{
	if (!out)
		return 0;
	return task_mark_leader(bpf_get_current_task_btf()->group_leader, out);
}

__noinline int task_in_service(__u64 own)
{
	if (!own)
		return false;
	for (int level = 0; level < TASK_CGROUP_DEPTH; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);
		if (id == own)
			return true;
		if (!id)
			break;
	}
	return false;
}

static __always_inline void task_audit(struct cg_flow *f, struct task_struct *t)
{
	f->loginuid = f->session = ~0u;
	if (bpf_core_field_exists(t->loginuid)) {
		f->loginuid = t->loginuid.val;
		f->session = t->sessionid;
	}
	if (f->loginuid == ~0u)
		f->flags |= CG_FLOW_NO_LOGINUID;
}

static __always_inline void task_exe(__u64 *ino, __u32 *dev, struct task_struct *t)
{
	struct mm_struct *mm = t->mm;
	*ino = 0;
	*dev = 0;
	if (!mm)
		return;
	struct file *exe = mm->exe_file;
	if (!exe)
		return;
	struct inode *inode = exe->f_inode;
	*ino = inode->i_ino;
	*dev = inode->i_sb->s_dev;
}

#endif
