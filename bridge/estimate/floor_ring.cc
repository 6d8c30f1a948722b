#include "bridge/estimate/floor_ring.h"

#include <algorithm>
#include <cmath>

namespace bridge {
namespace {

constexpr double kSkewedFrom = 10;
constexpr double kSkewedUntil = 4;
constexpr double kStampStep = 1;  // ns: spreads below it are rounding.

}  // namespace

void FloorRing::Push(double residual) {
  auto end = sorted_.begin() + count_;
  if (count_ == kSize) {
    const auto oldest = std::lower_bound(sorted_.begin(), end, arrived_[next_]);
    end = std::move(oldest + 1, end, oldest);
  } else {
    ++count_;
  }
  const auto place = std::upper_bound(sorted_.begin(), end, residual);
  std::move_backward(place, end, end + 1);
  *place = residual;
  arrived_[next_] = residual;
  next_ = (next_ + 1) % kSize;
  Judge();
}

void FloorRing::Clear() { *this = FloorRing(); }

void FloorRing::Shift(double delta) {
  for (double& value : arrived_) value += delta;
  std::copy_n(arrived_.begin(), count_, sorted_.begin());
  std::sort(sorted_.begin(), sorted_.begin() + count_);
}

double FloorRing::Quantile(double q) const {
  return sorted_[static_cast<size_t>(std::lround(q * static_cast<double>(count_ - 1)))];
}

double FloorRing::FloorScale() const {
  return std::max(Quantile(0.30) - Quantile(0.05), kStampStep);
}

void FloorRing::Judge() {
  if (!ready()) return;
  const double ratio = (Quantile(0.90) - Quantile(0.50)) / FloorScale();
  skewed_ = ratio > (skewed_ ? kSkewedUntil : kSkewedFrom);
}

bool FloorRing::IsLate(double residual) const {
  return skewed_ && residual > Quantile(0.30) + 2 * FloorScale();
}

FloorRing::Cluster FloorRing::cluster() const {
  double scale, low, high;
  if (skewed_) {
    scale = FloorScale();
    low = sorted_[0];
    high = Quantile(0.30) + 2 * scale;
  } else {
    scale = std::max(Quantile(0.50) - Quantile(0.10), kStampStep);
    low = Quantile(0.50) - 4 * scale;
    high = Quantile(0.50) + 4 * scale;
  }
  const auto first = std::lower_bound(sorted_.begin(), sorted_.begin() + count_, low);
  const auto last = std::upper_bound(first, sorted_.begin() + count_, high);
  const double n = static_cast<double>(last - first);  // At least the median's.
  double sum = 0;
  for (auto it = first; it != last; ++it) sum += *it;
  const double mean = sum / n;
  double squares = 0;
  for (auto it = first; it != last; ++it) squares += (*it - mean) * (*it - mean);
  return {mean, std::max(std::sqrt(squares / n / n), kStampStep / std::sqrt(12 * n)),
          scale};
}

}  // namespace bridge
