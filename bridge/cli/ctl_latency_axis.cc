#include "bridge/cli/ctl_latency_axis.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bridge::ctl {

double LatencyAxis::Place(double ns) const {
  if (ns <= 0) return 0;
  return std::clamp((std::log10(ns) - low) / decades(), 0.0, 1.0);
}

LatencyAxis AxisOf(std::span<const LatencySummary* const> summaries) {
  std::optional<int64_t> least, most;
  for (const LatencySummary* summary : summaries) {
    for (const LatencyBucket& bucket : summary->histogram) {
      // Of the first bucket with a latency to show, what is on the axis.
      if (bucket.to_ns <= 1) continue;
      const int64_t from = std::max<int64_t>({bucket.from_ns, summary->min_ns, 1});
      least = std::min(least.value_or(from), from);
      most = std::max(most.value_or(1), std::min(bucket.to_ns, summary->max_ns));
    }
  }
  if (!least) return {};
  LatencyAxis axis;
  axis.low = static_cast<int>(std::floor(std::log10(static_cast<double>(*least))));
  axis.high = static_cast<int>(std::ceil(std::log10(static_cast<double>(*most))));
  axis.high = std::max(axis.high, axis.low + 1);
  return axis;
}

std::vector<double> Columns(const LatencySummary& summary, const LatencyAxis& axis,
                            size_t columns) {
  std::vector<double> counts(columns);
  const auto width = static_cast<double>(columns);
  for (const LatencyBucket& bucket : summary.histogram) {
    const auto count = static_cast<double>(bucket.count);
    // The outer buckets are not wider than what is in them.
    const double from =
        axis.Place(static_cast<double>(std::max(bucket.from_ns, summary.min_ns))) *
        width;
    const double to =
        axis.Place(static_cast<double>(std::min(bucket.to_ns, summary.max_ns + 1))) *
        width;
    const auto first = std::min(static_cast<size_t>(from), columns - 1);
    const auto last = std::min(static_cast<size_t>(to), columns - 1);
    if (first == last || !(to > from)) {
      counts[first] += count;
      continue;
    }
    for (size_t i = first; i <= last; ++i) {
      const auto left = static_cast<double>(i);
      const double part = std::min(to, left + 1) - std::max(from, left);
      counts[i] += count * std::max(0.0, part) / (to - from);
    }
  }
  return counts;
}

std::string DecadeName(int decade) {
  constexpr const char* kUnits[] = {"ns", "us", "ms", "s"};
  const int unit = std::clamp(decade / 3, 0, 3);
  return absl::StrFormat("%.0f %s", std::pow(10, decade - 3 * unit), kUnits[unit]);
}

std::string LatencyExtent(const LatencyReport& report) {
  const double seconds = report.seconds.value_or(0);
  return absl::StrCat(
      report.seconds ? absl::StrFormat("%.*f s, ", seconds < 99.95 ? 1 : 0, seconds)
                     : "",
      report.counters.rx_messages, " messages received, ", report.counters.tx_messages,
      " sent");
}

}  // namespace bridge::ctl
