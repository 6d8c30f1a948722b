#include "bridge/ptp/port_state.h"

#include <set>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace bridge::ptp {
namespace {

TEST(PortState, GoesFromInitializingToSlaveInThreeSteps) {
  PortState state = PortState::kInitializing;
  state = Next(state, PortEvent::kInitialized);
  EXPECT_EQ(state, PortState::kListening);
  state = Next(state, PortEvent::kMasterQualified);
  EXPECT_EQ(state, PortState::kUncalibrated);
  state = Next(state, PortEvent::kCalibrated);
  EXPECT_EQ(state, PortState::kSlave);
}

TEST(PortState, LeavesSlaveForEachReasonThereIs) {
  EXPECT_EQ(Next(PortState::kSlave, PortEvent::kMasterChanged),
            PortState::kUncalibrated);
  EXPECT_EQ(Next(PortState::kSlave, PortEvent::kSynchronizationLost),
            PortState::kUncalibrated);
  EXPECT_EQ(Next(PortState::kSlave, PortEvent::kAnnounceTimeout),
            PortState::kListening);
  EXPECT_EQ(Next(PortState::kSlave, PortEvent::kFault), PortState::kFaulty);
}

TEST(PortState, StaysWhereTheTableHasNoRow) {
  EXPECT_EQ(Next(PortState::kListening, PortEvent::kCalibrated), PortState::kListening);
  EXPECT_EQ(Next(PortState::kFaulty, PortEvent::kMasterQualified), PortState::kFaulty);
  EXPECT_EQ(Next(PortState::kMaster, PortEvent::kFault), PortState::kMaster);
}

TEST(PortState, EveryRowIsUniqueLeadsElsewhereAndSaysWhy) {
  std::set<std::pair<PortState, PortEvent>> seen;
  ASSERT_GE(SlaveTransitions().size(), 10u);
  for (const Transition& t : SlaveTransitions()) {
    EXPECT_TRUE(seen.insert({t.from, t.event}).second)
        << PortStateName(t.from) << ' ' << PortEventName(t.event);
    EXPECT_NE(t.from, t.to);
    EXPECT_EQ(Next(t.from, t.event), t.to);
    EXPECT_FALSE(std::string(t.why).empty());
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
  for (int i = 0; i <= 6; ++i) names.insert(PortEventName(static_cast<PortEvent>(i)));
  EXPECT_EQ(names.size(), 16u);
}

}  // namespace
}  // namespace bridge::ptp
