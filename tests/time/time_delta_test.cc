#include "bridge/time/time_delta.h"

#include <limits>

#include "gtest/gtest.h"

namespace bridge {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

TimeDelta Scaled(int64_t scaled) { return TimeDelta::FromScaledNanos(scaled); }

TEST(TimeDelta, CountsTwoToTheMinusSixteenNanoseconds) {
  EXPECT_EQ(TimeDelta::FromNanos(1), Scaled(65536));
  EXPECT_EQ(TimeDelta::FromNanos(-1), Scaled(-65536));
  EXPECT_EQ(TimeDelta::FromMicros(3), TimeDelta::FromNanos(3'000));
  EXPECT_EQ(TimeDelta::FromMillis(-3), TimeDelta::FromNanos(-3'000'000));
  EXPECT_EQ(TimeDelta::FromSeconds(3), TimeDelta::FromNanos(3'000'000'000));
  EXPECT_EQ(TimeDelta(), TimeDelta::FromNanos(0));
}

TEST(TimeDelta, HoldsTheWholeRangeOfNanosecondsWithoutOverflow) {
  EXPECT_EQ(TimeDelta::FromNanos(kMost).Nanos(), kMost);
  EXPECT_EQ(TimeDelta::FromNanos(kLeast).Nanos(), kLeast);
  const TimeDelta twice = TimeDelta::FromNanos(kMost) + TimeDelta::FromNanos(kMost);
  EXPECT_EQ((twice - TimeDelta::FromNanos(kMost)).Nanos(), kMost);
}

TEST(TimeDelta, RoundsToTheNearestNanosecondAndHalvesAwayFromZero) {
  EXPECT_EQ(Scaled(0x7fff).Nanos(), 0);
  EXPECT_EQ(Scaled(0x8000).Nanos(), 1);
  EXPECT_EQ(Scaled(0x17fff).Nanos(), 1);
  EXPECT_EQ(Scaled(0x18000).Nanos(), 2);
  EXPECT_EQ(Scaled(-0x7fff).Nanos(), 0);
  EXPECT_EQ(Scaled(-0x8000).Nanos(), -1);
  EXPECT_EQ(Scaled(-0x17fff).Nanos(), -1);
  EXPECT_EQ(Scaled(-0x18000).Nanos(), -2);
}

TEST(TimeDelta, RoundsAlikeOnBothSidesOfZero) {
  for (int64_t scaled = 0; scaled < 3 * 65536; scaled += 4096) {
    EXPECT_EQ(Scaled(-scaled).Nanos(), -Scaled(scaled).Nanos()) << scaled;
  }
}

TEST(TimeDelta, ClampsNanosToInt64) {
  const TimeDelta one = TimeDelta::FromNanos(1);
  EXPECT_EQ((TimeDelta::FromNanos(kMost) + one).Nanos(), kMost);
  EXPECT_EQ((TimeDelta::FromNanos(kMost) + Scaled(0x8000)).Nanos(), kMost);
  EXPECT_EQ((TimeDelta::FromNanos(kLeast) - one).Nanos(), kLeast);
  EXPECT_EQ((TimeDelta::FromNanos(kLeast) - Scaled(0x8000)).Nanos(), kLeast);
}

TEST(TimeDelta, IsMadeFromADoubleByRoundingToTheUnit) {
  EXPECT_EQ(TimeDelta::FromNanosDouble(1.5), Scaled(0x18000));
  EXPECT_EQ(TimeDelta::FromNanosDouble(-1.5), Scaled(-0x18000));
  EXPECT_EQ(TimeDelta::FromNanosDouble(0.5 / 65536), Scaled(1));
  EXPECT_EQ(TimeDelta::FromNanosDouble(-0.5 / 65536), Scaled(-1));
  EXPECT_EQ(TimeDelta::FromNanosDouble(0.49 / 65536), Scaled(0));
  EXPECT_EQ(TimeDelta::FromNanosDouble(0x1p61).Nanos(), int64_t{1} << 61);
}

TEST(TimeDelta, GivesDoublesInNanosecondsAndSeconds) {
  EXPECT_EQ(Scaled(-0x18000).NanosDouble(), -1.5);
  EXPECT_DOUBLE_EQ(TimeDelta::FromMillis(-250).SecondsDouble(), -0.25);
}

TEST(TimeDelta, AddsSubtractsAndCompares) {
  TimeDelta d = TimeDelta::FromNanos(5);
  d += TimeDelta::FromNanos(3);
  EXPECT_EQ(d, TimeDelta::FromNanos(8));
  d -= TimeDelta::FromNanos(10);
  EXPECT_EQ(d, -TimeDelta::FromNanos(2));
  EXPECT_EQ(d.Abs(), TimeDelta::FromNanos(2));
  EXPECT_EQ(d.Abs().Abs(), d.Abs());
  EXPECT_LT(d, TimeDelta());
  EXPECT_GT(Scaled(1), TimeDelta());
  EXPECT_LE(d, d);
  EXPECT_NE(Scaled(1), Scaled(2));
}

TEST(TimeDelta, HalvesTowardMinusInfinity) {
  EXPECT_EQ(Scaled(6).Half(), Scaled(3));
  EXPECT_EQ(Scaled(7).Half(), Scaled(3));
  EXPECT_EQ(Scaled(-6).Half(), Scaled(-3));
  EXPECT_EQ(Scaled(-7).Half(), Scaled(-4));
}

TEST(TimeDelta, IsPrintedInNanoseconds) {
  EXPECT_EQ(Scaled(-0x18000).ToString(), "-1.5 ns");
  EXPECT_EQ(TimeDelta::FromMicros(1).ToString(), "1000.0 ns");
}

}  // namespace
}  // namespace bridge
