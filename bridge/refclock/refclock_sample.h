// bridge/refclock/refclock_sample.h
//
// What an NTP daemon gets: the system clock's reading and true UTC at the same
// instant.
#pragma once

#include "bridge/time/leap.h"
#include "bridge/time/timestamp.h"

namespace bridge {

struct RefclockSample {
  UtcTime system;     // CLOCK_REALTIME (SHM receiveTimeStamp, SOCK tv).
  UtcTime reference;  // True UTC then (SHM clockTimeStamp).
  LeapIndicator leap = LeapIndicator::kNone;
  int precision = -20;    // log2 s, from the jitter, never better than it.
  TimeDelta error_bound;  // For status and logs; no protocol carries it.

  // True time minus system time: SOCK's sign; ptp4l's offset is the negative.
  TimeDelta Offset() const { return reference - system; }
};

}  // namespace bridge
