#ifndef CAUSEWAY_TYPES_H
#define CAUSEWAY_TYPES_H

/*
 * Values that cross the plugin ABI. Rules for all of them:
 *  - Fixed-width integers, no bit fields, no enums as fields (their size is the compiler's choice).
 *  - A struct that may grow begins with `uint32_t struct_size`, set by whoever made it. A reader uses no byte
 * beyond the smaller of that and its own sizeof; what is missing reads as zero, and zero always means the old
 * behaviour.
 *  - Text is UTF-8 with a length, not terminated. Pointers are borrowed for the duration of the call that
 * passes them unless their comment says otherwise.
 *  - Numbers that name something (kinds, types, states, bits) may be of a later version: what a reader does
 * not know it treats as "something else", never as an error. Fields named `reserved` are 0 and not looked at.
 *  - What has no "since" in its comment is there since ABI 1.0.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to. 0 is success, every failure is negative. */
typedef int32_t cw_status;
#define CW_OK 0
#define CW_ERROR_FAILED (-1)           /* for a reason told to the log */
#define CW_ERROR_INVALID_ARGUMENT (-2) /* the caller broke the contract of this header */
#define CW_ERROR_NOT_SUPPORTED (-3)    /* this side does not have the feature */
#define CW_ERROR_NO_MEMORY (-4)
#define CW_ERROR_LIMIT (-5)       /* a bound of the host is reached; drop, try later */
#define CW_ERROR_WRONG_STATE (-6) /* not allowed now, for example after drain */
#define CW_ERROR_EXCEPTION (-7)   /* the SDK's C++ trampolines caught one */

/* UTF-8, not terminated. {NULL, 0} is empty. */
typedef struct cw_string {
  const char* data;
  uint64_t size;
} cw_string;

/* Initialises a cw_string from a literal, also in static storage. */
#define CW_STRING(literal) \
  { (literal), sizeof(literal) - 1 }

/* Element i is at (const char*)data + i * stride. The stride is the maker's sizeof, so arrays of sized
 * structs can grow too: index by stride, never by sizeof. `data` may be NULL when count is 0. */
typedef struct cw_array {
  const void* data;
  uint32_t count;
  uint32_t stride;
} cw_array;

/* The same, to be filled by the callee. The caller has zeroed the elements and set each struct_size, which
 * the callee leaves as it is; it writes no byte of an element beyond that. */
typedef struct cw_mutable_array {
  void* data;
  uint32_t count;
  uint32_t stride;
} cw_mutable_array;

/* A transport address. Never grows. */
typedef struct cw_address {
  uint8_t family; /* 0: none, 4 or 6 */
  uint8_t reserved;
  uint16_t port;      /* host byte order */
  uint8_t octets[16]; /* network order; IPv4 uses the first 4, the rest is zero */
} cw_address;

/* A moment, given by the host so that decisions replay. Never grows. */
typedef struct cw_now {
  int64_t steady_ns; /* orders and measures; its origin means nothing */
  int64_t wall_ns;   /* since 1970-01-01T00:00:00Z */
} cw_now;

/* Candidate types, RFC 8445 §4. */
#define CW_CANDIDATE_HOST 0u
#define CW_CANDIDATE_PEER_REFLEXIVE 1u
#define CW_CANDIDATE_SERVER_REFLEXIVE 2u
#define CW_CANDIDATE_RELAYED 3u

/* Transport protocols of a candidate, RFC 8445 and RFC 6544. */
#define CW_PROTOCOL_UDP 0u
#define CW_PROTOCOL_TCP_ACTIVE 1u
#define CW_PROTOCOL_TCP_PASSIVE 2u
#define CW_PROTOCOL_TCP_SIMULTANEOUS_OPEN 3u

/* One plugin's object, defined by the plugin. */
typedef struct cw_instance cw_instance;

#ifdef __cplusplus
}
#endif

#endif
