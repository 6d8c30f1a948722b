#include "bridge/source/pulse_watch.h"

#include <algorithm>
#include <array>

namespace bridge {
namespace {

using R = PulseReason;

constexpr std::array kReasons{
    PulseReasonText{
        R::kOff, "off",
        "By GNSS pulses the clock is off by a millisecond or more, whatever the NTP "
        "daemon says of it: that follows something else, or went astray. Look at "
        "`chronyc sources` or `ntpq -p`; if it follows the receiver, gpsd may take the "
        "pulse's wrong edge (`ppscheck`)."},
    PulseReasonText{
        R::kOtherSecond, "other-second",
        "By GNSS pulses the clock is off by whole seconds: it was set wrong, or gpsd "
        "counts seconds wrong because the receiver's messages come later than the next "
        "pulse (a higher serial speed, fewer messages), or it lacks leap seconds."},
    PulseReasonText{
        R::kUnseen, "unseen",
        "There are no pulses to hold the clock against: GNSS is not good, or "
        "gpsd reports none. Without any, class 6 rests on the NTP daemon's "
        "word."},
    PulseReasonText{R::kAgree, "agree",
                    "GNSS pulses confirm the clock. Nothing to do."},
};

// How far it is from the nearest.
TimeDelta FromWholeSecond(TimeDelta time) {
  constexpr absl::int128 kSecond = TimeDelta::FromSeconds(1).scaled_nanos();
  const absl::int128 beyond = time.Abs().scaled_nanos() % kSecond;
  return TimeDelta::FromScaledNanos(std::min(beyond, kSecond - beyond));
}

}  // namespace

std::span<const PulseReasonText> PulseReasons() { return kReasons; }

const PulseReasonText& TextOf(PulseReason reason) {
  return kReasons[static_cast<size_t>(reason)];
}

bool PulseWatch::Add(const Pulse& pulse, bool labelled) {
  if (newest_ && pulse.at <= *newest_) return false;
  newest_ = pulse.at;
  const bool before = contradicted();
  const TimeDelta rest = FromWholeSecond(pulse.ahead);
  const TimeDelta ahead = labelled ? pulse.ahead.Abs() : rest;
  off_ = rest > settings_.max_off ? off_ + 1 : 0;
  far_ = ahead > settings_.max_off ? far_ + 1 : 0;
  near_ =
      ahead <= (before ? settings_.max_off.Half() : settings_.max_off) ? near_ + 1 : 0;
  if (off_ >= settings_.off) {
    reason_ = R::kOff;
  } else if (far_ >= settings_.other_second) {
    reason_ = R::kOtherSecond;
  } else if (near_ >= (before ? settings_.back : 1)) {
    reason_ = R::kAgree;
  }
  return contradicted() != before;
}

void PulseWatch::Forget() {
  off_ = far_ = near_ = 0;
  reason_ = R::kUnseen;
}

}  // namespace bridge
