#include "bridge/estimate/phc_servo.h"

#include <algorithm>
#include <cmath>

namespace bridge {
namespace {

constexpr double kTimeConstant = 4;  // s
constexpr double kKnownRate = 100;   // ppb
// Slewing would take minutes, and nobody can use the PHC meanwhile.
constexpr TimeDelta kHopeless = TimeDelta::FromMillis(10);

}  // namespace

std::optional<PhcCommand> PhcServo::Update(const Input& input) {
  switch (phase_) {
    case Phase::kFirstStep:
      phase_ = Phase::kFrequency;
      return StepPhc{-input.offset};
    case Phase::kFrequency:
      if (input.frequency_error > kKnownRate) return std::nullopt;
      phase_ = Phase::kSecondStep;
      return SetPhcFrequency{Limited(-input.frequency_ppb)};
    case Phase::kSecondStep:
      phase_ = Phase::kSlewing;
      return StepPhc{-input.offset};
    case Phase::kSlewing:
      break;
  }
  if (input.offset.Abs() > kHopeless) return StepPhc{-input.offset};
  return SetPhcFrequency{
      Limited(-(input.frequency_ppb + input.offset.NanosDouble() / kTimeConstant))};
}

double PhcServo::Limited(double ppb) const {
  return SetPhcFrequency::FromScaled(
             SetPhcFrequency{std::clamp(ppb, -settings_.max_ppb, settings_.max_ppb)}
                 .Scaled())
      .ppb;
}

}  // namespace bridge
