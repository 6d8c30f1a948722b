// bridge/ptp/addressing.h
//
// Whom a message is from and to, as far as any port has to ask.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "bridge/ptp/drop_reason.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_settings.h"

namespace bridge::ptp {

// Where on the network a frame came from (PortAddress, IEEE 1588-2019, 5.3.6): a MAC,
// IPv4 or IPv6 address, `size` octets of it, the rest zero. The transport fills it in
// and reads it; to the core it is opaque, good for comparing and for giving back.
struct PortAddress {
  std::array<uint8_t, 16> octets{};
  uint8_t size = 0;
  friend constexpr bool operator==(const PortAddress&, const PortAddress&) = default;
};

// Why no port of these settings takes a message of this header; nothing if it may.
std::optional<DropReason> RefusalOf(const Header& header, const PortSettings& settings);

}  // namespace bridge::ptp
