#include "bridge/ptp/best_master.h"

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge::ptp {
namespace {

// Clock identities below and above that of the receiver.
constexpr PortIdentity kLow{{0x0001}, 1};
constexpr PortIdentity kHigh{{0xffff}, 1};

DataSet Clock(uint64_t grandmaster, PortIdentity sender = kMaster, uint16_t steps = 0) {
  DataSet set{.announce = {}, .sender = sender, .receiver = kSelf};
  set.announce.grandmaster = {grandmaster};
  set.announce.steps_removed = steps;
  return set;
}

Comparison Mirrored(Comparison c) {
  return static_cast<Comparison>(static_cast<int>(Comparison::kBBetter) -
                                 static_cast<int>(c));
}

TEST(BestMaster, ComparesGrandmastersInTheOrderOfTheStandard) {
  // Each row wins by its field although every later field speaks against it.
  const std::vector<std::function<void(Announce&, uint8_t)>> fields = {
      [](Announce& a, uint8_t v) { a.grandmaster_priority1 = v; },
      [](Announce& a, uint8_t v) { a.grandmaster_quality.clock_class = v; },
      [](Announce& a, uint8_t v) { a.grandmaster_quality.clock_accuracy = v; },
      [](Announce& a, uint8_t v) {
        a.grandmaster_quality.offset_scaled_log_variance = v;
      },
      [](Announce& a, uint8_t v) { a.grandmaster_priority2 = v; },
      [](Announce& a, uint8_t v) { a.grandmaster = {v}; },
  };
  for (size_t decisive = 0; decisive < fields.size(); ++decisive) {
    DataSet a = Clock(7), b = Clock(7);
    for (size_t i = 0; i < fields.size(); ++i) {
      const bool equal = i < decisive && i + 1 < fields.size();
      fields[i](a.announce, equal ? 100 : i == decisive ? 50 : 200);
      fields[i](b.announce, equal ? 100 : i == decisive ? 150 : 10);
    }
    ASSERT_NE(a.announce.grandmaster, b.announce.grandmaster);
    EXPECT_EQ(CompareDataSets(a, b), Comparison::kABetter) << decisive;
    EXPECT_EQ(CompareDataSets(b, a), Comparison::kBBetter) << decisive;
  }
}

TEST(BestMaster, IgnoresStepsWhenTheGrandmastersDiffer) {
  EXPECT_EQ(CompareDataSets(Clock(1, kMaster, 200), Clock(2, kMaster, 0)),
            Comparison::kABetter);
}

TEST(BestMaster, ComparesPathsToTheSameGrandmaster) {
  struct Row {
    std::string why;
    DataSet a, b;
    Comparison expected;
  };
  DataSet second_port = Clock(1, kMaster, 3);
  second_port.receiver.port = 2;
  const Row rows[] = {
      {"two steps shorter", Clock(1, kHigh, 1), Clock(1, kLow, 3),
       Comparison::kABetter},
      {"one step shorter, the longer came down to us", Clock(1, kLow, 1),
       Clock(1, kHigh, 2), Comparison::kABetter},
      {"one step shorter, the longer's sender is below us", Clock(1, kHigh, 1),
       Clock(1, kLow, 2), Comparison::kABetterByTopology},
      {"one step shorter, the longer is our own message", Clock(1, kHigh, 1),
       Clock(1, kSelf, 2), Comparison::kSame},
      {"as long, lower sender", Clock(1, kLow, 3), Clock(1, kHigh, 3),
       Comparison::kABetterByTopology},
      {"as long, same sender, lower receiving port", Clock(1, kMaster, 3), second_port,
       Comparison::kABetterByTopology},
      {"the very same", Clock(1, kMaster, 3), Clock(1, kMaster, 3), Comparison::kSame},
  };
  ASSERT_LT(kLow, kSelf);
  ASSERT_LT(kSelf, kHigh);
  for (const Row& row : rows) {
    EXPECT_EQ(CompareDataSets(row.a, row.b), row.expected) << row.why;
    EXPECT_EQ(CompareDataSets(row.b, row.a), Mirrored(row.expected)) << row.why;
  }
}

TEST(BestMaster, TheSameGrandmasterIsNotComparedByItsQuality) {
  DataSet a = Clock(1, kLow, 3), b = Clock(1, kHigh, 3);
  a.announce.grandmaster_quality.clock_class = 248;
  b.announce.grandmaster_quality.clock_class = 6;
  EXPECT_EQ(CompareDataSets(a, b), Comparison::kABetterByTopology);
}

TEST(BestMaster, BetterByTopologyIsBetter) {
  EXPECT_TRUE(IsBetter(Clock(1, kLow), Clock(1, kHigh)));
  EXPECT_FALSE(IsBetter(Clock(1, kHigh), Clock(1, kLow)));
  EXPECT_FALSE(IsBetter(Clock(1), Clock(1)));
}

}  // namespace
}  // namespace bridge::ptp
