// tests/ebpf/frames.h
//
// PTP frames for the parser, octet by octet.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "ebpf/ptp_parse.h"

namespace ebpf {

using Octets = std::vector<uint8_t>;

inline Octets Join(std::initializer_list<Octets> parts) {
  Octets whole;
  for (const Octets& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

inline Octets U16(int value) {
  return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

// Delay_Req, domain 24, port 0x1122334455667788-258, sequenceId 772, 44 octets.
inline Octets Message() {
  Octets m(44);
  const Octets head = {0x11, 0x12, 0, 44, 24};
  std::copy(head.begin(), head.end(), m.begin());
  const Octets identity = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 1, 2, 3, 4};
  std::copy(identity.begin(), identity.end(), m.begin() + 20);
  return m;
}

inline Octets Udp(int port, const Octets& payload) {
  return Join({U16(319), U16(port), U16(static_cast<int>(payload.size()) + 8), U16(0),
               payload});
}

// `words`: the header's length in 32 bit words; `fragment`: flags and offset.
inline Octets Ip4(const Octets& payload, int words = 5, int fragment = 0,
                  int protocol = 17) {
  Octets ip(static_cast<size_t>(words) * 4);
  ip[0] = static_cast<uint8_t>(0x40 | words);
  ip[6] = static_cast<uint8_t>(fragment >> 8);
  ip[7] = static_cast<uint8_t>(fragment);
  ip[9] = static_cast<uint8_t>(protocol);
  return Join({ip, payload});
}

inline Octets Ip6(const Octets& payload, int next_header = 17) {
  Octets ip(40);
  ip[0] = 0x60;
  ip[6] = static_cast<uint8_t>(next_header);
  return Join({ip, payload});
}

inline Octets Tag(int vid, int ethertype = 0x8100) {
  return Join({U16(ethertype), U16(0xe000 | vid)});  // Priority 7.
}

inline Octets Frame(const Octets& tags, int ethertype, const Octets& payload) {
  return Join({Octets(12, 0xaa), tags, U16(ethertype), payload});
}

inline int LoadOctets(const void* frame, uint32_t offset, void* to, uint32_t size) {
  const auto& octets = *static_cast<const Octets*>(frame);
  if (size_t{offset} + size > octets.size()) return -1;
  std::memcpy(to, octets.data() + offset, size);
  return 0;
}

}  // namespace ebpf
