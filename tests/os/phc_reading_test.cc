#include "bridge/os/phc_reading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace bridge::os {
namespace {

using absl::Microseconds;

constexpr int64_t kSystem = 1'800'000'000;  // s; the PHC started at zero.

ptp_clock_time At(int64_t seconds, uint32_t nanos) { return {seconds, nanos, 0}; }

TEST(PhcReading, ThePreciseOneHasTheWindowOfTwoCounters) {
  ptp_sys_offset_precise answer{};
  answer.device = At(5, 123);
  answer.sys_realtime = At(kSystem, 456);
  const auto reading = FromPrecise(answer);
  EXPECT_EQ(reading.local, PhcTime::FromNanos(5'000'000'123));
  EXPECT_EQ(reading.system, UtcTime::FromNanos(kSystem * 1'000'000'000 + 456));
  EXPECT_EQ(reading.window, TimeDelta::FromNanos(50));
}

TEST(PhcReading, OfExtendedOnesTheNarrowestIsTakenAtItsMiddle) {
  ptp_sys_offset_extended answer{};
  answer.n_samples = 3;
  const uint32_t windows[] = {900, 300, 500};
  for (uint32_t i = 0; i < 3; ++i) {
    answer.ts[i][0] = At(kSystem, i * 1000);
    answer.ts[i][1] = At(7, i);
    answer.ts[i][2] = At(kSystem, i * 1000 + windows[i]);
  }
  const auto reading = Narrowest(answer);
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->local, PhcTime::FromNanos(7'000'000'001));
  EXPECT_EQ(reading->system, UtcTime::FromNanos(kSystem * 1'000'000'000 + 1150));
  EXPECT_EQ(reading->window, TimeDelta::FromNanos(300));
}

TEST(PhcReading, OfBasicOnesEachSystemReadingServesTwice) {
  ptp_sys_offset answer{};
  answer.n_samples = 2;
  answer.ts[0] = At(kSystem, 0);
  answer.ts[1] = At(7, 1);
  answer.ts[2] = At(kSystem, 700);
  answer.ts[3] = At(7, 2);
  answer.ts[4] = At(kSystem, 1100);
  const auto reading = Narrowest(answer);
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->local, PhcTime::FromNanos(7'000'000'002));
  EXPECT_EQ(reading->system, UtcTime::FromNanos(kSystem * 1'000'000'000 + 900));
  EXPECT_EQ(reading->window, TimeDelta::FromNanos(400));
}

TEST(PhcReading, AReadingDuringWhichTheSystemClockWasSetBackIsNone) {
  ptp_sys_offset_extended answer{};
  answer.n_samples = 2;
  answer.ts[0][0] = At(kSystem, 500);
  answer.ts[0][2] = At(kSystem - 1, 900);
  answer.ts[1][0] = At(kSystem - 1, 950);
  answer.ts[1][2] = At(kSystem - 1, 1950);
  ASSERT_TRUE(Narrowest(answer));
  EXPECT_EQ(Narrowest(answer)->window, TimeDelta::FromNanos(1000));
  answer.n_samples = 1;
  EXPECT_FALSE(Narrowest(answer));
}

TEST(PhcReading, AnAnswerWithMoreSamplesThanFitIsNotReadBeyondItsEnd) {
  ptp_sys_offset answer{};
  answer.n_samples = std::numeric_limits<unsigned>::max();
  EXPECT_TRUE(Narrowest(answer));
}

TEST(PhcReading, HowManyFollowsWhatOneCosts) {
  EXPECT_EQ(ReadingsFor(absl::ZeroDuration()), 5);
  EXPECT_EQ(ReadingsFor(absl::Nanoseconds(1'000)), 5);  // A PCIe read.
  EXPECT_EQ(ReadingsFor(Microseconds(5)), 5);
  EXPECT_EQ(ReadingsFor(Microseconds(10)), 5);
  EXPECT_EQ(ReadingsFor(Microseconds(25)), 2);
  EXPECT_EQ(ReadingsFor(Microseconds(51)), 1);
  EXPECT_EQ(ReadingsFor(Microseconds(222)), 1);      // A CM5.
  EXPECT_EQ(ReadingsFor(absl::Milliseconds(4)), 1);  // A CM4.
  EXPECT_EQ(ReadingsFor(absl::InfiniteDuration()), 1);
}

TEST(PhcReading, OneSlowReadingDoesNotMakeAPhcExpensiveButManyDo) {
  absl::Duration cost = SmoothedCost(absl::InfiniteDuration(), Microseconds(3));
  EXPECT_EQ(cost, Microseconds(3));
  cost = SmoothedCost(cost, absl::Milliseconds(20));
  EXPECT_EQ(ReadingsFor(cost), 5);
  for (int i = 0; i < 60; ++i) cost = SmoothedCost(cost, Microseconds(300));
  EXPECT_EQ(ReadingsFor(cost), 1);
  EXPECT_EQ(SmoothedCost(cost, Microseconds(2)), Microseconds(2));
}

timex Step(int64_t nanos) {
  return MakeRequest(StepPhc{TimeDelta::FromNanos(nanos)}, 1'000).request;
}

TEST(PhcRequest, AStepHasNanosecondsBetweenZeroAndOneSecond) {
  const std::tuple<int64_t, int64_t, int64_t> cases[] = {
      {0, 0, 0},
      {1, 0, 1},
      {-1, -1, 999'999'999},
      {1'500'000'000, 1, 500'000'000},
      {-1'500'000'000, -2, 500'000'000},
      {-37'000'000'000, -37, 0},
      {1'800'000'037'999'999'999, 1'800'000'037, 999'999'999},
  };
  for (const auto& [nanos, seconds, rest] : cases) {
    const timex request = Step(nanos);
    EXPECT_EQ(request.modes, unsigned{ADJ_SETOFFSET | ADJ_NANO});
    EXPECT_EQ(request.time.tv_sec, seconds) << nanos;
    EXPECT_EQ(request.time.tv_usec, rest) << nanos;
  }
}

TEST(PhcRequest, AStepComesBackInWholeNanoseconds) {
  const auto request = MakeRequest(StepPhc{TimeDelta::FromNanosDouble(-2.6)}, 1'000);
  EXPECT_EQ(std::get<StepPhc>(request.asked).by, TimeDelta::FromNanos(-3));
}

double Dialled(double ppb, double max_ppb) {
  const auto request = MakeRequest(SetPhcFrequency{ppb}, max_ppb);
  EXPECT_EQ(request.request.modes, unsigned{ADJ_FREQUENCY});
  const double asked = std::get<SetPhcFrequency>(request.asked).ppb;
  EXPECT_DOUBLE_EQ(asked, static_cast<double>(request.request.freq) / 65.536);
  return asked;
}

TEST(PhcRequest, AFrequencyIsRoundedToTheUnitOfTheKernelAndComesBackSo) {
  EXPECT_NEAR(Dialled(-1'234.5, 1e6), -1'234.5, 0.5 / 65.536);
  EXPECT_EQ(Dialled(0, 1e6), 0);
}

// The kernel refuses what exceeds max_adj after its own rounding down to ppb.
TEST(PhcRequest, AFrequencyStaysWithinMaxAdjAsTheKernelReckons) {
  for (const int64_t max : {1, 100, 62'499'999, 500'000'000}) {
    for (const double sign : {-1.0, 1.0}) {
      const auto request =
          MakeRequest(SetPhcFrequency{sign * 1e9}, static_cast<double>(max));
      const int64_t ppb = ((request.request.freq + 1) * 125) >> 13;
      EXPECT_LE(std::abs(ppb), max);
      EXPECT_GE(std::abs(ppb), max - 1);
    }
  }
}

}  // namespace
}  // namespace bridge::os
