#include "bridge/engine/holdover_drift.h"

#include <algorithm>

#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr absl::Duration kRange = absl::Seconds(30);
constexpr size_t kRangesToKnow = 20;
// A crystal is not steadier than this for long.
constexpr double kLeastPpb = 1;

}  // namespace

void HoldoverDrift::Add(double frequency_ppb, MonoTime now) {
  if (!began_ || now - kRange >= *began_) {
    // Over a pause the frequency may have gone anywhere.
    if (began_ && now - 3 * kRange > *began_) count_ = 0;
    Learn();
    began_ = now;
    ++count_;
    ranges_[count_ % kKept] = {frequency_ppb, frequency_ppb};
    return;
  }
  Range& range = ranges_[count_ % kKept];
  range.low = std::min(range.low, frequency_ppb);
  range.high = std::max(range.high, frequency_ppb);
}

void HoldoverDrift::Learn() {
  if (count_ < kRangesToKnow) return;
  Range all = ranges_[count_ % kKept];
  for (size_t i = 0; i < std::min(count_, kKept); ++i) {
    const Range& range = ranges_[(count_ - i) % kKept];
    all = {std::min(all.low, range.low), std::max(all.high, range.high)};
  }
  ppb_ = std::max(all.high - all.low, kLeastPpb);
}

}  // namespace bridge
