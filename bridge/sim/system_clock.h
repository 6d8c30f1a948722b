// bridge/sim/system_clock.h
//
// CLOCK_REALTIME: CLOCK_MONOTONIC_RAW with whatever an NTP daemon and the kernel
// do to it.
#pragma once

#include <cstdint>
#include <optional>

#include "bridge/sim/truth.h"
#include "bridge/time/leap.h"
#include "bridge/time/timestamp.h"

namespace bridge::sim {

class SystemClock {
 public:
  SystemClock(RawTime raw, UtcTime shows) : raw_(raw), shows_(shows) {}

  UtcTime Read(RawTime raw) {
    const TimeDelta elapsed = raw - raw_;
    shows_ = shows_ + elapsed;
    const double rate = frequency_ + slew_;
    if (rate != 0) {
      shows_ = shows_ + TimeDelta::FromNanosDouble(elapsed.NanosDouble() * rate);
    }
    raw_ = raw;
    if (leap_) DoLeap();
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

  // STA_INS or STA_DEL: when this clock shows `leap.midnight`, the kernel sets it
  // back by a second; or a second earlier, forward.
  void ArmLeap(const TrueLeap& leap) { leap_ = leap; }
  bool leap_armed() const { return leap_.has_value(); }
  // Inserted minus deleted, by the kernel: how its TAI offset has changed.
  int leaps_inserted() const { return leaps_inserted_; }

 private:
  void DoLeap() {
    const bool insert = leap_->what == LeapIndicator::kInsert;
    const int64_t at = leap_->midnight - (insert ? 0 : 1);
    if (shows_ < UtcTime() + TimeDelta::FromSeconds(at)) return;
    shows_ = shows_ - TimeDelta::FromSeconds(insert ? 1 : -1);
    leaps_inserted_ += insert ? 1 : -1;
    leap_.reset();
  }

  RawTime raw_;
  UtcTime shows_;
  double frequency_ = 0;
  double slew_ = 0;
  std::optional<TrueLeap> leap_;
  int leaps_inserted_ = 0;
};

}  // namespace bridge::sim
