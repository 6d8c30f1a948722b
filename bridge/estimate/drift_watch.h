// bridge/estimate/drift_watch.h
//
// Notices that the rate changes slowly: innovations that are small each, but
// lean to one side. (A gate would never see them.)
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

namespace bridge {

class DriftWatch {
 public:
  static constexpr int kMemory = 32;  // measurements

  // `t`: innovation over its standard deviation, signed as x. Returns the mean
  // lean when it is more than chance: an alarm, at most one in kMemory.
  std::optional<double> Add(double t) {
    mean_ += (std::clamp(t, -3.0, 3.0) - mean_) / kMemory;
    if (++since_alarm_ < kMemory || std::abs(mean_) <= 5 * kDeviation) return {};
    const double lean = mean_;
    *this = DriftWatch();
    return lean;
  }
  void Clear() { *this = DriftWatch(); }

 private:
  // Of such a mean of white unit noise: sqrt(1 / (2 * 32 - 1)).
  static constexpr double kDeviation = 0.126;

  double mean_ = 0;
  int since_alarm_ = 0;
};

}  // namespace bridge
