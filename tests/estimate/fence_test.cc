#include "bridge/estimate/fence.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

LocalTime At(double seconds) {
  return LocalTime() + TimeDelta::FromNanosDouble(seconds * 1e9);
}
TimeDelta Micros(int64_t n) { return TimeDelta::FromMicros(n); }

// Local - TAI is 0, the path 100 us each way, the rate known to 10 ns/s.
Fence Around() {
  Fence fence;
  fence.Follow(At(0), 0, 10);
  fence.AddUpper(At(0), Micros(100));
  fence.AddLower(At(0), Micros(-100));
  return fence;
}

TEST(Fence, WithoutLimitsThereIsRoomForAnything) {
  const Fence::Room room = Fence().RoomOf(Micros(1'000'000), At(0));
  EXPECT_FALSE(room.outside());
  EXPECT_EQ(room.Farthest(), 0);
}

TEST(Fence, TheTruthIsAsFarAsTheFartherLimit) {
  const Fence::Room room = Around().RoomOf(Micros(30), At(0));
  EXPECT_FALSE(room.outside());
  EXPECT_DOUBLE_EQ(room.above, 71'000);  // 1 us for the stamps.
  EXPECT_DOUBLE_EQ(room.Farthest(), 131'000);
}

TEST(Fence, OutsideNothingHelps) {
  const Fence fence = Around();
  EXPECT_FALSE(fence.RoomOf(Micros(101), At(0)).outside());
  EXPECT_TRUE(fence.RoomOf(Micros(102), At(0)).outside());
  EXPECT_TRUE(fence.RoomOf(Micros(-102), At(0)).outside());
  EXPECT_DOUBLE_EQ(fence.RoomOf(Micros(300), At(0)).Farthest(), 401'000);
}

TEST(Fence, TheTightestLimitCounts) {
  Fence fence = Around();
  fence.AddUpper(At(0), Micros(700));  // It waited in a queue.
  fence.AddUpper(At(0), Micros(60));
  EXPECT_DOUBLE_EQ(fence.RoomOf(Micros(0), At(0)).above, 61'000);
}

TEST(Fence, LimitsMoveWithTheClockAndGetLoose) {
  Fence fence;
  fence.Follow(At(0), 1'000, 10);  // 1 ppm.
  fence.AddUpper(At(0), Micros(100));
  // After 10 s: 10 us of rate, 3 x 10 ns/s, 20 ns/s^2, 1 us of stamps.
  EXPECT_DOUBLE_EQ(fence.RoomOf(Micros(0), At(10)).above,
                   100'000 + 10'000 + 300 + 1'000 + 1'000);
}

TEST(Fence, AKnownRateIsNotTurnedByAStorm) {
  Fence fence;
  fence.Follow(At(0), 0, 10);
  fence.Follow(At(1), 100'000, 10);  // 100 ppm within a second: no crystal does it.
  fence.AddUpper(At(1), Micros(100));
  // 20 ns/s more than before, and as much less sure of it: 10 s of 20 + 3 x 30 ns/s.
  EXPECT_DOUBLE_EQ(fence.RoomOf(Micros(0), At(11)).above,
                   100'000 + 200 + 900 + 1'000 + 1'000);
}

TEST(Fence, AStormThatTurnsTheRateForMinutesLeavesTheTruthInside) {
  Fence fence;
  fence.Follow(At(0), 0, 10);
  // The filter is deceived, and sure of itself, while the truth stays 0.
  for (int t = 1; t <= 300; ++t) fence.Follow(At(t), -10'000, 10);
  fence.AddUpper(At(300), Micros(1));
  EXPECT_GT(fence.RoomOf(Micros(0), At(320)).above, 0);
}

TEST(Fence, AFilterThatCameBackIsBelievedAgain) {
  Fence fence;
  fence.Follow(At(0), 0, 10);
  fence.Follow(At(1), -10'000, 10);
  fence.Follow(At(2), 0, 10);
  fence.AddUpper(At(2), Micros(100));
  EXPECT_DOUBLE_EQ(fence.RoomOf(Micros(0), At(12)).above,
                   100'000 + 300 + 1'000 + 1'000);
}

TEST(Fence, AnUnknownRateIsLearnt) {
  Fence fence;
  fence.Follow(At(0), 0, 100'000);
  fence.Follow(At(1), 90'000, 100);
  fence.AddUpper(At(1), Micros(100));
  EXPECT_NEAR(fence.RoomOf(Micros(0), At(2)).above, 191'000, 500);
}

TEST(Fence, OnlyTheLastSixteenOfEachDirectionAreKept) {
  Fence fence = Around();
  for (int i = 0; i < 16; ++i) fence.AddUpper(At(0), Micros(500));
  EXPECT_DOUBLE_EQ(fence.RoomOf(Micros(0), At(0)).above, 501'000);
}

}  // namespace
}  // namespace bridge
