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
  // included: whether more than half of them are less than half of it.
  bool IsWide(TimeDelta window) {
    windows_[seen_++ % kWindows] = window;
    const size_t seen = std::min(seen_, kWindows);
    size_t shorter = 0;
    for (size_t i = 0; i < seen; ++i) shorter += windows_[i] + windows_[i] < window;
    return shorter > seen / 2;
  }

 private:
  static constexpr size_t kWindows = 15;

  std::array<TimeDelta, kWindows> windows_{};
  size_t seen_ = 0;
};

}  // namespace bridge
