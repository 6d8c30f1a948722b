// bridge/sim/consumer.h
//
// An NTP daemon that reads the segment once a second, by ntpd's and chrony's
// rules of acceptance, and steers the system clock by what it reads: the other
// half of the loop. A model, not a copy: the median of a poll, a limited slew,
// a frequency that is learnt.
#pragma once

#include <optional>
#include <vector>

#include "bridge/sim/system_clock.h"
#include "shm/layout.h"

namespace bridge::sim {

enum class Steering {
  kNone,          // Reads only.
  kSlew500,       // ntpd's limit, 500 ppm.
  kSlew1000,      // chrony with a modest maxslewrate.
  kStepThenSlew,  // Steps what is over 10 ms, slews the rest at 500 ppm.
};

class Consumer {
 public:
  Consumer(Steering steering, ntpshm::Segment* segment)
      : steering_(steering), segment_(segment) {}

  // Once a second. `now` is what the system clock shows.
  void Poll(UtcTime now, RawTime raw, SystemClock& clock);

  uint64_t accepted() const { return accepted_; }
  uint64_t rejected() const { return rejected_; }
  uint64_t steps() const { return steps_; }
  // A leap bit other than "none" was seen.
  bool leap_seen() const { return leap_seen_; }

 private:
  void Steer(RawTime raw, SystemClock& clock);

  Steering steering_;
  ntpshm::Segment* segment_;
  std::vector<double> offsets_ns_;
  double frequency_ = 0;
  uint64_t accepted_ = 0;
  uint64_t rejected_ = 0;
  uint64_t steps_ = 0;
  bool leap_seen_ = false;
};

}  // namespace bridge::sim
