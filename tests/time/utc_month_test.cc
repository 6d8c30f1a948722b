#include "bridge/time/utc_month.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

UtcTime At(int64_t unix_second) {
  return UtcTime::FromNanos(unix_second * 1'000'000'000);
}

TEST(UtcMonth, BeginsAtMidnightOfTheFirst) {
  // 2028-06-30 23:59:59 and 2028-07-01.
  EXPECT_EQ(MonthStart(At(1'846'022'399)), At(1'843'430'400));
  EXPECT_EQ(NextMonthStart(At(1'846'022'399)), At(1'846'022'400));
  EXPECT_EQ(MonthStart(At(1'846'022'400)), At(1'846'022'400));
  EXPECT_EQ(NextMonthStart(At(1'846'022'400)), At(1'848'700'800));
}

TEST(UtcMonth, ExistsBefore1970) {
  EXPECT_EQ(MonthStart(At(-1)), At(-31 * 86'400));
  EXPECT_EQ(NextMonthStart(At(-1)), At(0));
}

// Found by fuzzing the engine: a master that claims the year 14867.
TEST(UtcMonth, ExistsInEveryYearThatPtpCanSay) {
  for (const uint64_t seconds : {uint64_t{407'016'316'800}, (uint64_t{1} << 48) - 1}) {
    const UtcTime instant =
        UtcTime() + TaiTime::FromSecondsAndNanos(seconds, 0).SinceEpoch();
    EXPECT_LE(MonthStart(instant), instant);
    EXPECT_GT(NextMonthStart(instant), instant);
    EXPECT_LE(NextMonthStart(instant) - MonthStart(instant),
              TimeDelta::FromSeconds(31 * 86'400));
  }
}

}  // namespace
}  // namespace bridge
