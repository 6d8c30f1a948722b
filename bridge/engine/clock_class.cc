#include "bridge/engine/clock_class.h"

#include <algorithm>
#include <array>

#include "bridge/ptp/clock_quality.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

using S = ClockStanding;
using E = ClockStandingEvent;

constexpr char kContradiction[] =
    "GNSS pulses say that the clock is further off than any class may be";

constexpr std::array kTransitions{
    ClockStandingTransition{
        S::kFree, E::kProven, S::kPrimary,
        "GNSS is good, the system clock follows it and TAI-UTC is validated"},
    ClockStandingTransition{S::kPrimary, E::kStepped, S::kFree,
                            "the system clock was stepped"},
    ClockStandingTransition{S::kPrimary, E::kOffsetUnknown, S::kFree,
                            "TAI-UTC is not validated any more"},
    ClockStandingTransition{S::kPrimary, E::kContradicted, S::kFree, kContradiction},
    ClockStandingTransition{S::kPrimary, E::kGnssLost, S::kHoldover,
                            "the GNSS receiver has lost its fix"},
    ClockStandingTransition{S::kPrimary, E::kGnssUnknown, S::kHoldover,
                            "nobody tells how GNSS is: gpsd or the receiver is gone"},
    ClockStandingTransition{S::kPrimary, E::kUnsynchronised, S::kHoldover,
                            "the NTP daemon does not warrant the system clock"},
    ClockStandingTransition{S::kPrimary, E::kInaccurate, S::kDegraded,
                            "the system clock's error is too large for class 6"},
    ClockStandingTransition{S::kHoldover, E::kStepped, S::kFree,
                            "the system clock was stepped"},
    ClockStandingTransition{S::kHoldover, E::kOffsetUnknown, S::kFree,
                            "TAI-UTC is not validated any more"},
    ClockStandingTransition{S::kHoldover, E::kContradicted, S::kFree, kContradiction},
    ClockStandingTransition{S::kHoldover, E::kProven, S::kPrimary,
                            "GNSS has been good again for a while"},
    ClockStandingTransition{S::kHoldover, E::kHoldoverOver, S::kDegraded,
                            "the loss has lasted longer than grandmaster.holdover"},
    ClockStandingTransition{
        S::kHoldover, E::kDriftedAway, S::kDegraded,
        "the clock may have drifted by more than grandmaster.max_holdover_error"},
    ClockStandingTransition{S::kDegraded, E::kStepped, S::kFree,
                            "the system clock was stepped"},
    ClockStandingTransition{S::kDegraded, E::kOffsetUnknown, S::kFree,
                            "TAI-UTC is not validated any more"},
    ClockStandingTransition{S::kDegraded, E::kContradicted, S::kFree, kContradiction},
    ClockStandingTransition{S::kDegraded, E::kProven, S::kPrimary,
                            "GNSS has been good again for a while"},
    ClockStandingTransition{S::kDegraded, E::kDegradedOver, S::kFree,
                            "the loss has lasted too long"},
    ClockStandingTransition{S::kDegraded, E::kErrorTooLarge, S::kFree,
                            "the clock may be wrong by too much"},
};

// Of a computer's crystal that nobody has measured.
constexpr double kUnknownDriftPpb = 10'000;
// Updates this far apart leave a gap that nobody vouches for.
constexpr absl::Duration kGap = absl::Seconds(10);

bool Follows(const ClockHealth& health) {
  return health.gnss == GnssState::kGood && health.synchronised &&
         health.offset_validated && !health.contradicted;
}

TimeDelta LockedError(const ClockHealth& health) {
  return health.estimated_error + health.stamp_error;
}

}  // namespace

std::span<const ClockStandingTransition> ClockStandingTransitions() {
  return kTransitions;
}

uint8_t ClockClassOf(ClockStanding standing, bool slave_capable) {
  switch (standing) {
    case S::kFree:
      return 248;
    case S::kPrimary:
      return 6;
    case S::kHoldover:
      return 7;
    case S::kDegraded:
      return slave_capable ? 187 : 52;
  }
  return 248;
}

std::optional<ClockClassPolicy::Change> ClockClassPolicy::Update(
    const ClockHealth& health, MonoTime now) {
  WatchProof(health, now);
  const uint8_t from = ClockClassOf(standing_, settings_.slave_capable);
  const char* why = nullptr;
  // More than one row after a gap; the table has no circle under one health.
  const auto holds = [&](const ClockStandingTransition& row) {
    return row.from == standing_ && Holds(row.event, health, now);
  };
  for (auto row = std::find_if(kTransitions.begin(), kTransitions.end(), holds);
       row != kTransitions.end();
       row = std::find_if(kTransitions.begin(), kTransitions.end(), holds)) {
    standing_ = row->to;
    why = row->why;
  }
  if (standing_ == S::kPrimary) {
    held_ = Held{now, LockedError(health), health.estimated_error};
  }
  if (health.stepped) held_.reset();  // What it was says nothing of what it is.
  Claim(health, why != nullptr && standing_ == S::kPrimary, now);
  if (why == nullptr) return std::nullopt;
  return Change{from, ClockClassOf(standing_, settings_.slave_capable), why};
}

