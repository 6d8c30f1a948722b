#include "bridge/ptp/clock_quality.h"

#include <cmath>

#include "gtest/gtest.h"

namespace bridge::ptp {
namespace {

TEST(ClockAccuracy, IsTheSmallestRowOfTableFiveThatHoldsTheError) {
  // The limits of 0x20 to 0x30, in ns.
  const int64_t limits[] = {
      25,         100,         250,         1'000,         2'500,         10'000,
      25'000,     100'000,     250'000,     1'000'000,     2'500'000,     10'000'000,
      25'000'000, 100'000'000, 250'000'000, 1'000'000'000, 10'000'000'000};
  uint8_t code = 0x20;
  for (const int64_t ns : limits) {
    const TimeDelta limit = TimeDelta::FromNanos(ns);
    const TimeDelta more = limit + TimeDelta::FromScaledNanos(1);
    EXPECT_EQ(ClockAccuracyOf(limit), code) << ns;
    EXPECT_EQ(ClockAccuracyOf(-limit), code) << ns;
    EXPECT_EQ(ClockAccuracyOf(more), code + 1) << ns;
    ++code;
  }
}

TEST(ClockAccuracy, KnowsTheRowsBelowANanosecondOf2019AndTheLastOne) {
  EXPECT_EQ(ClockAccuracyOf(TimeDelta()), 0x17);
  EXPECT_EQ(ClockAccuracyOf(TimeDelta::FromScaledNanos(65)), 0x17);  // 0.99 ps
  EXPECT_EQ(ClockAccuracyOf(TimeDelta::FromScaledNanos(66)), 0x18);
  EXPECT_EQ(ClockAccuracyOf(TimeDelta::FromNanos(1)), 0x1d);
  EXPECT_EQ(ClockAccuracyOf(TimeDelta::FromNanosDouble(2.5)), 0x1e);
  EXPECT_EQ(ClockAccuracyOf(TimeDelta::FromNanos(10)), 0x1f);
  EXPECT_EQ(ClockAccuracyOf(TimeDelta::FromSeconds(8'000'000'000)), 0x31);
}

TEST(OffsetScaledLogVariance, OfAPrimaryReferenceIsThatOfItuG8275) {
  // sigma^2 = 1.144e-15 s^2 is 0x4e5d.
  EXPECT_EQ(OffsetScaledLogVariance(TimeDelta::FromNanosDouble(std::sqrt(1.144e3))),
            0x4e5d);
}

TEST(OffsetScaledLogVariance, RisesBy512WithEachDoubling) {
  // The nearest power of two below a second: exactly 0x8000 there.
  EXPECT_EQ(OffsetScaledLogVariance(TimeDelta::FromSeconds(1)), 0x8000);
  EXPECT_EQ(OffsetScaledLogVariance(TimeDelta::FromMillis(500)), 0x8000 - 512);
  EXPECT_EQ(OffsetScaledLogVariance(TimeDelta::FromSeconds(2)), 0x8000 + 512);
  EXPECT_EQ(OffsetScaledLogVariance(-TimeDelta::FromSeconds(2)), 0x8000 + 512);
}

TEST(OffsetScaledLogVariance, IsTheLogarithmRoundedDown) {
  for (double ns = 0.01; ns < 1e10; ns *= 1.37) {
    const TimeDelta deviation = TimeDelta::FromNanosDouble(ns);
    const double exact = 0x8000 + 512 * std::log2(deviation.SecondsDouble());
    EXPECT_NEAR(OffsetScaledLogVariance(deviation), exact - 0.5, 0.51) << ns;
  }
}

TEST(OffsetScaledLogVariance, StaysInItsField) {
  EXPECT_EQ(OffsetScaledLogVariance(TimeDelta()), 0);
  EXPECT_GT(OffsetScaledLogVariance(TimeDelta::FromScaledNanos(1)), 0);
}

}  // namespace
}  // namespace bridge::ptp
