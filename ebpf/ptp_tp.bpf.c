/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ebpf/ptp_tp.bpf.c
 *
 * Tier 2: tracepoints with BTF. The names in SEC() are the kernel's tracepoints, those
 * of the functions are event.h's; the loader leaves out what this kernel has not got.
 */
#include "ebpf/kernel.bpf.h"

/* When the driver handed over a packet: {address of its octets, time}. Two that share a
 * slot overwrite each other, and the older loses its first span. */
enum { SLOT_BITS = 10 };
uint64_t slots[1 << SLOT_BITS][2];

static __always_inline uint64_t* slot_of(uint64_t head) {
  return slots[head * 0x9e3779b97f4a7c15 >> (64 - SLOT_BITS)]; /* Fibonacci hashing. */
}

static __always_inline int entered(const struct sk_buff* skb) {
  if (!watched_device(skb->dev)) return 0;
  const uint64_t head = (uint64_t)head_of(skb);
  uint64_t* slot = slot_of(head);
  slot[1] = bpf_ktime_get_ns();
  slot[0] = head;
  return 0;
}

/* 0: not seen, or the slot is another's by now. */
static __always_inline uint64_t take_entered(uint64_t head) {
  uint64_t* slot = slot_of(head);
  if (slot[0] != head) return 0;
  slot[0] = 0;
  return slot[1];
}

/* The PTP message that this CPU's stack is delivering: delivery is synchronous. */
struct current {
  struct ptp_key key;
  uint64_t message; /* When it came to the stack; 0: no PTP message. */
  const unsigned char* head;
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, struct current);
} current_message SEC(".maps");

static __always_inline struct current* current(void) {
  const uint32_t zero = 0;
  return bpf_map_lookup_elem(&current_message, &zero);
}

/* The ways from a driver into the stack. */
SEC("tp_btf/netif_rx")
int BPF_PROG(driver_rx, struct sk_buff* skb) { return entered(skb); }

SEC("tp_btf/napi_gro_receive_entry")
int BPF_PROG(driver_gro, struct sk_buff* skb) { return entered(skb); }

SEC("tp_btf/napi_gro_frags_entry")
int BPF_PROG(driver_frags, struct sk_buff* skb) { return entered(skb); }

SEC("tp_btf/netif_receive_skb_entry")
int BPF_PROG(driver_direct, struct sk_buff* skb) { return entered(skb); }

SEC("tp_btf/netif_receive_skb_list_entry")
int BPF_PROG(driver_list, struct sk_buff* skb) { return entered(skb); }

/* Before the layers: `data` is at the network header. */
static __always_inline int parse_received(const struct sk_buff* skb,
                                          struct ptp_key* key) {
  struct octets octets = from_data(skb);
  key->ifindex = (uint32_t)skb->dev->ifindex;
  add_offloaded_vlan(skb, key);
  return ptp_parse(load_octets, &octets, bpf_ntohs(skb->protocol), 0, key);
}

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(at_stack, struct sk_buff* skb) {
  struct current* now = current();
  if (now == 0) return 0;
  now->message = 0;
  if (!watched_device(skb->dev)) return 0;
  struct ptp_event event;
  begin(&event, PTP_AT_STACK, PTP_RX);
  const unsigned char* head = head_of(skb);
  event.driver = take_entered((uint64_t)head);
  /* Looped back: our own, sent by multicast. */
  if (BPF_CORE_READ_BITFIELD(skb, pkt_type) == PACKET_LOOPBACK) return 0;
  if (!parse_received(skb, &event.key)) return 0;
  event.hardware = hardware_stamp(skb);
  event.software = software_stamp(skb);
  emit(&event);
  now->key = event.key;
  now->message = event.time;
  now->head = head;
  return 0;
}

/* A packet socket gets what is sent, too, outside of any delivery. */
static __always_inline bool newest_is_outgoing(const struct sock* sk) {
  const struct sk_buff* newest = sk->sk_receive_queue.prev;
  return (const void*)newest != (const void*)&sk->sk_receive_queue &&
         BPF_CORE_READ_BITFIELD(newest, pkt_type) == PACKET_OUTGOING;
}

static __always_inline bool is_ptp_port(uint16_t port) {
  return port == 319 || port == 320;
}

