/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ebpf/event.h
 *
 * What the BPF programs tell user space: one event per hook that a PTP message passed.
 * Plain C, the same on both sides of the ring. 0 in a stamp: there was none.
 * Times are ns of CLOCK_MONOTONIC unless the field says otherwise.
 */
#pragma once

#ifdef __bpf__
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
#else
#include <stdint.h>
#endif

enum ptp_direction { PTP_RX, PTP_TX };
enum ptp_transport { PTP_L2, PTP_UDP4, PTP_UDP6 };
enum ptp_hook {
  PTP_AT_STACK,  /* RX: netif_receive_skb, or tc ingress */
  PTP_AT_SOCKET, /* RX: queued to a socket */
  PTP_AT_RECV,   /* RX, UDP: some message was read from `socket`; no key */
  PTP_AT_COPY,   /* RX, L2: read. TX: the stamp was read */
  PTP_AT_XMIT,   /* TX: handed to the driver, or tc egress */
  PTP_AT_STAMP,  /* TX: its stamp was queued to the socket */
  PTP_AT_DROP,   /* RX: dropped for `reason` */
};

/* What tells one message from another. Numbers in host order. */
struct ptp_key {
  uint64_t clock_identity; /* sourcePortIdentity */
  uint16_t port_number;
  uint16_t sequence_id;
  uint8_t message_type;
  uint8_t domain;
  uint8_t direction; /* ptp_direction */
  uint8_t transport; /* ptp_transport */
  uint16_t vlan[2];  /* VIDs, outer first; PTP_NO_VLAN */
  uint32_t ifindex;  /* of the device that has the wire; 0: the hook cannot tell */
  uint32_t netns;    /* inode number of the network namespace; 0: as above */
  uint32_t reserved;
};
#define PTP_NO_VLAN 0xffff
#define PTP_MAX_INTERFACES 8
#define PTP_OWN_SOCKET (~0ull) /* From a filter on it. */

struct ptp_event {
  struct ptp_key key;
  uint64_t time;
  uint64_t driver;  /* PTP_AT_STACK: when the driver handed it over */
  uint64_t message; /* PTP_AT_SOCKET, PTP_AT_DROP: `time` of its PTP_AT_STACK, if any */
  uint64_t hardware; /* the NIC's stamp: ns of its PHC */
  uint64_t software; /* the kernel's stamp: ns of CLOCK_REALTIME */
  uint64_t socket;   /* a number that stands for the socket */
  uint64_t cookie;   /* SO_COOKIE, 0 if nobody asked for it yet; PTP_OWN_SOCKET */
  uint32_t reason;   /* enum skb_drop_reason */
  uint8_t hook;      /* ptp_hook */
  uint8_t stamp_asked;
  uint16_t reserved;
};
