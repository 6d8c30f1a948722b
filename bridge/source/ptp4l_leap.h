// bridge/source/ptp4l_leap.h
//
// What a ptp4l that keeps CLOCK_REALTIME adds to TAI-UTC of its own accord, and tells
// nobody. It takes no master to be right about the moment of a leap second: one that is
// announced in the first six hours of a UTC day has been at midnight, and one that was
// announced later and is withdrawn is still to come. Seen of 3.1.1 and 4.2, which do so
// on any day (tests/system, "leap61 on an ordinary day").
#pragma once

#include <cstdint>

#include "bridge/time/timestamp.h"

namespace bridge {

class Ptp4lLeap {
 public:
  // s, added for a Sync received at `utc`; to be asked of one after the other.
  // `announced`: 1 for leap61, -1 for leap59, else 0.
  int Correction(UtcTime utc, int announced) {
    constexpr int64_t kDay = 86'400;
    constexpr int64_t kNight = 6 * 3600;
    const bool night = utc.Split().seconds % kDay <= kNight;
    if (night) {
      awaited_ = 0;
    } else if (awaited_ == 0) {
      awaited_ = announced;
    }
    if (announced == 0) return -awaited_;
    return awaited_ == 0 ? announced : 0;
  }

 private:
  int awaited_ = 0;
};

}  // namespace bridge
