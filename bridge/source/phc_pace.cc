#include "bridge/source/phc_pace.h"

namespace bridge {
namespace {

// Servos slew by 500 ppm at most by default, and two crystals differ by 200.
constexpr double kFastest = 1e-3;
constexpr TimeDelta kResolution = TimeDelta::FromMicros(1);
// The rate over less than this is mostly the windows' noise; a servo turns the dial
// with each Sync.
constexpr TimeDelta kRateBase = TimeDelta::FromMillis(500);
constexpr TimeDelta kOldest = TimeDelta::FromSeconds(2);
// What 100 ppm make of it is half a microsecond.
constexpr TimeDelta kOldestWithoutRate = TimeDelta::FromMillis(5);

}  // namespace

void PhcPace::Start(const Reading& reading, TimeDelta window) {
  last_ = rate_from_ = reading;
  window_ = window;
  rate_.reset();
  era_start_ = reading.phc;
}

PhcPace::Verdict PhcPace::AddReading(PhcTime phc, RawTime raw, TimeDelta window) {
  if (last_ && raw <= last_->raw) return Verdict::kWide;
  const bool wide = windows_.IsWide(window);
  if (!last_) {
    Start({phc, raw}, window);
    return Verdict::kGood;
  }
  const TimeDelta elapsed = raw - last_->raw;
  const TimeDelta slewed = phc - last_->phc - elapsed;
  const TimeDelta most =
      TimeDelta::FromNanosDouble(kFastest * elapsed.NanosDouble()) + kResolution;
  if (slewed.Abs() > most + (window + window_).Half()) {
    Start({phc, raw}, window);
    return Verdict::kStepped;
  }
  if (wide) return Verdict::kWide;
  last_ = {phc, raw};
  window_ = window;
  if (const TimeDelta base = raw - rate_from_.raw; base >= kRateBase) {
    rate_ = (phc - rate_from_.phc - base).NanosDouble() / base.NanosDouble();
    rate_from_ = *last_;
  }
  return Verdict::kGood;
}

std::optional<RawTime> PhcPace::Carry(PhcTime stamp) const {
  if (!last_ || stamp < era_start_) return std::nullopt;
  const TimeDelta age = last_->phc - stamp;
  if (age < TimeDelta() || age > (rate_ ? kOldest : kOldestWithoutRate)) {
    return std::nullopt;
  }
  const double rate = rate_.value_or(0);
  return last_->raw - age +
         TimeDelta::FromNanosDouble(age.NanosDouble() * rate / (1 + rate));
}

}  // namespace bridge
