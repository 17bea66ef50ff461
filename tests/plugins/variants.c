/* One source, many ways to fail: each build defines one of the names below. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "causeway/plugin.h"

#ifndef CREATE_FAILS
static char object;
#endif

static cw_status init(const cw_host* host) {
  const cw_host_log* log = (const cw_host_log*)host->get_extension(host, CW_EXT_HOST_LOG);
  log->write(host, CW_LOG_DEBUG, "init", 4);
#if defined(INIT_FAILS)
  return CW_ERROR_FAILED;
#elif defined(CRASHES)
  abort();
#elif defined(HANGS)
  for (;;)
    pause();
#elif defined(EXITS)
  _exit(0);
#endif
#ifndef INIT_FAILS
  return CW_OK;
#endif
}

static cw_status create(const cw_host* host, cw_instance** out) {
#ifdef LEAKS_THREADS
  /* It waits in libc, so that it outlives this library without a crash. */
  int (*const wait_for_ever)(void) = pause;
  void* (*start)(void*) = NULL;
  pthread_t thread;
  memcpy(&start, &wait_for_ever, sizeof start);
  if (pthread_create(&thread, NULL, start, NULL) != 0) return CW_ERROR_FAILED;
#endif
#ifdef LEAKS_DESCRIPTORS
  if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return CW_ERROR_FAILED;
#endif
  (void)host;
#ifdef CREATE_FAILS
  (void)out;
  return CW_ERROR_NO_MEMORY;
#else
  *out = (cw_instance*)(void*)&object;
  return CW_OK;
#endif
}
static void destroy(cw_instance* instance) { (void)instance; }

#ifdef RANKS_OUT_OF_RANGE
static cw_status rank_candidates(cw_instance* instance, const cw_decision* decision,
                                 const cw_array* candidates, const cw_mutable_array* ranks) {
  (void)instance, (void)decision, (void)candidates, (void)ranks; /* the zeros stay */
  return CW_OK;
}
#else
#define rank_candidates NULL
#endif

static cw_status score_pairs(cw_instance* instance, const cw_decision* decision, const cw_array* pairs,
                             const cw_mutable_array* scores) {
#ifdef INCONSISTENT
  static int64_t calls;
#endif
  uint32_t i;
  (void)instance, (void)decision, (void)pairs;
#ifdef INCONSISTENT
  ++calls;
#endif
#ifdef CRASHES_LATER
  if (decision->peer.size == 3 && memcmp(decision->peer.data, "bob", 3) == 0) {
    volatile int* nowhere = NULL;
    *nowhere = 1;
  }
#endif
#ifdef OVERRUNS
  while (decision->peer.size == 3 && memcmp(decision->peer.data, "bob", 3) == 0)
    pause();
#endif
#ifdef FAILS
  return CW_ERROR_FAILED;
#endif
  for (i = 0; i < scores->count; ++i) {
    cw_pair_score* score = (cw_pair_score*)(void*)((char*)scores->data + (size_t)i * scores->stride);
#if defined(SCORES_OUT_OF_RANGE)
    score->score = CW_MAX_SCORE + 1;
#elif defined(INCONSISTENT)
    score->score = calls;
#else
    score->score = 1;
#endif
  }
  return CW_OK;
}

static const cw_priority priority = {sizeof(cw_priority), 0, rank_candidates, score_pairs};

static const void* get_extension(const char* id) {
#ifdef NO_EXTENSION
  (void)id, (void)priority;
  return NULL;
#else
  return strcmp(id, CW_EXT_PRIORITY) == 0 ? &priority : NULL;
#endif
}

#if defined(TOO_NEW)
#define ABI CW_ABI_MAKE(2, 3)
#elif defined(TOO_OLD)
#define ABI CW_ABI_MAKE(0, 9)
#else
#define ABI CW_ABI_VERSION
#endif
#ifdef NEEDS_NEWER_HOST
#define LOWEST CW_ABI_MAKE(1, 9)
#else
#define LOWEST CW_ABI_MAKE(1, 0)
#endif
#if defined(BAD_KIND)
#define KIND 77u
#else
#define KIND CW_KIND_PRIORITY
#endif
#ifdef BAD_ID
#define ID "../Etc"
#else
#ifndef ID
#define ID "variant"
#endif
#endif
#ifdef SHORT_ENTRY
#define SIZE 40
#else
#define SIZE sizeof(cw_entry)
#endif
#ifdef NO_CREATE
#define CREATE NULL
#else
#define CREATE create
#endif
#ifdef NO_SYMBOL
#define cw_plugin_entry another_name
#endif

CW_EXPORT const cw_entry cw_plugin_entry = {
    SIZE, ABI,  LOWEST, KIND, CW_STRING(ID), CW_STRING("Variant"), CW_STRING("0.1"), CW_STRING("refused"),
    init, NULL, CREATE, NULL, destroy,       get_extension};
#ifdef NO_CREATE
cw_status (*causeway_unused)(const cw_host*, cw_instance**) = create;
#endif
