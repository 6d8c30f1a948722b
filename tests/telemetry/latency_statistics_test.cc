#include "bridge/telemetry/latency_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "bridge/base/rng.h"
#include "tests/support/allocations.h"

namespace bridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr LatencyKey kSyncIn{LatencyStage::kDriverToStack, LatencyMessage::kSync,
                             LatencyTransport::kUdp4};
constexpr LatencyKey kAnnounceIn{LatencyStage::kDriverToStack,
                                 LatencyMessage::kAnnounce, LatencyTransport::kL2Vlan};
constexpr LatencyKey kDelayReqOut{LatencyStage::kSendToRead, LatencyMessage::kDelayReq,
                                  LatencyTransport::kL2};

LatencyKey Sync(LatencyStage stage) {
  return {stage, LatencyMessage::kSync, LatencyTransport::kL2};
}

// Log-normal around 10 us, with a long tail.
int64_t Draw(Rng& rng) {
  return static_cast<int64_t>(10'000 * std::exp(1.5 * rng.Gaussian()));
}

TEST(LatencyKey, EveryNameLeadsBackToItsValue) {
  for (size_t i = 0; i < kLatencyStages; ++i) {
    const auto stage = static_cast<LatencyStage>(i);
    EXPECT_EQ(ParseLatencyStage(Name(stage)), stage);
  }
  size_t messages = 0;
  for (size_t i = 0; i < kLatencyMessages; ++i) {
    const auto message = static_cast<LatencyMessage>(i);
    if (ParseLatencyMessage(Name(message)) != message) continue;
    ++messages;
  }
  EXPECT_EQ(messages, 10u);  // What IEEE 1588-2019, table 36 has but for the reserved.
  for (size_t i = 0; i < kLatencyTransports; ++i) {
    const auto transport = static_cast<LatencyTransport>(i);
    EXPECT_EQ(ParseLatencyTransport(Name(transport)), transport);
  }
  for (const char* none : {"", "reserved", "Sync ", "sync", "wire"}) {
    EXPECT_FALSE(ParseLatencyStage(none)) << none;
    EXPECT_FALSE(ParseLatencyMessage(none)) << none;
    EXPECT_FALSE(ParseLatencyTransport(none)) << none;
  }
}

TEST(LatencyHistogram, EveryValueIsInABucketOfAtMostASixteenthOfIt) {
  Rng rng(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto ns = static_cast<int64_t>(std::exp2(rng.Uniform(0, 36.9)));
    LatencyHistogram one;
    one.Add(ns);
    const auto buckets = one.Buckets();
    ASSERT_EQ(buckets.size(), 1u);
    const LatencyBucket& b = buckets[0];
    ASSERT_LE(b.from_ns, ns);
    ASSERT_GT(b.to_ns, ns);
    ASSERT_LE(b.to_ns - b.from_ns, std::max<int64_t>(1, b.from_ns / 16)) << ns;
  }
}

TEST(LatencyHistogram, BucketsMeetWithoutAGap) {
  LatencyHistogram all;
  for (int64_t ns = 0; ns < 5000; ++ns) all.Add(ns);
  const auto buckets = all.Buckets();
  ASSERT_EQ(buckets.front().from_ns, 0);
  for (size_t i = 1; i < buckets.size(); ++i) {
    ASSERT_EQ(buckets[i - 1].to_ns, buckets[i].from_ns);
    ASSERT_EQ(buckets[i - 1].count,
              static_cast<uint64_t>(buckets[i - 1].to_ns - buckets[i - 1].from_ns));
  }
}

TEST(LatencyHistogram, ItsOuterBucketsReachToLeastAndMost) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  LatencyHistogram odd;
  odd.Add(-700);
  odd.Add(kMost);
  odd.Add(std::numeric_limits<int64_t>::min());
  EXPECT_EQ(odd.below_zero(), 2u);
  EXPECT_EQ(odd.least(), -LatencyHistogram::kLongest);
  EXPECT_EQ(odd.most(), LatencyHistogram::kLongest);
  const auto buckets = odd.Buckets();
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(buckets[0].from_ns, odd.least());
  EXPECT_EQ(buckets[1].to_ns, odd.most() + 1);
  EXPECT_EQ(odd.AtRank(1), odd.least());
  EXPECT_EQ(odd.AtRank(3), odd.most());
}

