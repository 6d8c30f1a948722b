// bridge/sim/consumer.h
//
// An NTP daemon that reads the segment once a second, by ntpd's and chrony's
// rules of acceptance, and steers the system clock by what it reads: the other
// half of the loop. A model, not a copy: the median of a poll, a limited slew,
// a frequency that is learnt, and what each of them does with a leap bit.
//
// It also judges: each sample that it accepts is held against the truth at the
// instant of reading, which is when it would be used.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "bridge/sim/system_clock.h"
#include "bridge/sim/truth.h"
#include "shm/layout.h"

namespace bridge::sim {

enum class Steering {
  kNone,          // Reads only.
  kSlew500,       // ntpd's limit, 500 ppm.
  kSlew1000,      // chrony with a modest maxslewrate.
  kStepThenSlew,  // Steps what is over 10 ms, slews the rest at 500 ppm.
};

enum class LeapRule {
  kIgnore,  // Looks at leap bits and does nothing.
  // ntpd: one leap bit schedules a leap second at the end of the current month,
  // and nothing unschedules it; the kernel steps the clock.
  kKernelStep,
  // chrony with "leapsecmode slew": believes the latest sample, on the last day
  // of June and December only; ignores samples within 5 s of the leap second;
  // takes the second out by slewing.
  kSlew,
  // A server that smears, noon to noon: it knows of leap seconds by itself, and
  // its clock is a smeared one that our samples are corrected for.
  kSmear,
};

class Consumer {
 public:
  Consumer(Steering steering, LeapRule rule, const Truth& truth,
           ntpshm::Segment* segment)
      : steering_(steering), rule_(rule), truth_(truth), segment_(segment) {}

  // Once a second, at the true instant `now`.
  void Poll(TaiTime now, RawTime raw, SystemClock& clock);

  // What a right system clock shows for this consumer: UTC, smeared if it smears.
  UtcTime RightClock(TaiTime now) const;

  uint64_t accepted() const { return accepted_; }
  uint64_t rejected() const { return rejected_; }
  uint64_t steps() const { return steps_; }
  // Accepted samples that were wrong by more than half a second.
  uint64_t wrong_seconds() const { return wrong_seconds_; }
  // A leap bit other than "none" was seen.
  bool leap_seen() const { return leap_seen_; }
  // A leap second was put into or taken out of the clock because of a leap bit.
  bool leap_done() const { return leap_done_; }

 private:
  void OnLeapBit(LeapIndicator leap, UtcTime shows);
  void LeapIfDue(UtcTime shows, RawTime raw, SystemClock& clock);
  void Steer(RawTime raw, SystemClock& clock);

  Steering steering_;
  LeapRule rule_;
  const Truth& truth_;
  ntpshm::Segment* segment_;
  std::vector<double> offsets_ns_;
  double frequency_ = 0;
  std::optional<TrueLeap> scheduled_;       // As leap bits have it.
  std::optional<RawTime> leap_slew_until_;  // kSlew, without samples meanwhile.
  uint64_t accepted_ = 0;
  uint64_t rejected_ = 0;
  uint64_t steps_ = 0;
  uint64_t wrong_seconds_ = 0;
  bool leap_seen_ = false;
  bool leap_done_ = false;
};

}  // namespace bridge::sim
