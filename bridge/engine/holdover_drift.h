// bridge/engine/holdover_drift.h
//
// How fast a clock runs away when nobody steers it any more, learnt from how its
// frequency has had to be corrected while somebody did.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "bridge/time/timestamp.h"

namespace bridge {

class HoldoverDrift {
 public:
  // About once a second while the clock is disciplined: the frequency it is dialled to.
  void Add(double frequency_ppb, MonoTime now);
  // By how much that ranged over the last half hour, 1 ppb at least: in holdover it
  // stays where it happened to be. Nothing until it was watched for ten minutes; after
  // a pause what it was before, for as long.
  std::optional<double> ppb() const { return ppb_; }

 private:
  static constexpr size_t kKept = 60;
  void Learn();

  struct Range {
    double low = 0;
    double high = 0;
  };
  // Of 30 s each, in a ring: number n at n % kKept.
  std::array<Range, kKept> ranges_{};
  size_t count_ = 0;
  std::optional<MonoTime> began_;  // The newest.
  std::optional<double> ppb_;
};

}  // namespace bridge
