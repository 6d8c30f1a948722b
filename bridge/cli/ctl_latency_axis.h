// bridge/cli/ctl_latency_axis.h
//
// The logarithmic axis of latencies, for the terminal and for the picture.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bridge/telemetry/latency_report.h"

namespace bridge::ctl {

// Whole decades, from 10^low to 10^high ns; low < high.
struct LatencyAxis {
  int low = 2;
  int high = 3;

  // 0 at the left end, 1 at the right one; what is beyond is at the end.
  double Place(double ns) const;
  int decades() const { return high - low; }
};

// The shortest that holds every value that is longer than 0; of an empty list some
// axis.
LatencyAxis AxisOf(std::span<const LatencySummary* const> summaries);

// How many messages are in each of `columns` parts of the axis. A bucket that is in
// several is shared by its length there. The sum is the summary's count.
std::vector<double> Columns(const LatencySummary& summary, const LatencyAxis& axis,
                            size_t columns);

// "100 ns", "1 us"
std::string DecadeName(int decade);

// "60.0 s, 12 messages received, 6 sent"
std::string LatencyExtent(const LatencyReport& report);

}  // namespace bridge::ctl
