#include "bridge/source/sync_rhythm.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

MonoTime At(double s) { return MonoTime() + TimeDelta::FromNanosDouble(s * 1e9); }
TimeDelta Seconds(double s) { return TimeDelta::FromNanosDouble(s * 1e9); }

SyncRhythm Of(double interval, int syncs) {
  SyncRhythm rhythm;
  for (int i = 0; i < syncs; ++i) {
    rhythm.Add(Seconds(1e9 + i * interval), At(i * interval + 0.03));
  }
  return rhythm;
}

TEST(SyncRhythm, IsKnownFromThreeSyncsOn) {
  EXPECT_FALSE(Of(1, 2).known());
  ASSERT_TRUE(Of(1, 3).known());
  EXPECT_EQ(Of(1, 3).interval(), absl::Seconds(1));
}

TEST(SyncRhythm, RoundsToThePowerOfTwoThatMastersKeepTo) {
  EXPECT_EQ(Of(0.97, 5).interval(), absl::Seconds(1));
  EXPECT_EQ(Of(1.3, 5).interval(), absl::Seconds(1));
  EXPECT_EQ(Of(0.13, 5).interval(), absl::Milliseconds(125));
  EXPECT_EQ(Of(2.1, 5).interval(), absl::Seconds(2));
}

TEST(SyncRhythm, IsNotSlowedByMissedSyncsButByASlowerMaster) {
  SyncRhythm rhythm = Of(0.125, 9);
  double ingress = 1e9 + 1;
  const auto later = [&](double by) {
    ingress += by;
    rhythm.Add(Seconds(ingress), At(ingress - 1e9));
  };
  later(1);
  later(0.5);
  EXPECT_EQ(rhythm.interval(), absl::Milliseconds(125));
  for (int i = 0; i < 8; ++i) later(1);
  EXPECT_EQ(rhythm.interval(), absl::Seconds(1));
}

TEST(SyncRhythm, ExpectsTheNextOneFromWhenTheLastReallyCame) {
  SyncRhythm rhythm = Of(1, 5);   // The last was told at 4.03 s,
  rhythm.Correct(Seconds(0.02));  // and came at 4.01 s.
  const auto second = absl::Seconds(1);
  EXPECT_NEAR((rhythm.Next(At(4.1), second) - At(5.01)).SecondsDouble(), 0, 1e-9);
  EXPECT_NEAR((rhythm.Next(At(7.5), second) - At(8.01)).SecondsDouble(), 0, 1e-9);
  EXPECT_NEAR((rhythm.Next(At(4.1), second / 4) - At(4.26)).SecondsDouble(), 0, 1e-9);
}

TEST(SyncRhythm, ExpectsOneInAStepWhileNoneCame) {
  EXPECT_EQ(SyncRhythm().Next(At(3), absl::Seconds(1)), At(4));
}

TEST(SyncRhythm, TakesNoStepOfTheClockForAnInterval) {
  SyncRhythm rhythm = Of(1, 5);
  rhythm.Add(Seconds(5), At(5));
  rhythm.Add(Seconds(2e9), At(6));
  EXPECT_EQ(rhythm.interval(), absl::Seconds(1));
}

}  // namespace
}  // namespace bridge
