// bridge/source/phc_pace.h
//
// A PHC that another program steers as it likes, against CLOCK_MONOTONIC_RAW: carries
// its stamps there over the few milliseconds until it is read. (A PHC that nobody but
// us steers: estimate/phc_time_base.h.)
//
// Whoever steers it by a Sync turns its dial within a millisecond or two of the stamp,
// so what the dial says at the reading held for nearly all of that stretch. What is
// left is the crystal's own pace, and that hardly changes: it is learnt from readings
// with what was dialled meanwhile taken off, as far as that is known.
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
  // `raw`; one that doesn't advance it is kWide. `dial_ppb`: the frequency dialled
  // then; nothing: not known, and the pace of late is taken for that of now.
  Verdict AddReading(PhcTime phc, RawTime raw, TimeDelta window,
                     std::optional<double> dial_ppb = std::nullopt);

  // Nothing for a stamp that is not from the last two seconds before the newest
  // reading, or from before a step, or before the PHC's rate is known.
  std::optional<RawTime> Carry(PhcTime stamp) const;

  TimeDelta window() const { return window_; }  // Of the newest good reading.
  void Reset() { *this = PhcPace(); }

 private:
  struct Reading {
    PhcTime phc;
    RawTime raw;
    std::optional<double> dial_ppb;
  };
  void Start(const Reading& reading, TimeDelta window);
  void Learn(TimeDelta window);

  std::optional<Reading> last_;
  std::optional<double> dial_before_;  // At the reading before that.
  TimeDelta window_;
  Reading rate_from_;           // Meaningful with last_.
  std::optional<double> rate_;  // d(PHC)/d(RAW) - 1, of late.
  // The same of its crystal, as if nobody had turned the dial, and how uncertain.
  struct Crystal {
    double rate;
    double error;
  };
  std::optional<Crystal> crystal_;
  double turned_ = 0;  // How far the dial is turned between readings, of late.
  PhcTime era_start_;
  WindowWatch windows_;
};

}  // namespace bridge
