// bridge/cli/ctl_simulate_servo.h
//
// refclockctl simulate --servo: our servo and the usual PI servo steer the same
// simulated PHC through a day's temperatures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bridge::ctl {

struct ServoRun {
  double hours = 24;
  uint64_t seed = 1;
  std::optional<std::string> csv;  // Files to write.
  std::optional<std::string> svg;
};
// The exit code.
int PlayServo(const ServoRun& run);

}  // namespace bridge::ctl
