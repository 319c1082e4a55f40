/* loader.c - see loader.h. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/list.h"
#include "gate/loader.h"

struct job {
	struct list node;
	int fd;
	struct loaded done;
};

struct loader {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t more;
	struct list todo, done;
	bool up, stop;
	int bell;
};

static void load(struct job *j)
{
	struct view v = {0};

	j->done.err = fd_map_sealed(j->fd, WORLD_FILE_MAX, &v);
	if (!j->done.err)
		j->done.err = world_load(v, j->done.why, sizeof(j->done.why), &j->done.world);
	fd_unmap(&v);
	fd_close(&j->fd);
}

static void *work(void *arg)
{
	struct loader *l = arg;
	const uint64_t one = 1;

	pthread_mutex_lock(&l->lock);
	l->up = true;
	pthread_cond_broadcast(&l->more);
	while (!l->stop) {
		if (list_empty(&l->todo)) {
			pthread_cond_wait(&l->more, &l->lock);
			continue;
		}
		struct job *j = LIST_ENTRY(l->todo.next, struct job, node);
		list_del(&j->node);
		pthread_mutex_unlock(&l->lock);
		load(j);
		pthread_mutex_lock(&l->lock);
		list_add_tail(&l->done, &j->node);
		(void)!write(l->bell, &one, sizeof(one)); /* it overflows after 2^64 worlds */
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int loader_new(struct loader **out)
{
	struct loader *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (!l)
		return -ENOMEM;
	list_init(&l->todo);
	list_init(&l->done);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->more, NULL);
	l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = l->bell < 0 ? -errno : -pthread_create(&l->thread, NULL, work, l);
	if (r) {
		fd_close(&l->bell);
		free(l);
		return r;
	}
	/* A thread begins with system calls of the C library's, which the sandbox to come does not know: it must be past them. */
	pthread_mutex_lock(&l->lock);
	while (!l->up)
		pthread_cond_wait(&l->more, &l->lock);
	pthread_mutex_unlock(&l->lock);
	*out = l;
	return 0;
}

static void drop(struct list *jobs)
{
	while (!list_empty(jobs)) {
		struct job *j = LIST_ENTRY(jobs->next, struct job, node);
		list_del(&j->node);
		fd_close(&j->fd);
		world_unref(&j->done.world);
		free(j);
	}
}

void loader_free(struct loader **lp)
{
	struct loader *l = *lp;

	*lp = NULL;
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	drop(&l->todo);
	drop(&l->done);
	fd_close(&l->bell);
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int loader_bell(const struct loader *l)
{
	return l->bell;
}

int loader_put(struct loader *l, int fd)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		fd_close(&fd);
		return -ENOMEM;
	}
	j->fd = fd;
	pthread_mutex_lock(&l->lock);
	list_add_tail(&l->todo, &j->node);
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
	return 0;
}

bool loader_take(struct loader *l, struct loaded *out)
{
	struct job *j = NULL;

	pthread_mutex_lock(&l->lock);
	if (!list_empty(&l->done)) {
		j = LIST_ENTRY(l->done.next, struct job, node);
		list_del(&j->node);
	}
	pthread_mutex_unlock(&l->lock);
	if (!j)
		return false;
	*out = j->done;
	free(j);
	return true;
}
