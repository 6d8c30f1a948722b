#include "bridge/source/phc_pace.h"

#include <algorithm>
#include <cmath>

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
// Of a crystal between two readings, and how far it may be off what was learnt before
// that is given up: its driver may have lost what was dialled.
constexpr double kWander = 1e-9;
constexpr double kSurprise = 5;

// By then a Sync's servo has turned the dial; who reads it earlier was told by the same
// event, and most of that time went by the dial before.
constexpr TimeDelta kDealtWith = TimeDelta::FromMillis(4);

double RateOf(double dial_ppb) { return dial_ppb * 1e-9; }

}  // namespace

void PhcPace::Start(const Reading& reading, TimeDelta window) {
  last_ = rate_from_ = reading;
  dial_before_ = reading.dial_ppb;
  window_ = window;
  rate_.reset();
  crystal_.reset();
  turned_ = 0;
  era_start_ = reading.phc;
}

// One interval's pace: as uncertain as its readings, and as the dial was turned.
void PhcPace::Learn(TimeDelta window) {
  const TimeDelta base = last_->raw - rate_from_.raw;
  rate_ = (last_->phc - rate_from_.phc - base).NanosDouble() / base.NanosDouble();
  if (!last_->dial_ppb || !rate_from_.dial_ppb) return crystal_.reset();
  // A reading is right behind a Sync, so the dial stood as after the one before.
  const double dialled = RateOf(*rate_from_.dial_ppb);
  turned_ = std::max(std::abs(RateOf(*last_->dial_ppb) - dialled), turned_ / 2);
  const Crystal seen{(1 + *rate_) / (1 + dialled) - 1,
                     (window.NanosDouble() / base.NanosDouble() + turned_) / 2};
  if (!crystal_) {
    crystal_ = seen;
    return;
  }
  const double off = seen.rate - crystal_->rate;
  const double known = std::hypot(crystal_->error, kWander);
  if (std::abs(off) > kSurprise * std::hypot(known, seen.error)) {
    crystal_ = seen;
    return;
  }
  const double weight = known * known / (known * known + seen.error * seen.error);
  crystal_ = {crystal_->rate + weight * off, known * std::sqrt(1 - weight)};
}

PhcPace::Verdict PhcPace::AddReading(PhcTime phc, RawTime raw, TimeDelta window,
                                     std::optional<double> dial_ppb) {
  if (last_ && raw <= last_->raw) return Verdict::kWide;
  const bool wide = windows_.IsWide(window);
  if (!last_) {
    Start({phc, raw, dial_ppb}, window);
    return Verdict::kGood;
  }
  const TimeDelta elapsed = raw - last_->raw;
  const TimeDelta slewed = phc - last_->phc - elapsed;
  const TimeDelta most =
      TimeDelta::FromNanosDouble(kFastest * elapsed.NanosDouble()) + kResolution;
  if (slewed.Abs() > most + (window + window_).Half()) {
    Start({phc, raw, dial_ppb}, window);
    return Verdict::kStepped;
  }
  if (wide) return Verdict::kWide;
  dial_before_ = last_->dial_ppb;
  last_ = {phc, raw, dial_ppb};
  window_ = window;
  if (raw - rate_from_.raw >= kRateBase) {
    Learn(window);
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
  const std::optional<double> dial = age < kDealtWith ? dial_before_ : last_->dial_ppb;
  const double rate = crystal_ && dial ? (1 + crystal_->rate) * (1 + RateOf(*dial)) - 1
                                       : rate_.value_or(0);
  return last_->raw - age +
         TimeDelta::FromNanosDouble(age.NanosDouble() * rate / (1 + rate));
}

}  // namespace bridge
