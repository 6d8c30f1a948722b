// bridge/cli/ctl_latency.h
//
// refclockctl latency: LatencyReports read, shown, drawn and compared. Whoever gets one
// elsewhere than from a file hands it to Render().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bridge/telemetry/latency_report.h"

namespace bridge::ctl {

// What LatencyReport::ToJson() wrote, alone or as "rx_latency" of a daemon's status.
// An error says where it is something else, and what would be right. The advice is made
// anew.
absl::StatusOr<LatencyReport> ReadLatency(absl::string_view json);

struct LatencyStyle {
  size_t width = 80;    // Columns, 60 at least.
  bool ascii = false;   // Otherwise UTF-8.
  bool detail = false;  // A row for each message and transport, too.
};
// What this terminal has: its width, or $COLUMNS, and the locale's characters.
LatencyStyle TerminalStyle();

// Tables, a histogram of each stage, counters and advice.
std::string LatencyText(const LatencyReport& report, const LatencyStyle& style);

// As a picture (SVG): of one report, or of two the first behind the second.
struct NamedLatency {
  std::string name;
  const LatencyReport* report;
};
std::string LatencyPlot(std::span<const NamedLatency> reports);

// Prints the report, as its JSON or as LatencyText(), and writes the picture if it is
// to be. The exit code.
struct LatencyView {
  bool json = false;
  std::optional<std::string> plot;  // The picture's file.
  LatencyStyle style;
};
int Render(const LatencyReport& report, const LatencyView& view);

// Where the quantile of all messages there ever could have been is, seen those there
// were: with 99 % confidence, by order statistics (their ranks are binomial, so nothing
// is supposed of the distribution; the messages are taken as independent of each
// other). Ends are of the histogram's buckets; nothing where too few messages leave it
// open.
struct LatencyInterval {
  std::optional<int64_t> low_ns;
  std::optional<int64_t> high_ns;
};
LatencyInterval IntervalOf(const LatencySummary& summary, int permille);

enum class LatencyVerdict { kUndecided, kBetter, kWorse, kTooFew };
const char* Name(LatencyVerdict verdict);  // "undecided", "better", "worse", "too few"

// A difference counts when the two intervals have nothing in common.
LatencyVerdict Judge(const LatencySummary& before, const LatencySummary& after,
                     const LatencyQuantile& quantile);

struct LatencyComparison {
  std::string text;
  std::string json;
  bool worse = false;  // At least one difference that counts is for the worse.
};
// An error when they have no stage in common.
absl::StatusOr<LatencyComparison> CompareLatency(const NamedLatency& before,
                                                 const NamedLatency& after,
                                                 const LatencyStyle& style);

}  // namespace bridge::ctl
