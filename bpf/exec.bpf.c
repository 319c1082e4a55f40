/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * exec.bpf.c - who descends from whom, and what is executed.
 *
 * Every process, of whatever user (an administrator's agent may change no rules either), is entered at fork with the ids of
 * its ancestors at birth, so that a parent's death (a double fork, setsid, a daemon) does not cut it off from the agent it
 * comes from; a mark given later still finds it.
 * tp_btf (5.5), iter/task and iter/task_file (5.8).  Optional: without these programs only living parents are known (task.bpf.h), and the egress
 * hook sits at the root once a socket was labelled that is older than the gate.
 */
#include "bpf/lib/maps.bpf.h"
#include "bpf/lib/net.bpf.h"
#include "bpf/lib/task.bpf.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PF_KTHREAD 0x00200000
#define AF_INET 2
#define AF_INET6 10

/* Ancestors of a process as they live now. */
static __always_inline void by_parents(struct cg_proc *new, struct task_struct *leader)
{
	struct task_struct *t = leader;
	for (int i = 0; i < CG_ANCESTORS; i++) {
		t = t->real_parent;
		if (!t)
			break;
		t = t->group_leader;
		if (!t || t->tgid <= 1)
			break;
		new->ancestor[i] = task_id(t);
	}
}

/* A mark may have been given while the entry was being made: it is in the table now, so one of the two sees the other. */
static __always_inline void look_for_mark(__u32 tgid)
{
	struct cg_mark m;
	__u64 given = task_marks_given();
	barrier();
	struct cg_proc *p = bpf_map_lookup_elem(&cg_procs, &tgid);
	if (!p || p->mark.cls)
		return;
	if (task_mark_of(cg_proc_id(tgid, p->start_ns), &m) || task_mark_by_birth(p, &m))
		p->mark = m;
	else
		p->looked = given;
}

static __always_inline long enter(__u32 tgid, const struct cg_proc *new, __u64 flags)
{
	long r = bpf_map_update_elem(&cg_procs, &tgid, new, flags);
	if (r && flags != BPF_NOEXIST)
		count(CG_COUNT_PROC_FULL);
	if (!r && !new->mark.cls)
		look_for_mark(tgid);
	return r;
}

/* The parent here is the one that called fork, also under CLONE_PARENT. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(cg_fork, struct task_struct *parent, struct task_struct *child)
{
	struct cg_proc new = {};
	struct task_struct *leader = parent->group_leader;
	__u32 tgid = leader->tgid;
	if (child->pid != child->tgid || child->flags & PF_KTHREAD)
		return 0;
	struct cg_proc *p = bpf_map_lookup_elem(&cg_procs, &tgid);
	new.start_ns = child->start_boottime;
	new.ancestor[0] = task_id(leader);
	if (p && p->start_ns == leader->start_boottime) {
		new.mark = p->mark;
		for (int i = 1; i < CG_ANCESTORS; i++)
			new.ancestor[i] = p->ancestor[i - 1];
	} else {
		(void)task_mark(&new.mark);
		by_parents(&new, child);
		new.ancestor[0] = task_id(leader);
	}
	enter(child->tgid, &new, BPF_ANY);
	return 0;
}

static __always_inline void read_args(struct cg_exec *e, struct task_struct *t)
{
	struct mm_struct *mm = t->mm;
	if (!mm)
		return;
	unsigned long at = mm->arg_start;
	/* argv[0] lands here only to learn its length. */
	long n = bpf_probe_read_user_str(e->path, sizeof(e->path), (void *)at);
	if (n > 0 && n < CG_PATH)
		bpf_probe_read_user_str(e->script, sizeof(e->script), (void *)(at + n));
}

/* An exec that is not told would be an agent that is never recognised: callgated has it told when there is room (cg_again). */
static __always_inline void untold(__u32 tgid, __u32 yes)
{
	struct cg_proc *p = bpf_map_lookup_elem(&cg_procs, &tgid);
	if (p)
		p->mark.untold = yes;
}

