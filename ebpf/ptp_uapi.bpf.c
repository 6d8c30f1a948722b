/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ebpf/ptp_uapi.bpf.c
 *
 * Tier 1: for kernels without BTF (Raspberry Pi OS). Nothing of the kernel's inside is
 * read, only struct __sk_buff, so nothing here is to be relocated.
 */
#include "ebpf/probe.bpf.h"

enum { TCX_NEXT = -1, PASS = -1 };

static __always_inline int load_skb(const void* frame, uint32_t offset, void* to,
                                    uint32_t size) {
  return (int)bpf_skb_load_bytes(frame, offset, to, size);
}

static __always_inline int parse(struct __sk_buff* skb, struct ptp_key* key) {
  if (skb->vlan_present) ptp_add_vlan(key, (uint16_t)skb->vlan_tci);
  return ptp_parse_frame(load_skb, skb, key);
}

SEC("tc")
int ingress(struct __sk_buff* skb) {
  struct ptp_event event;
  begin(&event, PTP_AT_STACK, PTP_RX);
  event.key.ifindex = skb->ifindex;
  if (!parse(skb, &event.key)) return TCX_NEXT;
  event.software = skb->tstamp;
  event.hardware = skb->hwtstamp;
  emit(&event);
  return TCX_NEXT;
}

SEC("tc")
int egress(struct __sk_buff* skb) {
  struct ptp_event event;
  begin(&event, PTP_AT_XMIT, PTP_TX);
  event.key.ifindex = skb->ifindex;
  if (parse(skb, &event.key)) emit(&event);
  return TCX_NEXT;
}

/* On sockets of ours; packets begin where the socket's kind says. */
static __always_inline int queued(struct __sk_buff* skb, struct ptp_event* event) {
  event->key.ifindex = skb->ifindex;
  event->cookie = PTP_OWN_SOCKET;
  emit(event);
  return PASS;
}

SEC("socket")
int packet_socket(struct __sk_buff* skb) {
  struct ptp_event event;
  begin(&event, PTP_AT_SOCKET, PTP_RX);
  return parse(skb, &event.key) ? queued(skb, &event) : PASS;
}

SEC("socket")
int udp_socket(struct __sk_buff* skb) {
  struct ptp_event event;
  begin(&event, PTP_AT_SOCKET, PTP_RX);
  event.key.transport =
      skb->protocol == __builtin_bswap16(PTP_ETH_IP6) ? PTP_UDP6 : PTP_UDP4;
  return ptp_parse_udp(load_skb, skb, 0, &event.key) ? queued(skb, &event) : PASS;
}
