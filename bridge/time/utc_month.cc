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
  return UtcTime() + TimeDelta::FromSeconds(days * kSecondsPerDay);
}

}  // namespace

UtcTime MonthStart(UtcTime instant) { return StartOf(MonthOf(instant)); }

UtcTime NextMonthStart(UtcTime instant) { return StartOf(MonthOf(instant) + 1); }

}  // namespace bridge
