// bridge/engine/auto_role.h
//
// What a clock of role "auto" does for its own NTP daemon, and when: a table, printed
// by `refclockctl explain states`. Who is master on the network is not decided here but
// by the best master clock algorithm (ptp/master_port.h), from the clockClass.
//
// The loop that must not close: a clock follows another master, feeds its NTP daemon
// with that, sees the system clock well disciplined and takes it for GNSS's work. So
// before it may earn class 6 again it stops feeding, and the daemon has to show that it
// disciplines the clock without us.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "absl/time/time.h"
#include "bridge/ptp/port_state.h"
#include "bridge/time/timestamp.h"

namespace bridge {

enum class RoleState : uint8_t {
  kUndecided,  // Listening, or the interface is down.
  kServing,    // Grandmaster. Nothing is published.
  kStandby,    // A better one of class 6 or 7 serves. Nothing is published.
  kFollowing,  // Slave of another; its time is published.
  kReturning,  // Still its slave, but GNSS is back: publication has ended.
};
inline constexpr size_t kRoleStateCount = 5;
const char* RoleStateName(RoleState state);  // "serving"

enum class RoleEvent : uint8_t {
  kPortUndecided,
  kPortMaster,
  kPortPassive,
  kPortSlave,
  kGnssGood,  // Has been for the guard time.
  kGnssGone,
  kNotEarned,  // Class 6, within the guard time.
};

struct RoleTransition {
  RoleState from;
  RoleEvent event;
  RoleState to;
  absl::Duration guard;  // How long the event has to last; for kNotEarned the patience.
  const char* why;
};
// Of the rows that hold, the first counts.
std::span<const RoleTransition> AutoRoleTransitions();

class AutoRole {
 public:
  struct Seen {
    ptp::PortState port = ptp::PortState::kInitializing;  // Of the master port.
    bool gnss_good = false;
  };
  struct Change {
    RoleState from;
    RoleState to;
    const char* why;
  };

  AutoRole();

  // At every input; tells of each change once.
  std::optional<Change> Update(const Seen& seen, MonoTime now);
  // When Update has to be called at the latest.
  std::optional<MonoTime> Deadline() const;

  RoleState state() const { return state_; }
  MonoTime since() const { return since_; }

 private:
  bool Holds(const RoleTransition& row, const Seen& seen, MonoTime now) const;

  RoleState state_ = RoleState::kUndecided;
  MonoTime since_;
  std::optional<MonoTime> good_since_;
  // When class 6 was not earned in time: the next trial, and the pause after that.
  MonoTime not_before_;
  absl::Duration pause_;
};

}  // namespace bridge
