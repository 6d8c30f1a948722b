// bridge/engine/grandmaster_clock.h
//
// What a grandmaster knows of its own clock: how GNSS is, who disciplines the system
// clock, what TAI-UTC is; and what of it the Announce may say (ptp/
// grandmaster_properties.h). The TAI it serves is the system clock's UTC by the same
// authority as a client's, in reverse.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bridge/base/log.h"
#include "bridge/config/config.h"
#include "bridge/engine/actions.h"
#include "bridge/engine/clock_class.h"
#include "bridge/engine/holdover_drift.h"
#include "bridge/engine/utc_witnesses.h"
#include "bridge/ptp/grandmaster_properties.h"
#include "bridge/source/gnss_watch.h"
#include "bridge/source/ntp_watch.h"
#include "bridge/source/pulse_watch.h"
#include "bridge/telemetry/status_report.h"

namespace bridge {

class GrandmasterClock {
 public:
  GrandmasterClock(const Config& config, bool slave_capable);

  void OnGnss(const GnssReport& report, MonoTime now);
  absl::Status OnLeapFile(const absl::StatusOr<LeapTable>& table);
  void OnKernelClock(const KernelClock& clock, MonoTime now);

  // TAI-UTC for what the system clock shows, as far as it is known; whether it is
  // vouched for, the properties say.
  int OffsetAt(UtcTime system) const;
  // Around a leap second nobody knows whether the system clock has dealt with it.
  bool IsNearLeap(TaiTime tai) const;

  struct Seen {
    TaiTime tai;             // As it is served,
    UtcTime system;          // when the system clock showed this.
    bool stepped = false;    // The TAI that is served was, since the last time.
    bool consistent = true;  // The served clock and the system clock agree.
    // Until when the NTP daemon may live on what we published.
    std::optional<MonoTime> fed_until = {};
    TimeDelta error;  // Between the system clock and the wire.
  };
  // About once a second. What there is to tell is appended.
  void Update(const Seen& seen, MonoTime now, std::vector<LogLine>& news);

  const ptp::GrandmasterProperties& properties() const { return properties_; }
  const GnssWatch& gnss() const { return gnss_; }
  const NtpWatch& ntp() const { return ntp_; }
  const ClockClassPolicy& policy() const { return policy_; }
  uint64_t class_changes() const { return class_changes_; }

  // Its parts of a status.
  void Describe(StatusReport& report, MonoTime now) const;

 private:
  void WatchPulses(const Seen& seen, std::vector<LogLine>& news);
  bool IsSynchronised(const Seen& seen, MonoTime now) const;
  void Renew(const Seen& seen);
  LeapIndicator Pending() const;

  const bool gnss_wanted_;
  GnssWatch gnss_;
  PulseWatch pulses_;
  NtpWatch ntp_;
  HoldoverDrift drift_;
  ClockClassPolicy policy_;
  UtcWitnesses witnesses_;
  KernelClock kernel_;
  bool vouched_ = false;  // TAI-UTC, when no leap second was near.
  std::string last_dissent_;
  uint64_t class_changes_ = 0;
  ptp::GrandmasterProperties properties_;
};

}  // namespace bridge
