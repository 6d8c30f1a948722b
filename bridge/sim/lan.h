// bridge/sim/lan.h
//
// A simulated network of whole machines (box.h), all of which run the engine that
// ships: a switch that delays as its cables do, one time that is true, and what
// happens when.
//
//   Lan lan({.seed = 3});
//   Box master(lan, {.identity = 0xa, .config = ...}), slave(lan, ...);
//   lan.RunFor(absl::Minutes(5));
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "bridge/base/rng.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/sim/event_queue.h"
#include "bridge/sim/truth.h"

namespace bridge::sim {

class Box;

class Lan {
 public:
  struct Settings {
    uint64_t seed = 1;
    int64_t start = UnixSecond(absl::CivilSecond(2026, 11, 21, 12));  // Unix second.
    std::optional<TrueLeap> leap = {};  // After the start.
  };

  explicit Lan(const Settings& settings);

  void RunFor(absl::Duration duration);
  // False when the deadline came first.
  bool RunUntil(const std::function<bool()>& done, absl::Duration deadline);
  // Runs `what` when the network is `age` old.
  void At(absl::Duration age, std::function<void()> what);
  void After(TimeDelta delay, std::function<void()> what);

  // Something took so long, in the middle of what happens.
  void Elapse(TimeDelta by) { now_ = now_ + by; }

  TaiTime now() const { return now_; }
  absl::Duration age() const;
  absl::Duration AgeAt(int64_t unix_second) const;
  const Truth& truth() const { return truth_; }
  UtcTime TrueUtc() const { return truth_.Utc(now_); }
  Rng Fork() { return rng_.Fork(); }

  // A box is plugged in for good when it is made.
  void Add(Box* box) { boxes_.push_back(box); }
  const std::vector<Box*>& boxes() const { return boxes_; }
  // To all others, or to the one that it is addressed to.
  void Carry(Box& from, const ptp::Send& send);

 private:
  Rng rng_;
  Truth truth_;
  TaiTime start_;
  TaiTime now_;
  EventQueue queue_;
  std::vector<Box*> boxes_;
};

}  // namespace bridge::sim
