#include "bridge/base/rng.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

constexpr int kDraws = 100'000;

// The published test vector of SplitMix64 for this seed.
TEST(Rng, IsSplitMix64) {
  Rng rng(1234567);
  EXPECT_EQ(rng.Next(), 6457827717110365317u);
  EXPECT_EQ(rng.Next(), 3203168211198807973u);
  EXPECT_EQ(rng.Next(), 9817491932198370423u);
}

TEST(Rng, RepeatsItselfFromTheSameSeedAndOnlyFromIt) {
  Rng a(7), b(7), c(8);
  for (int i = 0; i < 10; ++i) {
    const double gaussian = a.Gaussian();
    EXPECT_EQ(gaussian, b.Gaussian());
    EXPECT_NE(gaussian, c.Gaussian());
  }
}

TEST(Rng, UniformStaysBelowItsUpperEndAndFillsItsRange) {
  Rng rng(1);
  double lowest = 1, highest = 0, sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.Uniform();
    lowest = std::min(lowest, x);
    highest = std::max(highest, x);
    sum += x;
  }
  EXPECT_GE(lowest, 0);
  EXPECT_LT(lowest, 1e-3);
  EXPECT_LT(highest, 1);
  EXPECT_GT(highest, 1 - 1e-3);
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
}

TEST(Rng, BelowReachesEveryValueAndNoOther) {
  Rng rng(2);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) ++seen.at(rng.Below(6));
  EXPECT_THAT(seen, testing::Each(testing::AllOf(testing::Gt(800), testing::Lt(1200))));
}

TEST(Rng, ChanceOfZeroNeverAndOfOneAlwaysHappens) {
  Rng rng(3);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(rng.Chance(0));
    EXPECT_TRUE(rng.Chance(1));
  }
}

TEST(Rng, GaussianHasMeanZeroDeviationOneAndBothTails) {
  Rng rng(4);
  double sum = 0, squares = 0;
  int beyond_two = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.Gaussian();
    sum += x;
    squares += x * x;
    beyond_two += std::abs(x) > 2;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.02);
  EXPECT_NEAR(squares / kDraws, 1, 0.03);
  EXPECT_NEAR(static_cast<double>(beyond_two) / kDraws, 0.0455, 0.004);
}

TEST(Rng, ExponentialIsPositiveWithMeanOne) {
  Rng rng(5);
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.Exponential();
    ASSERT_GE(x, 0);
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
  }
  EXPECT_NEAR(sum / kDraws, 1, 0.02);
}

TEST(Rng, ForkGoesItsOwnWay) {
  Rng parent(6);
  Rng child = parent.Fork();
  Rng second = parent.Fork();
  const uint64_t first = child.Next();
  EXPECT_NE(first, second.Next());
  EXPECT_NE(first, parent.Next());
}

}  // namespace
}  // namespace bridge
