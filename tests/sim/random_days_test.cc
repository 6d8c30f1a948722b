// Days that nobody thought of. More of them: refclockctl simulate --days=10000.

#include <gtest/gtest.h>

#include <set>

#include "bridge/sim/random_day.h"

namespace bridge::sim {
namespace {

class EveryDay : public ::testing::TestWithParam<uint64_t> {};

TEST_P(EveryDay, PublishesNothingBeyondItsBoundAndBreaksNoInvariant) {
  const RandomDay day = DrawDay(GetParam());
  World world(day.scenario);
  world.RunFor(day.scenario.duration);
  const DayOutcome outcome = Outcome(day, world);
  SCOPED_TRACE(Describe(day));
  EXPECT_GT(outcome.tally.published, 100u) << "the premise";
  EXPECT_EQ(outcome.tally.beyond_bound, 0u)
      << "worst excess " << outcome.tally.worst_excess_ns << " ns";
  EXPECT_EQ(outcome.tally.whole_seconds, 0u);
  EXPECT_EQ(outcome.tally.false_leap, 0u);
  EXPECT_EQ(outcome.wrong_seconds, 0u);
  EXPECT_EQ(world.violations(), std::vector<std::string>());
  EXPECT_TRUE(outcome.good());
}

INSTANTIATE_TEST_SUITE_P(Seeds, EveryDay, ::testing::Range<uint64_t>(1, 31));

// Was bad once. 207: a second old reading of a PHC made the silence before a leap
// second begin late.
INSTANTIATE_TEST_SUITE_P(Found, EveryDay, ::testing::Values<uint64_t>(207));

TEST(RandomDays, DrawEveryFaultAndEveryKindOfMonthsEnd) {
  std::set<Fault> faults;
  std::set<LeapManners> manners;
  std::set<LeapList> lists;
  int inserted = 0, deleted = 0, false_flags = 0, backups = 0, phcs = 0;
  constexpr uint64_t kDays = 1000;
  for (uint64_t seed = 1; seed <= kDays; ++seed) {
    const RandomDay day = DrawDay(seed);
    const Scenario& s = day.scenario;
    for (const FaultAt& fault : day.faults) {
      faults.insert(fault.what);
      EXPECT_LT(fault.at, s.duration);
    }
    lists.insert(s.leap_list);
    if (s.leap) manners.insert(s.grandmasters[0].leap_plan->manners);
    inserted += s.leap && s.leap->what == LeapIndicator::kInsert;
    deleted += s.leap && s.leap->what == LeapIndicator::kDelete;
    false_flags += !s.leap && s.grandmasters[0].leap_plan;
    backups += s.grandmasters.size() == 2;
    phcs += s.phc.has_value();
  }
  EXPECT_EQ(faults.size(), size_t{kFaultCount + kPhcFaultCount});
  EXPECT_EQ(manners.size(), 9u);
  EXPECT_EQ(lists.size(), 4u);
  EXPECT_GT(inserted, 5);
  EXPECT_GT(deleted, 5);
  EXPECT_GT(false_flags, 5);
  EXPECT_GT(backups, 100);
  EXPECT_NEAR(phcs, kDays / 2, 60);
}

TEST(RandomDays, ADayIsAFunctionOfItsSeed) {
  const DayOutcome a = PlayDay(3);
  const DayOutcome b = PlayDay(3);
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.tally.published, b.tally.published);
  EXPECT_EQ(a.tally.worst_error_ns, b.tally.worst_error_ns);
  EXPECT_NE(a.events, PlayDay(4).events);
}

TEST(RandomDays, ADayThatPublishesAWrongSecondIsNotGood) {
  DayOutcome outcome{};
  EXPECT_TRUE(outcome.good());
  outcome.tally.Add(
      PublishedSample{
          .when = {}, .error_ns = 1e9, .bound_ns = 500, .leap = LeapIndicator::kInsert},
      LeapIndicator::kNone);
  EXPECT_EQ(outcome.tally.beyond_bound, 1u);
  EXPECT_EQ(outcome.tally.whole_seconds, 1u);
  EXPECT_EQ(outcome.tally.false_leap, 1u);
  EXPECT_FALSE(outcome.good());
}

}  // namespace
}  // namespace bridge::sim
