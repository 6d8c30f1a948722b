#include "bridge/ptp/state_decision.h"

#include "gtest/gtest.h"
#include "tests/ptp/builders.h"

namespace bridge::ptp {
namespace {

constexpr ClockIdentity kOwn{0x5000};

GrandmasterProperties Properties(uint8_t clock_class, uint8_t priority1 = 128) {
  GrandmasterProperties properties;
  properties.priority1 = priority1;
  properties.quality.clock_class = clock_class;
  properties.current_utc_offset_valid = true;
  return properties;
}

DataSet Foreign(uint8_t clock_class, uint8_t priority1 = 128,
                uint16_t steps_removed = 0) {
  DataSet other = OwnDataSet(Properties(clock_class, priority1), ClockIdentity{0x6000});
  other.sender = {{0x7000}, 3};
  other.receiver = {kOwn, 1};
  other.announce.steps_removed = steps_removed;
  return other;
}

std::optional<StateDecision> Decide(uint8_t own_class, const DataSet& best,
                                    PortState state = PortState::kListening) {
  return DecideState(OwnDataSet(Properties(own_class), kOwn), &best, state);
}

TEST(StateDecision, GoesOnListeningWhileNobodyIsHeard) {
  for (const int own_class : {6, 52, 187, 248}) {
    const DataSet own = OwnDataSet(Properties(static_cast<uint8_t>(own_class)), kOwn);
    EXPECT_EQ(DecideState(own, nullptr, PortState::kListening), std::nullopt);
  }
}

TEST(StateDecision, IsMasterWhereNobodyIsHeardAnyMore) {
  for (const PortState state : {PortState::kPreMaster, PortState::kMaster,
                                PortState::kPassive, PortState::kUncalibrated}) {
    EXPECT_EQ(DecideState(OwnDataSet(Properties(6), kOwn), nullptr, state),
              StateDecision::kM1);
    EXPECT_EQ(DecideState(OwnDataSet(Properties(248), kOwn), nullptr, state),
              StateDecision::kM2);
  }
}

TEST(StateDecision, OfClass1To127IsM1OrP1AndNeverASlave) {
  for (int own_class = 1; own_class <= 127; ++own_class) {
    const auto c = static_cast<uint8_t>(own_class);
    EXPECT_EQ(Decide(c, Foreign(128)), StateDecision::kM1) << own_class;
    EXPECT_EQ(Decide(c, Foreign(c, 127)), StateDecision::kP1) << own_class;
  }
}

TEST(StateDecision, OfAnyOtherClassIsM2OrS1) {
  for (const int own_class : {0, 128, 187, 193, 248, 254}) {
    const auto c = static_cast<uint8_t>(own_class);
    EXPECT_EQ(Decide(c, Foreign(c, 129)), StateDecision::kM2) << own_class;
    EXPECT_EQ(Decide(c, Foreign(c, 127)), StateDecision::kS1) << own_class;
  }
}

TEST(StateDecision, DoesNotAskHowFarAwayAnotherGrandmasterIs) {
  EXPECT_EQ(Decide(248, Foreign(6, 128, 200)), StateDecision::kS1);
  EXPECT_EQ(Decide(6, Foreign(7, 128, 0)), StateDecision::kM1);
}

TEST(StateDecision, BetweenEqualsIsByTheLowerClockIdentity) {
  EXPECT_EQ(Decide(248, Foreign(248)), StateDecision::kM2);  // 0x5000 < 0x6000
  DataSet lower = Foreign(248);
  lower.announce.grandmaster = {0x4000};
  EXPECT_EQ(Decide(248, lower), StateDecision::kS1);
}

}  // namespace
}  // namespace bridge::ptp
