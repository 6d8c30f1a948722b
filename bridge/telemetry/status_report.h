// bridge/telemetry/status_report.h
//
// What `refclockctl status --json` and the status socket show: one object, fixed
// names (see the README). Absent knowledge is null, never 0. Plain values only:
// whoever fills it has already turned types into what a person reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

  std::string version;
  std::string role;
  std::string state;
  std::string interface;
  std::string timestamping;
  std::string transport;
  int domain = 0;
  std::optional<Grandmaster> grandmaster;
  std::optional<double> offset_ns;  // True time minus system time, last sample.
  std::optional<double> path_delay_ns;
  std::optional<double> jitter_ns;
  std::optional<double> error_bound_ns;
  std::optional<double> frequency_ppb;
  std::optional<std::string> phc_device;
  std::optional<std::string> phc_mode;
  UtcReport utc;
  bool publishing = false;
  std::optional<std::string> withheld;
  std::vector<Output> outputs;
  std::vector<std::pair<std::string, uint64_t>> counters;

  // One line, ends without a newline. "rx_latency" is null until something
  // measures it.
  std::string ToJson() const;
};

}  // namespace bridge
