#include "bridge/ptp/port_state.h"

#include <set>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace bridge::ptp {
namespace {

PortState NextOfSlave(PortState state, PortEvent event) {
  return Next(SlaveTransitions(), state, event);
}

TEST(PortState, GoesFromInitializingToSlaveInThreeSteps) {
  PortState state = PortState::kInitializing;
  state = NextOfSlave(state, PortEvent::kInitialized);
  EXPECT_EQ(state, PortState::kListening);
  state = NextOfSlave(state, PortEvent::kMasterQualified);
  EXPECT_EQ(state, PortState::kUncalibrated);
  state = NextOfSlave(state, PortEvent::kCalibrated);
  EXPECT_EQ(state, PortState::kSlave);
}

TEST(PortState, LeavesSlaveForEachReasonThereIs) {
  EXPECT_EQ(NextOfSlave(PortState::kSlave, PortEvent::kMasterChanged),
            PortState::kUncalibrated);
  EXPECT_EQ(NextOfSlave(PortState::kSlave, PortEvent::kSynchronizationLost),
            PortState::kUncalibrated);
  EXPECT_EQ(NextOfSlave(PortState::kSlave, PortEvent::kAnnounceTimeout),
            PortState::kListening);
  EXPECT_EQ(NextOfSlave(PortState::kSlave, PortEvent::kFault), PortState::kFaulty);
}

TEST(PortState, StaysWhereTheTableHasNoRow) {
  EXPECT_EQ(NextOfSlave(PortState::kListening, PortEvent::kCalibrated),
            PortState::kListening);
  EXPECT_EQ(NextOfSlave(PortState::kFaulty, PortEvent::kMasterQualified),
            PortState::kFaulty);
  EXPECT_EQ(NextOfSlave(PortState::kMaster, PortEvent::kFault), PortState::kMaster);
}

TEST(PortState, EveryRowIsUniqueLeadsElsewhereAndSaysWhy) {
  for (const auto table : {SlaveTransitions(), MasterTransitions()}) {
    std::set<std::pair<PortState, PortEvent>> seen;
    ASSERT_GE(table.size(), 10u);
    for (const Transition& t : table) {
      EXPECT_TRUE(seen.insert({t.from, t.event}).second)
          << PortStateName(t.from) << ' ' << PortEventName(t.event);
      EXPECT_NE(t.from, t.to);
      EXPECT_EQ(Next(table, t.from, t.event), t.to);
      EXPECT_FALSE(std::string(t.why).empty());
    }
  }
}

TEST(PortState, AMasterPortIsNeverASlaveAndServesOnlyAfterListening) {
  for (const Transition& t : MasterTransitions()) {
    EXPECT_NE(t.to, PortState::kSlave);
    if (t.from == PortState::kInitializing || t.from == PortState::kFaulty) {
      EXPECT_NE(t.to, PortState::kMaster);
      EXPECT_NE(t.to, PortState::kPreMaster);
    }
  }
}

TEST(PortState, AMasterPortLeavesEveryStateForEveryRecommendationAndFault) {
  const auto next = [](PortState state, PortEvent event) {
    return Next(MasterTransitions(), state, event);
  };
  for (const PortState state :
       {PortState::kListening, PortState::kPreMaster, PortState::kMaster,
        PortState::kPassive, PortState::kUncalibrated}) {
    EXPECT_EQ(next(state, PortEvent::kRecommendedPassive), PortState::kPassive);
    EXPECT_EQ(next(state, PortEvent::kMasterQualified), PortState::kUncalibrated);
    EXPECT_EQ(next(state, PortEvent::kFault), PortState::kFaulty);
    const PortState master = next(state, PortEvent::kRecommendedMaster);
    EXPECT_TRUE(master == PortState::kPreMaster || master == PortState::kMaster);
  }
}

TEST(PortState, ASlaveOnlyPortNeverBecomesMasterOrPassive) {
  for (const Transition& t : SlaveTransitions()) {
    EXPECT_NE(t.to, PortState::kMaster);
    EXPECT_NE(t.to, PortState::kPreMaster);
    EXPECT_NE(t.to, PortState::kPassive);
  }
}

TEST(PortState, NamesAreThoseOfTheStandard) {
  EXPECT_STREQ(PortStateName(PortState::kUncalibrated), "UNCALIBRATED");
  EXPECT_STREQ(PortEventName(PortEvent::kAnnounceTimeout),
               "ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES");
  std::set<std::string> names;
  for (int i = 1; i <= 9; ++i) names.insert(PortStateName(static_cast<PortState>(i)));
  for (int i = 0; i <= 9; ++i) names.insert(PortEventName(static_cast<PortEvent>(i)));
  EXPECT_EQ(names.size(), 19u);
}

}  // namespace
}  // namespace bridge::ptp
