#ifndef CAUSEWAY_HOST_H
#define CAUSEWAY_HOST_H

/*
 * What the host lends to a plugin: a table of named services. With them a plugin needs no thread, socket or
 * clock of its own, and can be tested without any.
 *
 * Thread tags are guarantees of non-concurrency, not names of OS threads (docs/plugin-abi.md):
 *  [control-thread]  the host's decisions. No other call into this plugin runs meanwhile.
 *  [plugin-thread]   one call into this instance at a time.
 *  [thread-safe]     at any time, from any thread.
 */

#include "types.h"
#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One per instance (and one for init). Valid from create until destroy returns. */
typedef struct cw_host {
  uint32_t struct_size;
  uint32_t abi_version; /* CW_ABI_VERSION of the host */
  void* host_data;      /* the host's own; a plugin leaves it alone */

  /* The table of an extension, or NULL if this host has none of that id. `id` is a terminated ASCII literal.
   * The table lives as long as the host object. [thread-safe] */
  const void* (*get_extension)(const struct cw_host* host, const char* id);
} cw_host;

/* ---- log ---- */
#define CW_EXT_HOST_LOG "causeway.host.log/1"
#define CW_LOG_DEBUG 0
#define CW_LOG_INFO 1
#define CW_LOG_WARNING 2
#define CW_LOG_ERROR 3

typedef struct cw_host_log {
  uint32_t struct_size;
  uint32_t reserved;
  /* One line under the plugin's name. Control bytes are replaced, text beyond 1,024 bytes is cut. Cannot
   * fail. `text` is copied. [thread-safe] */
  void (*write)(const cw_host* host, int32_t level, const char* text, uint64_t size);
} cw_host_log;

/* ---- clock ---- */
#define CW_EXT_HOST_CLOCK "causeway.host.clock/1"

typedef struct cw_host_clock {
  uint32_t struct_size;
  uint32_t reserved;
  /* The moment of the event being handled: the same through one call into the plugin. Cannot fail.
   * [plugin-thread] */
  void (*now)(const cw_host* host, cw_now* out);
} cw_host_clock;

/* ---- random ---- */
#define CW_EXT_HOST_RANDOM "causeway.host.random/1"

typedef struct cw_host_random {
  uint32_t struct_size;
  uint32_t reserved;
  /* Unpredictable bytes from the host's seeded source: a simulation replays them. Cannot fail.
   * [plugin-thread] */
  void (*fill)(const cw_host* host, uint8_t* bytes, uint64_t size);
} cw_host_random;

/* ---- timers ---- */
#define CW_EXT_HOST_TIMER "causeway.host.timer/1"
#define CW_MAX_TIMERS 64

typedef struct cw_host_timer {
  uint32_t struct_size;
  uint32_t reserved;
  /* Calls the kind's on_timer(timer) once, at `steady_ns` or soon after; replaces an earlier deadline of the
   * same `timer`, an id of the plugin's choice below CW_MAX_TIMERS (others: CW_ERROR_LIMIT). Gone with the
   * instance. [plugin-thread] */
  cw_status (*set)(const cw_host* host, uint32_t timer, int64_t steady_ns);
  /* No on_timer(timer) comes unless it is on its way already. Unknown ids are fine: CW_OK. [plugin-thread] */
  cw_status (*cancel)(const cw_host* host, uint32_t timer);
} cw_host_timer;

/* ---- UDP ---- */
#define CW_EXT_HOST_UDP "causeway.host.udp/1"
#define CW_MAX_DATAGRAM 1472

typedef struct cw_host_udp {
  uint32_t struct_size;
  uint32_t reserved;
  /* Sends `size` bytes (at most CW_MAX_DATAGRAM) from base `base`, the very port that peers use. CW_OK means
   * handed on, not delivered; CW_ERROR_LIMIT: too many are under way, count it as lost. What comes back from
   * `to` reaches on_datagram if it is STUN that belongs to no ICE check. `bytes` are copied. [plugin-thread]
   */
  cw_status (*send)(const cw_host* host, uint32_t base, const cw_address* to, const uint8_t* bytes,
                    uint64_t size);
} cw_host_udp;

/* ---- post ---- */
#define CW_EXT_HOST_POST "causeway.host.post/1"

typedef struct cw_host_post {
  uint32_t struct_size;
  uint32_t reserved;
  /* Runs `function(argument)` as a call of its own on the plugin thread, in order of posting, unless the
   * instance is destroyed first: then it never runs, so `argument` must belong to the instance.
   * CW_ERROR_LIMIT when 64 wait; CW_ERROR_WRONG_STATE before the instance is active, after drain, and for
   * priority plugins. [thread-safe] */
  cw_status (*post)(const cw_host* host, void (*function)(void* argument), void* argument);
} cw_host_post;

#ifdef __cplusplus
}
#endif

#endif
