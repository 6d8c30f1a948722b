// bridge/ptp/port_state.h
//
// The PTP state machines as tables, that of a slave-only port (IEEE 1588-2019, figure
// 31) and that of a master port (figure 30): these tables are the code, and
// `refclockctl explain states` prints them.
#pragma once

#include <cstdint>
#include <span>

namespace bridge::ptp {

// The numbers are those of portDS.portState.
enum class PortState : uint8_t {
  kInitializing = 1,
  kFaulty = 2,
  kDisabled = 3,
  kListening = 4,
  kPreMaster = 5,
  kMaster = 6,
  kPassive = 7,
  kUncalibrated = 8,
  kSlave = 9,
};
const char* PortStateName(PortState state);  // "UNCALIBRATED"

enum class PortEvent : uint8_t {
  kInitialized,          // The interface is up.
  kFault,                // The interface is down or gone.
  kMasterQualified,      // A best master has been chosen.
  kMasterChanged,        // Another one is better.
  kAnnounceTimeout,      // The parent is silent.
  kCalibrated,           // The estimator trusts its measurements.
  kSynchronizationLost,  // It no longer does.
  kRecommendedMaster,    // We are better than any master that is heard.
  kRecommendedPassive,   // One is better, and we do not follow.
  kQualified,            // Others have had their time to object.
};
const char* PortEventName(PortEvent event);  // "ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES"

struct Transition {
  PortState from;
  PortEvent event;
  PortState to;
  const char* why;  // For a reader of `explain states`.
};
std::span<const Transition> SlaveTransitions();
std::span<const Transition> MasterTransitions();

// The state after `event`; unchanged when the table has no such row.
PortState Next(std::span<const Transition> table, PortState state, PortEvent event);

}  // namespace bridge::ptp
