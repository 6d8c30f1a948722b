// bridge/estimate/flat_noise.h
//
// Noise that is flat between two ends, as that of a stamp that was rounded. A mean of n
// measurements has 1/sqrt(n) of its deviation; but one near an end says that the truth
// is not on the other side of it, and by n such it is known to 1/n.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "bridge/estimate/gate.h"

namespace bridge {

// The Gaussian measurement that would say the same.
struct Evidence {
  double innovation;  // ns
  double noise;       // ns^2: its variance; infinite when it says nothing.
};

// What is left of a normal distribution when the ends cut off its tails: mean and
// variance by its score at the innovation (Masreliez 1975, "Approximate non-Gaussian
// filtering"). `expected`: ns^2, > 0, the variance of what was expected; `half_width`:
// ns, > 0, from the middle to an end. Nothing for an innovation beyond what both
// explain.
std::optional<Evidence> FlatEvidence(double innovation, double expected,
                                     double half_width);

// Whether a direction's noise is flat: its last 64 measurements about a straight line.
class FlatWatch {
 public:
  // `y`: the rate of the clock, ns/s.
  void Push(const Measurement& m, double y);
  void Clear() { *this = FlatWatch(); }

  // Oldest first.
  std::span<const Measurement> remembered() const { return Last(measurements_); }
  // ns; nothing when it isn't flat or there are too few to say. With hysteresis, and
  // looked at with every eighth only.
  std::optional<double> half_width() const { return half_width_; }

 private:
  static constexpr size_t kSize = 64;
  static constexpr size_t kReady = 48;
  static constexpr size_t kJudged = 8;  // Every eighth: it is dear, and a habit.

  // Of a measurement, against the first since Clear().
  struct Point {
    double seconds;
    double nanos;
  };

  template <typename T>
  std::span<const T> Last(const std::array<T, 2 * kSize>& all) const {
    return std::span(all).subspan(end_ - kept_, kept_);
  }
  void Judge(double slope);

  // The newest are before end_; moved to the front when that is at the very end.
  std::array<Measurement, 2 * kSize> measurements_{};
  std::array<Point, 2 * kSize> points_{};
  size_t end_ = 0;
  size_t kept_ = 0;
  Measurement first_{};
  std::optional<double> half_width_;
};

}  // namespace bridge