/* ${bprm}: what the calling process has executed; NULL: a process that runs, whose words are left to the reader. */
static __always_inline void tell(struct task_struct *t, struct linux_binprm *bprm, __u32 uid, __u32 cls)
{
	struct cg_exec *e = bpf_ringbuf_reserve(&cg_execs, sizeof(*e), 0);
	if (!e) {
		count(CG_COUNT_EXEC_LOST);
		untold(t->tgid, 1);
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->tgid = t->tgid;
	e->ppid = t->real_parent->tgid;
	e->uid = uid;
	e->cls = cls;
	e->start_ns = t->group_leader->start_boottime;
	task_exe(&e->exe_ino, &e->exe_dev, t);
	if (bprm) {
		read_args(e, t);
		bpf_probe_read_kernel_str(e->path, sizeof(e->path), bprm->filename);
	}
	bpf_ringbuf_submit(e, 0);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(cg_exec, struct task_struct *t, pid_t old_pid, struct linux_binprm *bprm)
{
	struct cg_mark mark = {};
	__u32 uid = task_uid((__u32)bpf_get_current_uid_gid());
	__u32 tgid = t->tgid;
	(void)task_mark(&mark);
	if (!bpf_map_lookup_elem(&cg_procs, &tgid)) {
		struct cg_proc new = {.start_ns = t->group_leader->start_boottime, .mark = mark};
		by_parents(&new, t->group_leader);
		enter(tgid, &new, BPF_NOEXIST);
	}
	tell(t, bprm, uid, mark.cls);
	return 0;
}

/* The last thread is leaving. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(cg_exit, struct task_struct *t)
{
	if (t->signal->live.counter)
		return 0;
	struct task_struct *leader = t->group_leader;
	__u32 tgid = t->tgid;
	__u64 id = task_id(leader);
	bpf_map_delete_elem(&cg_procs, &tgid);
	bpf_map_delete_elem(&cg_marks, &id);
	return 0;
}

/* The agents among them are to be recognised: an agent may have been started long before the service was installed. */
static __always_inline void tell_old(struct task_struct *t)
{
	const struct cg_conf *conf = maps_conf();
	__u32 tgid = t->tgid, uid = task_uid_of(t, t->cred->uid.val);
	struct cg_proc *p = bpf_map_lookup_elem(&cg_procs, &tgid);
	if (conf && !(p && p->mark.cls) && (conf->scope == CG_SCOPE_ALL || task_user_governed(uid)))
		tell(t, NULL, uid, 0);
}

/* When the ring of execs was full: who is left over from that, children that run the same included. */
SEC("iter/task")
int cg_again(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	if (!t || t->pid != t->tgid || t->flags & PF_KTHREAD)
		return 0;
	__u32 tgid = t->tgid;
	struct cg_proc *p = bpf_map_lookup_elem(&cg_procs, &tgid);
	if (!p || !p->mark.untold)
		return 0;
	p->mark.untold = 0;
	tell(t, NULL, task_uid_of(t, t->cred->uid.val), p->mark.cls);
	return 0;
}

/* Once at setup, when the hooks above are in place: the processes that were there before. */
SEC("iter/task")
int cg_seed(struct bpf_iter__task *ctx)
{
	struct cg_proc new = {};
	struct task_struct *t = ctx->task;
	if (!t || t->pid != t->tgid || t->flags & PF_KTHREAD)
		return 0;
	new.start_ns = t->start_boottime;
	by_parents(&new, t);
	if (!enter(t->tgid, &new, BPF_NOEXIST))
		tell_old(t);
	return 0;
}

/* In an agent's tree, and not the service itself, which an agent may have started. */
static __always_inline bool agent_task(struct task_struct *t)
{
	struct cg_mark mark = {};
	const struct cg_conf *conf = maps_conf();
	if (!conf || !task_mark_leader(t->group_leader, &mark) || mark.cls != CG_CLASS_AGENT)
		return false;
	return !net_below(t->cgroups->dfl_cgrp, conf->own_cgroup);
}

/*
 * One byte of output for each socket that has a label and whose packets the egress hook does not see.  Read by callgated after it gave labels, so it is
 * of the files of processes, where it found the sockets; a walk through the map of labels is refused by some kernels.  What callgated cannot find is what a
 * thread alone has in a table of its own, which also outlives the first thread: of an agent, that gets its label here, and may send nowhere.
 */
SEC("iter/task_file")
int cg_unseen(struct bpf_iter__task_file *ctx)
{
	struct cg_label fresh = {.cls = CG_CLASS_AGENT};
	struct task_struct *t = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket = file ? bpf_sock_from_file(file) : NULL;
	struct sock *sk = socket ? socket->sk : NULL;
	if (!t || !sk)
		return 0;
	struct cg_label *label = bpf_sk_storage_get(&cg_label, sk, 0, 0);
	__u16 family = sk->__sk_common.skc_family;
	char one = 1;
	if (!label && t->pid != t->tgid && (family == AF_INET || family == AF_INET6) && agent_task(t))
		label = bpf_sk_storage_get(&cg_label, sk, &fresh, BPF_SK_STORAGE_GET_F_CREATE);
	if (label && !net_sees(sk->sk_cgrp_data.cgroup))
		bpf_seq_write(ctx->meta->seq, &one, sizeof(one));
	return 0;
}
