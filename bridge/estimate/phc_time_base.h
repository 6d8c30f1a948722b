// bridge/estimate/phc_time_base.h
//
// Carries hardware stamps from the PHC, which our own servo steers, to a local clock
// that nobody steers: the same crystal as if it had never been touched. A ledger of
// what was done to the PHC says how; what somebody else does to it is noticed by
// comparing its readings with CLOCK_MONOTONIC_RAW.
//
//   base.AddReading(phc, raw, window);      // about once a second, and for samples
//   base.OnFrequency(at, -12'340);          // after each adjustment of our own
//   base.OnStep(before, by);
//   if (auto local = base.Carry(stamp, raw_now)) ...
//
// Pure; no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "bridge/estimate/window_watch.h"
#include "bridge/time/clock_map.h"

namespace bridge {

class PhcTimeBase {
 public:
  enum class Verdict {
    kGood,
    kWide,       // Its window is over twice the running median, or it doesn't advance
                 // CLOCK_MONOTONIC_RAW: not used.
    kStepped,    // Somebody else stepped the PHC (or changed its rate by more than any
                 // crystal does): a new era, and nothing of the old one is worth
                 // anything.
    kUncertain,  // Our own step was measured so badly (wide windows, or no reading just
                 // before it) that it may have gone some microseconds wrong: a new era
                 // as well.
  };

  // The PHC and CLOCK_MONOTONIC_RAW at one instant, to within half of `window`.
  // Readings come in order of `raw`.
  Verdict AddReading(PhcTime phc, RawTime raw, TimeDelta window);

  // From the instant at which the PHC showed `at`, it runs `ppb` faster than its
  // crystal: as dialled, absolute, not a difference. Before the first call 0.
  void OnFrequency(PhcTime at, double ppb);
  // We stepped it: it showed `before`, and about `before + by` then. Best read it right
  // before and right after. How far it really
  // went, the next reading says: many drivers read, add and write. Up to 50 ms of that
  // are put right; more is a step by somebody else.
  void OnStep(PhcTime before, TimeDelta by);

  // The local time of a stamp. Nothing before the first reading, and for a stamp that
  // can't be of this era: further than half a second before `now`, later than it, or
  // perhaps from before a step.
  std::optional<LocalTime> Carry(PhcTime stamp, RawTime now) const;
  // The local time of a reading of this era, at most 16 frequencies ago.
  LocalTime CarryReading(PhcTime reading) const;
  // What the PHC showed or shows at `local`; before our last step: what it would have
  // shown, had it been stepped by then.
  PhcTime Shown(LocalTime local) const;
  // What it shows when CLOCK_MONOTONIC_RAW shows `raw`: to date an adjustment. Nothing
  // before the first reading.
  std::optional<PhcTime> Predict(RawTime raw) const;

  double frequency_ppb() const;  // As dialled last.
  Era era() const { return era_; }

  // For a new start: another PHC, a suspend. The dialled frequency stays.
  void Reset();

 private:
  // From `phc` on: local = local + (shown - phc) / (1 + frequency).
  struct Segment {
    PhcTime phc;
    LocalTime local;
    double frequency = 0;  // Dimensionless.
  };
  // Of the local clock and CLOCK_MONOTONIC_RAW: neither is ever stepped, so what is
  // done to the PHC leaves a reading as it is.
  struct Reading {
    LocalTime local;
    RawTime raw;
    TimeDelta window;
  };
  static constexpr size_t kSegments = 16;

  void Append(const Segment& segment);
  void StartEra(PhcTime phc, LocalTime local, RawTime raw, TimeDelta window);
  Verdict MeasureOwnStep(TimeDelta off, TimeDelta tolerance, const Reading& reading);
  void IgnoreBefore(PhcTime before, PhcTime after);
  double RateUncertainty(RawTime at) const;
  TimeDelta Uncertainty(RawTime at) const;
  void LearnRate(const Reading& reading);

  Era era_;
  std::array<Segment, kSegments> segments_{};  // Oldest first, since the last step.
  size_t count_ = 0;
  PhcTime first_stamp_;  // An earlier one may be from before a step.
  std::optional<Reading> last_;
  std::optional<Reading> rate_from_;  // Where the rate's base line begins.
  // d(local)/d(raw) - 1, and how far it may be off; nothing until learnt.
  double rate_ = 0;
  std::optional<double> rate_error_;
  RawTime rate_at_;        // The middle of the base line it was learnt on.
  bool own_step_ = false;  // The next reading says how far it went.
  WindowWatch windows_;
  double frequency_ = 0;
};

}  // namespace bridge
