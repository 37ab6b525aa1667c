/* For runner.c and trial.c: a pool of threads that hands out pieces of the units; the caller is worker 0. */

enum { MAX_THREADS = 256 };

typedef struct thread_pool thread_pool;

typedef struct {
  thread_pool *pool;
  int64_t worker;
} worker_start;

struct thread_pool {
  pthread_t handles[MAX_THREADS];
  worker_start starts[MAX_THREADS];
  pthread_mutex_t lock;
  pthread_cond_t wake;
  atomic_uint generation; /* of the work */
  atomic_int busy;        /* workers that have not finished this generation */
  atomic_int stop;
  int workers, spins;
  task_function task;
  const void *args;
  int64_t units, piece;
  atomic_llong next;
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static void do_pieces(thread_pool *pool, int64_t worker) {
  for (;;) {
    int64_t begin = atomic_fetch_add_explicit(&pool->next, pool->piece, memory_order_relaxed);
    if (begin >= pool->units) return;
    int64_t end = begin + pool->piece < pool->units ? begin + pool->piece : pool->units;
    pool->task(pool->args, begin, end, worker);
  }
}

static void *work(void *start) {
  thread_pool *pool = ((worker_start *)start)->pool;
  int64_t worker = ((worker_start *)start)->worker;
  unsigned seen = 0;
  for (;;) {
    for (int spin = 0; spin < pool->spins; spin++) {
      if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen) break;
      relax();
    }
    if (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen) {
      pthread_mutex_lock(&pool->lock);
      while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
      pthread_mutex_unlock(&pool->lock);
    }
    seen = atomic_load_explicit(&pool->generation, memory_order_acquire);
    if (atomic_load(&pool->stop)) return NULL;
    do_pieces(pool, worker);
    atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
  }
}

static void advance(thread_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

static void parallel_for(void *data, task_function task, const void *args, int64_t units) {
  thread_pool *pool = (thread_pool *)data;
  pool->task = task;
  pool->args = args;
  pool->units = units;
  pool->piece = units / ((int64_t)pool->workers * 4);
  if (pool->piece < 1) pool->piece = 1;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->busy, pool->workers - 1, memory_order_relaxed);
  advance(pool);
  do_pieces(pool, 0);
  for (int spin = 0; atomic_load_explicit(&pool->busy, memory_order_acquire) > 0; spin++) {
    if (spin < pool->spins) relax();
    else {
      struct timespec pause = {0, 20000};
      nanosleep(&pause, NULL);
    }
  }
}

static void start_pool(thread_pool *pool, int threads) {
  memset(pool, 0, sizeof *pool);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pool->workers = threads;
  /* Waiting in a loop pays only where every worker has a processor of its own. */
  pool->spins = sysconf(_SC_NPROCESSORS_ONLN) >= threads ? 20000 : 0;
  for (int i = 1; i < threads; i++) {
    pool->starts[i].pool = pool;
    pool->starts[i].worker = i;
    if (pthread_create(&pool->handles[i], NULL, work, &pool->starts[i]) != 0) fail("cannot start %d threads", threads);
  }
}

static void stop_pool(thread_pool *pool) {
  atomic_store(&pool->stop, 1);
  advance(pool);
  for (int i = 1; i < pool->workers; i++) pthread_join(pool->handles[i], NULL);
}
