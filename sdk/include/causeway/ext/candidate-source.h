#ifndef CAUSEWAY_EXT_CANDIDATE_SOURCE_H
#define CAUSEWAY_EXT_CANDIDATE_SOURCE_H

/*
 * Finds out as which outside addresses the node's bases are seen, and keeps that true. Sources are active
 * from load until unload.
 */

#include "../host.h"
#include "../types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CW_EXT_CANDIDATE_SOURCE "causeway.candidate-source/1"
#define CW_EXT_HOST_CANDIDATES "causeway.host.candidates/1"

/* One local base: a bound UDP port of one local address. */
typedef struct cw_base_view {
  uint32_t struct_size;
  uint32_t id; /* never 0, never reused */
  cw_address address;
  uint32_t reserved;
  cw_string interface_name; /* of the NIC */
} cw_base_view;

/* Of the plugin. */
typedef struct cw_candidate_source {
  uint32_t struct_size;
  uint32_t reserved;
  /* All bases there are, at start and after each change; one that is missing is gone, with its candidates.
   * `bases`: cw_base_view. [plugin-thread & active] */
  cw_status (*set_bases)(cw_instance* instance, const cw_array* bases);
  /* `json`: an object, {"stun_servers":["198.51.100.7:3478",…]}; keys of other sources are to be ignored.
   * Comes before the first set_bases and after each change. [plugin-thread & active] */
  cw_status (*configure)(cw_instance* instance, const char* json, uint64_t size);
  /* Bytes from the network, received on `base` from an address this instance sent to within the last minutes.
   * They are anybody's: check them. A bad datagram is no failure. May be NULL. [plugin-thread & active] */
  cw_status (*on_datagram)(cw_instance* instance, uint32_t base, const cw_address* from, const uint8_t* bytes,
                           uint64_t size);
  /* A deadline of cw_host_timer passed. May be NULL. [plugin-thread & active] */
  cw_status (*on_timer)(cw_instance* instance, uint32_t timer);
} cw_candidate_source;

/* Of the host. All are [plugin-thread & active] and return CW_ERROR_WRONG_STATE after drain. */
typedef struct cw_host_candidates {
  uint32_t struct_size;
  uint32_t reserved;
  /* `base` is seen as `address` from outside; `type` is CW_CANDIDATE_SERVER_REFLEXIVE (mapped) or
   * CW_CANDIDATE_RELAYED. Telling it twice is harmless; what is told of a base that is gone is ignored.
   * CW_ERROR_LIMIT: 64 of this instance are held. CW_ERROR_INVALID_ARGUMENT: another type, port 0, or not an
   * address that peers could send to. `address` is copied. */
  cw_status (*found)(const cw_host* host, uint32_t base, uint32_t type, const cw_address* address);
  /* That is over. Unknown ones are ignored. */
  cw_status (*lost)(const cw_host* host, uint32_t base, const cw_address* address);
  /* Everything was tried once since the last change of bases or configuration. After a reload, what the
   * earlier generation had found and this one has not is withdrawn then. */
  cw_status (*done)(const cw_host* host);
} cw_host_candidates;

#ifdef __cplusplus
}
#endif

#endif
