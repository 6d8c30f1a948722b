// bridge/time/leap.h
//
// A leap second that is announced for the end of the current UTC month.
#pragma once

#include <cstdint>

namespace bridge {

// The values of NTP's leap indicator (RFC 5905, figure 9), SHM and SOCK.
enum class LeapIndicator : uint8_t {
  kNone = 0,
  kInsert = 1,  // 23:59:60 will exist (PTP leap61).
  kDelete = 2,  // 23:59:59 will not exist (PTP leap59).
};

}  // namespace bridge
