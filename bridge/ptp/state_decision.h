// bridge/ptp/state_decision.h
//
// The state decision algorithm (IEEE 1588-2019, 9.3.3, figure 33) for the one port of
// an ordinary clock: with one port the best master heard anywhere (Ebest) and the best
// heard here (Erbest) are the same, so M3 and P2 do not occur.
#pragma once

#include <optional>

#include "bridge/ptp/best_master.h"
#include "bridge/ptp/grandmaster_properties.h"
#include "bridge/ptp/port_state.h"
#include "bridge/ptp/types.h"

namespace bridge::ptp {

// The names are those of the figure.
enum class StateDecision {
  kM1,  // Master, clockClass 1 to 127.
  kM2,  // Master, any other class.
  kP1,  // Passive: clockClass 1 to 127, which never follows, and another is better.
  kS1,  // Slave of the best master.
};

// D0: our own clock as others would hear of it, to be held against theirs.
DataSet OwnDataSet(const GrandmasterProperties& properties, ClockIdentity clock);

// `best`: the best qualified foreign master, nullptr if there is none. Nothing: go on
// listening.
std::optional<StateDecision> DecideState(const DataSet& own, const DataSet* best,
                                         PortState state);

}  // namespace bridge::ptp
