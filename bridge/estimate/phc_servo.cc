#include "bridge/estimate/phc_servo.h"

#include <algorithm>
#include <cmath>

namespace bridge {
namespace {

constexpr double kTimeConstant = 2;  // s
constexpr double kKnownRate = 100;   // ppb
// Worth a step at the start, when nobody relies on the PHC yet: more than the first
// exchanges are off by, lest a PHC that was right is made wrong; and once the rate is
// known, what else would take a minute to slew.
constexpr TimeDelta kFirstStep = TimeDelta::FromMicros(20);
constexpr TimeDelta kSecondStep = TimeDelta::FromNanos(100);
// Later: what the fastest slew would not mend within this, s.
constexpr double kPatience = 20;

}  // namespace

std::optional<PhcCommand> PhcServo::Update(const Input& input) {
  switch (phase_) {
    case Phase::kFirstStep:
      phase_ = Phase::kFrequency;
      if (input.offset.Abs() > kFirstStep) return StepPhc{-input.offset};
      [[fallthrough]];
    case Phase::kFrequency:
      if (!(input.frequency_error <= kKnownRate)) return std::nullopt;
      phase_ = Phase::kSecondStep;
      return SetPhcFrequency{Limited(-input.frequency_ppb)};
    case Phase::kSecondStep:
      phase_ = Phase::kSlewing;
      if (input.offset.Abs() > kSecondStep) return StepPhc{-input.offset};
      break;
    case Phase::kGently:
      if (!(input.frequency_error <= kKnownRate)) return std::nullopt;
      phase_ = Phase::kSlewing;
      break;
    case Phase::kSlewing:
      break;
  }
  const double offset_ns = input.offset.NanosDouble();
  if (std::fabs(offset_ns) > kPatience * settings_.max_ppb) {
    return StepPhc{-input.offset};
  }
  return SetPhcFrequency{Limited(-(input.frequency_ppb + offset_ns / kTimeConstant))};
}

// To what the kernel takes, and not beyond the limit by rounding.
double PhcServo::Limited(double ppb) const {
  const double most = std::trunc(settings_.max_ppb * 65.536);
  const double scaled = std::clamp(ppb * 65.536, -most, most);
  return SetPhcFrequency::FromScaled(std::llround(scaled)).ppb;
}

}  // namespace bridge
