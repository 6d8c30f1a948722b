// bridge/estimate/window_watch.h
//
// Readings of two clocks that took unusually long, because something came between.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "bridge/time/time_delta.h"

namespace bridge {

class WindowWatch {
 public:
  // Remembers it, and whether it is over twice the median of the latest, itself
  // included: whether more than half of them are less than half of it.
  bool IsWide(TimeDelta window) {
    const int64_t latest = InSmall(window);
    windows_[seen_++ % kWindows] = latest;
    const size_t seen = std::min(seen_, kWindows);
    size_t shorter = 0;
    for (size_t i = 0; i < seen; ++i) shorter += 2 * windows_[i] < latest;
    return shorter > seen / 2;
  }

 private:
  static constexpr size_t kWindows = 15;

  // 2^-16 ns; over 9 hours are as good as 9 hours.
  static int64_t InSmall(TimeDelta window) {
    constexpr absl::int128 kMost = int64_t{1} << 61;
    return static_cast<int64_t>(std::clamp(window.scaled_nanos(), -kMost, kMost));
  }

  std::array<int64_t, kWindows> windows_{};
  size_t seen_ = 0;
};

}  // namespace bridge
