// bridge/sim/pi_servo.h
//
// The proportional-integral servo that a PHC is usually steered by, with ptp4l's
// defaults for hardware time stamps (ptp4l(8): pi_proportional_*, pi_integral_*,
// first_step_threshold), and its median filter of the path delay. For comparison in
// simulations only.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "bridge/estimate/phc_servo.h"

namespace bridge::sim {

class PiServo {
 public:
  explicit PiServo(double sync_interval)  // s
      : proportional_(
            std::min(0.7 * std::pow(sync_interval, -0.3), 0.7 / sync_interval)),
        integral_(std::min(0.3 * std::pow(sync_interval, 0.4), 0.3 / sync_interval)) {}

  // `offset`: PHC - master. The first two tell the rate, then one step.
  std::vector<PhcCommand> Update(PhcTime at, TimeDelta offset) {
    if (!first_) {
      first_ = Sample{at, offset};
      return {};
    }
    if (!locked_) {
      locked_ = true;
      const TimeDelta elapsed = at - first_->at;
      rate_ = 1e9 * (offset - first_->offset).SecondsDouble() / elapsed.SecondsDouble();
      std::vector<PhcCommand> commands{Dial(rate_)};
      if (offset.Abs() > TimeDelta::FromMicros(20))
        commands.push_back(StepPhc{-offset});
      return commands;
    }
    const double ns = offset.NanosDouble();
    rate_ = std::clamp(rate_ + integral_ * ns, -kMostPpb, kMostPpb);
    return {Dial(rate_ + proportional_ * ns)};
  }

 private:
  struct Sample {
    PhcTime at;
    TimeDelta offset;
  };
  static constexpr double kMostPpb = 500'000;

  static SetPhcFrequency Dial(double ppb) {
    const SetPhcFrequency wanted{std::clamp(-ppb, -kMostPpb, kMostPpb)};
    return SetPhcFrequency::FromScaled(wanted.Scaled());
  }

  double proportional_;
  double integral_;
  std::optional<Sample> first_;
  bool locked_ = false;
  double rate_ = 0;  // ppb, of the PHC against the master.
};

// The median of the last ten.
class MedianDelay {
 public:
  void Add(TimeDelta delay) {
    if (latest_.size() == 10) latest_.erase(latest_.begin());
    latest_.push_back(delay);
  }
  std::optional<TimeDelta> Median() const {
    if (latest_.empty()) return std::nullopt;
    std::vector<TimeDelta> sorted = latest_;
    std::sort(sorted.begin(), sorted.end());
    const size_t half = sorted.size() / 2;
    return sorted.size() % 2 != 0 ? sorted[half]
                                  : (sorted[half - 1] + sorted[half]).Half();
  }

 private:
  std::vector<TimeDelta> latest_;
};

}  // namespace bridge::sim
