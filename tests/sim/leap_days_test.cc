// Leap seconds, inserted and deleted, and months that end without one: what is
// published in each situation, and what three kinds of consumers make of it.
//
// Timeline of each run: 70 minutes before the new month's 00:00:00 UTC to 70
// minutes after, one Sync a second, an Announce every two.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "bridge/sim/leap_scenarios.h"

namespace bridge::sim {

void PrintTo(const LeapSituation& situation, std::ostream* out) {
  *out << situation.about;
}

namespace {

using ::testing::IsEmpty;

// A consumer that was silent for an hour has drifted by what it did not know of
// its crystal; one that slewed a second at 1000 ppm is done after 17 minutes.
constexpr double kClockLimitNs = 20e6;

using Case = std::tuple<LeapSituation, LeapIndicator, LeapConsumer>;

void ExpectNothingWrong(World& world) {
  EXPECT_THAT(world.violations(), IsEmpty());
  EXPECT_EQ(world.tally().whole_seconds, 0u);
  EXPECT_EQ(world.tally().beyond_bound, 0u)
      << "worst excess " << world.tally().worst_excess_ns << " ns";
  EXPECT_EQ(world.tally().false_leap, 0u);
  EXPECT_EQ(world.consumer().wrong_seconds(), 0u);
}

// Runs until `seconds` after midnight.
void RunUntil(World& world, int64_t midnight, double seconds) {
  world.RunFor(world.AgeAt(midnight) + absl::Seconds(seconds) - world.age());
}

// From 20 s before midnight to the first sample after it, or to the end.
void ExpectMidnight(World& world, const LeapSituation& situation, int64_t midnight) {
  const auto published = [&world] { return world.tally().published; };
  if (situation.expected == AtMidnight::kGoesOn) {
    const uint64_t before = published();
    RunUntil(world, midnight, 20);
    EXPECT_GE(published() - before, 38u);
    return;
  }
  RunUntil(world, midnight, situation.ordinary_day ? 5 : -4.9);
  EXPECT_FALSE(world.engine().publishing());
  EXPECT_FALSE(world.valid_in_segment());
  const uint64_t before = published();
  if (situation.expected == AtMidnight::kStops) {
    world.RunFor(world.scenario().duration - world.age());
    EXPECT_EQ(published(), before);
    return;
  }
  if (situation.leap) {
    RunUntil(world, midnight, 6);
    EXPECT_EQ(published(), before);
  }
  RunUntil(world, midnight, situation.resumes_within);
  EXPECT_GT(published(), before)
      << "withheld: "
      << WithholdReasonName(
             world.engine().withheld().value_or(WithholdReason::kNoMaster));
}

void ExpectClocksRight(World& world, const LeapSituation& situation) {
  const Consumer& consumer = world.consumer();
  EXPECT_EQ(consumer.leap_seen(), situation.bits);
  EXPECT_TRUE(situation.leap || !consumer.leap_done());
  double error_ns = std::fabs(world.SystemClockError());
  // Nobody told it of the leap second and nobody tells it the time: it stays
  // where it was, a second from the truth, but it has done nothing wrong.
  const bool missed = situation.leap && !world.engine().publishing() &&
                      !consumer.leap_done() &&
                      world.scenario().leap_rule != LeapRule::kSmear;
  if (missed) error_ns = std::fabs(error_ns - 1e9);
  EXPECT_LT(error_ns, kClockLimitNs);
}

class LeapDay : public ::testing::TestWithParam<Case> {};

TEST_P(LeapDay, NothingWrongIsPublishedAndTheConsumersClockIsRight) {
  const auto& [situation, what, consumer] = GetParam();
  const int64_t midnight = LeapMidnight(situation, what);
  World world(LeapScenario(situation, what, consumer));
  SCOPED_TRACE(world.Replay());

  world.RunFor(absl::Minutes(5));
  EXPECT_TRUE(world.engine().publishing()) << "the premise";
  RunUntil(world, midnight, -20);
  EXPECT_GT(world.tally().published, 400u) << "the premise";
  ExpectMidnight(world, situation, midnight);
  world.RunFor(world.scenario().duration - world.age());

  ExpectNothingWrong(world);
  EXPECT_EQ(world.engine().publishing(), situation.expected != AtMidnight::kStops);
  EXPECT_EQ(world.tally().with_leap > 0, situation.bits);
  ExpectClocksRight(world, situation);
}

std::string CaseName(const ::testing::TestParamInfo<Case>& test) {
  const auto& [situation, what, consumer] = test.param;
  std::string name = LeapScenario(situation, what, consumer).name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

const auto kBothKinds =
    ::testing::Values(LeapIndicator::kInsert, LeapIndicator::kDelete);

INSTANTIATE_TEST_SUITE_P(Situations, LeapDay,
                         ::testing::Combine(::testing::ValuesIn(LeapSituations()),
                                            kBothKinds,
                                            ::testing::Values(LeapConsumer::kStep,
                                                              LeapConsumer::kSlew,
                                                              LeapConsumer::kSmear)),
                         CaseName);

// ---- Whole days: from 13 hours before to 13 hours after, so that flags come, leap
// bits go out, and both noons of a smear are seen.

class WholeLeapDay : public ::testing::TestWithParam<Case> {};

TEST_P(WholeLeapDay, LeapBitsComeOnTheDayOnlyAndTheClockIsRightOnBothNoons) {
  const auto& [situation, what, consumer] = GetParam();
  const int64_t midnight = LeapMidnight(situation, what);
  Scenario scenario = LeapScenario(situation, what, consumer, /*whole_day=*/true);
  scenario.keep_samples = false;
  World world(std::move(scenario));

  RunUntil(world, midnight, -12 * 3600 - 60);
  EXPECT_GT(world.tally().published, 3'000u) << "the premise";
  EXPECT_EQ(world.tally().with_leap, 0u) << "the master has not flagged it yet";
  EXPECT_LT(std::fabs(world.SystemClockError()), kClockLimitNs);
  RunUntil(world, midnight, -12 * 3600 + 60);
  EXPECT_EQ(world.tally().with_leap > 0, situation.bits);
  RunUntil(world, midnight, -20);
  EXPECT_LT(std::fabs(world.SystemClockError()), kClockLimitNs);
  world.RunFor(world.scenario().duration - world.age());

  ExpectNothingWrong(world);
  EXPECT_TRUE(world.engine().publishing());
  EXPECT_GT(world.tally().published, 93'000u);
  ExpectClocksRight(world, situation);
}

std::vector<LeapSituation> TypicalSituations() {
  std::vector<LeapSituation> typical;
  for (const LeapSituation& situation : LeapSituations()) {
    const absl::string_view name = situation.name;
    if (name == "list-knows" || name == "never-clears" || name == "quiet-expired" ||
        name == "false-flags") {
      typical.push_back(situation);
    }
  }
  return typical;
}

INSTANTIATE_TEST_SUITE_P(Typical, WholeLeapDay,
                         ::testing::Combine(::testing::ValuesIn(TypicalSituations()),
                                            kBothKinds,
                                            ::testing::Values(LeapConsumer::kStep,
                                                              LeapConsumer::kSlew,
                                                              LeapConsumer::kSmear)),
                         CaseName);

}  // namespace
}  // namespace bridge::sim
