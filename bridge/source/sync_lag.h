// bridge/source/sync_lag.h
//
// How much longer Syncs take than Pdelay_Resps. With software stamps a message that
// wakes two machines is stamped a microsecond or more later than one that meets them
// awake, as a Pdelay_Resp does (README.md). What is measured with Syncs and the link
// delay is wrong by this.
//
// It can be told where the neighbour is the master and stamps both with one clock. In
// 802.1AS it need not (LocalClock), so what is more than stamps are late by is no lag.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "bridge/time/timestamp.h"

namespace bridge {

class SyncLag {
 public:
  // Another master.
  void Clear() { *this = SyncLag(); }
  // How much longer a Sync would have taken than the Pdelay_Resp of one exchange, and
  // the link delay that it measured.
  void Add(TimeDelta lag, TimeDelta link_delay) {
    if (std::fabs(lag.NanosDouble()) > kMost) return;
    lags_[count_ % lags_.size()] = lag.NanosDouble();
    links_[count_ % links_.size()] = link_delay.NanosDouble();
    if (++count_ < lags_.size()) return;
    const double median = Sorted(lags_)[1];
    value_ = TimeDelta::FromNanosDouble(std::fabs(median) > Chance() ? median : 0);
  }
  // The median of the last three exchanges, as a link that wakes or rests changes it
  // within seconds; zero where that may be chance.
  TimeDelta value() const { return value_; }

 private:
  static constexpr double kMost = 20e3;  // ns
  static constexpr double kNoise = 1e3;  // ns: of stamps of which little is known.

  template <size_t n>
  static std::array<double, n> Sorted(std::array<double, n> values, size_t first = n) {
    std::sort(values.begin(), values.begin() + static_cast<ptrdiff_t>(first));
    return values;
  }
  // How far the median of three may be from that of all without a lag. What answers are
  // late by is seen in the link delay: half of either of two is in it. Eight
  // deviations, which go by the distance of the quartiles: it is tried once a second.
  double Chance() const {
    const size_t n = std::min(count_, links_.size());
    const auto links = Sorted(links_, n);
    return std::max(6 * (links[3 * n / 4] - links[n / 4]), kNoise / std::sqrt(n));
  }

  // ns; rings.
  std::array<double, 3> lags_{};
  std::array<double, 31> links_{};
  size_t count_ = 0;
  TimeDelta value_;
};

}  // namespace bridge
