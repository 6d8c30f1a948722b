// What the world itself can do: true leap seconds, a daemon that is restarted, a
// file and a kernel that change, steps at the worst instant.

#include "bridge/sim/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/sim/scenarios.h"

namespace bridge::sim {
namespace {

using ::testing::IsEmpty;

constexpr int64_t kMidnight = UnixSecond(absl::CivilSecond(2028, 7, 1));

Scenario Steady() { return FindScenario("steady").value(); }

TEST(Truth, AnInsertedSecondHasTheOldOffsetAndPosixShowsTheNextSecondTwice) {
  const Truth truth(37, TrueLeap{LeapIndicator::kInsert, kMidnight});
  const TaiTime leap_second = TaiTime() + TimeDelta::FromSeconds(kMidnight + 37);
  EXPECT_EQ(truth.OffsetAt(leap_second), 37);
  EXPECT_EQ(truth.Utc(leap_second).Split().seconds, kMidnight);
  const TaiTime new_month = leap_second + TimeDelta::FromSeconds(1);
  EXPECT_EQ(truth.new_month(), new_month);
  EXPECT_EQ(truth.OffsetAt(new_month), 38);
  EXPECT_EQ(truth.Utc(new_month).Split().seconds, kMidnight);
  EXPECT_EQ(truth.Tai(kMidnight), new_month);
}

TEST(Truth, ADeletedSecondIsNeverShown) {
  const Truth truth(37, TrueLeap{LeapIndicator::kDelete, kMidnight});
  const TaiTime new_month = TaiTime() + TimeDelta::FromSeconds(kMidnight + 36);
  EXPECT_EQ(truth.new_month(), new_month);
  EXPECT_EQ(truth.Utc(new_month).Split().seconds, kMidnight);
  EXPECT_EQ(truth.Utc(new_month - TimeDelta::FromNanos(1)).Split().seconds,
            kMidnight - 2);
}

TEST(Truth, IsNearTheLeapSecondFromFiveBeforeToFiveAfter) {
  const Truth truth(37, TrueLeap{LeapIndicator::kInsert, kMidnight});
  const auto near = [&](double tai) {
    return truth.NearLeap(TaiTime() + TimeDelta::FromSeconds(kMidnight + 37) +
                              TimeDelta::FromNanosDouble(tai * 1e9),
                          TimeDelta::FromSeconds(5));
  };
  EXPECT_FALSE(near(-5.1));
  EXPECT_TRUE(near(-4.9));
  EXPECT_TRUE(near(0.5));
  EXPECT_TRUE(near(5.9));
  EXPECT_FALSE(near(6.1));
}

TEST(World, BeginsWhenTheScenarioSays) {
  Scenario scenario = Steady();
  scenario.start = kMidnight;
  World world(scenario);
  EXPECT_EQ(world.truth().Utc(world.now()).Split().seconds, kMidnight);
  EXPECT_EQ(world.AgeAt(kMidnight + 90), absl::Seconds(90));
}

TEST(World, ARestartedDaemonIsSilentMeanwhileAndKnowsTheClockMayBeItsOwn) {
  World world(Steady());
  world.RunFor(absl::Seconds(10));
  ASSERT_GT(world.tally().published, 0u);
  ASSERT_FALSE(world.kernel().may_be_ours);
  world.RestartDaemon(absl::Seconds(2));
  const uint64_t before = world.tally().published;
  EXPECT_FALSE(world.valid_in_segment());
  world.RunFor(absl::Seconds(2));
  EXPECT_EQ(world.tally().published, before);
  EXPECT_TRUE(world.kernel().may_be_ours);
  world.RunFor(absl::Seconds(10));
  EXPECT_GT(world.tally().published, before);
  EXPECT_THAT(world.violations(), IsEmpty());
}

TEST(World, TheTallyIsKeptWithoutTheSamples) {
  Scenario scenario = Steady();
  World kept(scenario);
  scenario.keep_samples = false;
  World world(scenario);
  for (World* each : {&kept, &world}) each->RunFor(absl::Minutes(1));
  EXPECT_THAT(world.samples(), IsEmpty());
  ASSERT_GT(kept.samples().size(), 0u);
  EXPECT_EQ(world.tally().published, kept.samples().size());
  EXPECT_EQ(world.tally().worst_error_ns, kept.WorstError());
  EXPECT_EQ(world.tally().seconds, 59u);
}

TEST(World, AStepBetweenReadingAndStoreIsTakenBackBeforeAnybodyReads) {
  for (const bool before : {true, false}) {
    World world(Steady());
    world.RunFor(absl::Seconds(10));
    const auto step = [&] { world.StepSystemClock(TimeDelta::FromSeconds(1)); };
    before ? world.BeforeNextStore(step) : world.AfterNextStore(step);
    world.RunFor(absl::Seconds(10));
    EXPECT_EQ(world.tally().retracted, 1u);
    EXPECT_EQ(world.tally().whole_seconds, 0u);
    EXPECT_EQ(world.tally().beyond_bound, 0u);
    EXPECT_TRUE(world.engine().publishing());
  }
}

TEST(World, ALeapListThatIsReplacedIsReadAgain) {
  World world(Steady());
  world.RunFor(absl::Seconds(10));
  const auto vouches = [&] {
    for (const auto& claim : world.engine().Status(MonoTime()).utc.claims) {
      if (claim.source == "leap-file") return true;
    }
    return false;
  };
  ASSERT_TRUE(vouches());
  world.ReplaceLeapList(LeapList::kTruncated);
  world.RunFor(absl::Seconds(2));
  EXPECT_FALSE(vouches());
  world.ReplaceLeapList(LeapList::kGood);
  world.RunFor(absl::Seconds(2));
  EXPECT_TRUE(vouches());
}

// ---- The grandmaster's manners, as they stand in its Announce.

struct Announced {
  int offset;
  bool leap61;
  bool operator==(const Announced&) const = default;
};

Announced AtSecond(LeapManners manners, int64_t tai_after_new_month) {
  const Truth truth(37, TrueLeap{LeapIndicator::kInsert, kMidnight});
  GrandmasterSettings settings;
  settings.leap_plan = LeapPlan{.manners = manners, .new_month = *truth.new_month()};
  Grandmaster master(settings);
  const auto message = master.AnnounceMessage(
      *truth.new_month() + TimeDelta::FromSeconds(tai_after_new_month));
  return {std::get<ptp::Announce>(message.body).current_utc_offset,
          message.header.flags.leap61};
}

TEST(GrandmasterLeap, EachMannerIsWhatItsNameSays) {
  using enum LeapManners;
  constexpr int kHour = 3600;
  EXPECT_EQ(AtSecond(kHonest, -13 * kHour), (Announced{37, false}));
  EXPECT_EQ(AtSecond(kHonest, -1), (Announced{37, true}));
  EXPECT_EQ(AtSecond(kHonest, 0), (Announced{38, false}));
  EXPECT_EQ(AtSecond(kUnannounced, -1), (Announced{37, false}));
  EXPECT_EQ(AtSecond(kUnannounced, 0), (Announced{38, false}));
  EXPECT_EQ(AtSecond(kClearsEarly, -kHour), (Announced{37, false}));
  EXPECT_EQ(AtSecond(kClearsEarly, 0), (Announced{38, false}));
  EXPECT_EQ(AtSecond(kClearsLate, kHour - 1), (Announced{38, true}));
  EXPECT_EQ(AtSecond(kClearsLate, kHour), (Announced{38, false}));
  EXPECT_EQ(AtSecond(kNeverClears, 99 * kHour), (Announced{38, true}));
  EXPECT_EQ(AtSecond(kChangesEarly, -kHour - 1), (Announced{37, true}));
  EXPECT_EQ(AtSecond(kChangesEarly, -kHour), (Announced{38, false}));
  EXPECT_EQ(AtSecond(kNeverChanges, 0), (Announced{37, false}));
  EXPECT_EQ(AtSecond(kForgets, kHour), (Announced{37, true}));
  EXPECT_EQ(AtSecond(kChangesUnasked, -kHour), (Announced{38, false}));
}

}  // namespace
}  // namespace bridge::sim
