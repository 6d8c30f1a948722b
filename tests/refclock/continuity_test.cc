#include "bridge/refclock/continuity.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

using enum Continuity::Verdict;

constexpr Continuity::Proof kYoung{.syncs = 2, .time = absl::Seconds(1)};
constexpr Continuity::Proof kProven{.syncs = 8, .time = absl::Seconds(2)};
constexpr double kRate = 10e-6;

// The same clock `elapsed` later, and the master's time off by `jump`.
Continuity::Reading After(TimeDelta elapsed, TimeDelta jump = TimeDelta(),
                          int clock_class = 6) {
  const TimeDelta gained = TimeDelta::FromNanosDouble(elapsed.NanosDouble() * kRate);
  return {
      .at = RawTime::FromNanos(5'000'000'000) + elapsed,
      .tai = TaiTime::FromNanos(1'800'000'000'000'000'000) + elapsed + gained + jump,
      .rate = kRate,
      .error_bound = TimeDelta::FromMicros(2),
      .clock_class = clock_class};
}

Continuity Remembering() {
  Continuity continuity;
  continuity.Published(After(TimeDelta()));
  return continuity;
}

TEST(Continuity, HasNothingAgainstTheFirstMaster) {
  EXPECT_EQ(Continuity().Judge(After(TimeDelta()), kYoung), kContinues);
}

TEST(Continuity, BelievesAtOnceAMasterThatGoesOnWhereTheOldOneWas) {
  const Continuity continuity = Remembering();
  for (const int64_t seconds : {0, 1, 10, 3'600}) {
    const auto elapsed = TimeDelta::FromSeconds(seconds);
    EXPECT_EQ(continuity.Judge(After(elapsed), kYoung), kContinues) << seconds;
    EXPECT_EQ(continuity.Judge(After(elapsed, TimeDelta::FromMicros(4)), kYoung),
              kContinues)
        << "within both bounds";
  }
}

TEST(Continuity, ABetterMasterTwoMillisecondsOffHasToProveItself) {
  const Continuity continuity = Remembering();
  const auto off = After(TimeDelta::FromSeconds(3), TimeDelta::FromMillis(2));
  EXPECT_EQ(continuity.Judge(off, kYoung), kUnproven);
  EXPECT_EQ(continuity.Judge(off, {.syncs = 100, .time = absl::Seconds(1)}), kUnproven);
  EXPECT_EQ(continuity.Judge(off, {.syncs = 7, .time = absl::Hours(1)}), kUnproven);
  EXPECT_EQ(continuity.Judge(off, kProven), kContinues);
}

TEST(Continuity, NoProofMakesAJumpOfWholeSecondsGood) {
  const Continuity continuity = Remembering();
  for (const int64_t seconds : {-3'600, -1, 1, 37}) {
    const auto jump = TimeDelta::FromSeconds(seconds);
    EXPECT_EQ(continuity.Judge(After(TimeDelta::FromSeconds(3), jump), kProven),
              kJumped);
    EXPECT_EQ(continuity.Judge(After(TimeDelta::FromSeconds(43'200), jump), kProven),
              kJumped)
        << "after half a day";
  }
}

TEST(Continuity, TheOldTimeBackIsGood) {
  Continuity continuity = Remembering();
  ASSERT_EQ(continuity.Judge(
                After(TimeDelta::FromSeconds(3), TimeDelta::FromSeconds(1)), kProven),
            kJumped);
  EXPECT_EQ(continuity.Judge(After(TimeDelta::FromSeconds(9)), kYoung), kContinues);
}

TEST(Continuity, AMasterThatFoundItsReferenceMayCorrectItself) {
  Continuity continuity;
  continuity.Published(After(TimeDelta(), TimeDelta(), 248));
  const auto corrected =
      After(TimeDelta::FromSeconds(60), TimeDelta::FromSeconds(5), /*class*/ 6);
  EXPECT_EQ(continuity.Judge(corrected, kYoung), kUnproven);
  EXPECT_EQ(continuity.Judge(corrected, kProven), kContinues);
  const auto as_bad =
      After(TimeDelta::FromSeconds(60), TimeDelta::FromSeconds(5), /*class*/ 248);
  EXPECT_EQ(continuity.Judge(as_bad, kProven), kJumped);
}

TEST(Continuity, ADayLaterNothingIsRemembered) {
  const Continuity continuity = Remembering();
  const auto jump = TimeDelta::FromSeconds(1);
  EXPECT_EQ(continuity.Judge(After(TimeDelta::FromSeconds(86'400), jump), kProven),
            kJumped);
  EXPECT_EQ(continuity.Judge(After(TimeDelta::FromSeconds(86'401), jump), kYoung),
            kContinues);
}

}  // namespace
}  // namespace bridge
