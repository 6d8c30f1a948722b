// bridge/engine/clock_class.h
//
// What a grandmaster may claim of its clock: clockClass and what goes with it (IEEE
// 1588-2019, 7.6.2.5, table 4), from how GNSS, the NTP daemon and TAI-UTC are.
//
// It begins as any clock (248) and earns class 6; it falls the moment a reason for it
// is gone, and has to prove itself anew before it rises. The transitions are a table,
// which is the code.
//
//   ClockClassPolicy policy(settings);
//   if (auto change = policy.Update(health, now)) Log(change->why);   // once a second
//   properties.quality = policy.claim().quality;
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "absl/time/time.h"
#include "bridge/ptp/types.h"
#include "bridge/source/gnss_watch.h"
#include "bridge/time/time_delta.h"
#include "bridge/time/timestamp.h"

namespace bridge {

enum class ClockStanding : uint8_t {
  kFree,      // 248: nothing is vouched for.
  kPrimary,   // 6: follows GNSS.
  kHoldover,  // 7: was 6, and has not drifted away further than specified.
  kDegraded,  // 52, or 187 for a clock that may follow others: it has.
};

enum class ClockStandingEvent : uint8_t {
  kStepped,         // The system clock was set.
  kProven,          // All that class 6 needs has been there for a while.
  kOffsetUnknown,   // TAI-UTC is not validated.
  kContradicted,    // GNSS itself says that the clock is wrong.
  kGnssLost,        // No fix.
  kGnssUnknown,     // Nobody tells.
  kUnsynchronised,  // The NTP daemon gives no warrant for the system clock.
  kInaccurate,      // Further off than class 6 may be.
  kHoldoverOver,    // Longer than specified,
  kDriftedAway,     // or further.
  kDegradedOver,    // Class 52 has lasted its time,
  kErrorTooLarge,   // or error.
};

struct ClockStandingTransition {
  ClockStanding from;
  ClockStandingEvent event;
  ClockStanding to;
  const char* why;
};
// Of the rows that hold, the first counts.
std::span<const ClockStandingTransition> ClockStandingTransitions();

// Degradation alternative A (52) never follows another clock, B (187) may.
uint8_t ClockClassOf(ClockStanding standing, bool slave_capable);

// What is seen of the clock now.
struct ClockHealth {
  GnssState gnss = GnssState::kUnknown;
  MonoTime gnss_since;  // Since when without interruption.
  // Of the system clock, as kernel and NTP daemon have it (adjtimex).
  bool synchronised = false;
  TimeDelta max_error;        // maxerror: what it does not exceed.
  TimeDelta estimated_error;  // esterror
  bool offset_validated = false;
  bool contradicted = false;  // By GNSS pulses (source/pulse_watch.h).
  // The system clock was stepped since the last update, and not for a leap second.
  bool stepped = false;
  // How fast the clock may drift when nobody steers it; nothing: not known.
  std::optional<double> drift_ppb;
  // What is added between the system clock and the wire: readings, stamps.
  TimeDelta stamp_error;
  // Standard deviation of the clock's readings, if measured.
  std::optional<TimeDelta> jitter;
};

struct ClockClaim {
  ptp::ClockQuality quality;
  bool time_traceable = false;
  bool frequency_traceable = false;
  friend bool operator==(const ClockClaim&, const ClockClaim&) = default;
};

class ClockClassPolicy {
 public:
  struct Settings {
    bool slave_capable = false;
    // How long all must be well before class 6, and before a better accuracy.
    absl::Duration proof = absl::Seconds(60);
    // Class 6: with more it is not earned, with twice as much it is lost.
    TimeDelta max_primary_error = TimeDelta::FromMicros(100);
    // Class 7: since the loss.
    absl::Duration holdover = absl::Seconds(600);
    TimeDelta max_holdover_error = TimeDelta::FromMicros(1);  // Of drift alone.
    // Class 52 or 187: since the loss.
    absl::Duration degraded = absl::Hours(24);
    TimeDelta max_degraded_error = TimeDelta::FromMillis(1);  // In all.
  };
  struct Change {
    uint8_t from;  // clockClass
    uint8_t to;
    const char* why;
  };

  explicit ClockClassPolicy(const Settings& settings) : settings_(settings) {}

  // About once a second; after a longer gap everything has to be proven anew. Tells of
  // a new clockClass once.
  std::optional<Change> Update(const ClockHealth& health, MonoTime now);

  ClockStanding standing() const { return standing_; }
  const ClockClaim& claim() const { return claim_; }
  // What clockAccuracy was made from; nothing: no idea.
  std::optional<TimeDelta> error() const { return error_; }

 private:
  // When class 6 was last deserved, and how good the clock was then.
  struct Held {
    MonoTime at;
    TimeDelta error;
    TimeDelta estimated_error;
  };

  void WatchProof(const ClockHealth& health, MonoTime now);
  bool Holds(ClockStandingEvent event, const ClockHealth& health, MonoTime now) const;
  absl::Duration SinceHeld(MonoTime now) const;
  TimeDelta Drifted(const ClockHealth& health, MonoTime now) const;
  std::optional<TimeDelta> Error(const ClockHealth& health, MonoTime now) const;
  void Claim(const ClockHealth& health, bool risen, MonoTime now);
  uint8_t SteadyAccuracy(uint8_t accuracy, MonoTime now);

  const Settings settings_;
  ClockStanding standing_ = ClockStanding::kFree;
  std::optional<MonoTime> updated_;
  std::optional<MonoTime> well_since_;  // All that class 6 needs.
  std::optional<Held> held_;
  std::optional<TimeDelta> error_;
  ClockClaim claim_;
  // A better accuracy has been seen since; the worst of these.
  std::optional<MonoTime> better_since_;
  uint8_t better_ = 0;
};

}  // namespace bridge
