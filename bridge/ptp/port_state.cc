#include "bridge/ptp/port_state.h"

#include <array>

namespace bridge::ptp {
namespace {

using S = PortState;
using E = PortEvent;

// PRE_MASTER, MASTER and PASSIVE are not reached by a slave-only port: where
// figure 31 would lead there, it listens.
constexpr std::array kTransitions{
    Transition{S::kInitializing, E::kInitialized, S::kListening, "the link is up"},
    Transition{S::kInitializing, E::kFault, S::kFaulty, "the link is down"},
    Transition{S::kFaulty, E::kInitialized, S::kListening, "the link is up again"},
    Transition{S::kListening, E::kMasterQualified, S::kUncalibrated,
               "a master sent two Announces within four announce intervals"},
    Transition{S::kUncalibrated, E::kCalibrated, S::kSlave,
               "offset, rate and path delay are known"},
    Transition{S::kSlave, E::kMasterChanged, S::kUncalibrated,
               "another master or grandmaster: what was measured is forgotten"},
    Transition{S::kSlave, E::kSynchronizationLost, S::kUncalibrated,
               "the measurements are too few or too old to trust"},
    Transition{S::kUncalibrated, E::kAnnounceTimeout, S::kListening,
               "the parent is silent and no other master is qualified"},
    Transition{S::kSlave, E::kAnnounceTimeout, S::kListening,
               "the parent is silent and no other master is qualified"},
    Transition{S::kListening, E::kFault, S::kFaulty, "the link went down"},
    Transition{S::kUncalibrated, E::kFault, S::kFaulty, "the link went down"},
    Transition{S::kSlave, E::kFault, S::kFaulty, "the link went down"},
};

}  // namespace

const char* PortStateName(PortState state) {
  switch (state) {
    case S::kInitializing:
      return "INITIALIZING";
    case S::kFaulty:
      return "FAULTY";
    case S::kDisabled:
      return "DISABLED";
    case S::kListening:
      return "LISTENING";
    case S::kPreMaster:
      return "PRE_MASTER";
    case S::kMaster:
      return "MASTER";
    case S::kPassive:
      return "PASSIVE";
    case S::kUncalibrated:
      return "UNCALIBRATED";
    case S::kSlave:
      return "SLAVE";
  }
  return "?";
}

const char* PortEventName(PortEvent event) {
  switch (event) {
    case E::kInitialized:
      return "INITIALIZED";
    case E::kFault:
      return "FAULT_DETECTED";
    case E::kMasterQualified:
      return "RECOMMENDED_STATE_SLAVE";
    case E::kMasterChanged:
      return "MASTER_CHANGED";
    case E::kAnnounceTimeout:
      return "ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES";
    case E::kCalibrated:
      return "MASTER_CLOCK_SELECTED";
    case E::kSynchronizationLost:
      return "SYNCHRONIZATION_FAULT";
  }
  return "?";
}

std::span<const Transition> SlaveTransitions() { return kTransitions; }

PortState Next(PortState state, PortEvent event) {
  for (const Transition& t : kTransitions) {
    if (t.from == state && t.event == event) return t.to;
  }
  return state;
}

}  // namespace bridge::ptp
