// bridge/sim/tally.h
//
// What was published, held against the truth: running figures that cost the same
// for a minute and for a year.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "bridge/time/leap.h"
#include "bridge/time/timestamp.h"

namespace bridge::sim {

struct PublishedSample {
  TaiTime when;     // True time.
  double error_ns;  // Sample minus truth.
  double bound_ns;  // What it claimed.
  LeapIndicator leap;
};

struct Tally {
  uint64_t published = 0;
  // Published, and taken back before anybody could read: the system clock was
  // stepped between the reading and the check that follows the store.
  uint64_t retracted = 0;
  uint64_t beyond_bound = 0;   // By more than 1 us.
  uint64_t whole_seconds = 0;  // Wrong by half a second or more.
  uint64_t with_leap = 0;      // Carried a leap bit ...
  uint64_t false_leap = 0;     // ... that no true leap second justifies.
  double worst_error_ns = 0;
  double worst_excess_ns = -1e18;   // Of |error| over the bound.
  uint64_t seconds = 0;             // Looked at once a second: how often, ...
  uint64_t seconds_publishing = 0;  // ... and how often it was publishing.

  void Add(const Tally& other) {
    published += other.published;
    retracted += other.retracted;
    beyond_bound += other.beyond_bound;
    whole_seconds += other.whole_seconds;
    with_leap += other.with_leap;
    false_leap += other.false_leap;
    worst_error_ns = std::max(worst_error_ns, other.worst_error_ns);
    worst_excess_ns = std::max(worst_excess_ns, other.worst_excess_ns);
    seconds += other.seconds;
    seconds_publishing += other.seconds_publishing;
  }
  void Add(const PublishedSample& sample, LeapIndicator justified) {
    ++published;
    const double error_ns = std::fabs(sample.error_ns);
    const double excess_ns = error_ns - sample.bound_ns;
    worst_error_ns = std::max(worst_error_ns, error_ns);
    worst_excess_ns = std::max(worst_excess_ns, excess_ns);
    beyond_bound += excess_ns > 1'000;
    whole_seconds += error_ns >= 0.5e9;
    with_leap += sample.leap != LeapIndicator::kNone;
    false_leap += sample.leap != LeapIndicator::kNone && sample.leap != justified;
  }
};

}  // namespace bridge::sim
