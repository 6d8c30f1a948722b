#include "bridge/engine/one_step.h"

#include <algorithm>
#include <utility>

#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr OneStepText kStates[] = {
    {OneStepState::kOff, "off",
     "Not asked for: each Sync has a Follow_Up. That is right with every NIC and every "
     "slave; grandmaster.one_step = \"auto\" asks for Syncs without."},
    {OneStepState::kSoftware, "software-stamps",
     "Only hardware can put the time into a Sync as it leaves, and the interface has "
     "software time stamps."},
    {OneStepState::kNotOnTai, "phc-not-on-tai",
     "The hardware would put into a Sync what the PHC shows, and nobody steers that to "
     "TAI. Set phc.mode to discipline, or grandmaster.source to phc if another program "
     "does."},
    {OneStepState::kSettling, "settling",
     "The PHC is not on what is served, or has not been for long enough. Usual at the "
     "start, after a step, and while the system clock is slewed fast."},
    {OneStepState::kRefused, "refused",
     "The driver has no one-step Sync (ethtool -T: onestep-sync), or did not switch it "
     "on. Nothing to do: two-step is as good."},
    {OneStepState::kNotInserted, "not-inserted",
     "The driver switched one-step Sync on, and its hardware did not put the time into "
     "one. Two-step until the next start; if it recurs, set grandmaster.one_step to "
     "off."},
    {OneStepState::kOn, "on",
     "The hardware puts the time into each Sync; there are no Follow_Ups."},
};

}  // namespace

std::span<const OneStepText> OneStepStates() { return kStates; }

const char* OneStepStateName(OneStepState state) {
  for (const OneStepText& text : kStates) {
    if (text.state == state) return text.name;
  }
  return "?";
}

std::optional<bool> OneStep::Leave(OneStepState to) {
  near_since_.reset();
  const bool was_on = std::exchange(state_, to) == OneStepState::kOn;
  return was_on ? std::optional(false) : std::nullopt;
}

std::optional<bool> OneStep::Update(const Seen& seen, MonoTime now) {
  if (state_ == OneStepState::kOff || state_ == OneStepState::kRefused) return {};
  if (broken_) return Leave(OneStepState::kNotInserted);
  if (!seen.hardware) return Leave(OneStepState::kSoftware);
  if (!seen.on_tai) return Leave(OneStepState::kNotOnTai);
  if (!seen.serves) return Leave(OneStepState::kSettling);
  if (!seen.error || seen.error->Abs() > (on() ? kFar : kNear)) {
    if (on()) {
      wait_ =
          now - kLongestWait > on_since_ ? kWait : std::min(2 * wait_, kLongestWait);
    }
    return Leave(OneStepState::kSettling);
  }
  if (on() || asked_) return {};
  state_ = OneStepState::kSettling;
  if (!near_since_) near_since_ = now;
  if (now - wait_ < *near_since_) return {};
  asked_ = true;
  return true;
}

void OneStep::OnSwitched(bool one_step, MonoTime now) {
  if (!std::exchange(asked_, false)) return;  // Off, as it is already.
  state_ = one_step ? OneStepState::kOn : OneStepState::kRefused;
  on_since_ = now;
}

}  // namespace bridge
