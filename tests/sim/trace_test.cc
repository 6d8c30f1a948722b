// Every scenario recorded, and played again to an engine that knows nothing of the
// world; and the recordings that stand in for golden traces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "bridge/engine/trace_replay.h"
#include "bridge/sim/scenarios.h"
#include "bridge/sim/world.h"

namespace bridge::sim {
namespace {

struct Recording {
  std::string text;
  size_t samples = 0;
};

Recording Record(Scenario scenario, absl::Duration duration) {
  Recording recording;
  TraceWriter recorder(
      [&recording](absl::string_view line) {
        absl::StrAppend(&recording.text, line, "\n");
      },
      "test");
  World world(std::move(scenario));
  world.engine().set_recorder(&recorder);
  world.RunFor(duration);
  recorder.End();
  recording.samples = world.samples().size();
  return recording;
}

// Every line again, with the decisions of now.
std::string Replayed(const std::string& text, TraceReplay::Result& result) {
  std::string again;
  TraceReplay replay("test", nullptr, [&again](absl::string_view line) {
    absl::StrAppend(&again, line, "\n");
  });
  absl::Status status = replay.Feed(text);
  if (status.ok()) status = replay.Finish();
  EXPECT_TRUE(status.ok()) << status;
  result = replay.result();
  return again;
}

class TraceOfEveryScenario : public ::testing::TestWithParam<std::string> {};

// Past the moment, at 30 s or before, at which most of them do what they are for.
TEST_P(TraceOfEveryScenario, ReplaysBitForBit) {
  const Recording recording =
      Record(FindScenario(GetParam()).value(), absl::Seconds(35));
  ASSERT_GT(recording.samples, 10u);
  TraceReplay::Result result;
  const std::string again = Replayed(recording.text, result);
  EXPECT_FALSE(result.difference)
      << result.difference->line << "\n recorded " << result.difference->recorded
      << "\n now " << result.difference->decided;
  EXPECT_TRUE(again == recording.text) << "some line was written otherwise";
  EXPECT_EQ(result.unasked, 0u);
  EXPECT_EQ(result.unanswered, 0u);
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Scenario& scenario : Scenarios()) names.push_back(scenario.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Recorded, TraceOfEveryScenario, ::testing::ValuesIn(Names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// ---- An engine that decides otherwise than the one recorded. Here it is the same
// engine with another configuration.

Scenario WithRate(double rate) {
  Scenario scenario = FindScenario("steady").value();
  scenario.config.output.rate = rate;
  return scenario;
}

std::string WithRate(std::string text, absl::string_view rate) {
  return absl::StrReplaceAll(text, {{"config rate = 4", rate}});
}

TEST(TraceOfAnother, ShowsWhatWouldHaveBeenPublishedInstead) {
  const Recording recording = Record(WithRate(4), absl::Seconds(20));
  ASSERT_GT(recording.samples, 60u);
  for (const char* rate : {"config rate = 1", "config rate = 16"}) {
    TraceReplay::Result result;
    const std::string other = Replayed(WithRate(recording.text, rate), result);
    ASSERT_TRUE(result.difference) << rate;
    EXPECT_GT(result.different_inputs, 20u);
    const bool fewer = absl::EndsWith(rate, " 1");
    EXPECT_GT(fewer ? result.unasked : result.unanswered, 40u);
    // What was written instead is a trace of its own.
    TraceReplay::Result settled;
    EXPECT_TRUE(Replayed(other, settled) == other);
    EXPECT_FALSE(settled.difference) << settled.difference->line;
  }
}

TEST(TraceOfAnother, NamesTheFirstDecisionOfAWorldWithMoreError) {
  const Recording recording = Record(WithRate(4), absl::Seconds(10));
  const std::string strict =
      WithRate(recording.text, "config rate = 4\nconfig max_error = \"1ns\"");
  TraceReplay::Result result;
  Replayed(strict, result);
  ASSERT_TRUE(result.difference);
  EXPECT_TRUE(absl::StrContains(result.difference->recorded, "publishing: offset"));
  EXPECT_TRUE(absl::StrContains(result.difference->decided, "error-bound-exceeded"))
      << result.difference->decided;
}

// ---- Small recordings for tests/golden/trace; see its README.

Scenario OnceASecond(int seconds) {
  Scenario scenario = FindScenario("steady").value();
  scenario.config.output.rate = 1;
  scenario.grandmasters[0].sync_interval = 0;
  scenario.duration = absl::Seconds(seconds);
  return scenario;
}

// REFCLOCKD_RECORD_GOLDEN=DIRECTORY keeps them.
TEST(GoldenTraces, AreSmallAndReplay) {
  const char* directory = std::getenv("REFCLOCKD_RECORD_GOLDEN");
  const auto write = [directory](const std::string& name, const char* about,
                                 const Scenario& scenario) {
    const Recording recording = Record(scenario, scenario.duration);
    const std::string text =
        absl::StrCat("# ", about, "\n# Simulated.\n", recording.text);
    TraceReplay::Result result;
    EXPECT_TRUE(Replayed(text, result) == text) << name;
    EXPECT_LT(text.size(), 60'000u) << name;
    if (!directory) return;
    std::ofstream(absl::StrCat(directory, "/", name, ".trace"), std::ios::binary)
        << text;
  };
  Scenario stale = OnceASecond(20);
  stale.script = [](World& world) {
    world.At(absl::Seconds(12), [&world] { world.grandmaster().set_alive(false); });
  };
  write("stale-master", "The only master dies after 12 s.", stale);
  for (const int offset : {0, kTaiMinusUtc - 1, kTaiMinusUtc + 1, kTaiMinusUtc + 3}) {
    Scenario lie = OnceASecond(10);
    lie.grandmasters[0].announce.current_utc_offset = static_cast<int16_t>(offset);
    write(absl::StrCat("utc-offset-", offset),
          "The master announces a wrong currentUtcOffset, its valid flag clear.", lie);
  }
  Scenario leap = OnceASecond(15);
  leap.grandmasters[0].announce_flags.leap61 = true;
  write("leap61", "The master flags leap61 on 21 November.", leap);
}

}  // namespace
}  // namespace bridge::sim
