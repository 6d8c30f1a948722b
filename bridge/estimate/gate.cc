#include "bridge/estimate/gate.h"

#include <algorithm>
#include <cmath>

namespace bridge {
namespace {

using Cause = Explanation::Cause;

constexpr int kRunForClock = 3;         // Sync; of the other direction
constexpr int kRunForClockReverse = 2;  // these.
constexpr int kRunForPath = 6;
constexpr int kRunForShorterPath = 4;  // Early is better evidence than late.
constexpr int kRunForOneWay = 10;
constexpr int kOtherInFamily = 4;
constexpr double kOtherStory = 20;  // A jump of the rate grows by less at a time.

bool PathMoved(const OutlierRun& a, const OutlierRun& b, int run, int sign) {
  return a.Tight(run) && b.Tight(run) && a.Sign(run) == sign && b.Sign(run) == sign;
}

Explanation ExplainPath(const OutlierRun& a, const OutlierRun& b) {
  const auto moved = [&](int run) {
    return Explanation{Cause::kPathMoved, (a.Median(run) + b.Median(run)) / 2};
  };
  if (PathMoved(a, b, kRunForShorterPath, -1)) return moved(kRunForShorterPath);
  if (PathMoved(a, b, kRunForPath, +1)) return moved(kRunForPath);
  return {};
}

bool OneWayMoved(const OutlierRun& moved, const OutlierRun& other) {
  return moved.Tight(kRunForOneWay) && other.in_family() >= kOtherInFamily;
}

}  // namespace

bool OutlierRun::Continues(double innovation) const {
  if (kept_ == 0) return false;
  const double ratio = innovation / remembered_[kept_ - 1].innovation;
  return ratio > 1 / kOtherStory && ratio < kOtherStory;
}

void OutlierRun::AddOutlier(const Measurement& m, double innovation) {
  if (!Continues(innovation)) kept_ = 0;
  if (kept_ == kRemembered) {
    std::move(remembered_.begin() + 1, remembered_.end(), remembered_.begin());
    --kept_;
  }
  remembered_[kept_++] = {m, innovation};
  length_ = std::min(length_ + 1, 1'000'000);
}

void OutlierRun::AddInFamily() {
  kept_ = 0;
  length_ = 0;
  in_family_ = std::min(in_family_ + 1, 1'000'000);
}

std::span<const OutlierRun::Outlier> OutlierRun::Last(int n) const {
  return remembered().last(static_cast<size_t>(n));
}

double OutlierRun::Median(int last) const {
  std::array<double, kRemembered> v;
  auto end = v.begin();
  for (const Outlier& o : Last(last)) *end++ = o.innovation;
  std::sort(v.begin(), end);
  const auto n = end - v.begin();
  return (*(v.begin() + (n - 1) / 2) + *(v.begin() + n / 2)) / 2;
}

int OutlierRun::Sign(int last) const {
  if (static_cast<size_t>(last) > kept_) return 0;
  int sum = 0;
  for (const Outlier& o : Last(last)) sum += o.innovation > 0 ? 1 : -1;
  return sum == last ? 1 : sum == -last ? -1 : 0;
}

bool OutlierRun::Tight(int last) const {
  if (Sign(last) == 0) return false;
  double least = std::abs(Last(last)[0].innovation);
  double most = least;
  for (const Outlier& o : Last(last)) {
    least = std::min(least, std::abs(o.innovation));
    most = std::max(most, std::abs(o.innovation));
  }
  return most - least < 0.3 * least;
}

Explanation Explain(const OutlierRun& sync, const OutlierRun& delay) {
  const int sign = sync.Sign(kRunForClock);
  if (sign != 0 && delay.Sign(kRunForClockReverse) == -sign) {
    return {Cause::kClockMoved,
            (sync.Median(kRunForClock) - delay.Median(kRunForClockReverse)) / 2};
  }
  if (const Explanation path = ExplainPath(sync, delay); path.cause != Cause::kNone) {
    return path;
  }
  if (OneWayMoved(sync, delay)) {
    return {Cause::kForwardMoved, sync.Median(kRunForOneWay)};
  }
  if (OneWayMoved(delay, sync)) {
    return {Cause::kReverseMoved, delay.Median(kRunForOneWay)};
  }
  return {};
}

Explanation ExplainP2p(const OutlierRun& sync, const OutlierRun& link) {
  if (sync.Sign(kRunForClock) != 0 && link.length() == 0 && link.in_family() > 0) {
    return {Cause::kClockMoved, sync.Median(kRunForClock)};
  }
  if (const Explanation path = ExplainPath(sync, link); path.cause != Cause::kNone) {
    return path;
  }
  if (OneWayMoved(link, sync)) {
    return {Cause::kReverseMoved, link.Median(kRunForOneWay)};
  }
  return {};
}

}  // namespace bridge
