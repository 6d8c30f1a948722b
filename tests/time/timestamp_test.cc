#include "bridge/time/timestamp.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

constexpr uint64_t kLastSecond = (uint64_t{1} << 48) - 1;  // Of the wire's field.

void ExpectSplit(TaiTime t, int64_t seconds, uint32_t nanos) {
  const TaiTime::SecondsAndNanos split = t.Split();
  EXPECT_EQ(split.seconds, seconds);
  EXPECT_EQ(split.nanos, nanos);
}

TEST(Timestamp, IsAnInstantAndItsDifferencesAreSpans) {
  const TaiTime t = TaiTime::FromNanos(1'800'000'000'000'000'000);
  const TimeDelta d = TimeDelta::FromNanos(7);
  EXPECT_EQ((t + d) - t, d);
  EXPECT_EQ((t - d) - t, -d);
  EXPECT_LT(t - d, t);
  EXPECT_GT(t + TimeDelta::FromScaledNanos(1), t);
  EXPECT_EQ(t.SinceEpoch(), TimeDelta::FromSeconds(1'800'000'000));
  EXPECT_EQ(TaiTime().Nanos(), 0);
}

TEST(Timestamp, HoldsTheWholeSecondsFieldOfTheWire) {
  const TaiTime last = TaiTime::FromSecondsAndNanos(kLastSecond, 999'999'999);
  ExpectSplit(last, kLastSecond, 999'999'999);
  ExpectSplit(last + TimeDelta::FromNanos(1), kLastSecond + 1, 0);
  EXPECT_EQ(last - TaiTime::FromSecondsAndNanos(kLastSecond, 999'999'998),
            TimeDelta::FromNanos(1));
  EXPECT_EQ(last.Nanos(), INT64_MAX) << "nanoseconds are clamped, not wrapped";
}

TEST(Timestamp, IsMadeFromSecondsAndNanosOrNanosAlike) {
  EXPECT_EQ(TaiTime::FromSecondsAndNanos(3, 4), TaiTime::FromNanos(3'000'000'004));
  EXPECT_EQ(TaiTime::FromSecondsAndNanos(0, 0), TaiTime());
}

TEST(Timestamp, SplitsBeforeTheEpochTowardMinusInfinity) {
  ExpectSplit(TaiTime::FromNanos(-1), -1, 999'999'999);
  ExpectSplit(TaiTime::FromNanos(-999'999'999), -1, 1);
  ExpectSplit(TaiTime::FromNanos(-1'000'000'000), -1, 0);
  ExpectSplit(TaiTime::FromNanos(-1'000'000'001), -2, 999'999'999);
}

TEST(Timestamp, SplitsOffAFractionOfANanosecondByTruncation) {
  const TimeDelta most = TimeDelta::FromScaledNanos(0xffff);
  ExpectSplit(TaiTime::FromNanos(5) + most, 0, 5);
  ExpectSplit(TaiTime::FromNanos(999'999'999) + most, 0, 999'999'999);
  ExpectSplit(TaiTime() - TimeDelta::FromScaledNanos(1), -1, 999'999'999);
}

TEST(Timestamp, SplitsAndIsMadeAgain) {
  for (uint64_t seconds : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, kLastSecond}) {
    for (uint32_t nanos : {0u, 1u, 999'999'999u}) {
      ExpectSplit(TaiTime::FromSecondsAndNanos(seconds, nanos),
                  static_cast<int64_t>(seconds), nanos);
    }
  }
}

TEST(Timestamp, RoundsNanosThoughSplitTruncates) {
  const TaiTime t = TaiTime::FromNanos(5) + TimeDelta::FromScaledNanos(0x8000);
  EXPECT_EQ(t.Nanos(), 6);
  EXPECT_EQ(t.Split().nanos, 5u);
}

TEST(Timestamp, IsPrintedInSecondsWithNineDigits) {
  EXPECT_EQ(TaiTime::FromSecondsAndNanos(1795223066, 204698309).ToString(),
            "1795223066.204698309");
  EXPECT_EQ(UtcTime::FromNanos(1).ToString(), "0.000000001");
  EXPECT_EQ(RawTime::FromNanos(-1'000'000'000).ToString(), "-1.000000000");
}

TEST(Timestamp, IsPrintedRightlyBeforeTheEpoch) {
  EXPECT_EQ(PhcTime::FromNanos(-1).ToString(), "-0.000000001");
  EXPECT_EQ(MonoTime::FromNanos(-1'500'000'000).ToString(), "-1.500000000");
}

}  // namespace
}  // namespace bridge
