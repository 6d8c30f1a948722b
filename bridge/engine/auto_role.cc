#include "bridge/engine/auto_role.h"

#include <algorithm>
#include <array>

#include "bridge/time/waiting.h"

namespace bridge {
namespace {

using S = RoleState;
using E = RoleEvent;
using ptp::PortState;

constexpr absl::Duration kAtOnce = absl::ZeroDuration();
// GNSS that comes and goes is not worth ending publication for.
constexpr absl::Duration kGoodFor = absl::Seconds(30);
// An NTP daemon needs minutes to settle on another source. If it has not by then, it
// can't do without us.
constexpr absl::Duration kPatience = absl::Minutes(15);
// Each trial costs it that long without time, so the next one is further off each time.
constexpr absl::Duration kLongestPause = absl::Hours(2);

constexpr std::array kTransitions{
    RoleTransition{S::kUndecided, E::kPortMaster, S::kServing, kAtOnce,
                   "this clock is the best on the network"},
    RoleTransition{S::kUndecided, E::kPortPassive, S::kStandby, kAtOnce,
                   "a better grandmaster serves, and ours is too good to follow it"},
    RoleTransition{S::kUndecided, E::kPortSlave, S::kFollowing, kAtOnce,
                   "another grandmaster is better"},
    RoleTransition{S::kServing, E::kPortSlave, S::kFollowing, kAtOnce,
                   "another grandmaster is better"},
    RoleTransition{S::kServing, E::kPortPassive, S::kStandby, kAtOnce,
                   "a better grandmaster serves, and ours is too good to follow it"},
    RoleTransition{S::kServing, E::kPortUndecided, S::kUndecided, kAtOnce,
                   "the interface is down or the time not known"},
    RoleTransition{S::kStandby, E::kPortMaster, S::kServing, kAtOnce,
                   "the better grandmaster is gone"},
    RoleTransition{S::kStandby, E::kPortSlave, S::kFollowing, kAtOnce,
                   "this clock has been demoted"},
    RoleTransition{S::kStandby, E::kPortUndecided, S::kUndecided, kAtOnce,
                   "the interface is down or the better grandmaster gone"},
    RoleTransition{S::kFollowing, E::kPortMaster, S::kServing, kAtOnce,
                   "the other grandmaster is gone or worse"},
    RoleTransition{S::kFollowing, E::kPortPassive, S::kStandby, kAtOnce,
                   "this clock is good again, the other better"},
    RoleTransition{S::kFollowing, E::kPortUndecided, S::kUndecided, kAtOnce,
                   "the interface is down or the other grandmaster gone"},
    RoleTransition{S::kFollowing, E::kGnssGood, S::kReturning, kGoodFor,
                   "GNSS is back: the NTP daemon has to do without our samples"},
    RoleTransition{S::kReturning, E::kPortMaster, S::kServing, kAtOnce,
                   "this clock is the best on the network again"},
    RoleTransition{S::kReturning, E::kPortPassive, S::kStandby, kAtOnce,
                   "this clock is good again, the other better"},
    RoleTransition{S::kReturning, E::kPortUndecided, S::kUndecided, kAtOnce,
                   "the interface is down or the other grandmaster gone"},
    RoleTransition{S::kReturning, E::kGnssGone, S::kFollowing, kAtOnce,
                   "GNSS is lost again"},
    RoleTransition{
        S::kReturning, E::kNotEarned, S::kFollowing, kPatience,
        "the NTP daemon does not discipline the clock without our samples; tried "
        "again as much later, and then after pauses that double, up to 2 h"},
};

bool PortIs(RoleEvent event, PortState port) {
  switch (event) {
    case E::kPortMaster:
      return port == PortState::kMaster;
    case E::kPortPassive:
      return port == PortState::kPassive;
    case E::kPortSlave:
      return port == PortState::kUncalibrated;
    case E::kPortUndecided:
      // PRE_MASTER is on its way to MASTER, at once for an ordinary clock.
      return port != PortState::kMaster && port != PortState::kPassive &&
             port != PortState::kUncalibrated && port != PortState::kPreMaster;
    case E::kGnssGood:
    case E::kGnssGone:
    case E::kNotEarned:
      break;
  }
  return false;
}

}  // namespace

const char* RoleStateName(RoleState state) {
  switch (state) {
    case S::kUndecided:
      return "undecided";
    case S::kServing:
      return "serving";
    case S::kStandby:
      return "standby";
    case S::kFollowing:
      return "following";
    case S::kReturning:
      return "returning";
  }
  return "undecided";
}

std::span<const RoleTransition> AutoRoleTransitions() { return kTransitions; }

AutoRole::AutoRole() : pause_(kPatience) {}

std::optional<AutoRole::Change> AutoRole::Update(const Seen& seen, MonoTime now) {
  if (!seen.gnss_good) {
    good_since_.reset();
  } else if (!good_since_) {
    good_since_ = now;
  }
  const auto row = std::find_if(
      kTransitions.begin(), kTransitions.end(), [&](const RoleTransition& candidate) {
        return candidate.from == state_ && Holds(candidate, seen, now);
      });
  if (row == kTransitions.end()) return std::nullopt;
  if (row->event == E::kNotEarned) {
    not_before_ = now + pause_;
    pause_ = std::min(2 * pause_, kLongestPause);
  }
  state_ = row->to;
  if (state_ == S::kServing || state_ == S::kStandby) {
    not_before_ = {};
    pause_ = kPatience;
  }
  since_ = now;
  return Change{row->from, row->to, row->why};
}

bool AutoRole::Holds(const RoleTransition& row, const Seen& seen, MonoTime now) const {
  switch (row.event) {
    case E::kGnssGood:
      return good_since_ && now - row.guard >= *good_since_ &&
             now - row.guard >= std::max(since_, not_before_);
    case E::kGnssGone:
      return !seen.gnss_good;
    case E::kNotEarned:
      return now - row.guard >= since_;
    default:
      return PortIs(row.event, seen.port);
  }
}

std::optional<MonoTime> AutoRole::Deadline() const {
  if (state_ == S::kReturning) return since_ + kPatience;
  if (state_ == S::kFollowing && good_since_) {
    return std::max({*good_since_, since_, not_before_}) + kGoodFor;
  }
  return std::nullopt;
}

}  // namespace bridge
