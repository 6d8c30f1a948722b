// bridge/sim/phc_clock.h
//
// A PTP hardware clock: a crystal of its own, a frequency dial with steps, and a
// driver that steps it more or less exactly. Anybody may turn the dial.
#pragma once

#include <algorithm>
#include <cmath>

#include "bridge/sim/oscillator.h"

namespace bridge::sim {

struct PhcSettings {
  OscillatorSettings crystal{.ppm = -15};
  double dial_ppb = 0.93;     // The dial's steps; 0: none.
  double max_ppb = 500'000;   // It goes no further.
  double step_error_ns = 0;   // Standard deviation of how far a step goes wrong.
  double stamp_noise_ns = 5;  // Standard deviation, each stamp.
  double window_ns = 800;     // Of a reading, without interruptions.
  TimeDelta shows = TimeDelta::FromSeconds(1'000);  // After 1970, at the start.
};

class PhcClock {
 public:
  PhcClock(const PhcSettings& settings, TaiTime start, Rng rng)
      : settings_(settings),
        crystal_(settings.crystal, start, RawTime(), rng.Fork()),
        shows_(PhcTime() + settings.shows),
        rng_(rng) {}

  // `now` never goes back.
  PhcTime Read(TaiTime now) {
    const RawTime ticks = crystal_.Read(now);
    const TimeDelta elapsed = ticks - ticks_;
    shows_ = shows_ + elapsed +
             TimeDelta::FromNanosDouble(elapsed.NanosDouble() * dialled_ppb_ * 1e-9);
    ticks_ = ticks;
    return shows_;
  }
  PhcTime Stamp(TaiTime now) {
    return Read(now) +
           TimeDelta::FromNanosDouble(settings_.stamp_noise_ns * rng_.Gaussian());
  }
  void Step(TaiTime now, TimeDelta by) {
    Read(now);
    shows_ = shows_ + by +
             TimeDelta::FromNanosDouble(settings_.step_error_ns * rng_.Gaussian());
  }
  void Set(TaiTime now, PhcTime shows) {
    Read(now);
    shows_ = shows;
  }
  // To the dial's nearest step.
  void Dial(TaiTime now, double ppb) {
    Read(now);
    asked_ppb_ = ppb = std::clamp(ppb, -settings_.max_ppb, settings_.max_ppb);
    dialled_ppb_ = settings_.dial_ppb > 0
                       ? settings_.dial_ppb * std::round(ppb / settings_.dial_ppb)
                       : ppb;
  }
  // What was asked for last: what a driver remembers.
  double asked_ppb() const { return asked_ppb_; }
  void SetCrystalPpm(double ppm) { crystal_.SetPpm(ppm); }
  PhcSettings& settings() { return settings_; }

 private:
  PhcSettings settings_;
  Oscillator crystal_;
  RawTime ticks_;  // The crystal's own count.
  PhcTime shows_;
  double asked_ppb_ = 0;
  double dialled_ppb_ = 0;
  Rng rng_;
};

}  // namespace bridge::sim
