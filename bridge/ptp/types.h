// bridge/ptp/types.h
//
// The scalars of PTP, each its own type, printed the way Wireshark prints it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bridge::ptp {

// EUI-64 (IEEE 1588-2019, 7.5.2.2). "0x001122fffe334455".
struct ClockIdentity {
  uint64_t value = 0;

  // From an EUI-48: FF FE in the middle, as all implementations do.
  static ClockIdentity FromMac(const std::array<uint8_t, 6>& mac);
  // "001122.fffe.334455", "00:11:22:ff:fe:33:44:55", "0x001122fffe334455";
  // nothing for anything else.
  static std::optional<ClockIdentity> Parse(absl::string_view text);
  std::string ToString() const;
  friend constexpr auto operator<=>(ClockIdentity, ClockIdentity) = default;
};

// A port of a clock; ports count from 1. "0x001122fffe334455-1".
struct PortIdentity {
  ClockIdentity clock;
  uint16_t port = 0;

  std::string ToString() const;
  friend constexpr auto operator<=>(const PortIdentity&, const PortIdentity&) = default;
};
inline constexpr PortIdentity kAllPorts{{0xffff'ffff'ffff'ffff}, 0xffff};

struct SequenceId {
  uint16_t value = 0;

  constexpr SequenceId Next() const { return {static_cast<uint16_t>(value + 1)}; }
  // Whether this one was sent after `other`, modulo 2^16.
  constexpr bool IsAfter(SequenceId other) const {
    return static_cast<int16_t>(static_cast<uint16_t>(value - other.value)) > 0;
  }
  friend constexpr bool operator==(SequenceId, SequenceId) = default;
};

struct DomainNumber {
  uint8_t value = 0;
  friend constexpr bool operator==(DomainNumber, DomainNumber) = default;
};

// majorSdoId (4 bits) and minorSdoId (8 bits); minorSdoId is reserved in 2008.
struct SdoId {
  uint8_t major = 0;
  uint8_t minor = 0;
  friend constexpr bool operator==(SdoId, SdoId) = default;
};

// log2 of an interval in seconds. Senders may put anything into the field.
struct LogInterval {
  int8_t value = 0;

  // 0x7F: "not this message's business" (unicast, Delay_Req, ...).
  static constexpr LogInterval Unspecified() { return {0x7f}; }
  // Whether it is a usable interval: -10 to 22, what linuxptp adopts.
  constexpr bool IsPlausible() const { return value >= -10 && value <= 22; }
  // 2^value s. IsPlausible() must hold.
  absl::Duration ToDuration() const;
  friend constexpr auto operator<=>(LogInterval, LogInterval) = default;
};

// IEEE 1588-2019, 7.6.2.4 to 7.6.3.
struct ClockQuality {
  uint8_t clock_class = 248;
  uint8_t clock_accuracy = 0xfe;
  uint16_t offset_scaled_log_variance = 0xffff;
  friend constexpr bool operator==(const ClockQuality&, const ClockQuality&) = default;
};

}  // namespace bridge::ptp
