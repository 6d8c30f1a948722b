// bridge/telemetry/latency_report.h
//
// What was measured of the ways of PTP messages through this machine, as plain values,
// and its JSON. LatencyStatistics makes it, refclockctl latency reads it.
//
// The JSON is one object. ns are whole nanoseconds, in counts nothing is left out, and
// absent knowledge is null, never 0:
//
//   format       "refclockd-latency"
//   version      1; a reader refuses any other
//   interface    "eth0"
//   tier         "T0" no BPF, "T1" tc and socket filters, "T2" kernel tracepoints,
//                "T3" kernel functions too
//   tier_reason  one line: what was tried, and why it is no higher tier
//   seconds      how long was measured, or null
//   clock_error_ns  by how much nic-to-driver and wire-to-user may be wrong: the error
//   of
//                the map from the NIC's clock to the kernel's; null without such a map
//   stages       per stage, all messages together, in the order of LatencyStage:
//     stage, direction   names of latency_key.h
//     count, below_zero  values, and how many of them were negative
//     min_ns, max_ns, mean_ns
//     p50_ns, p90_ns, p99_ns, p999_ns   nearest rank; null while there are too few
//                values for it to differ from the maximum (2, 10, 100, 1000)
//     exact      the quantiles are exact; false: within 1/32, of the histogram
//     histogram  [from_ns, to_ns, count] for each bucket that is not empty, ascending
//   series       the same per stage, message and transport; besides the above
//     message    "Delay_Req", as Wireshark
//     transport  "l2", "udp4", "udp6", and with a VLAN tag "l2+vlan", ...
//   counters     of LatencyCounters, by name
//   drops        {"NO_SOCKET":3}: PTP messages the kernel dropped, by its own reason
//   budget       null, or path_ns, kernel_ns, user_ns, from: as LatencyBudget
//   advice       [{"name","value_ms","sentence"}]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bridge/telemetry/json_writer.h"
#include "bridge/telemetry/latency_histogram.h"
#include "bridge/telemetry/latency_key.h"

namespace bridge {

inline constexpr char kLatencyFormat[] = "refclockd-latency";
inline constexpr int kLatencyVersion = 1;

struct LatencySummary {
  uint64_t count = 0;  // The rest says nothing while it is 0.
  uint64_t below_zero = 0;
  int64_t min_ns = 0;
  int64_t max_ns = 0;
  double mean_ns = 0;
  std::optional<int64_t> p50_ns;
  std::optional<int64_t> p90_ns;
  std::optional<int64_t> p99_ns;
  std::optional<int64_t> p999_ns;
  bool exact = true;
  std::vector<LatencyBucket> histogram;
};

struct LatencyQuantile {
  int permille;
  const char* name;
  const char* field;
  std::optional<int64_t> LatencySummary::*value;

  // With fewer values it is the maximum, and says nothing of its own.
  constexpr uint64_t Needs() const {
    return 1000 / static_cast<uint64_t>(1000 - permille);
  }
};
inline constexpr LatencyQuantile kLatencyQuantiles[] = {
    {500, "p50", "p50_ns", &LatencySummary::p50_ns},
    {900, "p90", "p90_ns", &LatencySummary::p90_ns},
    {990, "p99", "p99_ns", &LatencySummary::p99_ns},
    {999, "p99.9", "p999_ns", &LatencySummary::p999_ns},
};

struct LatencyStageSummary : LatencySummary {
  LatencyStage stage;
};

struct LatencySeries : LatencySummary {
  LatencyKey key;
};

struct LatencyCounters {
  uint64_t rx_messages = 0;          // That came to an end: read, or read by others.
  uint64_t tx_messages = 0;          // That came to an end: their time stamp was read.
  uint64_t tx_stamps_missing = 0;    // Asked for, and never came.
  uint64_t tx_stamps_late = 0;       // Came when the program had given up on it.
  uint64_t tx_stamps_reordered = 0;  // Came before that of a message sent earlier.
  uint64_t copies_to_others = 0;     // PTP messages that other sockets got, too.
  uint64_t ring_lost = 0;            // Records that did not fit between two drains.
  uint64_t unmatched = 0;  // Records of which the rest of the way was not seen.
};
struct LatencyCounter {
  const char* name;
  uint64_t LatencyCounters::*value;
};
inline constexpr LatencyCounter kLatencyCounters[] = {
    {"rx_messages", &LatencyCounters::rx_messages},
    {"tx_messages", &LatencyCounters::tx_messages},
    {"tx_stamps_missing", &LatencyCounters::tx_stamps_missing},
    {"tx_stamps_late", &LatencyCounters::tx_stamps_late},
    {"tx_stamps_reordered", &LatencyCounters::tx_stamps_reordered},
    {"copies_to_others", &LatencyCounters::copies_to_others},
    {"ring_lost", &LatencyCounters::ring_lost},
    {"unmatched", &LatencyCounters::unmatched},
};

// Where the time goes between the master's port and our program, of event messages.
// Means, for only means add up.
struct LatencyBudget {
  std::optional<double> path_ns;  // Of the network, as whoever estimates it says.
  double kernel_ns = 0;           // From where it is first seen to the socket's queue.
  double user_ns = 0;             // From there into the program.
  std::string from;               // Where that is: "nic", "driver" or "stack".
};

struct LatencyAdvice {
  std::string name;  // Of the option it is about.
  int64_t value_ms = 0;
  std::string sentence;
};

struct LatencyReport {
  std::string interface;
  std::string tier;
  std::string tier_reason;
  std::optional<double> seconds;
  std::optional<int64_t> clock_error_ns;
  std::vector<LatencyStageSummary> stages;
  std::vector<LatencySeries> series;
  LatencyCounters counters;
  std::vector<std::pair<std::string, uint64_t>> drops;  // Most frequent first.
  std::optional<LatencyBudget> budget;
  std::vector<LatencyAdvice> advice;

  // Nothing when no message has passed it.
  const LatencyStageSummary* Find(LatencyStage stage) const;
  // The object, as the next value of a JSON text; or alone, in one line that ends
  // without a newline.
  void Write(JsonWriter& json) const;
  std::string ToJson() const;
};

// What the figures come to, for whoever has to choose a number. Asks of the report only
// stages and counters.
std::vector<LatencyAdvice> Advise(const LatencyReport& report);

}  // namespace bridge
