#ifndef CAUSEWAY_EXT_STATE_H
#define CAUSEWAY_EXT_STATE_H

/*
 * What an instance has learnt, for the one that takes its place: optional, for plugins of every kind. At a
 * reload the host asks the old instance to export its state and offers it to the new one, before anything
 * else is asked of that. The host keeps the bytes in an envelope with the plugin's id, the schema, the length
 * and a checksum; only a plugin of the same id is offered them. They are opaque to the host, and come from
 * the same plugin of maybe another version: a reader checks them like a file.
 *
 * Since 1.0.
 */

#include "../types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CW_EXT_STATE "causeway.state/1"

#define CW_MAX_STATE 1048576u /* bytes */

/* Of the plugin. */
typedef struct cw_state {
  uint32_t struct_size;
  /* Names the layout that export_state() writes, a number of the plugin's own choice. A change that older
   * versions cannot read is another number. */
  uint32_t schema;
  /* Writes the state to `bytes`, the host's buffer of `capacity` bytes (CW_MAX_STATE), borrowed for the call,
   * and its size to `*size`; 0: there is nothing to tell. The instance stays in use and must not change.
   * CW_ERROR_LIMIT if it does not fit; after any failure the new instance starts cold, and that is no fault.
   * NULL: never anything to tell. [plugin-thread & active] */
  cw_status (*export_state)(cw_instance* instance, uint8_t* bytes, uint64_t capacity, uint64_t* size);
  /* The state of an earlier instance of this plugin, borrowed for the call; `schema` is the number that came
   * with it. Called at most once, first of all calls into this instance. CW_ERROR_NOT_SUPPORTED: this schema
   * is unknown here; on that and any other failure the instance must be as it was created, it starts cold,
   * and the host says so. NULL: starts cold always. [plugin-thread & !active] */
  cw_status (*import_state)(cw_instance* instance, uint32_t schema, const uint8_t* bytes, uint64_t size);
} cw_state;

#ifdef __cplusplus
}
#endif

#endif
