#include "bridge/source/ntp_watch.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "bridge/time/waiting.h"

namespace bridge {
namespace {

using R = NtpReason;

constexpr std::array kReasons{
    NtpReasonText{R::kUnread, "unread",
                  "The kernel does not say how the system clock is. The log has the "
                  "system call's error; a sandbox or seccomp filter may forbid it."},
    NtpReasonText{R::kUnsynchronized, "unsynchronized",
                  "The kernel counts the system clock as not synchronised: no NTP "
                  "daemon runs, or it has no source yet. Look at `chronyc sources` or "
                  "`ntpq -p`."},
    NtpReasonText{R::kAbandoned, "abandoned",
                  "Nobody has updated the system clock for minutes, though the kernel "
                  "still counts it as synchronised: the NTP daemon died, lost its "
                  "sources or polls too seldom (maxpoll)."},
    NtpReasonText{R::kSettling, "settling",
                  "The system clock is disciplined, but not for long enough yet. "
                  "Nothing to do."},
    NtpReasonText{R::kDisciplined, "disciplined",
                  "An NTP daemon disciplines the system clock. Nothing to do."},
};

// The kernel adds MAXFREQ, 500 ppm, to maxerror as each second of CLOCK_REALTIME
// begins.
constexpr TimeDelta kGrowth = TimeDelta::FromMicros(500);
// Who has lost its sources sets 16 s (chronyd, ntpd), as does the kernel at a step.
constexpr TimeDelta kUnsynchronizedError = TimeDelta::FromSeconds(1);

}  // namespace

std::span<const NtpReasonText> NtpReasons() { return kReasons; }

const NtpReasonText& TextOf(NtpReason reason) {
  return kReasons[static_cast<size_t>(reason)];
}

// By as many seconds as have begun: those passed by CLOCK_MONOTONIC, but for one at
// each end and for the speed of a clock that is slewed (chronyd's limit is 8.3 %).
bool NtpWatch::HasGrownAlone(const SystemClockState& state, MonoTime now) const {
  const absl::int128 grown = (state.max_error - base_->state.max_error).scaled_nanos();
  const absl::int128 begun = grown / kGrowth.scaled_nanos();
  const double passed = (now - base_->at).SecondsDouble();
  return grown == begun * kGrowth.scaled_nanos() &&
         std::abs(static_cast<double>(begun) - passed) <= 2 + passed / 10 &&
         state.est_error == base_->state.est_error &&
         state.frequency_ppb == base_->state.frequency_ppb;
}

bool NtpWatch::Holds(NtpReason reason, const std::optional<SystemClockState>& state,
                     MonoTime now) const {
  switch (reason) {
    case R::kUnread:
      return !state;
    case R::kUnsynchronized:
      return !state->synchronized && state->max_error >= kUnsynchronizedError;
    case R::kAbandoned:
      return !updated_ || now - settings_.max_age > *updated_;
    case R::kSettling:
      return !well_since_ || now - settings_.settle < *well_since_;
    case R::kDisciplined:
      return true;
  }
  return false;
}

std::optional<NtpWatch::Change> NtpWatch::Update(
    const std::optional<SystemClockState>& state, MonoTime now) {
  if (state && !(base_ && HasGrownAlone(*state, now))) {
    if (base_) updated_ = now;  // The first look sees no update.
    base_ = Base{*state, now};
  }
  const auto holds = [&](const NtpReasonText& row) {
    return Holds(row.reason, state, now);
  };
  const NtpReason before = reason_;
  reason_ = std::find_if(kReasons.begin(), kReasons.end(), holds)->reason;
  if (reason_ < R::kSettling) {
    well_since_.reset();
  } else if (!well_since_) {
    well_since_ = now;
  }
  if ((before == R::kDisciplined) == disciplined()) return std::nullopt;
  since_ = now;
  return Change{before, reason_};
}

}  // namespace bridge
