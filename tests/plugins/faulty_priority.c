/* A priority plugin that passes the daemon's own check and breaks the contract in a way that only
 * `causeway plugin check` finds; each build defines one of the names below. NONE of them: it is in order. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "causeway/plugin.h"

struct cw_instance {
  char* memory;
};

#ifdef STARTS_THREAD
static void* idle(void* nothing) {
  for (;;)
    pause();
  return nothing;
}
#endif

static cw_status create(const cw_host* host, cw_instance** out) {
  cw_instance* made = (cw_instance*)calloc(1, sizeof *made);
  (void)host;
  made->memory = (char*)malloc(100);
#ifdef LEAKS_DESCRIPTORS
  if (open("/dev/null", O_RDONLY) < 0) return CW_ERROR_FAILED;
#endif
#ifdef STARTS_THREAD
  {
    pthread_t thread;
    pthread_create(&thread, NULL, idle, NULL);
  }
#endif
  *out = made;
  return CW_OK;
}

static void destroy(cw_instance* instance) {
#ifndef LEAKS_MEMORY
  free(instance->memory);
#endif
  free(instance);
}

static cw_status score_pairs(cw_instance* instance, const cw_decision* decision, const cw_array* pairs,
                             const cw_mutable_array* scores) {
  uint32_t i;
  (void)instance, (void)decision;
#ifdef HANGS_ON_MANY
  while (pairs->count > 12)
    usleep(1000);
#endif
#ifdef SLOW_ON_MANY
  if (pairs->count > 12) usleep(60000);
#endif
#ifdef EXITS_ON_MANY
  if (pairs->count > 12) exit(3);
#endif
#ifdef FAILS_ON_NONE
  if (pairs->count == 0) return CW_ERROR_FAILED;
#endif
  for (i = 0; i < pairs->count; ++i) {
#ifdef BY_SIZEOF
    const cw_pair_view* pair = (const cw_pair_view*)pairs->data + i;
#else
    const cw_pair_view* pair =
        (const cw_pair_view*)(const void*)((const char*)pairs->data + (size_t)i * pairs->stride);
#endif
    cw_pair_score* score = (cw_pair_score*)(void*)((char*)scores->data + (size_t)i * scores->stride);
#ifdef WHOLE_STRUCT
    memset(score, 0, scores->stride);
#endif
    score->score = pair->id % 1000;
#ifdef USES_UNKNOWN
    if (pair->statistics != NULL) score->score = (pair->statistics->rtt_ns / 1000000) % CW_MAX_SCORE;
#endif
#ifdef NO_STATISTICS
    score->score = pair->statistics->probes % 1000;
#endif
#ifdef USES_ADDRESSES
    score->score = (int64_t)((size_t)instance / 16 % 1000);
#endif
#ifdef BEYOND_END
    score->score += ((const char*)pairs->data)[(size_t)pairs->count * pairs->stride] & 1;
#endif
#ifdef TEXT_WITH_ZERO
    score->score +=
        (int64_t)strlen(pair->local->foundation.data == NULL ? "" : pair->local->foundation.data) % 2;
#endif
#ifdef WRITES_VIEWS
    ((cw_pair_view*)(void*)(size_t)pair)->reserved = 1;
#endif
#ifdef RANGE_WITH_EXTREMES
    if (pair->statistics != NULL && (pair->statistics->known & CW_KNOWN_LOSS) != 0)
      score->score = -(int64_t)(pair->statistics->loss_ppm / 1000000);
#endif
#ifdef LONG_REASON
    score->reason_size = 161;
#endif
  }
  return CW_OK;
}

static const cw_priority priority = {sizeof(cw_priority), 0, NULL, score_pairs};

static const void* get_extension(const char* id) {
#ifdef ANSWERS_EVERYTHING
  (void)id;
  return &priority;
#else
  return strcmp(id, CW_EXT_PRIORITY) == 0 ? &priority : NULL;
#endif
}

CW_EXPORT const cw_entry cw_plugin_entry = {sizeof(cw_entry),
                                            CW_ABI_VERSION,
                                            CW_ABI_VERSION,
                                            CW_KIND_PRIORITY,
                                            CW_STRING(ID),
                                            CW_STRING("Faulty"),
                                            CW_STRING("0.1"),
                                            CW_STRING(""),
                                            NULL,
                                            NULL,
                                            create,
                                            NULL,
                                            destroy,
                                            get_extension};
