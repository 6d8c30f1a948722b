// bridge/source/sync_rhythm.h
//
// When Syncs come, learnt from the receive times of some of them: so that ptp4l can be
// asked shortly after one came. Only the phase matters for that. Who asks each second
// meets every Sync where there is at most one a second, and always the same of several
// (intervals are powers of two, IEEE 1588-2019, 7.7.2.1): nothing can lock wrongly.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "absl/time/time.h"
#include "bridge/time/waiting.h"

namespace bridge {

class SyncRhythm {
 public:
  // A Sync newer than the last, received at `ingress` by the clock that stamps it and
  // about now by ours.
  void Add(TimeDelta ingress, MonoTime now) {
    const double seconds = (ingress - last_ingress_).SecondsDouble();
    if (any_ && seconds > kShortest && seconds < kLongest) {
      seconds_[count_++ % kSize] = seconds;
      interval_ = Interval();
      fastest_ = std::min(fastest_, interval_);
    }
    any_ = true;
    last_ingress_ = ingress;
    last_ = now;
  }
  // It came that long before what was told by Add().
  void Correct(TimeDelta age) { last_ = last_ - age; }
  void Clear() { *this = SyncRhythm(); }

  bool known() const { return count_ >= 2; }
  // Of the Syncs added, 2^n s. Requires known(). Some may have been missed: the
  // shortest of late counts.
  absl::Duration interval() const { return interval_; }
  // The shortest that this has been since the beginning, when all were looked at.
  absl::Duration fastest() const { return fastest_; }
  // The first moment after `now` that is whole `steps` behind the last one, or, before
  // any came, one step from now.
  MonoTime Next(MonoTime now, absl::Duration step) const {
    if (!any_) return now + step;
    const double seconds = absl::ToDoubleSeconds(step);
    const double steps = std::floor((now - last_).SecondsDouble() / seconds);
    return last_ +
           TimeDelta::FromNanosDouble((std::max(steps, 0.0) + 1) * seconds * 1e9);
  }

 private:
  static constexpr size_t kSize = 8;
  static constexpr double kShortest = 1e-3;
  static constexpr double kLongest = 100;
  static constexpr int kFastest = -7;

  absl::Duration Interval() const {
    const auto end = seconds_.begin() + static_cast<ptrdiff_t>(std::min(count_, kSize));
    const double shortest = *std::min_element(seconds_.begin(), end);
    // The nearest power: floor(log2(x sqrt 2)).
    const int exponent = std::ilogb(shortest * 1.41421356);
    return absl::Seconds(std::ldexp(1.0, std::max(exponent, kFastest)));
  }

  bool any_ = false;
  TimeDelta last_ingress_;
  MonoTime last_;
  std::array<double, kSize> seconds_{};
  size_t count_ = 0;
  absl::Duration interval_;
  absl::Duration fastest_ = absl::InfiniteDuration();
};

}  // namespace bridge
