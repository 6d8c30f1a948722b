#include "bridge/source/gnss_watch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "bridge/time/utc_month.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

using R = GnssReason;
using S = GnssState;

constexpr std::array kReasons{
    GnssReasonText{
        R::kNoGpsd, S::kUnknown, "no-gpsd",
        "There is no connection to gpsd. Is it running, and is gnss.gpsd its "
        "address? `gpspipe -w` shows what it says."},
    GnssReasonText{R::kNoDevice, S::kUnknown, "no-device",
                   "gpsd has not reported any receiver yet. Give it one in "
                   "/etc/default/gpsd (DEVICES); `gpspipe -w` shows what it says."},
    GnssReasonText{R::kDeviceGone, S::kUnknown, "device-gone",
                   "gpsd has closed the receiver's device: unplugged, or unreadable. "
                   "Look at its cable and at the log of gpsd."},
    GnssReasonText{R::kSilent, S::kUnknown, "silent",
                   "The receiver says nothing any more, though gpsd has it open. Look "
                   "at its power, its cable and its serial speed."},
    GnssReasonText{R::kSimulated, S::kLost, "simulated",
                   "The receiver says that its signal is simulated. Such time is never "
                   "passed on."},
    GnssReasonText{
        R::kTimeJumped, S::kLost, "time-jumped",
        "The receiver's time jumped: it restarted, changed its mind about "
        "leap seconds or weeks, or is being deceived. It has to settle anew; "
        "if it recurs, replace or shield it."},
    GnssReasonText{R::kNoFix, S::kLost, "no-fix",
                   "The receiver has no fix. Look at the antenna, its cable and its "
                   "view of the sky; after a cold start this takes minutes."},
    GnssReasonText{R::kDeadReckoning, S::kLost, "dead-reckoning",
                   "The receiver reckons its position without satellites, so its time "
                   "is its own oscillator's. Look at the antenna."},
    GnssReasonText{R::kTimeless, S::kLost, "timeless",
                   "The receiver has a position but no time yet. This ends by itself "
                   "within minutes; if not, it may lack messages with the date."},
    GnssReasonText{R::kTimeUncertain, S::kLost, "time-uncertain",
                   "The receiver estimates the error of its time (ept) to be larger "
                   "than is allowed. Look at the antenna and its view of the sky."},
    GnssReasonText{R::kTimeStands, S::kLost, "time-stands",
                   "The receiver repeats one time. It hangs, or a recording ended: "
                   "restart it."},
    GnssReasonText{R::kFewSatellites, S::kLost, "few-satellites",
                   "The fix rests on too few satellites to be trusted. Look at the "
                   "antenna and its view of the sky."},
    GnssReasonText{
        R::kNoPulse, S::kLost, "no-pulse",
        "There is a fix but no PPS. Look at the receiver's pulse output, its "
        "wiring, and whether gpsd may open the PPS device (`ppscheck`)."},
    GnssReasonText{R::kSettling, S::kLost, "settling",
                   "All is well, but not for long enough yet. Nothing to do."},
    GnssReasonText{R::kGood, S::kGood, "good",
                   "GNSS reception is good. Nothing to do."},
};

// SKY may come seldom: u-blox receivers send theirs every ten seconds.
constexpr absl::Duration kSkyAge = absl::Seconds(30);
constexpr absl::Duration kLeapNews = absl::Minutes(15);
// GPS time is TAI minus this, for ever.
constexpr int kTaiMinusGps = 19;

bool IsTimeOnly(const GnssFix& fix) { return fix.status == kGnssTimeOnly; }

}  // namespace

std::span<const GnssReasonText> GnssReasons() { return kReasons; }

const GnssReasonText& TextOf(GnssReason reason) {
  return kReasons[static_cast<size_t>(reason)];
}

const char* GnssStateName(GnssState state) {
  switch (state) {
    case S::kUnknown:
      return "unknown";
    case S::kLost:
      return "lost";
    case S::kGood:
      return "good";
  }
  return "?";
}

bool IsLeapNews(UtcTime time) {
  return time - MonthStart(time) < ToTimeDelta(kLeapNews);
}

GnssWatch::GnssWatch(const Settings& settings, MonoTime now)
    : settings_(settings), since_(now) {
  devices_.reserve(kMaxDevices);
}

