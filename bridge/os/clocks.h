// bridge/os/clocks.h
//
// The machine's clocks, each as its own type. Reading only: nothing here can set
// or steer a clock.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/engine/actions.h"
#include "bridge/time/clock_map.h"
#include "bridge/time/timestamp.h"

namespace bridge::os {

// CLOCK_MONOTONIC.
MonoTime MonoNow();

// CLOCK_MONOTONIC_RAW.
RawTime RawNow();

// CLOCK_REALTIME between two readings of CLOCK_MONOTONIC_RAW. No system call where the
// vDSO serves both clocks.
class PairReader {
 public:
  // The narrowest of three, so one interrupt does not spoil the pair; the first that is
  // as narrow as pairs have been of late spares the others.
  CrossTimestamp<Raw> Read();

 private:
  std::optional<TimeDelta> usual_;  // As narrow as they have been.
};

absl::StatusOr<KernelClock> ReadKernelClock();

// How long the system has slept since boot (CLOCK_BOOTTIME - CLOCK_MONOTONIC);
// it grows when CLOCK_MONOTONIC_RAW stood still. Nothing where the kernel or a
// simulator has no CLOCK_BOOTTIME. Good to about a microsecond.
std::optional<absl::Duration> SuspendedFor();

}  // namespace bridge::os
