#include "bridge/refclock/continuity.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

using enum Continuity::Verdict;

constexpr double kRate = 10e-6;
constexpr uint64_t kGrandmaster = 0x001122fffe334455;

constexpr TimeDelta Seconds(int64_t n) { return TimeDelta::FromSeconds(n); }

// The same clock `elapsed` later, one Sync a second, and the master's time off by
// `jump`.
Continuity::Reading After(TimeDelta elapsed, TimeDelta jump = TimeDelta(),
                          int clock_class = 6) {
  const TimeDelta gained = TimeDelta::FromNanosDouble(elapsed.NanosDouble() * kRate);
  return {
      .at = LocalTime::FromNanos(5'000'000'000) + elapsed,
      .tai = TaiTime::FromNanos(1'800'000'000'000'000'000) + elapsed + gained + jump,
      .rate = kRate,
      .jitter = TimeDelta::FromNanos(500),
      .grandmaster = kGrandmaster,
      .clock_class = clock_class,
      .syncs = static_cast<uint64_t>(elapsed.SecondsDouble())};
}

Continuity Remembering(int clock_class = 6) {
  Continuity continuity;
  continuity.Published(After(TimeDelta(), TimeDelta(), clock_class));
  return continuity;
}

TEST(Continuity, HasNothingAgainstTheFirstMaster) {
  EXPECT_EQ(Continuity().Judge(After(TimeDelta())), kContinues);
}

TEST(Continuity, BelievesAtOnceWhatGoesOnWhereTheOldTimeWas) {
  Continuity continuity = Remembering();
  for (const int64_t seconds : {0, 1, 10, 3'600}) {
    EXPECT_EQ(continuity.Judge(After(Seconds(seconds))), kContinues) << seconds;
    EXPECT_EQ(continuity.Judge(After(Seconds(seconds), TimeDelta::FromMicros(5))),
              kContinues)
        << "four times the noise of both, and 1 us";
  }
}

TEST(Continuity, ABetterMasterTwoMillisecondsOffHasToBeConsistent) {
  Continuity continuity = Remembering();
  const auto off = TimeDelta::FromMillis(2);
  for (int i = 3; i < 11; ++i) {
    EXPECT_EQ(continuity.Judge(After(Seconds(i), off)), kUnproven) << i;
  }
  EXPECT_EQ(continuity.Judge(After(Seconds(11), off)), kContinues) << "eight Syncs";
}

TEST(Continuity, EightQuickSyncsStillTakeTwoSeconds) {
  Continuity continuity = Remembering();
  auto off = After(Seconds(3), TimeDelta::FromMillis(2));
  ASSERT_EQ(continuity.Judge(off), kUnproven);
  off = After(Seconds(4), TimeDelta::FromMillis(2));
  off.syncs += 100;
  EXPECT_EQ(continuity.Judge(off), kUnproven);
  off = After(Seconds(5), TimeDelta::FromMillis(2));
  off.syncs += 100;
  EXPECT_EQ(continuity.Judge(off), kContinues);
}

TEST(Continuity, OneWhoWandersIsNeverConsistent) {
  Continuity continuity = Remembering();
  for (int i = 3; i < 100; ++i) {
    EXPECT_EQ(continuity.Judge(After(Seconds(i), TimeDelta::FromMicros(100 * i))),
              kUnproven)
        << i;
  }
}

TEST(Continuity, NoProofMakesAJumpOfWholeSecondsGood) {
  for (const int64_t seconds : {-3'600, -1, 1, 37}) {
    Continuity continuity = Remembering();
    for (const int64_t later : {3, 20, 3'600, 43'200}) {
      EXPECT_EQ(continuity.Judge(After(Seconds(later), Seconds(seconds))), kJumped);
    }
  }
}

TEST(Continuity, TheOldTimeBackIsGood) {
  Continuity continuity = Remembering();
  ASSERT_EQ(continuity.Judge(After(Seconds(3), Seconds(1))), kJumped);
  EXPECT_EQ(continuity.Judge(After(Seconds(9))), kContinues);
}

TEST(Continuity, AMasterThatFoundItsReferenceMayCorrectItself) {
  Continuity continuity = Remembering(248);
  EXPECT_EQ(continuity.Judge(After(Seconds(60), Seconds(5), 248)), kJumped);
  EXPECT_EQ(continuity.Judge(After(Seconds(61), Seconds(5), 6)), kUnproven);
  EXPECT_EQ(continuity.Judge(After(Seconds(69), Seconds(5), 6)), kContinues);
}

TEST(Continuity, AnotherMasterOrTheEndOfHoldoverIsNoCorrection) {
  Continuity continuity = Remembering(248);
  auto other = After(Seconds(60), Seconds(5), 6);
  other.grandmaster ^= 1;
  EXPECT_EQ(continuity.Judge(other), kJumped);
  continuity = Remembering(7);
  EXPECT_EQ(continuity.Judge(After(Seconds(60), Seconds(5), 6)), kJumped);
}

TEST(Continuity, ADayLaterNothingIsRemembered) {
  Continuity continuity = Remembering();
  EXPECT_EQ(continuity.Judge(After(Seconds(86'400), Seconds(1))), kJumped);
  EXPECT_EQ(continuity.Judge(After(Seconds(86'401), Seconds(1))), kContinues);
}

TEST(Continuity, ForgetsWhenTold) {
  Continuity continuity = Remembering();
  continuity.Forget();
  EXPECT_EQ(continuity.Judge(After(Seconds(3), Seconds(1))), kContinues);
}

}  // namespace
}  // namespace bridge
