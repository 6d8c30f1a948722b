// bridge/source/gnss_watch.h
//
// Whether GNSS reception is good, judged from what gpsd reports.
//
// A device is good when an acceptable fix (and a pulse, where there should be one) is
// recent, nothing speaks against it, and all that has lasted for a while; GNSS is good
// while any device is. What may be amiss is a table, the rows of GnssReasons(): of
// those that hold for a device the first counts.
//
//   GnssWatch watch(settings, now);
//   watch.OnReport(GnssFix{.device = "/dev/ttyS0", .mode = 3, ...}, now);
//   if (auto change = watch.Update(now)) Log(change->reason);  // each second at least
//
// Ages are by CLOCK_MONOTONIC alone: the receiver's time is looked at only for whether
// it goes on. Pure; allocates when it first hears of a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/time/timestamp.h"
#include "bridge/time/utc_claim.h"

namespace bridge {

// ---- What gpsd reports (gpsd_json(5)). Names of devices are borrowed for the call.

// TPV
struct GnssFix {
  absl::string_view device;
  int mode = 0;                       // 0 not seen, 1 no fix, 2 2D, 3 3D
  int status = 0;                     // below; 0: nothing special
  std::optional<UtcTime> time;        // As the receiver has it.
  std::optional<absl::Duration> ept;  // Estimated error of `time`.
  std::optional<int> leap_seconds;    // GPS-UTC
};
// Of TPV's "status" (the same in every API version) those that matter here.
inline constexpr int kGnssDeadReckoning = 5;  // Without satellites.
inline constexpr int kGnssTimeOnly = 7;       // Surveyed in; solves for time alone.
inline constexpr int kGnssSimulated = 8;

// SKY
struct GnssSky {
  absl::string_view device;
  std::optional<int> used;  // uSat; some SKYs come without.
};

// PPS
struct GnssPulse {
  absl::string_view device;
  UtcTime real;   // When the second began,
  UtcTime clock;  // and what CLOCK_REALTIME said then.
};

// DEVICE
struct GnssDevice {
  absl::string_view device;
  bool active = false;
};

// The connection to gpsd came up or went down.
struct GnssConnection {
  bool up = false;
};

using GnssReport =
    std::variant<GnssFix, GnssSky, GnssPulse, GnssDevice, GnssConnection>;

// ---- The judgement.

enum class GnssState : uint8_t {
  kUnknown,  // Nobody tells.
  kLost,     // Not good, or not for long enough.
  kGood,
};

// From the worst to the best.
enum class GnssReason : uint8_t {
  kNoGpsd,
  kNoDevice,
  kDeviceGone,
  kSilent,
  kSimulated,
  kTimeJumped,
  kNoFix,
  kDeadReckoning,
  kTimeless,
  kTimeUncertain,
  kTimeStands,
  kFewSatellites,
  kNoPulse,
  kSettling,
  kGood,
};

struct GnssReasonText {
  GnssReason reason;
  GnssState state;
  const char* name;      // "no-fix": counters, JSON.
  const char* sentence;  // What it means and what to do next.
};
std::span<const GnssReasonText> GnssReasons();  // In the order of GnssReason.
const GnssReasonText& TextOf(GnssReason reason);
const char* GnssStateName(GnssState state);  // "unknown", "lost", "good"

// The first quarter of an hour of a UTC month: after a leap second it takes receivers
// up to 12.5 minutes to hear of it, if they were not told before.
bool IsLeapNews(UtcTime time);

struct GnssStatus {
  GnssState state = GnssState::kUnknown;
  GnssReason reason = GnssReason::kNoGpsd;
  MonoTime since;  // Since when `state` without interruption.

