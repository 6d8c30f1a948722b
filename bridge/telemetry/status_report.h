// bridge/telemetry/status_report.h
//
// What `refclockctl status --json` and the status socket show: one object, fixed
// names (see the README). Absent knowledge is null, never 0. Plain values only:
// whoever fills it has already turned types into what a person reads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bridge/telemetry/latency_report.h"

namespace bridge {

struct StatusReport {
  struct Grandmaster {
    std::string identity;
    int clock_class;
    int clock_accuracy;
    int priority1;
    int steps_removed;
  };
  struct Claim {
    std::string source;
    int offset;
    bool valid;
    std::string leap;             // "none", "insert", "delete"
    std::string part;             // In the verdict: ClaimPartName().
    std::optional<double> age_s;  // Since it was heard; nothing: not heard, but said.
  };
  struct UtcReport {
    std::optional<int64_t> offset;
    std::string verdict;
    std::string leap;
    std::vector<Claim> claims;
  };
  struct Output {
    std::string type;                 // "shm" or "sock"
    std::optional<int64_t> unit;      // shm
    std::optional<std::string> path;  // sock
    uint64_t samples = 0;
    std::optional<double> last_age_s;
    std::optional<bool> connected;  // sock
  };

  // What is amiss although it works. Or how the card or its driver differs from others,
  // and what is done about it.
  struct Quirk {
    std::string name;
    std::string sentence;
  };
  struct Phc {
    std::string device;
    std::string mode;                     // "discipline" or "observe"
    std::optional<double> offset_ns;      // PHC minus TAI, by the map.
    std::optional<double> frequency_ppb;  // As it is dialled.
    std::optional<std::string> reading;   // "precise", "extended" or "basic"
    std::optional<double> window_ns;      // Of the last reading.
    std::optional<double> cost_ns;        // Of one reading, in time.
    std::vector<Quirk> quirks;
    std::optional<std::string> clock_name;  // The driver's own name for it.
  };

  // A grandmaster's: what it says of its own clock, and why.
  struct OwnClock {
    int clock_class;
    int clock_accuracy;
    bool time_traceable;
    std::optional<double> error_ns;         // What clock_accuracy was made from.
    std::optional<double> drift_ppb;        // How fast it may run away in holdover.
    std::string ntp;                        // NtpReasonText::name
    std::string one_step;                   // OneStepText::name
    std::optional<std::string> auto_state;  // RoleStateName(); role auto.
  };
  struct Gnss {
    std::string state;   // GnssStateName()
    std::string reason;  // GnssReasonText::name
    std::string device;
    std::optional<int64_t> satellites;
    std::optional<double> fix_age_s;
    std::optional<double> pulse_age_s;
    std::string pulses;                     // PulseReasonText::name
    std::optional<double> system_ahead_ns;  // Of the newest pulse.
  };

  std::string version;
  std::string role;
  std::string state;
  std::string interface;  // As the two below: "" is unknown, as a companion's may be.
  std::string timestamping;
  std::string transport;
  int domain = 0;
  std::vector<Quirk> warnings;
  std::optional<Grandmaster> grandmaster;
  std::optional<double> offset_ns;  // True time minus system time, last sample.
  std::optional<double> path_delay_ns;
  std::optional<double> jitter_ns;
  std::optional<double> error_bound_ns;
  std::optional<double> frequency_ppb;
  std::optional<Phc> phc;  // Nothing: software time stamps.
  std::optional<OwnClock> own_clock;
  std::optional<Gnss> gnss;
  UtcReport utc;
  bool publishing = false;
  std::optional<std::string> withheld;
  std::vector<Output> outputs;
  std::vector<std::pair<std::string, uint64_t>> counters;
  std::optional<LatencyReport> rx_latency;  // Nothing: not measured.

  // As ToJson() below of this alone.
  std::string ToJson() const;
};

// The status of a daemon by its ports, of which there is at least one: the first one's
// object, and where there are more, "ports" in it, the first included. Those have the
// same names but "version" and "role", which are the daemon's. One line, ends without
// a newline.
std::string ToJson(std::span<const StatusReport> ports);

}  // namespace bridge
