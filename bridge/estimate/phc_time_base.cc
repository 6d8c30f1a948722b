#include "bridge/estimate/phc_time_base.h"

#include <algorithm>
#include <cmath>

namespace bridge {
namespace {

// Two crystals, and whatever was dialled before we came.
constexpr double kUnknownRate = 1e-3;
// Once known, a rate changes by temperature: by some 20 ns/s^2 when a machine warms up,
// and by this altogether.
constexpr double kRestless = 2e-7;
constexpr double kWarming = 1e-7;  // Per second.
constexpr double kWander = 20e-6;
// A base line grows until the windows at its ends are worth less than this, ...
constexpr double kGoodRate = 1e-6;
constexpr TimeDelta kShortestBase = TimeDelta::FromSeconds(2);
// ... but a rate of long ago is of no use.
constexpr TimeDelta kLongestBase = TimeDelta::FromSeconds(60);
constexpr TimeDelta kResolution = TimeDelta::FromNanos(500);
// A transmit stamp may take 100 ms; a step by somebody else is a second, mostly.
constexpr TimeDelta kOldestStamp = TimeDelta::FromMillis(500);
constexpr TimeDelta kFuture = TimeDelta::FromMillis(1);
// Of a step of our own: through a slow bus, reading, adding and writing takes
// milliseconds.
constexpr TimeDelta kMostInexact = TimeDelta::FromMillis(50);
// A step that was measured no better than this is a disturbance that measurements are
// better begun anew after.
constexpr TimeDelta kUncertainStep = TimeDelta::FromMicros(5);

TimeDelta Stretched(TimeDelta span, double excess) {
  return span + TimeDelta::FromNanosDouble(span.NanosDouble() * excess);
}

}  // namespace

PhcTimeBase::Verdict PhcTimeBase::AddReading(PhcTime phc, RawTime raw,
                                             TimeDelta window) {
  if (last_ && raw <= last_->raw) return Verdict::kWide;
  const bool wide = windows_.IsWide(window);
  if (!last_) {
    StartEra(phc, LocalTime() + raw.SinceEpoch(), raw, window);
    return Verdict::kGood;
  }
  const PhcTime expected = *Predict(raw);
  const TimeDelta off = phc - expected;
  const TimeDelta tolerance = Uncertainty(raw) + window.Half();
  if (off.Abs() > tolerance + (own_step_ ? kMostInexact : TimeDelta())) {
    era_ = era_.Next();
    StartEra(phc, CarryReading(expected), raw, window);
    IgnoreBefore(expected, phc);
    return Verdict::kStepped;
  }
  if (wide) return Verdict::kWide;
  if (own_step_) {
    return MeasureOwnStep(off, tolerance, {CarryReading(expected), raw, window});
  }
  const Reading reading{CarryReading(phc), raw, window};
  LearnRate(reading);
  last_ = reading;
  return Verdict::kGood;
}

// The step went further than it was told to, by `off`. `reading`: as expected.
PhcTimeBase::Verdict PhcTimeBase::MeasureOwnStep(TimeDelta off, TimeDelta tolerance,
                                                 const Reading& reading) {
  own_step_ = false;
  const bool uncertain = tolerance > kUncertainStep;
  if (uncertain || off.Abs() > tolerance) {
    for (size_t i = 0; i < count_; ++i) segments_[i].phc = segments_[i].phc + off;
    first_stamp_ = first_stamp_ + std::max(off, TimeDelta());
  }
  last_ = reading;
  if (!uncertain) return Verdict::kGood;
  era_ = era_.Next();
  rate_from_.reset();
  return Verdict::kUncertain;
}

double PhcTimeBase::RateUncertainty(RawTime at) const {
  if (!rate_error_) return kUnknownRate;
  const double age = (at - rate_at_).SecondsDouble();
  return std::min(kUnknownRate,
                  *rate_error_ + std::min(kRestless + kWarming * age, kWander));
}

// Of what the PHC is expected to show at `at`.
TimeDelta PhcTimeBase::Uncertainty(RawTime at) const {
  const double elapsed = std::max(0.0, (at - last_->raw).NanosDouble());
  return kResolution + last_->window.Half() +
         TimeDelta::FromNanosDouble(elapsed * RateUncertainty(at));
}

// Windows decide how long a base line has to be: a few seconds, or, where reading takes
// milliseconds, a minute.
void PhcTimeBase::LearnRate(const Reading& reading) {
  if (!rate_from_) rate_from_ = last_;
  const TimeDelta base = reading.raw - rate_from_->raw;
  const double error =
      (reading.window + rate_from_->window).Half().NanosDouble() / base.NanosDouble();
  const bool last_word =
      base >= kLongestBase || (base >= kShortestBase && error < kGoodRate);
  if (error < RateUncertainty(reading.raw) || (last_word && error < kUnknownRate)) {
    rate_ =
        (reading.local - rate_from_->local - base).NanosDouble() / base.NanosDouble();
    rate_error_ = error;
    rate_at_ = rate_from_->raw + base.Half();
  }
  if (last_word) rate_from_ = reading;
}

void PhcTimeBase::StartEra(PhcTime phc, LocalTime local, RawTime raw,
                           TimeDelta window) {
  count_ = 0;
  Append({phc, local, frequency_});
  first_stamp_ = phc - kOldestStamp;
  last_ = Reading{local, raw, window};
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
  if (count_ > 0) {
    // A prediction may be a little earlier than the one before it.
    const PhcTime from = std::max(at, segments_[count_ - 1].phc);
    Append({from, CarryReading(from), ppb * 1e-9});
  }
  frequency_ = ppb * 1e-9;
}

void PhcTimeBase::OnStep(PhcTime before, TimeDelta by) {
  if (count_ == 0) return;
  const Segment after{before + by, CarryReading(before), frequency_};
  count_ = 0;
  Append(after);
  IgnoreBefore(before, after.phc);
  own_step_ = true;
}

// After a step back the PHC shows for a second time what it has shown already. Beyond
// kOldestStamp the old ones are in the future, and refused as that.
void PhcTimeBase::IgnoreBefore(PhcTime before, PhcTime after) {
  first_stamp_ =
      before - after > kOldestStamp + kFuture ? after : std::max(before, after);
}

// From the newest segment that had begun; from the oldest before it.
LocalTime PhcTimeBase::CarryReading(PhcTime reading) const {
  size_t i = count_ - 1;
  while (i > 0 && segments_[i].phc > reading) --i;
  const Segment& segment = segments_[i];
  return segment.local +
         Stretched(reading - segment.phc, -segment.frequency / (1 + segment.frequency));
}

std::optional<LocalTime> PhcTimeBase::Carry(PhcTime stamp, RawTime now) const {
  if (!last_ || stamp < first_stamp_) return std::nullopt;
  const TimeDelta age = *Predict(now) - stamp;
  const TimeDelta uncertain = Uncertainty(now);
  if (age > kOldestStamp + uncertain || age + kFuture + uncertain < TimeDelta()) {
    return std::nullopt;
  }
  return CarryReading(stamp);
}

PhcTime PhcTimeBase::Shown(LocalTime local) const {
  size_t i = count_ - 1;
  while (i > 0 && segments_[i].local > local) --i;
  const Segment& segment = segments_[i];
  return segment.phc + Stretched(local - segment.local, segment.frequency);
}

std::optional<PhcTime> PhcTimeBase::Predict(RawTime raw) const {
  if (!last_) return std::nullopt;
  return Shown(last_->local + Stretched(raw - last_->raw, rate_));
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
