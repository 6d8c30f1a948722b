#include "bridge/source/ptp4l_leap.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

// Hours of 2026-11-21, UTC; 24 is the next midnight.
UtcTime At(double hours) {
  return UtcTime::FromNanos(1'795'219'200'000'000'000) +
         TimeDelta::FromNanosDouble(hours * 3600e9);
}

TEST(Ptp4lLeap, AnnouncedByDayItIsWaitedForUntilMidnight) {
  Ptp4lLeap leap;
  EXPECT_EQ(leap.Correction(At(12), 0), 0);
  EXPECT_EQ(leap.Correction(At(13), 1), 0);
  EXPECT_EQ(leap.Correction(At(23.99), 1), 0);
  // The master withdraws it on time, and counts one more itself.
  EXPECT_EQ(leap.Correction(At(24), 0), 0);
  EXPECT_EQ(leap.Correction(At(31), 0), 0);
}

TEST(Ptp4lLeap, AMasterThatIsLateIsHelpedUntilSix) {
  for (const int announced : {1, -1}) {
    Ptp4lLeap leap;
    EXPECT_EQ(leap.Correction(At(23), announced), 0);
    EXPECT_EQ(leap.Correction(At(24), announced), announced);
    EXPECT_EQ(leap.Correction(At(30), announced), announced);
    EXPECT_EQ(leap.Correction(At(30.001), announced), 0) << "the next midnight's";
  }
}

TEST(Ptp4lLeap, AMasterThatIsEarlyIsHeldBackUntilMidnight) {
  for (const int announced : {1, -1}) {
    Ptp4lLeap leap;
    EXPECT_EQ(leap.Correction(At(20), announced), 0);
    EXPECT_EQ(leap.Correction(At(23.9), 0), -announced);
    EXPECT_EQ(leap.Correction(At(24), 0), 0);
    EXPECT_EQ(leap.Correction(At(31), 0), 0);
  }
}

}  // namespace
}  // namespace bridge
