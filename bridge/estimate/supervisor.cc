#include "bridge/estimate/supervisor.h"

#include <cmath>

namespace bridge {

std::optional<Supervisor::Correction> Supervisor::Check(const FloorRing& forward,
                                                        const FloorRing& reverse,
                                                        const Kalman& filter,
                                                        uint64_t used) {
  if (!forward.ready() || !reverse.ready()) return std::nullopt;
  if (!forward.skewed() && !reverse.skewed()) {
    disagreed_ = 0;
    return std::nullopt;
  }
  const FloorRing::Cluster f = forward.cluster();
  const FloorRing::Cluster b = reverse.cluster();
  const double dx = (f.mean - b.mean) / 2;
  const double dd = (f.mean + b.mean) / 2 - filter.state().d;
  const double variance =
      (f.standard_error * f.standard_error + b.standard_error * b.standard_error) / 4;
  const double scale = (f.scale + b.scale) / 2;
  const auto off = [&](double distance, Kalman::Axis axis) {
    return std::abs(distance) > 4 * std::sqrt(variance + filter.variance(axis)) + scale;
  };
  if (!off(dx, Kalman::kX) && !off(dd, Kalman::kD)) {
    disagreed_ = 0;
    return std::nullopt;
  }
  ++disagreed_;
  if (used >= kPatience && disagreed_ < kPatience) return std::nullopt;
  disagreed_ = 0;
  return Correction{dx, dd, variance, f.scale * f.scale, b.scale * b.scale};
}

}  // namespace bridge
