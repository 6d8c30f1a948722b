// bridge/sim/system_clock.h
//
// CLOCK_REALTIME: CLOCK_MONOTONIC_RAW with whatever an NTP daemon does to it.
#pragma once

#include "bridge/time/timestamp.h"

namespace bridge::sim {

class SystemClock {
 public:
  SystemClock(RawTime raw, UtcTime shows) : raw_(raw), shows_(shows) {}

  UtcTime Read(RawTime raw) {
    const TimeDelta elapsed = raw - raw_;
    const TimeDelta gained =
        TimeDelta::FromNanosDouble(elapsed.NanosDouble() * (frequency_ + slew_));
    shows_ = shows_ + elapsed + gained;
    raw_ = raw;
    return shows_;
  }
  // Reading first, so that the change holds from `raw` on.
  void Step(RawTime raw, TimeDelta by) {
    Read(raw);
    shows_ = shows_ + by;
  }
  void SetFrequency(RawTime raw, double rate) {
    Read(raw);
    frequency_ = rate;
  }
  void SetSlew(RawTime raw, double rate) {
    Read(raw);
    slew_ = rate;
  }

 private:
  RawTime raw_;
  UtcTime shows_;
  double frequency_ = 0;
  double slew_ = 0;
};

}  // namespace bridge::sim