TEST(RankOf, IsTheNearestRankForAnyCount) {
  EXPECT_EQ(RankOf(1, 500), 1u);
  EXPECT_EQ(RankOf(2, 500), 1u);
  EXPECT_EQ(RankOf(3, 500), 2u);
  EXPECT_EQ(RankOf(1000, 999), 999u);
  EXPECT_EQ(RankOf(1001, 999), 1000u);
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  EXPECT_GT(RankOf(most, 999), most / 1000 * 998);
  EXPECT_LT(RankOf(most, 999), most);
}

TEST(LatencyStatistics, QuantilesAreExactWhileEveryValueIsKept) {
  LatencyStatistics statistics;
  Rng rng(2);
  std::vector<int64_t> drawn;
  for (size_t i = 0; i < LatencyStatistics::kExactPerKey; ++i) {
    drawn.push_back(Draw(rng));
    statistics.Add(kSyncIn, drawn.back());
  }
  std::sort(drawn.begin(), drawn.end());
  const LatencyReport report = statistics.Report({});
  ASSERT_EQ(report.series.size(), 1u);
  const LatencySeries& series = report.series[0];
  EXPECT_TRUE(series.exact);
  EXPECT_EQ(series.key, kSyncIn);
  EXPECT_EQ(series.count, 4096u);
  EXPECT_EQ(series.min_ns, drawn.front());
  EXPECT_EQ(series.max_ns, drawn.back());
  EXPECT_EQ(series.p50_ns, drawn[2048 - 1]);
  EXPECT_EQ(series.p90_ns, drawn[3687 - 1]);  // ceil(0.9 * 4096)
  EXPECT_EQ(series.p99_ns, drawn[4056 - 1]);
  EXPECT_EQ(series.p999_ns, drawn[4092 - 1]);
}

TEST(LatencyStatistics, WithOneValueMoreTheyAreWithinTheStatedError) {
  constexpr size_t kKept = 1000;
  LatencyStatistics statistics(kKept);
  Rng rng(3);
  std::vector<int64_t> drawn;
  while (drawn.size() < 50'000) {
    drawn.push_back(Draw(rng));
    statistics.Add(kSyncIn, drawn.back());
  }
  std::sort(drawn.begin(), drawn.end());
  const LatencySeries series = statistics.Report({}).series.at(0);
  EXPECT_FALSE(series.exact);
  EXPECT_EQ(series.max_ns, drawn.back());
  for (const LatencyQuantile& quantile : kLatencyQuantiles) {
    const auto truth =
        static_cast<double>(drawn[RankOf(drawn.size(), quantile.permille) - 1]);
    const auto& found = series.*quantile.value;
    ASSERT_TRUE(found) << quantile.name;
    EXPECT_NEAR(static_cast<double>(*found), truth,
                1 + truth * LatencyHistogram::kLargestError)
        << quantile.name;
  }
}

TEST(LatencyStatistics, AQuantileThatCouldOnlyBeTheMaximumIsNotKnown) {
  LatencyStatistics statistics;
  for (int64_t i = 1; i <= 999; ++i) {
    statistics.Add(kSyncIn, i);
    const LatencySummary now = statistics.Report({}).series.at(0);
    ASSERT_EQ(now.p50_ns.has_value(), i >= 2) << i;
    ASSERT_EQ(now.p90_ns.has_value(), i >= 10) << i;
    ASSERT_EQ(now.p99_ns.has_value(), i >= 100) << i;
    ASSERT_FALSE(now.p999_ns) << i;
  }
  statistics.Add(kSyncIn, 1000);
  EXPECT_EQ(statistics.Report({}).series.at(0).p999_ns, 999);
}

TEST(LatencyStatistics, AStageIsAllItsMessagesTogether) {
  LatencyStatistics statistics(/*exact_per_key=*/3);
  for (const int64_t ns : {10, 30, 50}) statistics.Add(kSyncIn, ns);
  for (const int64_t ns : {20, 40}) statistics.Add(kAnnounceIn, ns);
  const LatencyReport exact = statistics.Report({});
  ASSERT_EQ(exact.stages.size(), 1u);
  EXPECT_EQ(exact.stages[0].stage, LatencyStage::kDriverToStack);
  EXPECT_TRUE(exact.stages[0].exact);
  EXPECT_EQ(exact.stages[0].count, 5u);
  EXPECT_EQ(exact.stages[0].p50_ns, 30);
  EXPECT_DOUBLE_EQ(exact.stages[0].mean_ns, 30);
  ASSERT_EQ(exact.series.size(), 2u);
  EXPECT_EQ(exact.series[0].key, kSyncIn);
  EXPECT_EQ(exact.series[1].key, kAnnounceIn);

  statistics.Add(kSyncIn, 60);  // One more than is kept.
  const LatencyReport more = statistics.Report({});
  EXPECT_FALSE(more.stages.at(0).exact);
  EXPECT_FALSE(more.series.at(0).exact);
  EXPECT_TRUE(more.series.at(1).exact);
}

