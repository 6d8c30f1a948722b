// bridge/time/waiting.h
//
// Timeouts and ages: MonoTime together with absl::Duration.
#pragma once

#include <algorithm>
#include <optional>

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

// Of two deadlines either of which may be nothing.
inline std::optional<MonoTime> Earlier(std::optional<MonoTime> a,
                                       std::optional<MonoTime> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace bridge
