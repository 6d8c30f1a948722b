#include "bridge/engine/holdover_drift.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr auto kStart = MonoTime::FromNanos(86'400'000'000'000);

// A sine of `amplitude` ppb about -12,000, of 300 s.
double Swinging(double amplitude, int second) {
  return -12'000 + amplitude * std::sin(second * 2 * 3.14159 / 300);
}

void Watch(HoldoverDrift& drift, double amplitude, int from, int to) {
  for (int s = from; s < to; ++s) {
    drift.Add(Swinging(amplitude, s), kStart + absl::Seconds(s));
  }
}

TEST(HoldoverDrift, IsKnownAfterTenMinutesAndIsHowFarTheFrequencyRanged) {
  HoldoverDrift drift;
  Watch(drift, 20, 0, 599);
  EXPECT_FALSE(drift.ppb());
  Watch(drift, 20, 599, 631);
  ASSERT_TRUE(drift.ppb());
  EXPECT_NEAR(*drift.ppb(), 40, 0.1);
}

TEST(HoldoverDrift, OfAFrequencyThatNeverMovesIsNotNothing) {
  HoldoverDrift drift;
  Watch(drift, 0, 0, 1'000);
  EXPECT_EQ(drift.ppb(), 1);
}

TEST(HoldoverDrift, ForgetsWhatWasMoreThanHalfAnHourAgo) {
  HoldoverDrift drift;
  Watch(drift, 200, 0, 900);
  Watch(drift, 5, 900, 900 + 1'700);
  EXPECT_GT(*drift.ppb(), 100);
  Watch(drift, 5, 2'600, 900 + 1'900);
  EXPECT_NEAR(*drift.ppb(), 10, 0.1);
}

TEST(HoldoverDrift, OverAPauseIsWhatItWasUntilItIsKnownAnew) {
  HoldoverDrift drift;
  Watch(drift, 20, 0, 900);
  const double before = drift.ppb().value();
  // Meanwhile the clock was elsewhere; that was nobody's drift.
  for (int s = 2'000; s < 2'590; ++s) drift.Add(5'000, kStart + absl::Seconds(s));
  EXPECT_EQ(drift.ppb(), before);
  for (int s = 2'590; s < 2'640; ++s) drift.Add(5'000, kStart + absl::Seconds(s));
  EXPECT_EQ(drift.ppb(), 1);
}

}  // namespace
}  // namespace bridge
