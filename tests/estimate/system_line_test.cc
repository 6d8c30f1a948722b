#include "bridge/estimate/system_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "bridge/base/rng.h"

namespace bridge {
namespace {

constexpr auto kBegin = LocalTime::FromNanos(86'400'000'000'000);
constexpr auto kShown = UtcTime::FromNanos(1'800'000'000'000'000'000);
constexpr TimeDelta kSpan = TimeDelta::FromSeconds(4);
constexpr TimeDelta kWindow = TimeDelta::FromNanos(200);

// A system clock that is read four times a second with an error of `noise_ns`.
struct Read {
  explicit Read(double noise) : noise_ns(noise) {}

  double noise_ns;
  SystemLine line{kSpan};
  Rng rng{1};
  LocalTime local = kBegin;
  UtcTime truth = kShown;
  double worst_ns = 0;

  void Run(double seconds, double rate) {
    for (int i = 0; i < 4 * seconds; ++i) {
      const TimeDelta passed = TimeDelta::FromMillis(250);
      local = local + passed;
      truth = truth + passed + TimeDelta::FromNanosDouble(passed.NanosDouble() * rate);
      const double noise = noise_ns * rng.Gaussian();
      line.Add(local, truth + TimeDelta::FromNanosDouble(noise), kWindow);
      if (line.Map()) worst_ns = std::max(worst_ns, std::fabs(Error()));
    }
  }
  // ns, now.
  double Error() const {
    const auto map = line.Map();
    return (*map->Map(local, map->era()) - truth).NanosDouble();
  }
};

TEST(SystemLine, NeedsThreeReadings) {
  SystemLine line(kSpan);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(line.Map());
    const TimeDelta passed = TimeDelta::FromSeconds(i);
    line.Add(kBegin + passed, kShown + passed, kWindow);
    // One that is not later says nothing.
    line.Add(kBegin + passed, kShown, kWindow);
  }
  EXPECT_TRUE(line.Map());
  EXPECT_EQ(line.last(), kBegin + TimeDelta::FromSeconds(2));
}

TEST(SystemLine, IsTheClockWhereThereIsNoNoise) {
  Read read(0);
  read.Run(20, 12e-6);
  EXPECT_LT(read.worst_ns, 0.01);
  EXPECT_NEAR(read.line.Map()->rate(), 12e-6, 1e-11);
  EXPECT_EQ(read.line.Error(), kWindow.Half());
}

TEST(SystemLine, AveragesNoiseAndOwnsUpToIt) {
  Read read(100);
  read.Run(4, 0);
  read.worst_ns = 0;
  double squares = 0;
  for (int i = 0; i < 4'000; ++i) {
    read.Run(0.25, 0);
    squares += read.Error() * read.Error() / 4'000;
    EXPECT_LT(std::fabs(read.Error()), read.line.Error().NanosDouble() * 2.5);
  }
  // At the end of a line through 17 readings the error is twice that of their mean.
  EXPECT_NEAR(std::sqrt(squares), 2 * 100 / std::sqrt(17.), 15);
  EXPECT_GT(read.line.rate_error_ppb(), 10);
  EXPECT_LT(read.line.rate_error_ppb(), 50);
}

// What an NTP daemon does after a while of nothing.
TEST(SystemLine, GoesWithAClockThatIsSlewedAtOnce) {
  Read read(20);
  read.Run(20, 0);
  read.worst_ns = 0;
  read.Run(10, 500e-6);
  // It may be half a second until the slew is plain.
  EXPECT_LT(read.worst_ns, 500e-6 * 1e9);
  EXPECT_LT(std::fabs(read.Error()), 60);
  EXPECT_NEAR(read.line.Map()->rate(), 500e-6, 0.1e-6);
}

// As an NTP daemon works off what it measures, on readings good enough to show it.
TEST(SystemLine, IsNoLongerThanTheClockIsStraight) {
  Read read(6);
  for (int i = 0; i < 50; ++i) {
    read.Run(4, i % 2 == 0 ? 250e-9 : -250e-9);
    read.Run(12, 0);
    if (i == 0) read.worst_ns = 0;
  }
  EXPECT_LT(read.worst_ns, 80);
}

TEST(SystemLine, TakesNoRateForNoiseWhereReadingsAreMissing) {
  Read read(0);
  for (int i = 0; i < 40; ++i) {
    read.Run(0.25 * (1 + i % 3), 20e-6);
    read.local = read.local + TimeDelta::FromMillis(250);
    read.truth = read.truth + TimeDelta::FromNanos(250'000'000 + 5'000);
  }
  EXPECT_LT(read.worst_ns, 0.01);
  // So that a slew is seen.
  read.Run(1, 20.5e-6);
  EXPECT_LT(std::fabs(read.Error()), 60);
}

TEST(SystemLine, BeginsAnEraWhenItIsReset) {
  Read read(0);
  read.Run(5, 0);
  const Era before = read.line.Map()->era();
  read.line.Reset();
  EXPECT_FALSE(read.line.Map());
  EXPECT_FALSE(read.line.last());
  read.truth = read.truth + TimeDelta::FromSeconds(1);
  read.Run(1, 0);
  EXPECT_LT(std::fabs(read.Error()), 0.01);
  EXPECT_NE(read.line.Map()->era(), before);
}

}  // namespace
}  // namespace bridge
