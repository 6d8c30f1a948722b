// bridge/refclock/sampler.h
//
// One cross-timestamp becomes a sample, or the reason why it does not: the
// publication gate. A pure function of what is known now.
#pragma once

#include <optional>
#include <variant>

#include "absl/time/time.h"
#include "bridge/refclock/refclock_sample.h"
#include "bridge/refclock/withhold_reason.h"
#include "bridge/time/clock_map.h"
#include "bridge/time/utc_authority.h"

namespace bridge {

// What a time source (a port of our own, or a ptp4l) knows at this moment.
struct SourceView {
  std::optional<WithholdReason> forbidden;  // By the role, whatever else holds.
  bool interface_up = true;
  bool source_answers = true;               // A ptp4l; our own port always does.
  bool tracking = false;                    // A qualified, allowed master is followed.
  std::optional<ClockMap<Local, Tai>> map;  // Nothing until calibrated.
  bool suspicious = false;
  bool good_enough = true;  // ptp.max_clock_class, ptp.max_clock_accuracy.
  bool epoch_sane = true;   // As far as the master's time is known.
  bool utc_settled = true;  // No contradiction about TAI-UTC a moment ago.
  TimeDelta jitter;         // At the cross-timestamp.
  TimeDelta error_bound;    // Likewise; excludes the cross-timestamp's window.
  // Age of the newest good Sync, and how old it may be.
  absl::Duration sync_age;
  absl::Duration sync_age_limit;
};

struct SamplerLimits {
  TimeDelta max_error = TimeDelta::FromMillis(1);     // output.max_error
  TimeDelta max_window = TimeDelta::FromMicros(100);  // Cross-timestamp.
};

using SampleOrReason = std::variant<RefclockSample, WithholdReason>;

// The reason that holds whatever the clocks read, or nothing: asked before
// reading them, and for status. Of several the most fundamental; those that only
// hold (Withdraws() false) come last, here and in MakeSample.
std::optional<WithholdReason> Withheld(const SourceView& source,
                                       const UtcAuthority& authority);

// `cross` is nothing when the clock could not be read. `system_stepped`: the
// system clock was stepped since `cross` was taken or the map last renewed.
SampleOrReason MakeSample(const SourceView& source,
                          const std::optional<CrossTimestamp<Local>>& cross,
                          bool system_stepped, const UtcAuthority& authority,
                          const SamplerLimits& limits);

// Not before this version was released, and not after 2100: 1970, 2106 and masters
// that take their uptime for time.
bool IsSaneEpoch(UtcTime instant);

// How long the newest Sync may be ago before publication ends:
// max(4 Sync intervals, 2 s).
absl::Duration SyncAgeLimit(absl::Duration sync_interval);

// log2 seconds, rounded up, of the jitter; -30 to 0.
int PrecisionFromJitter(TimeDelta jitter);

// Lets at most `rate` samples a second through per output, averaged over a few
// seconds: without drifting from the Sync rhythm, never two within half an interval
// and so never two in one turn of the loop.
class RateLimit {
 public:
  // More than 0.
  explicit RateLimit(double samples_per_second);
  // Whether a sample may go out now; if so it is counted as sent.
  bool Allow(MonoTime now);
  // Whether it might; changes nothing.
  bool Due(MonoTime now) const;
  // When the next one has to go out, a quarter of an interval late, for the rate to be
  // kept. Requires that one was allowed.
  MonoTime Latest() const;

 private:
  TimeDelta interval_;
  std::optional<MonoTime> slot_;  // On the grid, that the last sample filled.
  MonoTime last_;                 // When it really went; meaningful with slot_.
};

}  // namespace bridge
