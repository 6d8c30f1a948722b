// bridge/sim/oscillator.h
//
// A crystal: how fast a local clock really runs. Constant error, white and
// random-walk frequency noise, and the day's temperature, each optional.
#pragma once

#include <numbers>

#include "bridge/base/rng.h"
#include "bridge/time/timestamp.h"

namespace bridge::sim {

struct OscillatorSettings {
  double ppm = 0;                      // Constant frequency error.
  double white_fm = 2;                 // ns per sqrt(s).
  double random_walk_fm = 0.5;         // ppb per sqrt(s).
  double temperature_ppm = 0;          // Amplitude of a sine ...
  double temperature_period = 86'400;  // ... of this period, s.
};

class Oscillator {
 public:
  Oscillator(const OscillatorSettings& settings, TaiTime start, RawTime shows, Rng rng)
      : settings_(settings), start_(start), at_(start), shows_(shows), rng_(rng) {}

  // What the clock shows at `now`; `now` never goes back.
  RawTime Read(TaiTime now) {
    constexpr TimeDelta kStep = TimeDelta::FromSeconds(1);
    while (now - at_ > kStep) Advance(kStep);
    if (now > at_) Advance(now - at_);
    return shows_;
  }

  void SetPpm(double ppm) { settings_.ppm = ppm; }
  // d(local)/d(true) - 1, without the white noise.
  double Rate() const {
    double ppm = settings_.ppm;
    if (settings_.temperature_ppm != 0) {
      const double phase = 2 * std::numbers::pi * (at_ - start_).SecondsDouble() /
                           settings_.temperature_period;
      ppm += settings_.temperature_ppm * std::sin(phase);
    }
    return ppm * 1e-6 + walk_ppb_ * 1e-9;
  }

 private:
  void Advance(TimeDelta step) {
    const double seconds = step.SecondsDouble();
    const double root = std::sqrt(seconds);
    double error_ns = Rate() * step.NanosDouble();
    if (settings_.white_fm > 0) error_ns += settings_.white_fm * root * rng_.Gaussian();
    if (settings_.random_walk_fm > 0) {
      walk_ppb_ += settings_.random_walk_fm * root * rng_.Gaussian();
    }
    shows_ = shows_ + step + TimeDelta::FromNanosDouble(error_ns);
    at_ = at_ + step;
  }

  OscillatorSettings settings_;
  TaiTime start_;
  TaiTime at_;
  RawTime shows_;
  double walk_ppb_ = 0;
  Rng rng_;
};

}  // namespace bridge::sim
