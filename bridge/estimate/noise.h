// bridge/estimate/noise.h
//
// The noise of one direction's stamps, from the differences of successive
// residuals: drift, which changes slowly, can't get into it (from innovations it
// would, and the filter would then ignore the drift).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace bridge {

class DirectionNoise {
 public:
  // ns^2; `prior` holds until something was measured.
  explicit DirectionNoise(double prior) : variance_(prior) {}

  // ns^2, at least 1: stamps are whole nanoseconds.
  double variance() const { return variance_; }
  // More than the prior.
  bool measured() const { return count_ >= kFirst; }
  // Differences seen.
  size_t count() const { return count_; }

  // `difference` of two successive residuals of this direction, ns.
  void Add(double difference) {
    // Half: both residuals are noisy. 1.5: successive stamps are correlated by
    // 0.1 to 0.35, so their differences are too small.
    const double seen = 1.5 * difference * difference / 2;
    if (count_ < kFirst) first_[count_] = seen;
    const double weight = std::max(1.0 / static_cast<double>(count_ + 3), 1.0 / 64);
    variance_ += weight * (std::min(seen, 1.5 * 9 * variance_) - variance_);
    if (++count_ == kFirst) variance_ = Median() / kMedianOfChiSquare;
    variance_ = std::max(variance_, 1.0);
    count_ = std::min<size_t>(count_, 1000);
  }

  // Set by who knows better (supervisor.h).
  void Set(double variance) { variance_ = std::max(variance, 1.0); }

 private:
  static constexpr size_t kFirst = 8;
  static constexpr double kMedianOfChiSquare = 0.455;  // One degree of freedom.

  // Of the first eight: one spike among them must not count.
  double Median() {
    std::sort(first_.begin(), first_.end());
    return (first_[kFirst / 2 - 1] + first_[kFirst / 2]) / 2;
  }

  double variance_;
  size_t count_ = 0;
  std::array<double, kFirst> first_{};
};

}  // namespace bridge
