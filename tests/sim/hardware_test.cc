// Clients on a PHC, against the truth that the world knows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/sim/scenarios.h"
#include "bridge/sim/world.h"

namespace bridge::sim {
namespace {

World Make(absl::string_view name, uint64_t seed = 1) {
  Scenario scenario = FindScenario(name).value();
  scenario.seed = seed;
  return World(std::move(scenario));
}

StatusReport Status(World& world) {
  return world.engine().Status(MonoTime::FromNanos(0));
}

uint64_t Counter(World& world, const std::string& name) {
  for (const auto& [key, value] : Status(world).counters) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

TEST(HardwareStamps, SteerThePhcToTaiWithinNanoseconds) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    World world = Make("hw-discipline", seed);
    EXPECT_GT(std::fabs(world.PhcErrorNow()), 1e18) << "the premise: it shows 1970";
    world.RunFor(absl::Minutes(2));
    ASSERT_EQ(world.scenario().phc->stamp_noise_ns, 5);
    EXPECT_LT(world.RmsPhcError(absl::Seconds(20)), 8) << world.Replay();
    EXPECT_LT(world.WorstPhcError(absl::Seconds(20)), 25) << world.Replay();
    EXPECT_EQ(Counter(world, "phc_steps"), 0u) << world.Replay();
  }
}

TEST(HardwareStamps, ArePublishedEquallyWellWhetherThePhcIsSteeredOrNot) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    World steered = Make("hw-discipline", seed);
    World observed = Make("hw-observe", seed);
    // So that readings do not hide it.
    Scenario tight = steered.scenario(), alone = observed.scenario();
    tight.phc->window_ns = alone.phc->window_ns = 20;
    World a(tight), b(alone);
    a.RunFor(absl::Minutes(2));
    b.RunFor(absl::Minutes(2));
    EXPECT_LT(a.RmsError(absl::Seconds(10)), 12) << steered.Replay();
    EXPECT_LT(a.RmsError(absl::Seconds(10)), 1.25 * b.RmsError(absl::Seconds(10)));
    EXPECT_LT(b.RmsError(absl::Seconds(10)), 1.25 * a.RmsError(absl::Seconds(10)));
    EXPECT_EQ(Counter(b, "phc_adjustments"), 0u);
  }
}

TEST(HardwareStamps, AMicrosecondOfNoiseIsAveraged) {
  World world = Make("hw-jitter-1us");
  world.RunFor(absl::Minutes(2));
  EXPECT_LT(world.RmsPhcError(absl::Seconds(20)), 150) << world.Replay();
  EXPECT_LT(world.RmsError(absl::Seconds(10)), 200) << world.Replay();
}

TEST(HardwareStamps, APeerThatTakesTenMillisecondsToAnswerMakesNoLongerLink) {
  World world = Make("hw-p2p");
  ASSERT_EQ(world.scenario().phc->crystal.ppm, 20) << "the premise: 100 ns";
  world.RunFor(absl::Minutes(2));
  EXPECT_NEAR(*Status(world).path_delay_ns, world.scenario().link.delay_ns, 15);
  EXPECT_LT(world.RmsPhcError(absl::Seconds(20)), 15) << world.Replay();
}

class PhcStep : public ::testing::TestWithParam<std::string> {};

