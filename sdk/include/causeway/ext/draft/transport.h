#ifndef CAUSEWAY_EXT_DRAFT_TRANSPORT_H
#define CAUSEWAY_EXT_DRAFT_TRANSPORT_H

/*
 * DRAFT: carries packets for the data plane over something that is not a plain UDP port, for example a TURN
 * allocation. Not offered or accepted by any host under the stable id; it may change without notice until it
 * moves to ext/.
 */

#include "../../host.h"
#include "../../types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CW_EXT_TRANSPORT "causeway.transport/1"
#define CW_EXT_TRANSPORT_DRAFT "causeway.transport.draft/1"

/* One packet. `bytes` is the host's buffer with `headroom` free bytes before it, borrowed for the call; a
 * plugin that needs it longer retains `handle` through the host and releases it later. Outstanding handles
 * block destroy. */
typedef struct cw_packet {
  uint32_t struct_size;
  uint32_t size;
  uint8_t* bytes;
  uint32_t headroom;
  uint32_t capacity; /* from `bytes` on */
  uint64_t handle;
  cw_address peer;
  uint32_t reserved;
} cw_packet;

typedef struct cw_transport_draft {
  uint32_t struct_size;
  uint32_t reserved;
  /* Opens a transport over `base` as `json` says; the host learns of success by its candidate.
   * [plugin-thread & active] */
  cw_status (*open)(cw_instance* instance, uint32_t base, const char* json, uint64_t size);
  /* Sends packets in order; returns how many were taken, or a negative status. `packets`: cw_packet.
   * [data-thread & active] */
  int32_t (*send)(cw_instance* instance, const cw_array* packets);
  /* Datagrams received from the transport's server; unwraps in place. Returns how many of them are packets
   * for the data plane, moved to the front. `packets`: cw_packet. [data-thread & active] */
  int32_t (*receive)(cw_instance* instance, const cw_mutable_array* packets);
  /* [plugin-thread & active] */
  cw_status (*close)(cw_instance* instance, uint32_t base);
} cw_transport_draft;

#ifdef __cplusplus
}
#endif

#endif
