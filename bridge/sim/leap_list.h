// bridge/sim/leap_list.h
//
// leap-seconds.list as a simulated daemon finds it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bridge/sim/truth.h"

namespace bridge::sim {

// The facts of a list; seconds are Unix seconds.
struct LeapListFacts {
  struct Row {
    int64_t since;
    int offset;
  };
  std::vector<Row> rows;
  int64_t last_update;
  int64_t expires;
};

// Its text.
std::string LeapListText(const LeapListFacts& facts);

enum class LeapList {
  kGood,       // Half a year old at most, and knows what will be.
  kAbsent,     // There is no such file.
  kExpired,    // Since a month, and knows of nothing that came after it was made.
  kIgnorant,   // Not expired, but does not know the leap second that will be.
  kInventsIt,  // Not expired, and has a leap second (inserted) at the end of this
               // month that will not be.
  kTruncated,  // Ends in the middle of a row.
};
const char* LeapListName(LeapList list);

// The file at `now` (Unix second) in a world of this truth, or why it can't be read.
absl::StatusOr<std::string> LeapListFile(LeapList list, const Truth& truth,
                                         int64_t now);

}  // namespace bridge::sim
