// bridge/source/phc_pace.h
//
// A PHC that another program steers as it likes, against CLOCK_MONOTONIC_RAW: carries
// its stamps there over the few milliseconds until it is read. (A PHC that nobody but
// us steers: estimate/phc_time_base.h.)
#pragma once

#include <optional>

#include "bridge/estimate/window_watch.h"
#include "bridge/time/timestamp.h"

namespace bridge {

class PhcPace {
 public:
  enum class Verdict {
    kGood,
    kWide,     // Its window is over twice the running median: not used.
    kStepped,  // Faster or slower than any servo slews: earlier stamps mean nothing.
  };

  // Both clocks at one instant, to within half of `window`. Readings come in order of
  // `raw`; one that doesn't advance it is kWide.
  Verdict AddReading(PhcTime phc, RawTime raw, TimeDelta window);

  // Nothing for a stamp that is not from the last two seconds before the newest
  // reading, or from before a step, or before the PHC's rate is known.
  std::optional<RawTime> Carry(PhcTime stamp) const;

  TimeDelta window() const { return window_; }  // Of the newest good reading.
  void Reset() { *this = PhcPace(); }

 private:
  struct Reading {
    PhcTime phc;
    RawTime raw;
  };
  void Start(const Reading& reading, TimeDelta window);

  std::optional<Reading> last_;
  TimeDelta window_;
  Reading rate_from_;           // Meaningful with last_.
  std::optional<double> rate_;  // d(PHC)/d(RAW) - 1
  PhcTime era_start_;
  WindowWatch windows_;
};

}  // namespace bridge
