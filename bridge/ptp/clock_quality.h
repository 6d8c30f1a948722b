// bridge/ptp/clock_quality.h
//
// From what is known of a clock's error to what ClockQuality says of it.
#pragma once

#include <cstdint>

#include "bridge/time/time_delta.h"

namespace bridge::ptp {

inline constexpr uint8_t kAccuracyUnknown = 0xfe;

// clockAccuracy (IEEE 1588-2019, table 5): the smallest class that |error| is within;
// 0x31 for more than 10 s.
uint8_t ClockAccuracyOf(TimeDelta error);

// offsetScaledLogVariance (7.6.3.3) of a clock whose readings have this standard
// deviation: 256 log2 of the variance in s^2, rounded down, plus 0x8000. The same on
// every machine.
uint16_t OffsetScaledLogVariance(TimeDelta deviation);

}  // namespace bridge::ptp
