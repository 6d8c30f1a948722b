// bridge/engine/one_step.h
//
// Whether a grandmaster's Syncs are one-step (grandmaster.one_step). The hardware puts
// what the PHC shows into them as they leave, so the PHC has to be on TAI itself;
// a Follow_Up, which says what the PHC's stamp is in TAI, is right in any case. So
// Syncs are two-step until the PHC has been near for a while, and again at once when it
// is not.
//
// Switching is the driver's business, and some begin their PHC anew when their stamps
// are set: each time it did not last, the next wait is twice as long.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "absl/time/time.h"
#include "bridge/time/time_delta.h"
#include "bridge/time/timestamp.h"

namespace bridge {

enum class OneStepState : uint8_t {
  kOff,          // Nobody wants it.
  kSoftware,     // There is no hardware that could.
  kNotOnTai,     // Nobody steers the PHC to TAI.
  kSettling,     // It isn't there, or not for long enough.
  kRefused,      // By the driver. For good.
  kNotInserted,  // The hardware did not do it. For good.
  kOn,
};
struct OneStepText {
  OneStepState state;
  const char* name;  // "phc-not-on-tai": status.
  const char* sentence;
};
std::span<const OneStepText> OneStepStates();
const char* OneStepStateName(OneStepState state);

class OneStep {
 public:
  // To begin, and to go on with.
  static constexpr TimeDelta kNear = TimeDelta::FromNanos(200);
  static constexpr TimeDelta kFar = TimeDelta::FromMicros(1);
  static constexpr absl::Duration kWait = absl::Seconds(10);
  static constexpr absl::Duration kLongestWait = absl::Hours(24);

  explicit OneStep(bool wanted)
      : state_(wanted ? OneStepState::kSettling : OneStepState::kOff) {}

  struct Seen {
    bool hardware = false;  // Stamps.
    bool on_tai = false;    // The PHC is steered to TAI, by whomever.
    // Whether Syncs could be sent at all: with the link down or while another master is
    // followed nothing is to be held against the PHC.
    bool serves = false;
    // How far it is from what is served; nothing: not known, or it is being stepped.
    std::optional<TimeDelta> error = {};
  };
  // What the hardware is to be switched to, if to anything: true is one-step.
  std::optional<bool> Update(const Seen& seen, MonoTime now);
  // It does now what it was asked for, or (false) it doesn't do one-step.
  void OnSwitched(bool one_step, MonoTime now);
  // It was found not to do it. Update says what to do then.
  void OnNotInserted() { broken_ = true; }

  OneStepState state() const { return state_; }
  bool on() const { return state_ == OneStepState::kOn; }

 private:
  std::optional<bool> Leave(OneStepState to);

  OneStepState state_;
  bool broken_ = false;
  bool asked_ = false;  // To be switched on, and not answered.
  absl::Duration wait_ = kWait;
  std::optional<MonoTime> near_since_;
  MonoTime on_since_;
};

}  // namespace bridge
