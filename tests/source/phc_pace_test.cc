#include "bridge/source/phc_pace.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using Verdict = PhcPace::Verdict;

constexpr TimeDelta kWindow = TimeDelta::FromNanos(800);

// A PHC that runs 100 ppm faster than CLOCK_MONOTONIC_RAW.
PhcTime PhcAt(RawTime raw) {
  const TimeDelta since = raw - RawTime();
  return PhcTime::FromNanos(1'000'000'000'000) + since +
         TimeDelta::FromNanosDouble(since.NanosDouble() * 1e-4);
}
RawTime At(int64_t ms) { return RawTime::FromNanos(ms * 1'000'000); }

Verdict Read(PhcPace& pace, RawTime raw, TimeDelta stepped = {}) {
  return pace.AddReading(PhcAt(raw) + stepped, raw, kWindow);
}

TEST(PhcPace, CarriesAStampBackFromTheNewestReadingByThePhcsOwnRate) {
  PhcPace pace;
  for (int64_t ms = 0; ms <= 3'000; ms += 1'000) {
    EXPECT_EQ(Read(pace, At(ms)), Verdict::kGood);
  }
  const auto raw = pace.Carry(PhcAt(At(2'980)));
  ASSERT_TRUE(raw);
  EXPECT_NEAR((*raw - At(2'980)).NanosDouble(), 0, 1);
}

TEST(PhcPace, CarriesNothingOldOrInTheFutureOrBeforeTheRateIsKnown) {
  PhcPace pace;
  EXPECT_FALSE(pace.Carry(PhcAt(At(0))));
  Read(pace, At(0));
  Read(pace, At(20));
  EXPECT_FALSE(pace.Carry(PhcAt(At(10))));  // 100 ppm of 10 ms would be a microsecond.
  EXPECT_TRUE(pace.Carry(PhcAt(At(18))));
  for (int64_t ms = 1'000; ms <= 5'000; ms += 1'000) Read(pace, At(ms));
  EXPECT_TRUE(pace.Carry(PhcAt(At(3'100))));
  EXPECT_FALSE(pace.Carry(PhcAt(At(2'900))));
  EXPECT_FALSE(pace.Carry(PhcAt(At(5'001))));
}

TEST(PhcPace, NoticesAStepAndForgetsWhatWasBefore) {
  for (const TimeDelta by : {TimeDelta::FromMillis(5), TimeDelta::FromMillis(-5),
                             TimeDelta::FromSeconds(-37)}) {
    PhcPace pace;
    for (int64_t ms = 0; ms <= 3'000; ms += 1'000) Read(pace, At(ms));
    EXPECT_EQ(Read(pace, At(4'000), by), Verdict::kStepped);
    EXPECT_FALSE(pace.Carry(PhcAt(At(3'999)) + by));  // Of before or after? Unknown.
    Read(pace, At(5'000), by);
    EXPECT_TRUE(pace.Carry(PhcAt(At(4'990)) + by));
  }
}

TEST(PhcPace, TakesAServosSlewingForNoStep) {
  PhcPace pace;
  TimeDelta slewed;
  for (int64_t ms = 0; ms <= 10'000; ms += 1'000) {
    slewed += TimeDelta::FromMicros(ms % 2'000 == 0 ? 500 : -500);
    EXPECT_NE(Read(pace, At(ms), slewed), Verdict::kStepped);
  }
}

TEST(PhcPace, DoesNotUseAReadingThatTookTooLong) {
  PhcPace pace;
  for (int64_t ms = 0; ms <= 3'000; ms += 1'000) Read(pace, At(ms));
  EXPECT_EQ(pace.AddReading(PhcAt(At(4'000)), At(4'000), TimeDelta::FromMicros(9)),
            Verdict::kWide);
  EXPECT_EQ(pace.window(), kWindow);
  EXPECT_FALSE(pace.Carry(PhcAt(At(3'999))));
}

}  // namespace
}  // namespace bridge
