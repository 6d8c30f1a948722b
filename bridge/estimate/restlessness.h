// bridge/estimate/restlessness.h
//
// How much a crystal's rate wanders, learnt from what the filter did not expect. Were
// the filter's idea of it right, innovations would be white; the slow part of them is
// as much too strong as the rate wanders more than assumed, and too weak when it
// wanders less.
#pragma once

#include <algorithm>
#include <cmath>

namespace bridge {

class Restlessness {
 public:
  // (ns/s)^2/s: the variance that the rate gains per second.
  double variance() const { return std::exp(log_variance_); }

  // A measurement of the clock: its innovation in sigmas, positive when the clock was
  // ahead of what was expected, and the share of it that the filter takes (0 to 1).
  void Add(double sigmas, double gain) {
    // Slower than the filter, which hides from itself what is as fast.
    const double weight = std::clamp(gain / kSlower, 1.0 / 2048, 0.5);
    lean_ += weight * (sigmas - lean_);
    const double power = lean_ * lean_ * (2 - weight) / weight;  // White: 1,
    Raise(kSpeed * weight * (std::min(power, kMostPower) - kWhite));
  }
  // It drifts away, beyond doubt.
  void OnAlarm() {
    Raise(std::log(2.0));
    lean_ = 0;
  }
  // What was measured last is explained otherwise.
  void Clear() { lean_ = 0; }

 private:
  static constexpr double kSlower = 4;
  static constexpr double kSpeed = 1.0 / 5;  // e-fold in five memories.
  static constexpr double kWhite = 0.7;      // as noise is overestimated (noise.h).
  static constexpr double kMostPower = 9;    // One bad moment is not a habit.
  static constexpr double kFirst = 0.15;
  static constexpr double kLeast = 0.03;
  static constexpr double kMost = 30;

  void Raise(double by) {
    log_variance_ = std::clamp(log_variance_ + by, std::log(kLeast), std::log(kMost));
  }

  double log_variance_ = std::log(kFirst);
  double lean_ = 0;
};

}  // namespace bridge
