// bridge/estimate/gate.h
//
// What measurements far from what is expected mean, once there are a few. The
// point being that no path delivers early: a direction that turns out early was
// mismeasured by the clock, not by the path.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "bridge/estimate/kalman.h"
#include "bridge/time/timestamp.h"

namespace bridge {

// t2 - t1, t4 - t3 or the link delay, corrections applied; local time.
struct Measurement {
  LocalTime at;
  TimeDelta z;
  Row row;
};

// How one direction behaved lately: a run of outliers, or in family.
class OutlierRun {
 public:
  struct Outlier {
    Measurement measurement;
    double innovation;  // ns
  };

  // Whether an outlier could have the cause of the one before. One of the other sign
  // or of another order of magnitude begins anew: a stray one before a step must not
  // be averaged with it, and what cleared it clears nothing.
  bool Continues(double innovation) const;
  void AddOutlier(const Measurement& m, double innovation);
  void AddInFamily();
  // Starts counting the measurements in family anew.
  void Recount() { in_family_ = 0; }
  void Clear() { *this = OutlierRun(); }

  // Outliers since the last measurement in family; all of them, not only the
  // remembered ones.
  int length() const { return length_; }
  // Measurements in family since Recount().
  int in_family() const { return in_family_; }
  // The newest twelve at most that continue each other, oldest first.
  std::span<const Outlier> remembered() const { return {remembered_.data(), kept_}; }

  // Of the `last` innovations (at most as many as are remembered):
  double Median(int last) const;
  // +1 or -1 when all have this sign, else 0; 0 when there are fewer.
  int Sign(int last) const;
  // All of one sign and near each other compared with the smallest.
  bool Tight(int last) const;

 private:
  static constexpr size_t kRemembered = 12;

  std::span<const Outlier> Last(int n) const;

  std::array<Outlier, kRemembered> remembered_{};
  size_t kept_ = 0;
  int length_ = 0;
  int in_family_ = 0;
};

struct Explanation {
  enum class Cause {
    kNone,          // Outliers so far: coast.
    kClockMoved,    // x by `amount`: the master stepped, or a rate jumped.
    kPathMoved,     // d by `amount`: another route, the same both ways.
    kForwardMoved,  // Sync alone takes `amount` longer; x stays.
    kReverseMoved,  // Delay_Req alone does.
  };
  Cause cause = Cause::kNone;
  double amount = 0;  // ns
};

// E2E: Sync and Delay_Req.
Explanation Explain(const OutlierRun& sync, const OutlierRun& delay);
// P2P: Sync and link delay, which sees the path but no clock.
Explanation ExplainP2p(const OutlierRun& sync, const OutlierRun& link);

}  // namespace bridge
