// The client engine's own decisions, shown in a world: who vouches for UTC, what
// is withheld by which name, what is logged and reported.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/sim/scenarios.h"
#include "bridge/sim/world.h"

namespace bridge::sim {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Scenario Steady() { return FindScenario("steady").value(); }

std::vector<std::string> Claims(World& world) {
  std::vector<std::string> sources;
  for (const auto& claim : world.engine().Status(MonoTime()).utc.claims) {
    sources.push_back(claim.source);
  }
  return sources;
}

KernelClock Synchronized() {
  return {.synchronized = true, .max_error = TimeDelta::FromMillis(20)};
}

TEST(Client, PublishesWithADefaultLinuxptpMasterAndALeapList) {
  World world(Steady());
  ASSERT_FALSE(world.grandmaster().settings().announce_flags.current_utc_offset_valid);
  world.RunFor(absl::Seconds(5));
  EXPECT_TRUE(world.engine().publishing());
  EXPECT_THAT(Claims(world), testing::ElementsAre("announce", "leap-file"));
}

TEST(Client, PublishesWithoutALeapListByWhatWasKnownAtItsRelease) {
  Scenario scenario = Steady();
  scenario.leap_list = LeapList::kAbsent;
  World world(scenario);
  world.RunFor(absl::Seconds(5));
  EXPECT_TRUE(world.engine().publishing());
  EXPECT_THAT(Claims(world), testing::ElementsAre("announce", "release"));
}

TEST(Client, TakesASynchronizedSystemClockAsAWitnessOfTheWholeSecond) {
  Scenario scenario = Steady();
  scenario.leap_list = LeapList::kAbsent;
  scenario.kernel = Synchronized();
  World world(scenario);
  world.RunFor(absl::Seconds(10));
  EXPECT_TRUE(world.engine().publishing());
  EXPECT_THAT(Claims(world), Contains("system-clock"));
}

TEST(Client, TakesNoSystemClockThatItMayHaveSetItself) {
  Scenario scenario = Steady();
  scenario.leap_list = LeapList::kAbsent;
  scenario.kernel = Synchronized();
  scenario.kernel.may_be_ours = true;
  World world(scenario);
  world.RunFor(absl::Seconds(10));
  EXPECT_THAT(Claims(world), Not(Contains("system-clock")));
  EXPECT_TRUE(world.engine().publishing()) << "others vouch";
}

// The system clock was still in the old month when the new offset came, and so its
// word from before the leap second outvoted a master that was right.
TEST(Client, ASystemClockThatIsSecondsBehindDoesNotVouchBeyondTheMonthsEnd) {
  Scenario scenario = Steady();
  scenario.start = UnixSecond(absl::CivilSecond(2029, 12, 31, 23, 58));
  scenario.leap = TrueLeap{.midnight = UnixSecond(absl::CivilSecond(2030, 1, 1))};
  scenario.leap_list = LeapList::kAbsent;
  scenario.grandmasters[0].announce_flags.current_utc_offset_valid = true;
  scenario.grandmasters[0].leap_plan =
      LeapPlan{.manners = LeapManners::kUnannounced,
               .new_month = *Truth(kTaiMinusUtc, scenario.leap).new_month()};
  scenario.kernel = Synchronized();
  World world(scenario);
  world.At(absl::Seconds(30),
           [&world] { world.StepSystemClock(TimeDelta::FromSeconds(-9)); });
  world.RunFor(absl::Minutes(4));
  ASSERT_GT(world.tally().published, 100u);
  EXPECT_THAT(Claims(world), Contains("system-clock"));
  EXPECT_EQ(world.tally().whole_seconds, 0u) << world.Replay();
}

TEST(Client, IsStoppedByASynchronizedSystemClockThatDisagreesByASecond) {
  Scenario scenario = Steady();
  scenario.kernel = Synchronized();
  scenario.system_error = TimeDelta::FromSeconds(1);
  World world(scenario);
  world.RunFor(absl::Seconds(10));
  EXPECT_EQ(world.engine().withheld(), WithholdReason::kUtcOffsetContested);
}

TEST(Client, TreatsAKernelTaiOffsetOfZeroAsNeverSet) {
  Scenario scenario = Steady();
  scenario.kernel.tai_offset = 0;
  World world(scenario);
  world.RunFor(absl::Seconds(5));
  EXPECT_THAT(Claims(world), Not(Contains("kernel")));
  EXPECT_TRUE(world.engine().publishing());
}

TEST(Client, RefusesAnArbitraryTimescaleWithoutTheOperatorsWord) {
  Scenario scenario = Steady();
  scenario.grandmasters[0].announce_flags.ptp_timescale = false;
  World world(scenario);
  world.RunFor(absl::Seconds(10));
  EXPECT_EQ(world.engine().withheld(), WithholdReason::kTimescaleArbitrary);
  EXPECT_TRUE(world.samples().empty());
}

TEST(Client, TakesAnArbitraryTimescaleForUtcWhenToldSo) {
  Scenario scenario = Steady();
  scenario.grandmasters[0].announce_flags.ptp_timescale = false;
  scenario.config.utc.arbitrary_timescale = ArbitraryTimescale::kUtc;
  World world(scenario);
  // What ptp4l does with software timestamps: UTC on the wire.
  world.grandmaster().set_error(TimeDelta::FromSeconds(-kTaiMinusUtc));
  world.RunFor(absl::Seconds(10));
  ASSERT_FALSE(world.samples().empty());
  EXPECT_LT(world.WorstError(), 1e6);
}

TEST(Client, AMasterThatIsNotAllowedIsNoMaster) {
  Scenario scenario = Steady();
  scenario.config.ptp.allowed_masters = {0x0123'4567'89ab'cdef};
  World world(scenario);
  world.RunFor(absl::Seconds(10));
  EXPECT_EQ(world.engine().withheld(), WithholdReason::kNoMaster);
  EXPECT_GT(world.engine().dropped(ptp::DropReason::kMasterNotAllowed), 5u);
}

TEST(Client, WithholdsWhatIsWorseThanMaxError) {
  Scenario scenario = Steady();
  scenario.config.output.max_error = TimeDelta::FromNanos(300);
  World world(scenario);
  world.RunFor(absl::Seconds(20));
  EXPECT_EQ(world.engine().withheld(), WithholdReason::kErrorBoundExceeded);
  EXPECT_TRUE(world.samples().empty());
}

TEST(Client, PublishesOnceASecondByDefaultWhateverTheSyncRate) {
  Scenario scenario = Steady();
  scenario.config.output.rate = Config().output.rate;
  World world(scenario);
  world.RunFor(absl::Seconds(60));
  ASSERT_EQ(world.grandmaster().settings().sync_interval, -3);
  EXPECT_NEAR(static_cast<double>(world.SamplesSince(absl::Seconds(10))), 50, 1);
}

TEST(Client, StopWithdrawsAndNothingIsPublishedAfterwards) {
  World world(Steady());
  world.RunFor(absl::Seconds(10));
  ASSERT_TRUE(world.engine().publishing());
  Actions actions;
  world.engine().Stop(MonoTime(), actions);
  EXPECT_THAT(actions, Contains(testing::VariantWith<Withdraw>(testing::_)));
  const size_t before = world.samples().size();
  world.RunFor(absl::Seconds(10));
  EXPECT_EQ(world.samples().size(), before);
}

TEST(Client, AfterASuspendItMeasuresAnew) {
  World world(Steady());
  world.RunFor(absl::Seconds(10));
  ASSERT_TRUE(world.engine().publishing());
  Actions actions;
  world.engine().OnResume(MonoTime(), actions);
  EXPECT_FALSE(world.engine().publishing());
  EXPECT_EQ(world.engine().withheld(), WithholdReason::kNotCalibrated);
  world.RunFor(absl::Seconds(3));
  EXPECT_TRUE(world.engine().publishing());
}

TEST(Client, SaysWhoTheMasterIsAndWhenPublicationBeginsAndEnds) {
  World world(FindScenario("master-dies").value());
  world.RunFor(absl::Seconds(60));
  EXPECT_THAT(world.log(), Contains(HasSubstr("grandmaster")));
  EXPECT_THAT(world.log(), Contains(HasSubstr("publishing: offset")));
  EXPECT_THAT(world.log(), Contains(HasSubstr("publication ended")));
  EXPECT_LT(world.log().size(), 12u);
}

TEST(Client, ReportsAbsentKnowledgeAsAbsent) {
  World world(Steady());
  const StatusReport before = world.engine().Status(MonoTime());
  EXPECT_FALSE(before.grandmaster);
  EXPECT_FALSE(before.offset_ns);
  EXPECT_FALSE(before.jitter_ns);
  EXPECT_FALSE(before.publishing);
  ASSERT_TRUE(before.withheld);

  world.RunFor(absl::Seconds(10));
  const StatusReport after = world.engine().Status(MonoTime());
  EXPECT_EQ(after.state, "SLAVE");
  ASSERT_TRUE(after.grandmaster);
  EXPECT_EQ(after.grandmaster->clock_class, 6);
  EXPECT_EQ(after.utc.offset, kTaiMinusUtc);
  EXPECT_TRUE(after.publishing);
  EXPECT_FALSE(after.withheld);
  ASSERT_EQ(after.outputs.size(), 1u);
  EXPECT_EQ(after.outputs[0].samples, world.samples().size());
}

}  // namespace
}  // namespace bridge::sim
