// bridge/estimate/window_watch.h
//
// Readings of two clocks that took unusually long, because something came between.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "bridge/time/time_delta.h"

namespace bridge {

class WindowWatch {
 public:
  // Remembers it, and whether it is over twice the median of the latest, itself
  // included.
  bool IsWide(TimeDelta window) {
    windows_[seen_++ % kWindows] = window;
    std::array<TimeDelta, kWindows> sorted = windows_;
    const auto seen = static_cast<ptrdiff_t>(std::min(seen_, kWindows));
    const auto median = sorted.begin() + seen / 2;
    std::nth_element(sorted.begin(), median, sorted.begin() + seen);
    return window > *median + *median;
  }

 private:
  static constexpr size_t kWindows = 15;

  std::array<TimeDelta, kWindows> windows_{};
  size_t seen_ = 0;
};

}  // namespace bridge
