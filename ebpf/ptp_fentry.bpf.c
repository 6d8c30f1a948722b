/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ebpf/ptp_fentry.bpf.c
 *
 * Tier 3, beside tier 2: the stamp of a sent message for every kind of socket, also
 * packet sockets, whose error queue no tracepoint sees. `events` is tier 2's.
 */
#include "ebpf/kernel.bpf.h"

static __always_inline int stamped(const struct sk_buff* skb,
                                   const struct skb_shared_hwtstamps* stamps) {
  const struct sock* sk = skb->sk;
  if (sk == 0 || !watched_socket(sk)) return 0;
  struct ptp_event event;
  begin(&event, PTP_AT_STAMP, PTP_TX);
  struct octets octets = from_mac(skb);
  if (!ptp_parse_frame(load_octets, &octets, &event.key)) return 0;
  if (stamps != 0) event.hardware = (uint64_t)BPF_CORE_READ(stamps, hwtstamp);
  event.socket = (uint64_t)sk;
  emit(&event);
  return 0;
}

SEC("fentry/skb_tstamp_tx")
int BPF_PROG(nic_stamped, const struct sk_buff* skb,
             const struct skb_shared_hwtstamps* stamps) {
  return stamped(skb, stamps);
}

/* Stamps of a PHY. */
SEC("fentry/skb_complete_tx_timestamp")
int BPF_PROG(phy_stamped, const struct sk_buff* skb,
             const struct skb_shared_hwtstamps* stamps) {
  return stamped(skb, stamps);
}
