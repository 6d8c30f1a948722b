/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ebpf/ptp_parse.h
 *
 * Finds the PTP header in a frame: L2, IPv4 and IPv6 with UDP, VLAN tags before them.
 * Shared by the BPF programs and, for its tests, by user space. Plain C.
 *
 * Every octet comes through `load`, which copies `size` octets at `offset` or fails
 * when the frame ends before them: the parser has no bounds of its own to get wrong.
 *
 * Not looked for: fragments (no PTP message is that long), IPv6 extension headers
 * (nobody sends PTP with any), more than two tags, PTP version 1.
 */
#pragma once

#include "ebpf/event.h"

/* 0, or not 0 when frame[offset, offset + size) is not all there. */
typedef int (*ptp_load)(const void* frame, uint32_t offset, void* to, uint32_t size);

#ifdef __bpf__
#define PTP_INLINE static __attribute__((always_inline)) inline
#else
#define PTP_INLINE static inline
#endif

enum {
  PTP_ETH_IP4 = 0x0800,
  PTP_ETH_VLAN = 0x8100,
  PTP_ETH_IP6 = 0x86dd,
  PTP_ETH_QINQ = 0x88a8,
  PTP_ETH_PTP = 0x88f7,
  PTP_HEADER = 34, /* octets; IEEE 1588-2019, table 35 */
};

PTP_INLINE uint16_t ptp_u16(const uint8_t* at) {
  return (uint16_t)(at[0] << 8 | at[1]);
}

/* Notes a tag that is in the frame's metadata (or was just read). */
PTP_INLINE void ptp_add_vlan(struct ptp_key* key, uint16_t tci) {
  /* Values chosen, not addresses: the verifier allows no computed place on a stack. */
  const uint16_t outer = key->vlan[0], vid = tci & 0xfff;
  key->vlan[0] = outer == PTP_NO_VLAN ? vid : outer;
  key->vlan[1] = outer == PTP_NO_VLAN ? PTP_NO_VLAN : vid;
}

/* What a parse begins with; all other fields 0. */
PTP_INLINE void ptp_begin(struct ptp_key* key, enum ptp_direction direction) {
  key->direction = (uint8_t)direction;
  key->vlan[0] = key->vlan[1] = PTP_NO_VLAN;
}

/* The fields of a PTP header at `offset`; 0 when it is none. */
PTP_INLINE int ptp_parse_header(ptp_load load, const void* frame, uint32_t offset,
                                struct ptp_key* key) {
  uint8_t h[PTP_HEADER];
  if (load(frame, offset, h, sizeof(h)) != 0) return 0;
  if ((h[1] & 0xf) != 2 || ptp_u16(h + 2) < PTP_HEADER) return 0;
  key->message_type = h[0] & 0xf;
  key->domain = h[4];
  key->clock_identity = (uint64_t)ptp_u16(h + 20) << 48 |
                        (uint64_t)ptp_u16(h + 22) << 32 |
                        (uint64_t)ptp_u16(h + 24) << 16 | ptp_u16(h + 26);
  key->port_number = ptp_u16(h + 28);
  key->sequence_id = ptp_u16(h + 30);
  return 1;
}

/* The same, behind a UDP header to one of PTP's ports. */
PTP_INLINE int ptp_parse_udp(ptp_load load, const void* frame, uint32_t offset,
                             struct ptp_key* key) {
  uint8_t udp[8];
  if (load(frame, offset, udp, sizeof(udp)) != 0) return 0;
  const uint16_t port = ptp_u16(udp + 2);
  return (port == 319 || port == 320) &&
         ptp_parse_header(load, frame, offset + sizeof(udp), key);
}

PTP_INLINE int ptp_parse_ip4(ptp_load load, const void* frame, uint32_t offset,
                             struct ptp_key* key) {
  uint8_t ip[20];
  if (load(frame, offset, ip, sizeof(ip)) != 0) return 0;
  const uint32_t length = (ip[0] & 0xf) * 4u;
  if (ip[0] >> 4 != 4 || length < sizeof(ip) || ip[9] != 17) return 0;
  if ((ptp_u16(ip + 6) & 0x3fff) != 0) return 0; /* More fragments, or not the first. */
  key->transport = PTP_UDP4;
  return ptp_parse_udp(load, frame, offset + length, key);
}

PTP_INLINE int ptp_parse_ip6(ptp_load load, const void* frame, uint32_t offset,
                             struct ptp_key* key) {
  uint8_t ip[8];
  if (load(frame, offset, ip, sizeof(ip)) != 0) return 0;
  if (ip[0] >> 4 != 6 || ip[6] != 17) return 0;
  key->transport = PTP_UDP6;
  return ptp_parse_udp(load, frame, offset + 40, key);
}

/* A frame whose payload of `ethertype` begins at `offset`. `key` comes from
 * ptp_begin(); its direction, ifindex and netns are left alone. 0: no PTP. */
PTP_INLINE int ptp_parse(ptp_load load, const void* frame, uint16_t ethertype,
                         uint32_t offset, struct ptp_key* key) {
  for (int tags = 0;
       tags < 2 && (ethertype == PTP_ETH_VLAN || ethertype == PTP_ETH_QINQ); ++tags) {
    uint8_t tag[4];
    if (load(frame, offset, tag, sizeof(tag)) != 0) return 0;
    ptp_add_vlan(key, ptp_u16(tag));
    ethertype = ptp_u16(tag + 2);
    offset += sizeof(tag);
  }
  if (ethertype == PTP_ETH_PTP) {
    key->transport = PTP_L2;
    return ptp_parse_header(load, frame, offset, key);
  }
  if (ethertype == PTP_ETH_IP4) return ptp_parse_ip4(load, frame, offset, key);
  if (ethertype == PTP_ETH_IP6) return ptp_parse_ip6(load, frame, offset, key);
  return 0;
}

/* A frame from its Ethernet header on. */
PTP_INLINE int ptp_parse_frame(ptp_load load, const void* frame, struct ptp_key* key) {
  uint8_t type[2];
  return load(frame, 12, type, sizeof(type)) == 0 &&
         ptp_parse(load, frame, ptp_u16(type), 14, key);
}
