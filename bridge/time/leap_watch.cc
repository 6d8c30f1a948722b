#include "bridge/time/leap_watch.h"

#include <algorithm>

#include "bridge/time/utc_month.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

// A flag that was withdrawn earlier than this before midnight was a mistake.
constexpr TimeDelta kRetracted = TimeDelta::FromSeconds(3600);
// Flags for the end of a month are set at most 12 h before it (IEEE 1588-2019, 9.4),
// so in the first hours of one they are about the last.
constexpr TimeDelta kFlagsAreOld = TimeDelta::FromSeconds(12 * 3600);

UtcTime ToUtc(TaiTime instant, int offset) {
  return UtcTime() + (instant.SinceEpoch() - TimeDelta::FromSeconds(offset));
}
TaiTime ToTai(UtcTime instant, int offset) {
  return TaiTime() + (instant.SinceEpoch() + TimeDelta::FromSeconds(offset));
}

}  // namespace

int StepOf(LeapIndicator leap) {
  switch (leap) {
    case LeapIndicator::kInsert:
      return 1;
    case LeapIndicator::kDelete:
      return -1;
    case LeapIndicator::kNone:
      break;
  }
  return 0;
}

void LeapWatch::SetAnnounceInterval(absl::Duration interval) {
  after_ = std::max(kAfter, ToTimeDelta(3 * interval) + TimeDelta::FromSeconds(2));
}

void LeapWatch::Observe(TaiTime now, const Opinion& opinion) {
  if (opinion.offset) last_offset_ = opinion.offset;
  const bool past = expected_ && now >= expected_->boundary;
  if (expected_ && !past && (now - expected_->heard).Abs() > kRetracted) {
    expected_.reset();
  }
  if (past && opinion.offset && !Unconfirmed(now, opinion)) expected_.reset();
  // What is not confirmed yet is not replaced by what is announced next.
  if (past || !last_offset_ || opinion.flagged == LeapIndicator::kNone) return;

  const UtcTime utc = ToUtc(now, *last_offset_);
  const UtcTime midnight = NextMonthStart(utc);
  if (midnight - utc > kArmed) return;  // Flags are for the last day of a month.
  const int step = StepOf(opinion.flagged);
  expected_ = Expected{ToTai(midnight, *last_offset_ + step), *last_offset_, step, now};
}

bool LeapWatch::Near(TaiTime instant, const Opinion& opinion) const {
  if (!opinion.offset || (opinion.excluded && !expected_)) return false;
  const UtcTime utc = ToUtc(instant, *opinion.offset);
  // Ahead of its time by kBefore, the whole window is at the start of a month.
  const UtcTime shifted = utc + kBefore;
  return shifted - MonthStart(shifted) < kBefore + after_;
}

bool LeapWatch::Unconfirmed(TaiTime instant, const Opinion& opinion) const {
  // Still announced early in a month: a master that is late, or has forgotten. This
  // also holds for one who has just been started and remembers nothing.
  if (opinion.offset && opinion.flagged != LeapIndicator::kNone && !opinion.informed) {
    const UtcTime utc = ToUtc(instant, *opinion.offset);
    const bool early = utc - MonthStart(utc) < kFlagsAreOld;
    if (early && !(expected_ && IsExpected(instant, opinion))) return true;
  }
  if (!expected_ || instant < expected_->boundary) return false;
  if (IsExpected(instant, opinion)) return false;
  return !(opinion.offset && opinion.informed);
}

bool LeapWatch::IsExpected(TaiTime instant, const Opinion& opinion) const {
  return instant >= expected_->boundary &&
         opinion.offset == expected_->before + expected_->step;
}

bool LeapWatch::Armed(TaiTime instant, const Opinion& opinion) const {
  if (!opinion.offset) return false;
  const UtcTime utc = ToUtc(instant, *opinion.offset);
  return NextMonthStart(utc) - utc <= kArmed;
}

std::optional<TaiTime> LeapWatch::NextSilence(TaiTime now,
                                              const Opinion& opinion) const {
  if (!opinion.offset || (opinion.excluded && !expected_)) return std::nullopt;
  const UtcTime midnight = NextMonthStart(ToUtc(now, *opinion.offset));
  const TaiTime begins = ToTai(midnight - kBefore, *opinion.offset);
  if (begins <= now) return std::nullopt;
  return begins;
}

}  // namespace bridge