static __always_inline bool is_udp_ptp_socket(const struct sock* sk) {
  const uint16_t family = sk->__sk_common.skc_family;
  return (family == AF_INET || family == AF_INET6) &&
         is_ptp_port(sk->__sk_common.skc_num);
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(at_socket, const struct sock* sk) {
  const bool packet = sk->__sk_common.skc_family == AF_PACKET;
  if (!packet && !is_udp_ptp_socket(sk)) return 0;
  const struct current* now = current();
  if (now == 0 || now->message == 0 || !watched_socket(sk)) return 0;
  if (packet && newest_is_outgoing(sk)) return 0;
  struct ptp_event event;
  begin(&event, PTP_AT_SOCKET, PTP_RX);
  event.key = now->key;
  event.message = now->message;
  event.socket = (uint64_t)sk;
  event.cookie = (uint64_t)sk->__sk_common.skc_cookie.counter;
  emit(&event);
  return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(at_drop, struct sk_buff* skb, void* location, uint32_t reason) {
  const struct current* now = current();
  if (now == 0) return 0;
  struct ptp_event event;
  const unsigned char* head = head_of(skb);
  /* The message or a clone of it; skb_iif: buffers of packets sent are reused ones. */
  if (now->message != 0 && now->head == head && skb->skb_iif != 0) {
    begin(&event, PTP_AT_DROP, PTP_RX);
    event.key = now->key;
    event.message = now->message;
  } else if (take_entered((uint64_t)head) != 0) { /* Between driver and stack. */
    begin(&event, PTP_AT_DROP, PTP_RX);
    if (!watched_device(skb->dev) || !parse_received(skb, &event.key)) return 0;
  } else {
    return 0;
  }
  event.reason = reason;
  emit(&event);
  return 0;
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(at_xmit, const struct sk_buff* skb, const struct net_device* dev) {
  if (!watched_device(dev)) return 0;
  struct ptp_event event;
  begin(&event, PTP_AT_XMIT, PTP_TX);
  struct octets octets = from_data(skb);
  event.key.ifindex = (uint32_t)dev->ifindex;
  add_offloaded_vlan(skb, &event.key);
  if (!ptp_parse_frame(load_octets, &octets, &event.key)) return 0;
  event.stamp_asked = stamp_asked(skb);
  event.socket = (uint64_t)skb->sk;
  emit(&event);
  return 0;
}

/* A frame in a socket's queue: its device is forgotten, its headers are not. */
static __always_inline void emit_queued(const struct sk_buff* skb,
                                        const struct sock* sk,
                                        struct ptp_event* event) {
  struct octets octets = from_mac(skb);
  if (!ptp_parse_frame(load_octets, &octets, &event->key)) return;
  event->hardware = hardware_stamp(skb);
  event->software = software_stamp(skb);
  event->socket = (uint64_t)sk;
  emit(event);
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(at_stamp, const struct sock* sk) {
  if (!watched_socket(sk)) return 0;
  const struct sk_buff* newest = sk->sk_error_queue.prev;
  if ((const void*)newest == (const void*)&sk->sk_error_queue) return 0;
  struct ptp_event event;
  begin(&event, PTP_AT_STAMP, PTP_TX);
  emit_queued(newest, sk, &event);
  return 0;
}

/* Host-wide, on demand only: every read of every socket comes by. */

SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(at_copy, const struct sk_buff* skb, int length) {
  const bool outgoing = BPF_CORE_READ_BITFIELD(skb, pkt_type) == PACKET_OUTGOING;
  if (!outgoing && skb->protocol != bpf_htons(PTP_ETH_PTP)) return 0;
  const struct sock* sk = skb->sk;
  if (sk == 0 || !watched_socket(sk)) return 0;
  struct ptp_event event;
  begin(&event, PTP_AT_COPY, outgoing ? PTP_TX : PTP_RX);
  emit_queued(skb, sk, &event);
  return 0;
}

enum { MSG_PEEK = 2, MSG_ERRQUEUE = 0x2000 };

SEC("tp_btf/sock_recv_length")
int BPF_PROG(at_recv, const struct sock* sk, int result, int flags) {
  if (!is_udp_ptp_socket(sk) || result <= 0 || (flags & (MSG_PEEK | MSG_ERRQUEUE))) {
    return 0;
  }
  if (!watched_socket(sk)) return 0;
  struct ptp_event event;
  begin(&event, PTP_AT_RECV, PTP_RX);
  event.socket = (uint64_t)sk;
  emit(&event);
  return 0;
}
