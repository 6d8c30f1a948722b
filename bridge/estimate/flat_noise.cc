#include "bridge/estimate/flat_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace bridge {
namespace {

// Of flat noise the variance is a third of the half width's square, give or take a
// tenth for 64; of Gaussian noise, 64 of which are rarely 5 deviations apart, half of
// that.
constexpr double kFlatFrom = 0.9;
constexpr double kFlatUntil = 0.7;
constexpr double kNotTwoHeaps = 1.3;
// Half the squared step from one to the next, in variances: 1 for white noise. What
// goes slowly from end to end, a drift in rounded stamps, has other ends tomorrow.
constexpr double kWhite = 0.6;
// The mean, in half widths: three of its deviations.
constexpr double kCentred = 0.25;
constexpr double kLeastHalfWidth = 2;  // ns: stamps are whole nanoseconds.

}  // namespace

std::optional<Evidence> FlatEvidence(double innovation, double expected,
                                     double half_width) {
  constexpr double kSoft = 1.0 / 12;  // Of the half width: as the ends are learnt.
  constexpr double kBeyond = 3;       // Sigmas.
  constexpr double kMiddle = 5;       // Likewise: a hundred-thousandth is left.
  const double variance = expected + kSoft * kSoft * half_width * half_width;
  const double sigma = std::sqrt(variance);
  const double to_end = half_width - std::abs(innovation);
  if (to_end < -kBeyond * sigma) return std::nullopt;
  if (to_end > kMiddle * sigma) {
    return Evidence{0, std::numeric_limits<double>::infinity()};
  }

  const auto density = [](double u) {
    return std::exp(-u * u / 2) / std::sqrt(2 * std::numbers::pi);
  };
  const auto share_below = [](double u) {
    return std::erfc(-u / std::numbers::sqrt2) / 2;
  };
  const double low = (innovation - half_width) / sigma;
  const double high = (innovation + half_width) / sigma;
  const double inside = share_below(high) - share_below(low);
  const double score = (density(low) - density(high)) / (inside * sigma);
  const double bend = (high * density(high) - low * density(low)) / (inside * variance);
  const double slope = score * score + bend;
  return Evidence{score / slope, std::max(1 / slope, variance) - expected};
}

void FlatWatch::Push(const Measurement& m, double y) {
  if (kept_ == 0) first_ = m;
  if (end_ == points_.size()) {
    std::copy(measurements_.end() - kept_, measurements_.end(), measurements_.begin());
    std::copy(points_.end() - kept_, points_.end(), points_.begin());
    end_ = kept_;
  }
  measurements_[end_] = m;
  points_[end_] = {(m.at - first_.at).SecondsDouble(), (m.z - first_.z).NanosDouble()};
  ++end_;
  kept_ = std::min(kept_ + 1, kSize);
  if (kept_ >= kReady && end_ % kJudged == 0) Judge(m.row.x * y);
}

void FlatWatch::Judge(double slope) {
  const auto points = Last(points_);
  const Point from = points.front();
  double sum = 0, squares = 0, least = 0, most = 0;
  double previous = 0, steps = 0;  // Squared.
  for (const Point& p : points) {
    const double residual = p.nanos - from.nanos - slope * (p.seconds - from.seconds);
    sum += residual;
    squares += residual * residual;
    steps += (residual - previous) * (residual - previous);
    least = std::min(least, residual);
    most = std::max(most, residual);
    previous = residual;
  }
  const double n = static_cast<double>(kept_);
  const double mean = sum / n;
  const double variance = (squares - n * mean * mean) / (n - 1);
  // The ends are a little beyond the outermost.
  const double half = (most - least) / 2 * (n + 1) / (n - 1);
  const double flatness = variance / (half * half / 3);
  const double whiteness = steps / 2 / (n - 1) / variance;
  const bool flat = half > kLeastHalfWidth &&
                    flatness > (half_width_ ? kFlatUntil : kFlatFrom) &&
                    flatness < kNotTwoHeaps && whiteness > kWhite &&
                    std::abs(mean - (most + least) / 2) < kCentred * half;
  half_width_ = flat ? std::optional(half) : std::nullopt;
}

}  // namespace bridge
