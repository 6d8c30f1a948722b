// bridge/cli/ctl_simulate_days.h
//
// `refclockctl simulate --days`: random days, many at a time.
#pragma once

#include <cstdint>

namespace bridge::ctl {

struct Days {
  uint64_t count;
  uint64_t first_seed = 1;
  int jobs = 1;  // Processes.
};

// Prints totals and, for each bad day, how to play it again; a single day with its
// log. Returns an exit code: bad if any day was.
int PlayDays(const Days& days);

}  // namespace bridge::ctl
