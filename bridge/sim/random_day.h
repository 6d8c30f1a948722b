// bridge/sim/random_day.h
//
// A day that nobody thought of: 86,400 s on a random date, with random masters,
// crystal, link, consumer and faults (faults.h), all of it out of one seed. Some
// days hold a month's end, some of those a leap second or a false flag.
//
// A good day publishes nothing that is off by more than it claims plus 1 us,
// carries no false leap bit and breaks no invariant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bridge/sim/faults.h"
#include "bridge/sim/world.h"

namespace bridge::sim {

struct RandomDay {
  Scenario scenario;  // With a script that schedules the faults.
  std::vector<FaultAt> faults;
  bool system_stepped = false;  // By a stranger, whom consumers can't allow for.
};

RandomDay DrawDay(uint64_t seed);

// For a reader: date, masters, list, faults; a line each.
std::string Describe(const RandomDay& day);

// Plain data, so that it may come from another process.
struct DayOutcome {
  uint64_t seed;
  Tally tally;
  uint64_t wrong_seconds;  // Accepted by the consumer.
  uint64_t violations;     // Of invariants; at most 20 are counted.
  uint64_t events;

  bool good() const {
    return tally.beyond_bound == 0 && tally.whole_seconds == 0 &&
           tally.false_leap == 0 && wrong_seconds == 0 && violations == 0;
  }
};

DayOutcome Outcome(const RandomDay& day, const World& world);
DayOutcome PlayDay(uint64_t seed);

}  // namespace bridge::sim
