// Every scenario recorded, and played again to an engine that knows nothing of the
// world.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace bridge::sim
