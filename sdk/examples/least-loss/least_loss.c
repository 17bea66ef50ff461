/*
 * least-loss: the path that loses least wins; among equals, the one that answers soonest. Plain C11, without
 * the C++ wrapper: what that does for a plugin is done by hand here.
 */
#include <causeway/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cw_instance {
  const cw_host* host; /* valid until destroy() returns */
};

/* A sized struct, as much of it as both sides know; what the host does not have reads as zero. */
static void read_sized(void* into, size_t own_size, const void* given) {
  uint32_t size = 0;
  memset(into, 0, own_size);
  if (given == NULL) return;
  memcpy(&size, given, sizeof size);
  memcpy(into, given, size < own_size ? size : own_size);
}

/* 800,000 points for no loss, 0 for 20 % and more; up to 200,000 for a short way. */
static int64_t score_of(const cw_statistics* measured) {
  int64_t score = 0;
  int64_t rtt_ms = 0;
  if ((measured->known & CW_KNOWN_LOSS) == 0) return CW_MAX_SCORE / 2;
  if (measured->loss_ppm < 200000) score += 800000 - 4 * (int64_t)measured->loss_ppm;
  if ((measured->known & CW_KNOWN_RTT) != 0) {
    rtt_ms = measured->rtt_ns / 1000000;
    if (rtt_ms < 1000) score += 200000 - 200 * rtt_ms;
  }
  return score;
}

static cw_status score_pairs(cw_instance* instance, const cw_decision* decision, const cw_array* pairs,
                             const cw_mutable_array* scores) {
  uint32_t i = 0;
  (void)instance;
  (void)decision;
  if (pairs->count != scores->count) return CW_ERROR_INVALID_ARGUMENT;
  for (i = 0; i < pairs->count; ++i) {
    /* By stride, never by sizeof: a later host's structs are longer. */
    const void* at = (const char*)pairs->data + (size_t)i * pairs->stride;
    cw_pair_score* out = (cw_pair_score*)(void*)((char*)scores->data + (size_t)i * scores->stride);
    cw_pair_view pair;
    cw_statistics measured;
    char reason[CW_MIN_REASON_CAPACITY]; /* what every host has room for */
    int length = 0;
    read_sized(&pair, sizeof pair, at);
    read_sized(&measured, sizeof measured, pair.statistics);
    out->score = score_of(&measured);
    if ((measured.known & CW_KNOWN_LOSS) != 0) {
      length = snprintf(reason, sizeof reason, "%u.%u %% lost", (unsigned)(measured.loss_ppm / 10000),
                        (unsigned)(measured.loss_ppm / 1000 % 10));
    } else {
      length = snprintf(reason, sizeof reason, "not measured yet");
    }
    if (length > 0 && (uint32_t)length <= out->reason_capacity) {
      memcpy(out->reason, reason, (size_t)length);
      out->reason_size = (uint32_t)length;
    }
  }
  return CW_OK;
}

/* rank_candidates is NULL: that is left to the next plugin of the stack. */
static const cw_priority priority = {sizeof(cw_priority), 0, NULL, score_pairs};

static cw_status create(const cw_host* host, cw_instance** out) {
  cw_instance* made = (cw_instance*)calloc(1, sizeof *made);
  if (made == NULL) return CW_ERROR_NO_MEMORY;
  made->host = host;
  *out = made;
  return CW_OK;
}

static void destroy(cw_instance* instance) { free(instance); }

static const void* get_extension(const char* id) {
  return strcmp(id, CW_EXT_PRIORITY) == 0 ? &priority : NULL;
}

CW_EXPORT const cw_entry cw_plugin_entry = {sizeof(cw_entry),
                                            CW_ABI_VERSION,
                                            CW_ABI_VERSION,
                                            CW_KIND_PRIORITY,
                                            CW_STRING("least-loss"),
                                            CW_STRING("Least loss"),
                                            CW_STRING("1.0.0"),
                                            CW_STRING("The path that loses least, then the shortest"),
                                            NULL,
                                            NULL,
                                            create,
                                            NULL,
                                            destroy,
                                            get_extension};
