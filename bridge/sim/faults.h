// bridge/sim/faults.h
//
// What can go wrong in the course of a day, each with a beginning and an end.
//
// Two things are never done, because no client could tell them from the truth:
// two sources that know nothing of each other and lie in the same way, and steps
// of the master's time by less than 0.25 s. So masters, kernels and strangers
// lie by different amounts, and a master whose time is wrong by whole seconds is
// wrong only while the daemon knows what it was before: a daemon that starts has
// nothing to hold it against. (A time of 1970 it knows to be wrong at once.)
#pragma once

#include <string>

#include "absl/time/time.h"
#include "bridge/base/rng.h"
#include "bridge/sim/world.h"

namespace bridge::sim {

enum class Fault {
  kLossBurst,           // Nine packets of ten are lost.
  kJitterStorm,         // Most packets wait in queues.
  kPathChange,          // Another way through the network: another delay.
  kLinkFlap,            // The cable is out.
  kMasterDies,          // And comes back.
  kOffsetLie,           // currentUtcOffset is wrong, flagged valid or not.
  kFlagLie,             // leap61 or leap59, or both.
  kArbitraryTimescale,  // ptpTimescale is clear.
  kTimeJump,            // The master's time is wrong by half a second or more.
  kUptime,              // The master counts from 1970, or from when it was started.
  kSystemStep,          // Somebody steps the system clock.
  kStepAtStore,         // The same, while a sample is being stored.
  kRestart,             // refclockd is restarted.
  kListReplaced,        // leap-seconds.list: removed, damaged, and good again.
  kKernelTai,           // The kernel's TAI offset becomes 0, right or wrong.
  // From here on: only where there is a PHC.
  kPhcStep,        // Somebody steps it.
  kPhcDial,        // Somebody turns its dial.
  kPhcUnreadable,  // Reading it fails.
  kPhcRefuses,     // Adjusting it is refused; its driver may change its mind.
  kPhcReset,       // The cable is out, and the driver sets the PHC to UTC with it.
};
inline constexpr int kFaultCount = 15;  // Of any machine.
inline constexpr int kPhcFaultCount = 5;
const char* FaultName(Fault fault);

struct FaultAt {
  Fault what;
  absl::Duration at;
  absl::Duration lasts;
};

// Puts it into the world's future; what is left open is drawn from `rng`.
void Schedule(World& world, const FaultAt& fault, Rng rng);

}  // namespace bridge::sim
