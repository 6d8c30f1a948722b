// bridge/telemetry/latency_statistics.h
//
// Collects latencies and makes a LatencyReport of them.
//
//   LatencyStatistics statistics;
//   statistics.Add({LatencyStage::kDriverToStack, LatencyMessage::kSync,
//                   LatencyTransport::kUdp4}, 1500);
//   statistics.counters().rx_messages += 1;
//   const LatencyReport report = statistics.Report({.interface = "eth0", .tier =
//   "T2"});
//
// The first `exact_per_key` values of a key are kept, and its quantiles are exact. With
// one more they come from its histogram, within 1/32, as do those of a stage as soon as
// one of its keys has gone that way. Memory for a key, 8 octets per value kept and 4.4
// kB of histogram, is taken when the key is first seen; nothing is allocated after
// that.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "bridge/telemetry/latency_histogram.h"
#include "bridge/telemetry/latency_key.h"
#include "bridge/telemetry/latency_report.h"

namespace bridge {

// What whoever measures knows besides the values; see LatencyReport.
struct LatencyContext {
  std::string interface = {};
  std::string tier = {};
  std::string tier_reason = {};
  std::optional<double> seconds = {};
  std::optional<int64_t> clock_error_ns = {};
  std::optional<double> path_ns = {};  // For the budget.
};

class LatencyStatistics {
 public:
  static constexpr size_t kExactPerKey = 4096;
  // Of drops; the kernel has some 120, for PTP messages a handful comes up. Beyond
  // that they are counted as "OTHER".
  static constexpr size_t kDropReasons = 32;

  explicit LatencyStatistics(size_t exact_per_key = kExactPerKey);

  void Add(const LatencyKey& key, int64_t ns);
  // A PTP message that the kernel dropped, by the name of its skb_drop_reason.
  void AddDrop(absl::string_view reason, uint64_t count = 1);
  LatencyCounters& counters() { return counters_; }

  // Allocates, and finds quantiles among all that is kept: 2 ms for 24 full keys on a
  // PC. For when somebody asks, not for every turn.
  LatencyReport Report(const LatencyContext& context) const;
  // Forgets every value and count, and keeps the memory.
  void Clear();

 private:
  struct Series {
    LatencyHistogram histogram;
    std::vector<int64_t> values;  // All of them, as long as they fit.

    bool exact() const { return values.size() == histogram.count(); }
  };

  const Series* At(const LatencyKey& key) const;
  std::vector<LatencyStageSummary> Stages() const;
  std::optional<LatencyBudget> Budget(std::optional<double> path_ns) const;

  const size_t exact_per_key_;
  std::array<std::unique_ptr<Series>,
             kLatencyStages * kLatencyMessages * kLatencyTransports>
      series_;
  LatencyCounters counters_;
  std::vector<std::pair<std::string, uint64_t>> drops_;
};

}  // namespace bridge
