// bridge/os/phc_reading.h
//
// What the kernel's answers about a PTP hardware clock mean, and what it is asked:
// the part of phc_device that needs no device.
#pragma once

#include <linux/ptp_clock.h>
#include <sys/timex.h>

#include <optional>

#include "absl/time/time.h"
#include "bridge/estimate/phc_servo.h"
#include "bridge/time/clock_map.h"

namespace bridge::os {

// Both clocks were latched by one signal (PCIe PTM, or a counter that they share). What
// is left are the steps of the two counters (ART 26 to 52 ns, ARM's timer 20 ns) and
// the kernel's interpolation.
inline constexpr TimeDelta kPreciseWindow = TimeDelta::FromNanos(50);

CrossTimestamp<Phc> FromPrecise(const ptp_sys_offset_precise& answer);
// The reading with the shortest window. Nothing when none makes sense: the system clock
// was set back during each.
std::optional<CrossTimestamp<Phc>> Narrowest(const ptp_sys_offset_extended& answer);
std::optional<CrossTimestamp<Phc>> Narrowest(const ptp_sys_offset& answer);

// How many readings to take at once when one costs this much: 50 us worth of them, 1
// to 5, and a single one where it costs more than that.
int ReadingsFor(absl::Duration cost);
// The cost to go by after a reading that took `latest` when it was `before`: noise only
// ever adds, so down at once and up slowly.
absl::Duration SmoothedCost(absl::Duration before, absl::Duration latest);

// The request of clock_adjtime(2) and what it really asks for: a step in whole
// nanoseconds, a frequency within `max_ppb` in units of 2^-16 ppm.
struct PhcRequest {
  timex request;
  PhcCommand asked;
};
PhcRequest MakeRequest(const PhcCommand& command, double max_ppb);

}  // namespace bridge::os
