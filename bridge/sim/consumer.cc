#include "bridge/sim/consumer.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "shm/segment_reader.h"

namespace bridge::sim {
namespace {

constexpr size_t kPoll = 4;  // Samples, one a second: chrony's "poll 2".
constexpr int64_t kDay = 86'400;
constexpr double kSlewLimit = 1000e-6;
// chrony's LEAP_SECOND_CLOSE.
constexpr int64_t kTooCloseToLeap = 5;

absl::CivilMonth MonthOf(int64_t unix_second) {
  return absl::CivilMonth(absl::CivilSecond(1970, 1, 1) + unix_second);
}

double Limit(Steering steering) {
  return steering == Steering::kSlew1000 ? kSlewLimit : 500e-6;
}

}  // namespace

UtcTime Consumer::RightClock(TaiTime now) const {
  const UtcTime utc = truth_.Utc(now);
  if (rule_ != LeapRule::kSmear || !truth_.leap()) return utc;
  const double since_noon =
      (now - *truth_.new_month()).SecondsDouble() + static_cast<double>(kDay) / 2;
  const double share = std::clamp(since_noon / static_cast<double>(kDay), 0.0, 1.0);
  const int before = truth_.OffsetAt(TaiTime());
  const int change = truth_.OffsetAt(*truth_.new_month()) - before;
  return UtcTime() + (now.SinceEpoch() - TimeDelta::FromSeconds(before)) -
         TimeDelta::FromNanosDouble(share * change * 1e9);
}

void Consumer::Poll(TaiTime now, RawTime raw, SystemClock& clock) {
  const UtcTime shows = clock.Read(raw);
  LeapIfDue(shows, raw, clock);
  const ntpshm::Reading reading = ntpshm::Read(segment_);
  if (reading.result != ntpshm::ReadResult::kSample) {
    if (reading.valid) ++rejected_;
    return;
  }
  segment_->valid = 0;  // As every real consumer does.
  const ntpshm::Sample& sample = reading.sample;
  const int64_t second = shows.Split().seconds;
  // ntpd compares whole seconds and accepts 0 to 5 of them.
  const int64_t age = second - sample.receive_seconds;
  const bool near_leap = rule_ == LeapRule::kSlew && scheduled_ &&
                         std::abs(second - scheduled_->midnight) <= kTooCloseToLeap;
  if (age < 0 || age > 5 || near_leap) {
    ++rejected_;
    return;
  }
  ++accepted_;
  OnLeapBit(static_cast<LeapIndicator>(sample.leap), shows);
  const double offset_ns =
      static_cast<double>(sample.clock_seconds - sample.receive_seconds) * 1e9 +
      static_cast<double>(sample.clock_nanos) -
      static_cast<double>(sample.receive_nanos);
  const UtcTime utc = truth_.Utc(now);
  if (std::fabs(offset_ns - (utc - shows).NanosDouble()) > 0.5e9) ++wrong_seconds_;
  offsets_ns_.push_back(offset_ns + (RightClock(now) - utc).NanosDouble());
  if (offsets_ns_.size() >= kPoll) Steer(raw, clock);
}

void Consumer::OnLeapBit(LeapIndicator leap, UtcTime shows) {
  leap_seen_ |= leap != LeapIndicator::kNone;
  if (rule_ == LeapRule::kIgnore || rule_ == LeapRule::kSmear) return;
  if (rule_ == LeapRule::kSlew) scheduled_.reset();  // The latest word counts.
  if (leap == LeapIndicator::kNone || scheduled_) return;
  const int64_t second = shows.Split().seconds;
  const absl::CivilMonth next = MonthOf(second) + 1;
  const int64_t midnight = UnixSecond(absl::CivilSecond(next));
  if (rule_ == LeapRule::kSlew) {
    const bool half_year = next.month() == 7 || next.month() == 1;
    if (!half_year || midnight - second > kDay) return;
  }
  scheduled_ = TrueLeap{leap, midnight};
}

void Consumer::LeapIfDue(UtcTime shows, RawTime raw, SystemClock& clock) {
  if (leap_slew_until_ && raw >= *leap_slew_until_) {
    clock.SetSlew(raw, 0);
    leap_slew_until_.reset();
  }
  if (!scheduled_) return;
  const int64_t second = shows.Split().seconds;
  if (rule_ == LeapRule::kKernelStep) {
    const bool day_before =
        second < scheduled_->midnight && scheduled_->midnight - second <= kDay;
    if (clock.leaps_inserted() != 0) {
      leap_done_ = true;
      scheduled_.reset();
    } else if (day_before && !clock.leap_armed()) {
      clock.ArmLeap(*scheduled_);
    }
  } else if (second >= scheduled_->midnight) {
    const double sign = scheduled_->what == LeapIndicator::kInsert ? -1 : 1;
    clock.SetSlew(raw, sign * Limit(steering_));
    leap_slew_until_ = raw + TimeDelta::FromNanosDouble(1e9 / Limit(steering_));
    leap_done_ = true;
    scheduled_.reset();
    offsets_ns_.clear();
  }
}

void Consumer::Steer(RawTime raw, SystemClock& clock) {
  std::nth_element(offsets_ns_.begin(), offsets_ns_.begin() + kPoll / 2,
                   offsets_ns_.end());
  const double offset_ns = offsets_ns_[kPoll / 2];
  offsets_ns_.clear();
  if (steering_ == Steering::kNone) return;
  leap_slew_until_.reset();  // What is left of it is in the offset.
  if (steering_ == Steering::kStepThenSlew && std::fabs(offset_ns) > 10e6) {
    clock.Step(raw, TimeDelta::FromNanosDouble(offset_ns));
    clock.SetSlew(raw, 0);
    ++steps_;
    return;
  }
  const double limit = Limit(steering_);
  // Half of the offset within the next poll, and a tenth of what is left is
  // taken for a frequency error: slow, but it cannot ring.
  const double rate = offset_ns * 1e-9 / static_cast<double>(kPoll);
  if (std::fabs(rate) < limit) {
    frequency_ = std::clamp(frequency_ + rate / 10, -limit, limit);
    clock.SetFrequency(raw, frequency_);
  }
  clock.SetSlew(raw, std::clamp(rate / 2, -limit, limit));
}

}  // namespace bridge::sim
