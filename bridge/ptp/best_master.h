// bridge/ptp/best_master.h
//
// Which of two announced clocks is better: the data set comparison algorithm
// (IEEE 1588-2019, 9.3.4, figures 34 and 35). A pure function: no thresholds, no
// policy. Whom we may follow at all is the business of foreign_masters.h.
#pragma once

#include "bridge/ptp/message.h"
#include "bridge/ptp/types.h"

namespace bridge::ptp {

struct DataSet {
  Announce announce;
  PortIdentity sender;    // sourcePortIdentity of that Announce.
  PortIdentity receiver;  // Our port that heard it.
};

enum class Comparison {
  kABetter,
  kABetterByTopology,  // The same grandmaster by a better path.
  kSame,               // Also the errors 1 and 2 of the figures: our own message.
  kBBetterByTopology,
  kBBetter,
};

Comparison CompareDataSets(const DataSet& a, const DataSet& b);

inline bool IsBetter(const DataSet& a, const DataSet& b) {
  return CompareDataSets(a, b) < Comparison::kSame;
}

}  // namespace bridge::ptp
