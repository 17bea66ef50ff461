#ifndef CAUSEWAY_EXT_TRANSPORT_H
#define CAUSEWAY_EXT_TRANSPORT_H

/*
 * Carries datagrams between this node and its peers through something that is not a plain UDP port of ours: a
 * relay. Transports are active from load until unload.
 *
 * A *link* is one conversation with one server, begun from one base: a connected UDP socket, or a TCP or TLS
 * stream. The host owns the socket; the plugin speaks the protocol on it. A link that has been `allocated`
 * an address where peers reach us is, to the host, a base of its own with a relayed candidate: its checks and
 * its data go through wrap() and unwrap(), which only put on and take off the link's framing. Everything that
 * takes time or thought (allocating, refreshing, permissions) is done on the plugin thread.
 *
 * [data-thread] calls come from the threads that move packets: several at a time, also while a call on the
 * plugin thread is under way. They must not block, allocate or lock for long, and no service of the host may
 * be called in them. None is under way when destroy is called, and none comes for a link after close() or
 * lost() has been carried out.
 */

#include "../host.h"
#include "../types.h"
#include "candidate-source.h" /* cw_base_view */

#ifdef __cplusplus
extern "C" {
#endif

#define CW_EXT_TRANSPORT "causeway.transport/1"
#define CW_EXT_HOST_TRANSPORT "causeway.host.transport/1"

#define CW_MAX_LINKS 64u             /* of one instance */
#define CW_MAX_PEERS_PER_LINK 256u   /* want_peer() without drop_peer() */
#define CW_MAX_STREAM_MESSAGE 65556u /* the longest message of a stream; a longer one ends the link */

/* What a link runs over. */
#define CW_LINK_UDP 0u
#define CW_LINK_TCP 1u
#define CW_LINK_TLS 2u

/* What became of a link. */
#define CW_LINK_OPEN 1u   /* connected (and for TLS: handshake done); messages can be sent */
#define CW_LINK_CLOSED 2u /* it failed or ended: the host has forgotten it, the id may be used again */

/* What is to become of a packet. Zero, the default, drops it. */
#define CW_PACKET_DROP 0u
#define CW_PACKET_PASS 1u    /* wrap: send it; unwrap: it is a peer's datagram; at least one byte */
#define CW_PACKET_CONTROL 2u /* unwrap only: a message for on_message() */

/* The most that wrap() may put in front of a packet. */
#define CW_PACKET_HEADROOM 64u
/* And the most behind it (the padding of a stream). */
#define CW_PACKET_TAILROOM 8u

/* One packet in the host's buffer, borrowed for the call. wrap() may move `bytes` back by at most
 * CW_PACKET_HEADROOM and grow `size`; unwrap() may move it forward and shrink `size`. */
typedef struct cw_packet {
  uint32_t struct_size;
  uint32_t size;
  uint8_t* bytes;
  cw_address peer;  /* wrap: where it shall go. unwrap: where it came from, filled in for CW_PACKET_PASS */
  uint32_t verdict; /* CW_PACKET_…, filled in */
} cw_packet;

/* Of the plugin. */
typedef struct cw_transport {
  uint32_t struct_size;
  uint32_t reserved;
  /* `json`:
   * {"turn_servers":[{"uri":"turn:relay.example:3478?transport=udp","addresses":["198.51.100.9:3478"],
   * "username":…,"password":…,"expires":unix seconds or 0},…],"turn_tls_verify":bool}; keys of other
   * transports are to be ignored. The host has resolved the names. New credentials come in time, before the
   * old expire. Comes before the first set_bases and after each change. [plugin-thread & active] */
  cw_status (*configure)(cw_instance* instance, const char* json, uint64_t size);
  /* All bases of NICs, at start and after each change; the host has closed the links of one that is missing.
   * `bases`: cw_base_view. [plugin-thread & active] */
  cw_status (*set_bases)(cw_instance* instance, const cw_array* bases);
  /* `state`: CW_LINK_…; `reason` for people, empty when it is open. [plugin-thread & active] */
  cw_status (*on_link)(cw_instance* instance, uint32_t link, uint32_t state, const cw_string* reason);
  /* What unwrap() found to be a message for the plugin: of the server, or of whoever forged its address; of a
   * stream, one that frame() cut off. Bad bytes are no failure. [plugin-thread & active] */
  cw_status (*on_message)(cw_instance* instance, uint32_t link, const uint8_t* bytes, uint64_t size);
  /* A deadline of cw_host_timer passed. [plugin-thread & active] */
  cw_status (*on_timer)(cw_instance* instance, uint32_t timer);
  /* The host is about to exchange datagrams with `peer` through an allocated link: let it in (for TURN, a
   * permission and a channel). Told once, before the first wrap(); wrap() may drop until it is done.
   * [plugin-thread & active] */
  cw_status (*want_peer)(cw_instance* instance, uint32_t link, const cw_address* peer);
  /* That is over. [plugin-thread & active] */
  cw_status (*drop_peer)(cw_instance* instance, uint32_t link, const cw_address* peer);
  /* Where the first message of a stream ends, its padding included: its length; 0: not all of it is there
   * yet; negative, or more than CW_MAX_STREAM_MESSAGE: this is not our protocol, the host closes the link.
   * Depends on the bytes alone. NULL if only CW_LINK_UDP is opened. [thread-safe] */
  int64_t (*frame)(cw_instance* instance, const uint8_t* bytes, uint64_t size);
  /* Put the link's framing around packets for peers, and give the verdicts. `packets`: cw_packet, at most 64.
   * A failure drops them all and counts as a fault. [data-thread & active] */
  cw_status (*wrap)(cw_instance* instance, uint32_t link, const cw_mutable_array* packets);
  /* The other way, for what came on the link; for streams, messages that frame() cut off.
   * [data-thread & active] */
  cw_status (*unwrap)(cw_instance* instance, uint32_t link, const cw_mutable_array* packets);
} cw_transport;

/* Of the host. All are [plugin-thread & active], are carried out after the call they are made in, and return
 * CW_ERROR_WRONG_STATE after drain. Strings are copied. */
typedef struct cw_host_transport {
  uint32_t struct_size;
  uint32_t reserved;
  /* Opens `link`, an id below CW_MAX_LINKS that is not in use, from `base` to `server`; on_link() tells what
   * came of it. `server_name`: for CW_LINK_TLS, the name to ask for (SNI), and to verify where `verify` is
   * not 0. CW_ERROR_INVALID_ARGUMENT: no such kind, id in use or too large, or no usable server address. */
  cw_status (*open)(const cw_host* host, uint32_t link, uint32_t base, uint32_t kind,
                    const cw_address* server, const cw_string* server_name, uint32_t verify);
  /* Ends it: nothing of it is called any more, its candidate is withdrawn. There is no on_link(). */
  cw_status (*close)(const cw_host* host, uint32_t link);
  /* One message to the server, whole. CW_ERROR_LIMIT: count it as lost. */
  cw_status (*send)(const cw_host* host, uint32_t link, const uint8_t* bytes, uint64_t size);
  /* Peers reach us at `relayed` through this open link; we are seen by the server as `mapped`. `label` names
   * the kind of path in `causeway status` ("turn-udp"). `overhead`: bytes that wrap() adds at most to a
   * datagram in the long run, by which the path's MTU is smaller (0 for streams, which cut nothing). Telling
   * it again with another address replaces the first. */
  cw_status (*allocated)(const cw_host* host, uint32_t link, const cw_address* relayed,
                         const cw_address* mapped, const cw_string* label, uint32_t overhead);
  /* Peers do not reach us there any more; the link stays open. `reason` for people. */
  cw_status (*lost)(const cw_host* host, uint32_t link, const cw_string* reason);
  /* Everything was tried once since the last change of bases or configuration. */
  cw_status (*done)(const cw_host* host);
} cw_host_transport;

#ifdef __cplusplus
}
#endif

#endif