void ClockClassPolicy::WatchProof(const ClockHealth& health, MonoTime now) {
  if (updated_ && now - kGap > *updated_) well_since_.reset();
  updated_ = now;
  if (health.stepped || !Follows(health) ||
      LockedError(health) > settings_.max_primary_error) {
    well_since_.reset();
  } else {
    // GNSS may have been away between two updates.
    well_since_ = std::max(well_since_.value_or(now), std::min(health.gnss_since, now));
  }
}

bool ClockClassPolicy::Holds(ClockStandingEvent event, const ClockHealth& health,
                             MonoTime now) const {
  switch (event) {
    case E::kStepped:
      return health.stepped;
    case E::kProven:
      return well_since_ && now - settings_.proof >= *well_since_;
    case E::kOffsetUnknown:
      return !health.offset_validated;
    case E::kContradicted:
      return health.contradicted;
    case E::kGnssLost:
      return health.gnss == GnssState::kLost;
    case E::kGnssUnknown:
      return health.gnss == GnssState::kUnknown;
    case E::kUnsynchronised:
      return !health.synchronised;
    case E::kInaccurate:
      return LockedError(health).Half() > settings_.max_primary_error;
    case E::kHoldoverOver:
      return SinceHeld(now) > settings_.holdover;
    case E::kDriftedAway:
      return Drifted(health, now) > settings_.max_holdover_error;
    case E::kDegradedOver:
      return SinceHeld(now) > settings_.degraded;
    case E::kErrorTooLarge:
      return Error(health, now) > settings_.max_degraded_error;
  }
  return false;
}

absl::Duration ClockClassPolicy::SinceHeld(MonoTime now) const {
  return held_ ? ToDuration(now - held_->at) : absl::InfiniteDuration();
}

// Since class 6 was last deserved. held_ is there.
TimeDelta ClockClassPolicy::Drifted(const ClockHealth& health, MonoTime now) const {
  const double drift = health.drift_ppb.value_or(kUnknownDriftPpb);
  const TimeDelta free =
      TimeDelta::FromNanosDouble((now - held_->at).SecondsDouble() * drift);
  // An NTP daemon without a source sets esterror to 16 s, which estimates nothing.
  if (!health.synchronised) return free;
  // Or pulled away, by servers that the NTP daemon follows meanwhile.
  return std::max(free, health.estimated_error - held_->estimated_error);
}

std::optional<TimeDelta> ClockClassPolicy::Error(const ClockHealth& health,
                                                 MonoTime now) const {
  const TimeDelta warranted = health.max_error + health.stamp_error;
  if (!held_) return health.synchronised ? std::optional(warranted) : std::nullopt;
  const TimeDelta drifted = held_->error + Drifted(health, now);
  return health.synchronised ? std::min(drifted, warranted) : drifted;
}

void ClockClassPolicy::Claim(const ClockHealth& health, bool risen, MonoTime now) {
  error_ = standing_ == S::kPrimary ? LockedError(health) : Error(health, now);
  const uint8_t accuracy =
      error_ ? ptp::ClockAccuracyOf(*error_) : ptp::kAccuracyUnknown;
  const ptp::ClockQuality before = claim_.quality;
  ptp::ClockQuality& quality = claim_.quality;
  quality.clock_class = ClockClassOf(standing_, settings_.slave_capable);
  if (risen) better_since_.reset();
  quality.clock_accuracy = risen ? accuracy : SteadyAccuracy(accuracy, now);
  // It decides between equal masters, so it stays while the rest does.
  if (quality != before && health.jitter) {
    quality.offset_scaled_log_variance = ptp::OffsetScaledLogVariance(*health.jitter);
  }
  claim_.time_traceable = claim_.frequency_traceable =
      standing_ == S::kPrimary || standing_ == S::kHoldover;
}

// Worse at once; better only after it has been so for a while, and then no better than
// the worst of that while.
uint8_t ClockClassPolicy::SteadyAccuracy(uint8_t accuracy, MonoTime now) {
  const uint8_t current = claim_.quality.clock_accuracy;
  if (accuracy >= current) {
    better_since_.reset();
    return accuracy;
  }
  better_ = better_since_ ? std::max(better_, accuracy) : accuracy;
  if (!better_since_) better_since_ = now;
  if (now - settings_.proof < *better_since_) return current;
  better_since_.reset();
  return better_;
}

}  // namespace bridge