void GnssWatch::OnReport(const GnssReport& report, MonoTime now) {
  Judge(now);  // What grew too old before this came was an interruption.
  std::visit([&](const auto& r) { On(r, now); }, report);
  Judge(now);
}

std::optional<GnssWatch::Change> GnssWatch::Update(MonoTime now) {
  Judge(now);
  if (state_ == told_) return std::nullopt;
  return Change{std::exchange(told_, state_), state_, reason_};
}

// Where there are too many, the one that was silent longest makes place.
GnssWatch::Device& GnssWatch::Find(absl::string_view name, MonoTime now) {
  const auto known = std::find_if(devices_.begin(), devices_.end(),
                                  [&](const Device& d) { return d.name == name; });
  if (known != devices_.end()) return *known;
  if (devices_.size() < kMaxDevices) {
    devices_.emplace_back();
  } else {
    const auto earlier = [](const Device& a, const Device& b) {
      return a.fix_at < b.fix_at;
    };
    std::iter_swap(std::min_element(devices_.begin(), devices_.end(), earlier),
                   devices_.end() - 1);
  }
  Device& device = devices_.back();
  device = Device();
  device.name = std::string(name);
  device.fix_at = now;
  return device;
}

void GnssWatch::On(const GnssFix& fix, MonoTime now) {
  Device& device = Find(fix.device, now);
  bool goes_on = fix.time.has_value();
  if (fix.time && device.time) {
    const TimeDelta passed = *fix.time - device.time->shown;
    if ((passed - (now - device.time->at)).Abs() > ToTimeDelta(settings_.max_jump))
      device.jumped = now;
    goes_on = passed != TimeDelta();
  }
  // A time that stands is as old as when it was first shown.
  if (goes_on) device.time = Device::Shown{*fix.time, now};
  if (goes_on && !FlawOf(fix)) device.fixed = now;
  device.gone = false;
  device.fix = fix;
  device.fix->device = {};  // It was only borrowed.
  device.fix_at = now;
}

void GnssWatch::On(const GnssSky& sky, MonoTime now) {
  if (!sky.used) return;
  Device& device = Find(sky.device, now);
  device.satellites = sky.used;
  device.satellites_at = now;
  if (*sky.used >= SatellitesFor(device)) device.enough = now;
}

void GnssWatch::On(const GnssPulse& pulse, MonoTime now) {
  Device& device = Find(pulse.device, now);
  device.pulsed = now;
  device.system_ahead = pulse.clock - pulse.real;
}

void GnssWatch::On(const GnssDevice& device, MonoTime now) {
  Find(device.device, now).gone = !device.active;
}

void GnssWatch::On(const GnssConnection& connection, MonoTime) {
  connected_ = connection.up;
}

bool GnssWatch::IsRecent(std::optional<MonoTime> instant, MonoTime now) const {
  return instant && now - settings_.max_age <= *instant;
}

int GnssWatch::SatellitesFor(const Device& device) const {
  return device.fix && IsTimeOnly(*device.fix) ? 1 : settings_.min_satellites;
}

// Its own, or those of a device that gives pulses and nothing else (/dev/pps0).
const GnssWatch::Device* GnssWatch::PulsesFor(const Device& device) const {
  if (device.pulsed) return &device;
  const Device* newest = nullptr;
  for (const Device& other : devices_) {
    if (other.fix || !other.pulsed) continue;
    if (!newest || *newest->pulsed < *other.pulsed) newest = &other;
  }
  return newest;
}

// Why this fix, by itself, is not acceptable.
std::optional<GnssReason> GnssWatch::FlawOf(const GnssFix& fix) const {
  if (fix.status == kGnssSimulated) return R::kSimulated;
  if (fix.mode < 2 && !IsTimeOnly(fix)) return R::kNoFix;
  if (fix.status == kGnssDeadReckoning) return R::kDeadReckoning;
  if (!fix.time) return R::kTimeless;
  if (fix.ept && !(*fix.ept <= settings_.max_time_error)) return R::kTimeUncertain;
  return std::nullopt;
}

