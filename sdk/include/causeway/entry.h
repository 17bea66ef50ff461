#ifndef CAUSEWAY_ENTRY_H
#define CAUSEWAY_ENTRY_H

/*
 * The one symbol of a plugin: a constant table named cw_plugin_entry. Everything else stays hidden.
 *
 *   CW_EXPORT const cw_entry cw_plugin_entry = { sizeof(cw_entry), CW_ABI_VERSION, CW_ABI_VERSION,
 * CW_KIND_PRIORITY, CW_STRING("priority-mine"), ... };
 *
 * Life:  (probe, in a process of its own) → init → create → self-check → calls … → drain → destroy → deinit →
 * unmapped A host may create several instances of one library. After destroy returns, no frame of that
 * instance is on any stack.
 */

#include "host.h"
#include "types.h"
#include "version.h"

#if defined(__GNUC__)
#define CW_EXPORT_ATTRIBUTE __attribute__((visibility("default"), used))
#else
#define CW_EXPORT_ATTRIBUTE
#endif
#ifdef __cplusplus
#define CW_EXPORT extern "C" CW_EXPORT_ATTRIBUTE
#else
#define CW_EXPORT CW_EXPORT_ATTRIBUTE
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CW_KIND_PRIORITY 1u         /* must offer CW_EXT_PRIORITY */
#define CW_KIND_CANDIDATE_SOURCE 2u /* must offer CW_EXT_CANDIDATE_SOURCE */
#define CW_KIND_TRANSPORT 3u        /* must offer CW_EXT_TRANSPORT */

typedef struct cw_entry {
  uint32_t struct_size;
  uint32_t abi_version;     /* CW_ABI_VERSION the plugin was built with */
  uint32_t lowest_host_abi; /* the oldest host it works with; at most abi_version */
  uint32_t kind;            /* CW_KIND_… */

  /* Static storage, valid while the library is mapped. */
  cw_string id;          /* the name it is used by: a-z, 0-9 and '-', 1 to 64 bytes */
  cw_string name;        /* for people, at most 128 bytes */
  cw_string version;     /* of the plugin, "1.2.0", at most 32 bytes */
  cw_string description; /* one line, at most 512 bytes; may be empty */

  /* Once after mapping, before anything else. `host` is good for log alone and only for this call. A failure
   * refuses the plugin, then deinit is not called. May be NULL. [control-thread & !active] */
  cw_status (*init)(const cw_host* host);
  /* Once before unmapping, when every instance is destroyed. Afterwards the library must hold no thread, no
   * registration and no memory. May be NULL. [plugin-thread & !active] */
  void (*deinit)(void);

  /* Makes an instance. `host` belongs to the host and is valid until destroy returns. On failure *out stays
   * untouched and nothing is leaked. [control-thread & !active] */
  cw_status (*create)(const cw_host* host, cw_instance** out);
  /* The last useful moment of an instance: what it sends here, to give back what others hold for it, still
   * goes out; nothing else it asks for is done. Afterwards host services return CW_ERROR_WRONG_STATE and only
   * destroy follows. May be NULL. [plugin-thread & active] */
  void (*drain)(cw_instance* instance);
  /* Frees the instance. [plugin-thread & !active] */
  void (*destroy)(cw_instance* instance);

  /* The plugin's table for an extension id (terminated ASCII), or NULL. The table is constant and valid while
   * the library is mapped; its functions take the instance. [thread-safe] */
  const void* (*get_extension)(const char* id);
} cw_entry;

/* As it is found by name. Plugins define it by CW_EXPORT. */
#define CW_ENTRY_SYMBOL "cw_plugin_entry"
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const cw_entry cw_plugin_entry;

#ifdef __cplusplus
}
#endif

#endif
