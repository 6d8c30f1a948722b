// bridge/estimate/floor_ring.h
//
// The last 64 residuals of one direction (path delay as this direction sees it,
// noise included) and where their floor is. On a direct link residuals scatter
// evenly; behind a queueing switch most are near a floor and the rest are late
// by whatever was before them in the queue.
#pragma once

#include <array>
#include <cstddef>

namespace bridge {

class FloorRing {
 public:
  static constexpr size_t kSize = 64;

  // The residuals that weren't delayed.
  struct Cluster {
    double mean;
    double standard_error;
    double scale;  // Their spread.
  };

  // Replaces the oldest when full. ns; finite.
  void Push(double residual);
  void Clear();
  // The offset was corrected: all residuals change by `delta`.
  void Shift(double delta);

  // Enough residuals for quantiles.
  bool ready() const { return count_ >= kReady; }
  // The late tail is much longer than the early side is wide. With hysteresis.
  bool skewed() const { return skewed_; }
  // A residual this large waited in a queue. False unless skewed().
  bool IsLate(double residual) const;
  // Requires ready().
  Cluster cluster() const;

 private:
  static constexpr size_t kReady = 24;

  double Quantile(double q) const;
  double FloorScale() const;  // Of the early side.
  void Judge();

  // Oldest at next_ when full; sorted_ holds the same values in order.
  std::array<double, kSize> arrived_{};
  std::array<double, kSize> sorted_{};
  size_t next_ = 0;
  size_t count_ = 0;
  bool skewed_ = false;
};

}  // namespace bridge
