#include "bridge/estimate/phc_time_base.h"

#include <algorithm>
#include <cmath>

namespace bridge {
namespace {

// No crystal is off by more, and none changes by more from one reading to the next.
constexpr double kUnknownRate = 1e-3;
constexpr double kWander = 20e-6;
// A rate over less than this is mostly the windows' noise.
constexpr TimeDelta kRateBase = TimeDelta::FromSeconds(2);
constexpr TimeDelta kResolution = TimeDelta::FromMicros(1);
// A transmit stamp may take 100 ms; a step by somebody else is a second, mostly.
constexpr TimeDelta kOldestStamp = TimeDelta::FromMillis(500);
constexpr TimeDelta kFuture = TimeDelta::FromMillis(1);

TimeDelta Scaled(TimeDelta span, double factor) {
  return span + TimeDelta::FromNanosDouble(span.NanosDouble() * (factor - 1));
}

}  // namespace

PhcTimeBase::Verdict PhcTimeBase::AddReading(PhcTime phc, RawTime raw,
                                             TimeDelta window) {
  const Reading reading{phc, raw, window};
  const bool wide = Wide(window);
  if (!last_) {
    StartEra(reading, LocalTime() + raw.SinceEpoch());
    return Verdict::kGood;
  }
  const TimeDelta off = Deviation(reading);
  if (own_step_) {
    own_step_ = false;
    if (off.Abs() > window + last_->window) {
      // It went further than it was told to, by `off`.
      segments_[count_ - 1].phc = segments_[count_ - 1].phc + off;
    }
    last_ = reading;
    return Verdict::kGood;
  }
  if (off.Abs() > Tolerance(reading)) {
    era_ = era_.Next();
    StartEra(reading, CarryReading(*Predict(raw)));
    return Verdict::kStepped;
  }
  if (wide) return Verdict::kWide;
  LearnRate(reading);
  last_ = reading;
  return Verdict::kGood;
}

// From where it was expected to where it is.
TimeDelta PhcTimeBase::Deviation(const Reading& reading) const {
  return reading.phc - *Predict(reading.raw);
}

TimeDelta PhcTimeBase::Tolerance(const Reading& reading) const {
  const double elapsed = (reading.raw - last_->raw).NanosDouble();
  const double rate_error = rate_error_ ? kWander + *rate_error_ : kUnknownRate;
  return kResolution + reading.window + last_->window +
         TimeDelta::FromNanosDouble(elapsed * rate_error);
}

void PhcTimeBase::LearnRate(const Reading& reading) {
  if (!rate_from_) rate_from_ = last_;
  const TimeDelta base = reading.raw - rate_from_->raw;
  if (base < kRateBase) return;
  const TimeDelta local = CarryReading(reading.phc) - CarryReading(rate_from_->phc);
  rate_ = (local - base).NanosDouble() / base.NanosDouble();
  rate_error_ =
      (reading.window + rate_from_->window).NanosDouble() / base.NanosDouble();
  rate_from_ = reading;
}

bool PhcTimeBase::Wide(TimeDelta window) {
  windows_[windows_seen_++ % kWindows] = window;
  std::array<TimeDelta, kWindows> sorted = windows_;
  const auto seen = static_cast<ptrdiff_t>(std::min(windows_seen_, kWindows));
  const auto median = sorted.begin() + seen / 2;
  std::nth_element(sorted.begin(), median, sorted.begin() + seen);
  return window > *median + *median;
}

void PhcTimeBase::StartEra(const Reading& reading, LocalTime local) {
  count_ = 0;
  Append({reading.phc, local, frequency_});
  last_ = reading;
  rate_from_.reset();
  rate_error_.reset();
  own_step_ = false;
}

void PhcTimeBase::Append(const Segment& segment) {
  if (count_ == kSegments) {
    std::move(segments_.begin() + 1, segments_.end(), segments_.begin());
    --count_;
  }
  segments_[count_++] = segment;
}

void PhcTimeBase::OnFrequency(PhcTime at, double ppb) {
  frequency_ = ppb * 1e-9;
  if (count_ > 0) Append({at, CarryReading(at), frequency_});
}

void PhcTimeBase::OnStep(PhcTime before, TimeDelta by) {
  if (count_ == 0) return;
  // One segment remains: what an older stamp means can't be told any more.
  const Segment after{before + by, CarryReading(before), frequency_};
  count_ = 0;
  Append(after);
  last_->phc = last_->phc + by;
  if (rate_from_) rate_from_->phc = rate_from_->phc + by;
  own_step_ = true;
}

// The newest that had begun; the oldest for older stamps.
const PhcTimeBase::Segment& PhcTimeBase::SegmentOf(PhcTime stamp) const {
  size_t i = count_ - 1;
  while (i > 0 && segments_[i].phc > stamp) --i;
  return segments_[i];
}

LocalTime PhcTimeBase::CarryReading(PhcTime reading) const {
  const Segment& segment = SegmentOf(reading);
  return segment.local + Scaled(reading - segment.phc, 1 / (1 + segment.frequency));
}

std::optional<LocalTime> PhcTimeBase::Carry(PhcTime stamp, RawTime now) const {
  if (!last_) return std::nullopt;
  const TimeDelta age = *Predict(now) - stamp;
  if (age > kOldestStamp || age < -kFuture) return std::nullopt;
  return CarryReading(stamp);
}

PhcTime PhcTimeBase::Shown(LocalTime local) const {
  const Segment& newest = Newest();
  return newest.phc + Scaled(local - newest.local, 1 + newest.frequency);
}

std::optional<PhcTime> PhcTimeBase::Predict(RawTime raw) const {
  if (!last_) return std::nullopt;
  const LocalTime then = CarryReading(last_->phc);
  return Shown(then + Scaled(raw - last_->raw, 1 + rate_));
}

double PhcTimeBase::frequency_ppb() const { return frequency_ * 1e9; }

void PhcTimeBase::Reset() {
  const Era next = era_.Next();
  const double frequency = frequency_;
  *this = PhcTimeBase();
  era_ = next;
  frequency_ = frequency;
}

}  // namespace bridge
