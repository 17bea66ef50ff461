/* The smallest priority plugin, in C: the pair of the highest id wins, no wrapper, no library. */
#include <stdlib.h>
#include <string.h>

#include "causeway/plugin.h"

#ifndef ID
#define ID "plain-c"
#endif

struct cw_instance {
  uint64_t calls;
};

static cw_status create(const cw_host* host, cw_instance** out) {
  cw_instance* made = calloc(1, sizeof *made);
  (void)host;
  if (made == NULL) return CW_ERROR_NO_MEMORY;
  *out = made;
  return CW_OK;
}

static void destroy(cw_instance* instance) { free(instance); }

static cw_status score_pairs(cw_instance* instance, const cw_decision* decision, const cw_array* pairs,
                             const cw_mutable_array* scores) {
  uint32_t i;
  (void)decision;
  ++instance->calls;
  for (i = 0; i < pairs->count; ++i) {
    const cw_pair_view* pair =
        (const cw_pair_view*)(const void*)((const char*)pairs->data + (size_t)i * pairs->stride);
    cw_pair_score* score = (cw_pair_score*)(void*)((char*)scores->data + (size_t)i * scores->stride);
    score->score = pair->id;
    memcpy(score->reason, "by id", 5);
    score->reason_size = 5;
  }
  return CW_OK;
}

static const cw_priority priority = {sizeof(cw_priority), 0, NULL, score_pairs};

static const void* get_extension(const char* id) {
  return strcmp(id, CW_EXT_PRIORITY) == 0 ? &priority : NULL;
}

CW_EXPORT const cw_entry cw_plugin_entry = {sizeof(cw_entry),
                                            CW_ABI_VERSION,
                                            CW_ABI_VERSION,
                                            CW_KIND_PRIORITY,
                                            CW_STRING(ID),
                                            CW_STRING("Plain C"),
                                            CW_STRING("0.1"),
                                            CW_STRING(""),
                                            NULL,
                                            NULL,
                                            create,
                                            NULL,
                                            destroy,
                                            get_extension};
