// bridge/time/waiting.h
//
// Timeouts and ages: MonoTime together with absl::Duration.
#pragma once

#include "absl/time/time.h"
#include "bridge/time/timestamp.h"

namespace bridge {

inline absl::Duration ToDuration(TimeDelta d) { return absl::Nanoseconds(d.Nanos()); }

// absl::InfiniteDuration() becomes 2^63 ns, some 292 years.
inline TimeDelta ToTimeDelta(absl::Duration d) {
  return TimeDelta::FromNanos(absl::ToInt64Nanoseconds(d));
}

inline MonoTime operator+(MonoTime t, absl::Duration d) { return t + ToTimeDelta(d); }
inline MonoTime operator-(MonoTime t, absl::Duration d) { return t - ToTimeDelta(d); }

}  // namespace bridge