// What is known at once counts at once. What a missing fix may be due to is looked at
// when the last good one is too old: one bad message is no loss.
bool GnssWatch::Holds(GnssReason reason, const Device& device, MonoTime now) const {
  switch (reason) {
    case R::kNoGpsd:
      return false;  // Not the device's fault.
    case R::kNoDevice:
      return !device.fix && !device.gone;
    case R::kDeviceGone:
      return device.gone && !IsRecent(device.fixed, now);
    case R::kSilent:
      return !IsRecent(device.fix_at, now);
    case R::kSimulated:
      return device.fix && FlawOf(*device.fix) == reason;
    case R::kTimeJumped:
      return device.jumped && now - settings_.settle < *device.jumped;
    case R::kNoFix:
    case R::kDeadReckoning:
    case R::kTimeless:
    case R::kTimeUncertain:
      return !IsRecent(device.fixed, now) && FlawOf(*device.fix) == reason;
    case R::kTimeStands:
      return !IsRecent(device.fixed, now);
    case R::kFewSatellites:
      return device.satellites && *device.satellites < SatellitesFor(device) &&
             now - kSkyAge <= device.satellites_at && !IsRecent(device.enough, now);
    case R::kNoPulse: {
      if (settings_.pulses == Pulses::kIgnored) return false;
      const Device* const pulses = PulsesFor(device);
      return pulses ? !IsRecent(pulses->pulsed, now)
                    : settings_.pulses == Pulses::kRequired;
    }
    case R::kSettling:
      // By good fixes, not by patience with bad ones.
      return !device.well_since ||
             *device.fixed - settings_.settle < *device.well_since;
    case R::kGood:
      return true;
  }
  return false;
}

void GnssWatch::Judge(Device& device, MonoTime now) const {
  const auto holds = [&](const GnssReasonText& row) {
    return Holds(row.reason, device, now);
  };
  device.reason = std::find_if(kReasons.begin(), kReasons.end(), holds)->reason;
  if (device.reason < R::kSettling) {
    device.well_since.reset();
  } else if (!device.well_since) {
    device.well_since = now;
  }
}

void GnssWatch::Judge(MonoTime now) {
  for (Device& device : devices_) Judge(device, now);
  GnssReason reason = R::kNoDevice;
  if (!devices_.empty()) {
    const auto worse = [](const Device& a, const Device& b) {
      return a.reason < b.reason;
    };
    const auto best = std::max_element(devices_.begin(), devices_.end(), worse);
    // The chosen one stays while no other is better.
    if (chosen_ >= devices_.size() || devices_[chosen_].reason < best->reason) {
      chosen_ = static_cast<size_t>(best - devices_.begin());
    }
    reason = best->reason;
  }
  reason_ = connected_ || reason == R::kGood ? reason : R::kNoGpsd;
  const GnssState state = TextOf(reason_).state;
  if (state != state_) since_ = now;
  state_ = state;
}

GnssStatus GnssWatch::Status() const {
  GnssStatus status;
  status.state = state_;
  status.reason = reason_;
  status.since = since_;
  if (devices_.empty()) return status;
  const Device& device = devices_[chosen_];
  status.device = device.name;
  status.time_only = device.fix && IsTimeOnly(*device.fix);
  status.satellites = device.satellites;
  if (device.fix) status.time_error = device.fix->ept;
  status.fixed = device.fixed;
  if (const Device* const pulses = PulsesFor(device)) {
    status.pulsed = pulses->pulsed;
    status.system_ahead = pulses->system_ahead;
  }
  return status;
}

// TAI-UTC by this device, if it is to be believed.
std::optional<int> GnssWatch::LeapsOf(const Device& device) const {
  if (device.reason != R::kGood || FlawOf(*device.fix) || !device.fix->leap_seconds) {
    return std::nullopt;
  }
  const UtcTime time = *device.fix->time;
  if (IsLeapNews(time)) return std::nullopt;
  return *device.fix->leap_seconds + kTaiMinusGps;
}

std::optional<GnssWatch::Leaps> GnssWatch::LeapClaim() const {
  if (LeapsDiffer()) return std::nullopt;
  std::optional<Leaps> leaps;
  for (const Device& device : devices_) {
    const auto offset = LeapsOf(device);
    if (offset && (!leaps || leaps->heard < device.fix_at)) {
      leaps = Leaps{{.source = UtcSource::kGnss, .offset = *offset}, device.fix_at};
    }
  }
  return leaps;
}

bool GnssWatch::LeapsDiffer() const {
  std::optional<int> first;
  for (const Device& device : devices_) {
    const auto offset = LeapsOf(device);
    if (offset && first && *offset != *first) return true;
    if (offset) first = offset;
  }
  return false;
}

}  // namespace bridge
