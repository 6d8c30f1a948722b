// bridge/ptp/exchange.h
//
// The limits that all exchanges (Sync/Follow_Up, Delay_Req/Delay_Resp, Pdelay) share.
#pragma once

#include <cstddef>

#include "absl/time/time.h"
#include "bridge/time/time_delta.h"

namespace bridge::ptp {

// Exchanges of a kind that are remembered; the oldest makes room for the newest.
inline constexpr size_t kMaxExchanges = 4;

// A request not answered, or not stamped, by then never will be.
inline constexpr absl::Duration kForgetAfter = absl::Seconds(5);

// Residence times and asymmetries are far below a second; 0x7fff ffff ffff ffff,
// "too big to represent" (IEEE 1588-2019, 13.3.2.9), is over 39 hours.
constexpr bool IsPlausibleCorrection(TimeDelta correction) {
  return correction.Abs() <= TimeDelta::FromSeconds(1);
}

}  // namespace bridge::ptp