  // The device GNSS is good by, or that is nearest to it. Until the next report.
  absl::string_view device;
  bool time_only = false;                    // It solves for time alone.
  std::optional<int> satellites;             // Used.
  std::optional<absl::Duration> time_error;  // ept
  std::optional<MonoTime> fixed;             // Its newest acceptable fix.
  std::optional<MonoTime> pulsed;            // Its newest pulse.
  // By that pulse: the system clock minus GNSS time. The whole seconds are gpsd's.
  std::optional<TimeDelta> system_ahead;
};

class GnssWatch {
 public:
  enum class Pulses : uint8_t {
    kOnceSeen,  // A device that ever had pulses has to have them.
    kRequired,
    kIgnored,
  };
  struct Settings {
    // How old a fix or a pulse may be, and how long a device may be silent.
    absl::Duration max_age = absl::Seconds(5);
    // How long all must be well before it is good (again).
    absl::Duration settle = absl::Seconds(10);
    // With fewer used no fix is trusted; a time-only receiver needs one. Four tell
    // position and time without an altitude that is only assumed.
    int min_satellites = 4;
    // gpsd assumes 5 ms of receivers that don't say.
    absl::Duration max_time_error = absl::Milliseconds(50);
    // How far the receiver's time may go otherwise than the time that passes: gpsd and
    // the serial line delay messages, a leap second repeats one.
    absl::Duration max_jump = absl::Seconds(3);
    Pulses pulses = Pulses::kOnceSeen;
  };
  struct Change {
    GnssState from;
    GnssState to;
    GnssReason reason;
  };

  GnssWatch(const Settings& settings, MonoTime now);

  // Reports in the order in which they came.
  void OnReport(const GnssReport& report, MonoTime now);
  // Lets time pass, and tells of a new state once. More often than max_age and settle.
  std::optional<Change> Update(MonoTime now);

  GnssState state() const { return state_; }
  GnssReason reason() const { return reason_; }
  MonoTime since() const { return since_; }
  GnssStatus Status() const;

  // TAI-UTC by devices that are good, unless they differ. Not while there is leap news.
  struct Leaps {
    UtcClaim claim;
    MonoTime heard;
  };
  std::optional<Leaps> LeapClaim() const;
  // Two that are good say different things.
  bool LeapsDiffer() const;

 private:
  // gpsd itself takes four to six (MAX_DEVICES).
  static constexpr size_t kMaxDevices = 8;

  struct Device {
    std::string name;
    bool gone = false;
    // The newest fix, good or not, without its device. Before the first: fix_at says
    // since when the device is known.
    std::optional<GnssFix> fix;
    MonoTime fix_at;
    struct Shown {
      UtcTime shown;
      MonoTime at;  // First.
    };
    std::optional<Shown> time;
    std::optional<MonoTime> fixed;   // Newest acceptable fix whose time went on.
    std::optional<MonoTime> jumped;  // When its time jumped.
    std::optional<int> satellites;
    MonoTime satellites_at;
    std::optional<MonoTime> enough;  // Newest SKY with satellites enough.
    std::optional<MonoTime> pulsed;
    TimeDelta system_ahead;
    std::optional<MonoTime> well_since;
    GnssReason reason = GnssReason::kNoDevice;
  };

  Device& Find(absl::string_view name, MonoTime now);
  void On(const GnssFix& fix, MonoTime now);
  void On(const GnssSky& sky, MonoTime now);
  void On(const GnssPulse& pulse, MonoTime now);
  void On(const GnssDevice& device, MonoTime now);
  void On(const GnssConnection& connection, MonoTime now);

  int SatellitesFor(const Device& device) const;
  bool IsRecent(std::optional<MonoTime> instant, MonoTime now) const;
  std::optional<GnssReason> FlawOf(const GnssFix& fix) const;
  std::optional<int> LeapsOf(const Device& device) const;
  const Device* PulsesFor(const Device& device) const;
  bool Holds(GnssReason reason, const Device& device, MonoTime now) const;
  void Judge(Device& device, MonoTime now) const;
  void Judge(MonoTime now);

  const Settings settings_;
  bool connected_ = false;
  std::vector<Device> devices_;
  size_t chosen_ = 0;  // Of devices_, if there are any.
  GnssState state_ = GnssState::kUnknown;
  GnssReason reason_ = GnssReason::kNoGpsd;
  MonoTime since_;
  GnssState told_ = GnssState::kUnknown;
};

}  // namespace bridge
