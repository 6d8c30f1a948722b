// bridge/sim/servo_day.h
//
// Two servos on the same PHC for a day: ours (estimate/phc_servo) and the usual PI
// servo (pi_servo.h), through the same exchanges. The crystal is that of a single-board
// computer without an oven, -0.15 ppm per degree: the room cools by night and the
// processor's load heats it for some minutes at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bridge::sim {

struct ServoDaySettings {
  uint64_t seed = 1;
  double hours = 24;
  double sync_interval = 1;    // s
  double delay_interval = 1;   // s
  double stamp_noise_ns = 20;  // Standard deviation of each of the four stamps.
  double dial_ppb = 0.93;      // Steps of the PHC's dial.
  // By how much load heats the crystal, and how soon.
  double load_degrees = 6;
  double load_seconds = 600;
};

// At the end of each second, in order.
struct ServoSecond {
  float own_ns;  // PHC - TAI, steered by us, ...
  float pi_ns;   // ... and by the PI servo.
  float celsius;
};

struct ServoDay {
  ServoDaySettings settings;
  std::vector<ServoSecond> seconds;
};
ServoDay PlayServoDay(const ServoDaySettings& settings);

// After the first minute, in which both find the rate.
struct ServoFigures {
  double own_rms_ns, own_max_ns;
  double pi_rms_ns, pi_max_ns;
};
ServoFigures Figures(const ServoDay& day);

// A picture: the temperature, then each day's two errors. All of one length, at least
// one day.
std::string ServoPlot(const std::vector<ServoDay>& days);

}  // namespace bridge::sim
