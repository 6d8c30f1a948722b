/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ebpf/probe.bpf.h
 *
 * What every object of BPF programs has: the ring to user space, what to watch.
 */
#pragma once

/* linux/bpf.h has the types of bpf_helpers.h. */
/* clang-format off */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "ebpf/event.h"
#include "ebpf/ptp_parse.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20); /* Replaced: all objects share the loader's. */
} events SEC(".maps");

uint64_t lost; /* Events that found the ring full. */

/* Set before loading, so the verifier knows them. */
const volatile uint32_t watched_netns;
const volatile uint32_t watched_ifindex[PTP_MAX_INTERFACES]; /* 0 from some place on. */

static __always_inline bool watched(uint32_t ifindex) {
  for (int i = 0; i < PTP_MAX_INTERFACES && watched_ifindex[i] != 0; ++i) {
    if (watched_ifindex[i] == ifindex) return true;
  }
  return false;
}

/* Nobody is woken: user space looks when it pleases. */
static __always_inline void emit(struct ptp_event* event) {
  event->key.netns = watched_netns;
  if (bpf_ringbuf_output(&events, event, sizeof(*event), BPF_RB_NO_WAKEUP) != 0) {
    __sync_fetch_and_add(&lost, 1);
  }
}

static __always_inline void begin(struct ptp_event* event, enum ptp_hook hook,
                                  enum ptp_direction direction) {
  __builtin_memset(event, 0, sizeof(*event));
  event->hook = hook;
  event->time = bpf_ktime_get_ns();
  ptp_begin(&event->key, direction);
}
