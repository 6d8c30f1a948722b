/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ebpf/kernel.bpf.h
 *
 * The few fields of kernel structures that the programs read. Their offsets are those
 * of the running kernel: libbpf finds them by name in its BTF (CO-RE). 64 bit: there
 * `end` is an offset.
 */
#pragma once

/* The first has the types of the others. */
/* clang-format off */
#include "ebpf/probe.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
/* clang-format on */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
  uint32_t inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;

struct net_device {
  int ifindex;
  possible_net_t nd_net;
};

struct sock;
struct sk_buff {
  struct net_device* dev;
  struct sock* sk;
  uint32_t len, data_len;
  uint8_t pkt_type : 3;
  uint8_t tstamp_type : 2;        /* Since 6.10: not 0 is a time to send at. */
  uint8_t mono_delivery_time : 1; /* 5.18 to 6.9: the same. */
  uint16_t protocol;              /* Network order. */
  uint16_t vlan_proto;            /* Not 0: a tag was taken off the frame, */
  uint16_t vlan_tci;              /* this one. */
  uint16_t mac_header;
  int skb_iif;
  long long tstamp;
  unsigned char *head, *data;
  uint32_t end;
};
struct sk_buff_head {
  struct sk_buff* prev;
};

struct skb_shared_hwtstamps {
  long long hwtstamp;
};
struct skb_shared_info {
  uint8_t tx_flags;
  struct skb_shared_hwtstamps hwtstamps;
};

typedef struct {
  long long counter;
} atomic64_t;
struct sock_common {
  uint16_t skc_family, skc_num;
  possible_net_t skc_net;
  atomic64_t skc_cookie;
};
struct sock {
  struct sock_common __sk_common;
  struct sk_buff_head sk_receive_queue, sk_error_queue;
};
#pragma clang attribute pop

enum { /* linux/if_packet.h, linux/skbuff.h, linux/socket.h */
       PACKET_OUTGOING = 4,
       PACKET_LOOPBACK = 5,
       SKBTX_HW_TSTAMP = 1 << 0,
       SKBTX_SW_TSTAMP = 1 << 1,
       SKBTX_HW_TSTAMP_NETDEV = 1 << 5, /* hwtstamp is a pointer. */
       AF_INET = 2,
       AF_INET6 = 10,
       AF_PACKET = 17,
};

/* The linear part of a frame, from `at` on. */
struct octets {
  const unsigned char* at;
  uint32_t length;
};

static __always_inline int load_octets(const void* frame, uint32_t offset, void* to,
                                       uint32_t size) {
  const struct octets* octets = frame;
  if (offset + size > octets->length) return -1;
  return bpf_probe_read_kernel(to, size, octets->at + offset);
}

/* Pointers to octets are read as numbers: the verifier counts with no others. */
static __always_inline const unsigned char* head_of(const struct sk_buff* skb) {
  return BPF_CORE_READ(skb, head);
}

static __always_inline struct octets from_data(const struct sk_buff* skb) {
  return (struct octets){BPF_CORE_READ(skb, data), skb->len - skb->data_len};
}

/* From the Ethernet header on, wherever `data` has moved to. */
static __always_inline struct octets from_mac(const struct sk_buff* skb) {
  struct octets octets = from_data(skb);
  const unsigned char* mac = head_of(skb) + skb->mac_header;
  octets.length += (uint32_t)(octets.at - mac);
  octets.at = mac;
  return octets;
}

static __always_inline bool watched_device(const struct net_device* dev) {
  return watched((uint32_t)dev->ifindex) && dev->nd_net.net->ns.inum == watched_netns;
}

static __always_inline bool watched_socket(const struct sock* sk) {
  return sk->__sk_common.skc_net.net->ns.inum == watched_netns;
}

static __always_inline void add_offloaded_vlan(const struct sk_buff* skb,
                                               struct ptp_key* key) {
  if (skb->vlan_proto != 0) ptp_add_vlan(key, skb->vlan_tci);
}

static __always_inline const struct skb_shared_info* shared(const struct sk_buff* skb) {
  return (const void*)(head_of(skb) + skb->end);
}

static __always_inline bool stamp_asked(const struct sk_buff* skb) {
  return BPF_CORE_READ(shared(skb), tx_flags) & (SKBTX_HW_TSTAMP | SKBTX_SW_TSTAMP);
}

static __always_inline uint64_t hardware_stamp(const struct sk_buff* skb) {
  const struct skb_shared_info* info = shared(skb);
  const uint64_t stamp = (uint64_t)BPF_CORE_READ(info, hwtstamps.hwtstamp);
  if (stamp == 0 || BPF_CORE_READ(info, tx_flags) & SKBTX_HW_TSTAMP_NETDEV) return 0;
  return stamp;
}

static __always_inline uint64_t software_stamp(const struct sk_buff* skb) {
  if (bpf_core_field_exists(skb->tstamp_type)) {
    if (BPF_CORE_READ_BITFIELD(skb, tstamp_type) != 0) return 0;
  } else if (bpf_core_field_exists(skb->mono_delivery_time)) {
    if (BPF_CORE_READ_BITFIELD(skb, mono_delivery_time) != 0) return 0;
  }
  return (uint64_t)skb->tstamp;
}
