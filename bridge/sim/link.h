// bridge/sim/link.h
//
// A cable with a temper: delay per direction, jitter, loss, duplicates,
// reordering.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bridge/base/rng.h"
#include "bridge/time/time_delta.h"

namespace bridge::sim {

struct LinkSettings {
  double delay_ns = 2'000;   // One way, each direction.
  double asymmetry_ns = 0;   // Added to master-to-slave only.
  double jitter_ns = 500;    // Standard deviation; the delay never gets shorter
                             // than a tenth of itself.
  double spike_chance = 0;   // A rare late packet ...
  double spike_ns = 50'000;  // ... by up to this.
  double queue_chance = 0;   // Behind other traffic: with this chance a packet ...
  double queue_ns = 0;       // ... waits this long on average, exponentially.
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;  // Chance of being held back by 200 us.
};

enum class Direction { kToSlave, kToMaster };

class Link {
 public:
  Link(const LinkSettings& settings, Rng rng) : settings_(settings), rng_(rng) {}

  LinkSettings& settings() { return settings_; }
  void set_up(bool up) { up_ = up; }
  bool up() const { return up_; }

  // When the copies of one packet arrive: none, one or two delays.
  std::vector<TimeDelta> Deliver(Direction direction) {
    std::vector<TimeDelta> arrivals;
    if (!up_ || rng_.Chance(settings_.loss)) return arrivals;
    arrivals.push_back(Delay(direction));
    if (rng_.Chance(settings_.duplicate)) arrivals.push_back(Delay(direction));
    return arrivals;
  }

 private:
  TimeDelta Delay(Direction direction) {
    double ns = settings_.delay_ns;
    if (direction == Direction::kToSlave) ns += settings_.asymmetry_ns;
    const double shortest = ns / 10;
    ns += settings_.jitter_ns * rng_.Gaussian();
    if (rng_.Chance(settings_.spike_chance)) ns += settings_.spike_ns * rng_.Uniform();
    if (rng_.Chance(settings_.reorder)) ns += 200e3;
    if (settings_.queue_chance > 0 && rng_.Chance(settings_.queue_chance)) {
      ns += settings_.queue_ns * rng_.Exponential();
    }
    return TimeDelta::FromNanosDouble(ns < shortest ? shortest : ns);
  }

  LinkSettings settings_;
  Rng rng_;
  bool up_ = true;
};

}  // namespace bridge::sim