TEST_P(PhcStep, IsNeverPublishedAndSoonMended) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    World world = Make(GetParam(), seed);
    world.RunFor(absl::Milliseconds(40'299));
    ASSERT_TRUE(world.engine().publishing());
    ASSERT_LT(std::fabs(world.PhcErrorNow()), 100);
    world.RunFor(absl::Milliseconds(2));
    ASSERT_GT(std::fabs(world.PhcErrorNow()), 400e3) << "the premise: it was stepped";
    world.RunFor(absl::Seconds(120) - world.age());
    EXPECT_EQ(Counter(world, "phc_steps"), 2u) << world.Replay();
    EXPECT_LT(world.WorstError(), 1'000) << world.Replay();
    EXPECT_EQ(world.BoundViolations(), 0u) << world.Replay();
    // Two silences, the longer one until continuity is proven.
    EXPECT_GT(world.samples().size(), 850u) << world.Replay();
    EXPECT_LT(std::fabs(world.PhcErrorNow()), 25) << world.Replay();
  }
}

INSTANTIATE_TEST_SUITE_P(By, PhcStep,
                         ::testing::Values("hw-step-1s", "hw-step-37s",
                                           "hw-step-500us"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(PhcDialled, ByAnotherIsAnEraAndSetRightAtOnce) {
  World world = Make("hw-dialled");
  world.RunFor(absl::Minutes(2));
  EXPECT_EQ(Counter(world, "phc_steps"), 1u) << world.Replay();
  EXPECT_LT(world.WorstPhcError(absl::Seconds(60)), 25) << world.Replay();
  EXPECT_LT(world.WorstError(), 1'000) << world.Replay();
}

TEST(PhcReadErrors, AreSilenceAndNothingElse) {
  World world = Make("hw-read-errors");
  world.RunFor(absl::Seconds(50));
  EXPECT_EQ(world.SamplesSince(absl::Seconds(41)), 0u);
  world.RunFor(absl::Seconds(25));
  EXPECT_GT(world.SamplesSince(absl::Seconds(70)), 30u) << world.Replay();
  world.RunFor(absl::Seconds(45));
  EXPECT_EQ(Counter(world, "phc_steps"), 0u);
  // It was steered all the time.
  EXPECT_LT(world.WorstPhcError(absl::Seconds(20)), 30) << world.Replay();
}

TEST(PhcThatRefuses, IsOnlyReadFromThenOn) {
  World world = Make("hw-refuses");
  world.RunFor(absl::Minutes(2));
  EXPECT_EQ(Counter(world, "phc_refusals"), 3u);
  EXPECT_TRUE(world.engine().publishing());
  EXPECT_LT(world.WorstError(), 1'000) << world.Replay();
}

TEST(SlowPhc, IsUsedAsFarAsItsReadingsGo) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    World world = Make("hw-slow-reading", seed);
    world.RunFor(absl::Minutes(2));
    EXPECT_EQ(Counter(world, "phc_steps"), 0u) << world.Replay();
    EXPECT_EQ(world.BoundViolations(), 0u) << world.Replay();
    EXPECT_LT(world.WorstError(), 300e3) << world.Replay();
    // Stamps are good, whatever readings are.
    EXPECT_LT(world.WorstPhcError(absl::Seconds(90)), 100) << world.Replay();
  }
}

TEST(PhcReset, ByTheLinkIsNoticedBeforeAnythingIsPublished) {
  World world = Make("hw-link-reset");
  world.RunFor(absl::Minutes(2));
  EXPECT_EQ(Counter(world, "phc_steps"), 3u) << world.Replay();
  EXPECT_LT(world.WorstError(), 1'000) << world.Replay();
  EXPECT_LT(world.WorstPhcError(absl::Seconds(80)), 25) << world.Replay();
}

TEST(PhcAndRestart, TheDialIsRememberedAndARightPhcIsNotStepped) {
  World world = Make("hw-discipline");
  world.RunFor(absl::Seconds(60));
  const uint64_t steps = Counter(world, "phc_adjustments");
  ASSERT_GT(steps, 10u);
  const size_t lines = world.log().size();
  world.RestartDaemon();
  world.RunFor(absl::Seconds(60));
  // What the first exchanges say is not stepped to below 100 ns.
  EXPECT_LT(world.WorstPhcError(absl::Seconds(20)), 100) << world.Replay();
  for (size_t i = lines; i < world.log().size(); ++i) {
    EXPECT_EQ(world.log()[i].find("PHC stepped"), std::string::npos) << world.log()[i];
  }
}

}  // namespace
}  // namespace bridge::sim