TEST(LatencyStatistics, NothingIsAllocatedOnceAKeyIsKnown) {
  LatencyStatistics statistics(/*exact_per_key=*/500);
  const uint64_t before = testing_support::Allocations();
  statistics.Add(kSyncIn, 1);
  statistics.AddDrop("NO_SOCKET");
  ASSERT_GT(testing_support::Allocations(), before);  // They are counted.
  const uint64_t steady = testing_support::Allocations();
  Rng rng(4);
  for (int i = 0; i < 2000; ++i) {
    statistics.Add(kSyncIn, Draw(rng));
    statistics.AddDrop("NO_SOCKET");
    if (i == 1000) statistics.Clear();
  }
  EXPECT_EQ(testing_support::Allocations(), steady);
  EXPECT_EQ(statistics.Report({}).series.at(0).count, 999u);
}

TEST(LatencyStatistics, ClearForgetsEverything) {
  LatencyStatistics statistics;
  const std::string empty = statistics.Report({}).ToJson();
  statistics.Add(kSyncIn, 1);
  statistics.Add(kDelayReqOut, 1);
  statistics.AddDrop("NO_SOCKET");
  statistics.counters().ring_lost = 3;
  ASSERT_NE(statistics.Report({}).ToJson(), empty);
  statistics.Clear();
  EXPECT_EQ(statistics.Report({}).ToJson(), empty);
}

TEST(LatencyStatistics, DropsAreListedMostFrequentFirstAndAreBounded) {
  LatencyStatistics statistics;
  for (int i = 0; i < 100; ++i) statistics.AddDrop(absl::StrCat("REASON_", i));
  statistics.AddDrop("NO_SOCKET", 7);  // Late, so among the others.
  statistics.AddDrop("REASON_3");
  const auto drops = statistics.Report({}).drops;
  ASSERT_EQ(drops.size(), LatencyStatistics::kDropReasons);
  EXPECT_THAT(drops[0], Pair("OTHER", 100 - 31 + 7));
  EXPECT_THAT(drops[1], Pair("REASON_3", 2));
  EXPECT_THAT(drops[2], Pair("REASON_0", 1));
}

TEST(LatencyBudget, AddsUpToTheMeanOfTheWholeWayOfEventMessages) {
  LatencyStatistics statistics;
  Rng rng(5);
  double sum = 0;
  for (int i = 0; i < 100; ++i) {
    for (const LatencyStage stage :
         {LatencyStage::kNicToDriver, LatencyStage::kDriverToStack,
          LatencyStage::kStackToSocket, LatencyStage::kSocketToUser}) {
      const int64_t ns = Draw(rng);
      statistics.Add(Sync(stage), ns);
      sum += static_cast<double>(ns);
      // General messages are stamped by nobody.
      statistics.Add({stage, LatencyMessage::kFollowUp, LatencyTransport::kL2},
                     1 << 30);
    }
  }
  const auto budget = statistics.Report({.path_ns = 4000}).budget;
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->path_ns, 4000);
  EXPECT_EQ(budget->from, "nic");
  EXPECT_NEAR(budget->kernel_ns + budget->user_ns, sum / 100, 0.01);
}

TEST(LatencyBudget, NamesWhereItsKernelPartBegins) {
  LatencyStatistics statistics;
  EXPECT_FALSE(statistics.Report({}).budget);
  statistics.Add(Sync(LatencyStage::kSocketToUser), 1000);
  EXPECT_FALSE(statistics.Report({}).budget);
  statistics.Add(Sync(LatencyStage::kStackToSocket), 100);
  ASSERT_TRUE(statistics.Report({}).budget);
  EXPECT_EQ(statistics.Report({}).budget->from, "stack");
  EXPECT_FALSE(statistics.Report({}).budget->path_ns);
  statistics.Add(Sync(LatencyStage::kDriverToStack), 10);
  EXPECT_EQ(statistics.Report({}).budget->from, "driver");
  EXPECT_DOUBLE_EQ(statistics.Report({}).budget->kernel_ns, 110);
  EXPECT_DOUBLE_EQ(statistics.Report({}).budget->user_ns, 1000);
}

