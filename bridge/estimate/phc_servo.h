// bridge/estimate/phc_servo.h
//
// Steers the PHC to TAI from what the estimator already knows. No controller of its
// own: rate and offset are known, so the rate that brings the PHC to TAI within a
// time constant is one line. The published sample never waits for it.
//
// Start: one step when the map is there, the rate once it is known to 0.1 ppm, then
// one more step, neither of them for trifles; after that slewing only, but for errors
// that the fastest slew would take over 20 s for.
// Pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <variant>

#include "bridge/time/timestamp.h"

namespace bridge {

struct StepPhc {
  TimeDelta by;
};
struct SetPhcFrequency {
  double ppb;  // Absolute, positive: faster than its crystal.

  // As clock_adjtime(2) takes it: 2^-16 ppm, 0.015 ppb. The servo asks for whole ones.
  static constexpr SetPhcFrequency FromScaled(int64_t scaled_ppm) {
    return {static_cast<double>(scaled_ppm) / 65.536};
  }
  int64_t Scaled() const { return std::llround(ppb * 65.536); }
};
using PhcCommand = std::variant<StepPhc, SetPhcFrequency>;

class PhcServo {
 public:
  struct Settings {
    double max_ppb = 500'000;  // The driver's max_adj, at most this; over 0.
  };
  struct Input {
    TimeDelta offset;        // PHC - TAI by the map, now.
    double frequency_ppb;    // The crystal against TAI, as if nobody steered it.
    double frequency_error;  // Standard error of that, ppb.
  };

  explicit PhcServo(const Settings& settings) : settings_(settings) {}

  // After each Sync that was used.
  std::optional<PhcCommand> Update(const Input& input);
  // After a step by somebody else, or when measuring began anew.
  void Reset() { phase_ = Phase::kFirstStep; }
  // The PHC shows TAI already, by another master: begins without a step. Until the rate
  // is known it goes on as it is dialled.
  void BeginGently() { phase_ = Phase::kGently; }
  // Start is over.
  bool locked() const { return phase_ == Phase::kSlewing; }

 private:
  enum class Phase { kFirstStep, kFrequency, kSecondStep, kGently, kSlewing };

  double Limited(double ppb) const;

  Settings settings_;
  Phase phase_ = Phase::kFirstStep;
};

}  // namespace bridge
