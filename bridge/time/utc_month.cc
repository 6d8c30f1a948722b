#include "bridge/time/utc_month.h"

#include "absl/time/civil_time.h"

namespace bridge {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;
constexpr absl::CivilDay kEpoch(1970, 1, 1);

absl::CivilMonth MonthOf(UtcTime instant) {
  const int64_t seconds = instant.Split().seconds;
  const int64_t days =
      (seconds >= 0 ? seconds : seconds - (kSecondsPerDay - 1)) / kSecondsPerDay;
  return absl::CivilMonth(kEpoch + days);
}

UtcTime StartOf(absl::CivilMonth month) {
  const int64_t days = absl::CivilDay(month) - kEpoch;
  // In 128 bits: a PTP master may claim any of 2^48 seconds.
  const absl::int128 ns = absl::int128(days * kSecondsPerDay) * 1'000'000'000;
  return UtcTime() + TimeDelta::FromScaledNanos(ns << 16);
}

}  // namespace

UtcTime MonthStart(UtcTime instant) { return StartOf(MonthOf(instant)); }

UtcTime NextMonthStart(UtcTime instant) { return StartOf(MonthOf(instant) + 1); }

}  // namespace bridge
