#include "bridge/ptp/port_state.h"

#include <array>

namespace bridge::ptp {
namespace {

using S = PortState;
using E = PortEvent;

// PRE_MASTER, MASTER and PASSIVE are not reached by a slave-only port: where
// figure 31 would lead there, it listens.
constexpr std::array kSlaveTransitions{
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

// SLAVE is not reached: in UNCALIBRATED a slave port beside this one takes over, and
// goes there. No port is both at once.
constexpr std::array kMasterTransitions{
    Transition{S::kInitializing, E::kInitialized, S::kListening, "the link is up"},
    Transition{S::kInitializing, E::kFault, S::kFaulty, "the link is down"},
    Transition{S::kFaulty, E::kInitialized, S::kListening, "the link is up again"},
    Transition{S::kListening, E::kRecommendedMaster, S::kPreMaster,
               "a master is heard, and we are better"},
    Transition{S::kListening, E::kAnnounceTimeout, S::kMaster, "no master is heard"},
    Transition{S::kListening, E::kRecommendedPassive, S::kPassive,
               "a better master is heard"},
    Transition{S::kListening, E::kMasterQualified, S::kUncalibrated,
               "a better master is heard, and is to be followed"},
    Transition{S::kListening, E::kFault, S::kFaulty, "the link went down"},
    Transition{S::kPreMaster, E::kQualified, S::kMaster,
               "nobody better has been heard meanwhile"},
    Transition{S::kPreMaster, E::kRecommendedPassive, S::kPassive,
               "a better master is heard"},
    Transition{S::kPreMaster, E::kMasterQualified, S::kUncalibrated,
               "a better master is heard, and is to be followed"},
    Transition{S::kPreMaster, E::kFault, S::kFaulty, "the link went down"},
    Transition{S::kMaster, E::kRecommendedPassive, S::kPassive,
               "a better master is heard, or we are worse than we were"},
    Transition{S::kMaster, E::kMasterQualified, S::kUncalibrated,
               "a better master is heard, or we are worse than we were; it is to be "
               "followed"},
    Transition{S::kMaster, E::kFault, S::kFaulty, "the link went down"},
    Transition{S::kPassive, E::kRecommendedMaster, S::kPreMaster,
               "the masters that are heard are worse than we are"},
    Transition{S::kPassive, E::kAnnounceTimeout, S::kMaster,
               "the better master is silent"},
    Transition{S::kPassive, E::kMasterQualified, S::kUncalibrated,
               "the better master is to be followed now"},
    Transition{S::kPassive, E::kFault, S::kFaulty, "the link went down"},
    Transition{S::kUncalibrated, E::kRecommendedMaster, S::kPreMaster,
               "the masters that are heard are worse than we are"},
    Transition{S::kUncalibrated, E::kAnnounceTimeout, S::kMaster,
               "the better master is silent"},
    Transition{S::kUncalibrated, E::kRecommendedPassive, S::kPassive,
               "the better master is not to be followed any more"},
    Transition{S::kUncalibrated, E::kFault, S::kFaulty, "the link went down"},
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
    case E::kRecommendedMaster:
      return "RECOMMENDED_STATE_MASTER";
    case E::kRecommendedPassive:
      return "RECOMMENDED_STATE_PASSIVE";
    case E::kQualified:
      return "QUALIFICATION_TIMEOUT_EXPIRES";
  }
  return "?";
}

std::span<const Transition> SlaveTransitions() { return kSlaveTransitions; }
std::span<const Transition> MasterTransitions() { return kMasterTransitions; }

PortState Next(std::span<const Transition> table, PortState state, PortEvent event) {
  for (const Transition& t : table) {
    if (t.from == state && t.event == event) return t.to;
  }
  return state;
}

}  // namespace bridge::ptp
