#ifndef CAUSEWAY_EXT_PRIORITY_H
#define CAUSEWAY_EXT_PRIORITY_H

/*
 * Ranking of candidates and of pairs. Answers depend on the arguments alone (and on state that came from
 * earlier calls): the host gives the time, the seed and everything it knows, calls twice when it checks, and
 * replays traces.
 */

#include "../types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CW_EXT_PRIORITY "causeway.priority/1"

#define CW_MAX_CANDIDATE_PRIORITY 0x7fffffffu /* RFC 8445 §5.1.2: 1 .. 2^31 - 1 */
#define CW_MAX_SCORE 1000000

typedef struct cw_candidate_view {
  uint32_t struct_size;
  uint32_t type;     /* CW_CANDIDATE_… */
  uint32_t protocol; /* CW_PROTOCOL_… */
  uint32_t base;     /* names what sends for a local candidate; 0: a remote one */
  cw_address address;
  cw_address base_address; /* family 0 for remote candidates */
  uint32_t priority;       /* signalled; 0: none yet */
  uint32_t reserved;
  cw_string foundation;
  cw_string source;         /* "host", "user" or a plugin's id; empty for remote candidates */
  cw_string interface_name; /* of the NIC that `base` is on; empty for remote candidates, or not known */
} cw_candidate_view;

/* Measurements of one path while it stands. Only figures whose bit is set in `known` mean anything. Durations
 * of measurements are 0 to an hour, shares 0 to 1,000,000 ppm, ages never negative. */
#define CW_KNOWN_RTT 0x01u
#define CW_KNOWN_JITTER 0x02u
#define CW_KNOWN_LOSS 0x04u
#define CW_KNOWN_RATE 0x08u
#define CW_KNOWN_DISCONNECTS 0x10u
#define CW_KNOWN_AGE 0x20u

typedef struct cw_statistics {
  uint32_t struct_size;
  uint32_t known; /* CW_KNOWN_… */
  int64_t rtt_ns;
  int64_t jitter_ns;
  uint32_t loss_ppm; /* of recent probes, parts per million */
  uint32_t probes;   /* how many the figures rest on */
  uint64_t rate_bytes_per_s;
  uint32_t disconnects; /* times it was lost while in use or warm */
  uint32_t reserved;
  int64_t age_ns; /* since it became valid */
} cw_statistics;

/* Of which paths a history is. */
#define CW_HISTORY_SAME \
  1u /* this one: local network, peer, types, transport, remote address (without port) */
#define CW_HISTORY_NEAR 2u /* the most alike: another remote address of the same /24 (IPv6: /48) */

/* What the store remembers of such a path. Counts, times and what the averages weigh fade with age: half is
 * left after each half-life, so what is old is small and ratios hold. */
typedef struct cw_history {
  uint32_t struct_size;
  uint32_t known;     /* CW_KNOWN_… for the figures below; AGE: last_used_ago_ns */
  uint32_t successes; /* checks that worked */
  uint32_t failures;  /* checks that did not */
  int64_t rtt_ns;
  uint32_t loss_ppm;
  uint32_t disconnects;
  uint64_t rate_bytes_per_s; /* the most that it has carried of late */
  uint64_t working_time_s;   /* for so long it was valid */
  int64_t last_used_ago_ns;  /* since it was valid last; 0: it is */
  int64_t jitter_ns;
  uint32_t samples; /* measurements that rtt, jitter and loss rest on */
  uint32_t scope;   /* CW_HISTORY_… */
} cw_history;

/* The address server's opinion of such paths, from all nodes. */
typedef struct cw_hint {
  uint32_t struct_size;
  uint32_t confidence; /* 0..1000 */
  int64_t score;       /* 0..CW_MAX_SCORE */
} cw_hint;

#define CW_PAIR_SELECTED 0x1u /* carries the traffic at present */

typedef struct cw_pair_view {
  uint32_t struct_size;
  uint32_t id;    /* of the pair within its peer */
  uint32_t flags; /* CW_PAIR_… */
  uint32_t reserved;
  uint64_t pair_priority; /* RFC 8445 §6.1.2.3, over the signalled priorities */
  /* Borrowed for the call. NULL: nothing is known. `local` and `remote` are never NULL. */
  const cw_candidate_view* local;
  const cw_candidate_view* remote;
  const cw_statistics* statistics;
  const cw_history* history;
  const cw_hint* hint;
} cw_pair_view;

#define CW_TIER_UNKNOWN 0u
#define CW_TIER_OTHER 1u  /* a node that may be reached */
#define CW_TIER_FRIEND 2u /* served better */

/* What a decision is made in. */
typedef struct cw_decision {
  uint32_t struct_size;
  uint32_t friend_tier; /* CW_TIER_… of the peer */
  cw_now now;
  uint64_t seed;           /* for tie-breaks and exploration: the only randomness allowed here */
  cw_string peer;          /* its name; empty when candidates are ranked */
  cw_string configuration; /* this plugin's JSON object of the node's configuration; empty: none */
} cw_decision;

typedef struct cw_candidate_rank {
  uint32_t struct_size;
  uint32_t priority; /* 1..CW_MAX_CANDIDATE_PRIORITY, different for each candidate if possible */
} cw_candidate_rank;

#define CW_MIN_REASON_CAPACITY 64u

typedef struct cw_pair_score {
  uint32_t struct_size;
  uint32_t veto;              /* non-zero: use only if every pair is vetoed */
  int64_t score;              /* 0..CW_MAX_SCORE; compares within this call only */
  int64_t ask_again_after_ns; /* 0: no wish. The host takes the smallest, and bounds it. */
  uint32_t multipath_weight;  /* share of the traffic per mille when several paths are used; 0: no opinion */
  uint32_t reason_size;       /* bytes written to `reason`, at most `reason_capacity` */
  char* reason;               /* the host's buffer: why this score, UTF-8, for people; never NULL */
  uint32_t reason_capacity;   /* at least CW_MIN_REASON_CAPACITY */
  uint32_t reserved;
} cw_pair_score;

typedef struct cw_priority {
  uint32_t struct_size;
  uint32_t reserved;
  /* Gives each local candidate its priority. `candidates`: cw_candidate_view; `ranks`: cw_candidate_rank,
   * zeroed, the same count and order. A failure or a priority out of range counts as a fault and the next
   * layer is asked. NULL: this plugin leaves candidates to others. [plugin-thread & active] */
  cw_status (*rank_candidates)(cw_instance* instance, const cw_decision* decision, const cw_array* candidates,
                               const cw_mutable_array* ranks);
  /* Scores the valid pairs of one peer. `pairs`: cw_pair_view; `scores`: cw_pair_score, zeroed but for
   * struct_size, reason and reason_capacity, the same count and order. On failure the host drops this layer
   * from the decision; a score out of range is clamped, and both count as faults. [plugin-thread & active] */
  cw_status (*score_pairs)(cw_instance* instance, const cw_decision* decision, const cw_array* pairs,
                           const cw_mutable_array* scores);
} cw_priority;

#ifdef __cplusplus
}
#endif

#endif