TEST(LatencyAdvice, IsTwiceTheUsualWaitAndAtLeastTheLongest) {
  LatencyStatistics statistics;
  EXPECT_TRUE(statistics.Report({}).advice.empty());
  for (int i = 0; i < 1998; ++i) statistics.Add(kDelayReqOut, 20'000);
  for (int i = 0; i < 4; ++i) statistics.Add(kDelayReqOut, 1'100'000);
  const LatencyAdvice usual = statistics.Report({}).advice.at(0);
  EXPECT_EQ(usual.name, "tx_timestamp_timeout");
  EXPECT_EQ(usual.value_ms, 3);  // 2.2 ms, rounded up.
  EXPECT_THAT(
      usual.sentence,
      HasSubstr("needs 3 ms: tx_timestamp_timeout 3. 99.9 % of 2002 time stamps "
                "were there within 1.1 ms of the send, the slowest within 1.1 "
                "ms."));
  EXPECT_THAT(usual.sentence, Not(HasSubstr("never came")));

  statistics.Add(kDelayReqOut, 17'300'000);
  statistics.counters().tx_stamps_missing = 2;
  const LatencyAdvice rare = statistics.Report({}).advice.at(0);
  EXPECT_EQ(rare.value_ms, 18);
  EXPECT_THAT(rare.sentence, HasSubstr("2 never came; no timeout helps with that."));
}

TEST(LatencyAdvice, OfAFewStampsIsTwiceTheSlowestAndSaysSo) {
  LatencyStatistics statistics;
  statistics.Add(kDelayReqOut, 40'000);
  EXPECT_EQ(statistics.Report({}).advice.at(0).value_ms, 1);  // Never 0.
  statistics.Add(kDelayReqOut, 2'600'000);
  const LatencyAdvice advice = statistics.Report({}).advice.at(0);
  EXPECT_EQ(advice.value_ms, 6);
  EXPECT_THAT(advice.sentence, HasSubstr("slowest of only 2 time stamps"));
}

TEST(LatencyReport, HasExactlyTheFieldsUsersRelyOn) {
  LatencyStatistics statistics;
  statistics.Add(kSyncIn, 40);
  statistics.Add(kSyncIn, 7);
  statistics.counters().rx_messages = 2;
  statistics.AddDrop("NO_SOCKET", 3);
  const auto expected = nlohmann::json::parse(R"({
    "format": "refclockd-latency", "version": 1, "interface": "eth0", "tier": "T2",
    "tier_reason": "fentry: EPERM", "seconds": 2.5, "clock_error_ns": null,
    "stages": [{"stage": "driver-to-stack", "direction": "rx", "count": 2,
      "below_zero": 0, "min_ns": 7, "max_ns": 40, "mean_ns": 23.5, "p50_ns": 7,
      "p90_ns": null, "p99_ns": null, "p999_ns": null, "exact": true,
      "histogram": [[7, 8, 1], [40, 42, 1]]}],
    "series": [{"stage": "driver-to-stack", "direction": "rx", "message": "Sync",
      "transport": "udp4", "count": 2,
      "below_zero": 0, "min_ns": 7, "max_ns": 40, "mean_ns": 23.5, "p50_ns": 7,
      "p90_ns": null, "p99_ns": null, "p999_ns": null, "exact": true,
      "histogram": [[7, 8, 1], [40, 42, 1]]}],
    "counters": {"rx_messages": 2, "tx_messages": 0, "tx_stamps_missing": 0,
      "tx_stamps_late": 0, "tx_stamps_reordered": 0, "copies_to_others": 0,
      "ring_lost": 0, "unmatched": 0},
    "drops": {"NO_SOCKET": 3}, "budget": null, "advice": []})");
  const std::string text = statistics
                               .Report({.interface = "eth0",
                                        .tier = "T2",
                                        .tier_reason = "fentry: EPERM",
                                        .seconds = 2.5})
                               .ToJson();
  EXPECT_EQ(nlohmann::json::parse(text), expected) << text;
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

TEST(LatencyReport, ListsStagesInTheOrderOfTheWay) {
  LatencyStatistics statistics;
  statistics.Add(kDelayReqOut, 1);
  statistics.Add(Sync(LatencyStage::kWireToUser), 1);
  statistics.Add(Sync(LatencyStage::kNicToDriver), -3);
  std::vector<std::string> names;
  for (const auto& stage : statistics.Report({}).stages) {
    names.emplace_back(Name(stage.stage));
  }
  EXPECT_THAT(names, ElementsAre("nic-to-driver", "wire-to-user", "send-to-read"));
  EXPECT_EQ(statistics.Report({}).Find(LatencyStage::kNicToDriver)->below_zero, 1u);
  EXPECT_EQ(statistics.Report({}).Find(LatencyStage::kStackToUser), nullptr);
}

}  // namespace
}  // namespace bridge
