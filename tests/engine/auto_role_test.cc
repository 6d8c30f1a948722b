#include "bridge/engine/auto_role.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>

#include "bridge/time/waiting.h"

namespace bridge {
namespace {

using ptp::PortState;

constexpr auto kStart = MonoTime::FromNanos(86'400'000'000'000);
constexpr std::array kStates{RoleState::kUndecided, RoleState::kServing,
                             RoleState::kStandby, RoleState::kFollowing,
                             RoleState::kReturning};
constexpr std::array kPorts{PortState::kInitializing, PortState::kFaulty,
                            PortState::kListening,    PortState::kPreMaster,
                            PortState::kMaster,       PortState::kPassive,
                            PortState::kUncalibrated};

struct Played {
  AutoRole role;
  MonoTime now = kStart;
  AutoRole::Seen seen;

  // A second at a time, as the engine does at least.
  void Pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now = now + absl::Seconds(1);
      role.Update(seen, now);
    }
  }
  void Port(PortState port) {
    seen.port = port;
    role.Update(seen, now);
  }
};

Played In(RoleState state) {
  Played played;
  switch (state) {
    case RoleState::kUndecided:
      break;
    case RoleState::kServing:
      played.Port(PortState::kMaster);
      break;
    case RoleState::kStandby:
      played.Port(PortState::kPassive);
      break;
    case RoleState::kFollowing:
      played.Port(PortState::kUncalibrated);
      break;
    case RoleState::kReturning:
      played.Port(PortState::kUncalibrated);
      played.seen.gnss_good = true;
      played.Pass(31);
      break;
  }
  return played;
}

// What the port is decides, and at once, in every state.
TEST(AutoRole, FollowsThePortFromEveryStateToEveryOther) {
  for (const RoleState from : kStates) {
    for (const PortState port : kPorts) {
      Played played = In(from);
      ASSERT_EQ(played.role.state(), from);
      played.Port(port);
      const std::map<PortState, RoleState> to{
          {PortState::kMaster, RoleState::kServing},
          {PortState::kPassive, RoleState::kStandby},
          // PRE_MASTER is nothing yet.
          {PortState::kPreMaster, from},
          {PortState::kUncalibrated, from == RoleState::kReturning
                                         ? RoleState::kReturning
                                         : RoleState::kFollowing}};
      const auto expected = to.find(port);
      EXPECT_EQ(played.role.state(),
                expected != to.end() ? expected->second : RoleState::kUndecided)
          << RoleStateName(from) << " " << ptp::PortStateName(port);
    }
  }
}

TEST(AutoRole, TellsOfAChangeOnceAndOfItsReason) {
  AutoRole role;
  const AutoRole::Seen seen{.port = PortState::kMaster};
  const auto change = role.Update(seen, kStart);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->from, RoleState::kUndecided);
  EXPECT_EQ(change->to, RoleState::kServing);
  EXPECT_STRNE(change->why, "");
  EXPECT_FALSE(role.Update(seen, kStart));
}

TEST(AutoRole, EndsPublicationWhenGnssHasBeenGoodForHalfAMinuteWithoutABreak) {
  Played played = In(RoleState::kFollowing);
  played.seen.gnss_good = true;
  played.Pass(29);
  played.seen.gnss_good = false;
  played.Pass(1);
  played.seen.gnss_good = true;
  played.Pass(30);
  EXPECT_EQ(played.role.state(), RoleState::kFollowing);
  EXPECT_EQ(played.role.Deadline(), played.now + absl::Seconds(1));
  played.Pass(1);
  EXPECT_EQ(played.role.state(), RoleState::kReturning);
}

TEST(AutoRole, ThatFollowedWhileGnssWasGoodStillGivesItHalfAMinute) {
  Played played;
  played.seen.gnss_good = true;
  played.Pass(100);
  played.Port(PortState::kUncalibrated);
  played.Pass(29);
  EXPECT_EQ(played.role.state(), RoleState::kFollowing);
  played.Pass(1);
  EXPECT_EQ(played.role.state(), RoleState::kReturning);
}

TEST(AutoRole, PublishesAgainAtOnceWhenGnssIsLostAgain) {
  Played played = In(RoleState::kReturning);
  played.seen.gnss_good = false;
  played.Pass(1);
  EXPECT_EQ(played.role.state(), RoleState::kFollowing);
}

// Until it is `state`, in seconds.
int Until(Played& played, RoleState state) {
  int seconds = 0;
  for (; played.role.state() != state && seconds < 100'000; ++seconds) played.Pass(1);
  return seconds;
}

TEST(AutoRole, LeavesAnNtpDaemonThatCantDoWithoutUsWithoutTimeEverMoreSeldom) {
  Played played = In(RoleState::kReturning);
  for (const int pause : {15, 30, 60, 120, 120, 120}) {
    EXPECT_NEAR(Until(played, RoleState::kFollowing), 15 * 60, 1);
    EXPECT_NEAR(Until(played, RoleState::kReturning), pause * 60 + 30, 1);
  }
}

// So GNSS that comes and goes makes no more of them.
TEST(AutoRole, KeepsToThePauseWhateverGnssDoesMeanwhile) {
  Played played = In(RoleState::kReturning);
  Until(played, RoleState::kFollowing);
  for (int i = 0; i < 28; ++i) {
    played.seen.gnss_good = i % 2 == 1;
    played.Pass(30);
    EXPECT_EQ(played.role.state(), RoleState::kFollowing);
  }
  played.seen.gnss_good = true;
  EXPECT_NEAR(Until(played, RoleState::kReturning), 90, 2);
}

TEST(AutoRole, ForgetsThePauseWhenItHasServed) {
  for (const PortState port : {PortState::kMaster, PortState::kPassive}) {
    Played played = In(RoleState::kReturning);
    Until(played, RoleState::kFollowing);
    Until(played, RoleState::kReturning);
    Until(played, RoleState::kFollowing);
    played.Port(port);
    played.Port(PortState::kUncalibrated);
    EXPECT_NEAR(Until(played, RoleState::kReturning), 30, 1);
    Until(played, RoleState::kFollowing);
    EXPECT_NEAR(Until(played, RoleState::kReturning), 15 * 60 + 30, 1);
  }
}

TEST(AutoRole, HasNoRowThatIsNeverReached) {
  for (const RoleTransition& row : AutoRoleTransitions()) {
    EXPECT_NE(row.from, row.to);
    EXPECT_STRNE(row.why, "");
    const bool waits =
        row.event == RoleEvent::kGnssGood || row.event == RoleEvent::kNotEarned;
    EXPECT_EQ(row.guard > absl::ZeroDuration(), waits);
  }
}

}  // namespace
}  // namespace bridge
