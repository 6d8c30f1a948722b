// bridge/source/ntp_watch.h
//
// Whether somebody disciplines the system clock, judged from what adjtimex(2) says.
//
// STA_UNSYNC does not tell. When the NTP daemon dies, the kernel keeps the flag clear
// until maxerror has grown to 16 s, at 500 us a second, which takes nine hours; and a
// chronyd without `rtcsync` never clears it. So an update is looked for: whatever else
// than the kernel's own growth happened to maxerror, or any change of esterror or
// frequency. The flag counts together with a large maxerror only.
//
//   NtpWatch watch(settings, now);
//   if (auto change = watch.Update(state, now)) Log(change->reason);  // once a second
//
// Pure; never allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "absl/time/time.h"
#include "bridge/time/time_delta.h"
#include "bridge/time/timestamp.h"

namespace bridge {

// What adjtimex(2) says of CLOCK_REALTIME.
struct SystemClockState {
  bool synchronized = false;  // STA_UNSYNC clear.
  // maxerror, esterror: as the NTP daemon last set them, to the microsecond (chronyd:
  // root distance, standard deviation of the offset). The former then grows by 500 us
  // a second.
  TimeDelta max_error;
  TimeDelta est_error;
  double frequency_ppb = 0;
  friend bool operator==(const SystemClockState&, const SystemClockState&) = default;
};

// From the worst to the best.
enum class NtpReason : uint8_t {
  kUnread,
  kUnsynchronized,
  kAbandoned,
  kSettling,
  kDisciplined,
};

struct NtpReasonText {
  NtpReason reason;
  const char* name;      // "abandoned": counters, JSON.
  const char* sentence;  // What it means and what to do next.
};
std::span<const NtpReasonText> NtpReasons();  // In the order of NtpReason.
const NtpReasonText& TextOf(NtpReason reason);

class NtpWatch {
 public:
  struct Settings {
    // How far apart updates may be: more than 2^maxpoll s of the NTP daemon's refclock.
    absl::Duration max_age = absl::Seconds(300);
    // How long all must be well before it is disciplined (again).
    absl::Duration settle = absl::Seconds(10);
  };
  struct Change {
    NtpReason from;
    NtpReason to;
  };

  NtpWatch(const Settings& settings, MonoTime now) : settings_(settings), since_(now) {}

  // About once a second; nothing: adjtimex failed. Tells once when `disciplined` has
  // changed.
  std::optional<Change> Update(const std::optional<SystemClockState>& state,
                               MonoTime now);

  bool disciplined() const { return reason_ == NtpReason::kDisciplined; }
  NtpReason reason() const { return reason_; }
  // Since when `disciplined` is as it is, without interruption.
  MonoTime since() const { return since_; }
  // When somebody last updated the clock, while we looked on.
  std::optional<MonoTime> updated() const { return updated_; }

 private:
  // What the kernel said just after an update.
  struct Base {
    SystemClockState state;
    MonoTime at;
  };

  bool HasGrownAlone(const SystemClockState& state, MonoTime now) const;
  bool Holds(NtpReason reason, const std::optional<SystemClockState>& state,
             MonoTime now) const;

  const Settings settings_;
  std::optional<Base> base_;
  std::optional<MonoTime> updated_;
  std::optional<MonoTime> well_since_;
  NtpReason reason_ = NtpReason::kUnread;
  MonoTime since_;
};

}  // namespace bridge
