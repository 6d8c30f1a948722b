// A LatencyReport for the terminal.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/cli/ctl_latency.h"
#include "bridge/cli/ctl_latency_axis.h"

namespace bridge::ctl {
namespace {

constexpr size_t kName = 18;   // Of a stage, and a space.
constexpr size_t kLabel = 13;  // As in `status`.
constexpr size_t kCount = 8;
constexpr size_t kFigure = 10;

// The characters a histogram is made of, lowest to highest.
struct Ramp {
  std::vector<const char*> cells;
  int rows;
  const char* tick;
  const char* line;
  const char* grid;
};
const Ramp& RampOf(const LatencyStyle& style) {
  static const Ramp kBlocks{{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}, 2, "┴", "─", "·"};
  static const Ramp kAscii{{".", ":", "#"}, 3, "+", "-", " "};
  return style.ascii ? kAscii : kBlocks;
}

std::string Maybe(const std::optional<int64_t>& ns) {
  return ns ? Nanoseconds(static_cast<double>(*ns)) : "-";
}

// The quantiles there is room for; the outer ones are the last to go.
std::vector<const LatencyQuantile*> QuantilesFor(const LatencyStyle& style) {
  const auto& all = kLatencyQuantiles;
  if (style.width >= kName + kCount + 5 * kFigure) {
    return {&all[0], &all[1], &all[2], &all[3]};
  }
  return {&all[0], &all[2]};
}

void Row(std::string& out, absl::string_view name, const LatencySummary& summary,
         const LatencyStyle& style) {
  absl::StrAppendFormat(&out, "%-*s%*d", kName, name, kCount, summary.count);
  for (const LatencyQuantile* quantile : QuantilesFor(style)) {
    absl::StrAppendFormat(&out, "%*s", kFigure, Maybe(summary.*(quantile->value)));
  }
  absl::StrAppendFormat(&out, "%*s\n", kFigure, Maybe(summary.max_ns));
}

void Table(std::string& out, const LatencyReport& report, LatencyDirection direction,
           const LatencyStyle& style) {
  absl::StrAppendFormat(&out, "%-*s%*s", kName,
                        direction == LatencyDirection::kRx ? "received" : "sent",
                        kCount, "count");
  for (const LatencyQuantile* quantile : QuantilesFor(style)) {
    absl::StrAppendFormat(&out, "%*s", kFigure, quantile->name);
  }
  absl::StrAppendFormat(&out, "%*s\n", kFigure, "max");
  for (const LatencyStageSummary& summary : report.stages) {
    if (DirectionOf(summary.stage) != direction) continue;
    Row(out, Name(summary.stage), summary, style);
    for (const LatencySeries& series : report.series) {
      if (!style.detail || series.key.stage != summary.stage) continue;
      const std::string name =
          absl::StrCat("  ", Name(series.key.message), " ", Name(series.key.transport));
      if (name.size() >= kName) absl::StrAppend(&out, name, "\n");
      Row(out, name.size() < kName ? name : "", series, style);
    }
  }
}

// The columns where a decade begins, and the one after the last.
std::vector<size_t> DecadeColumns(const LatencyAxis& axis, size_t width) {
  std::vector<size_t> columns;
  const auto decades = static_cast<size_t>(axis.decades());
  for (size_t i = 0; i <= decades; ++i) columns.push_back(i * width / decades);
  return columns;
}

// As wide as fits with the last name under the axis, and decades of one width if they
// are not too many for that.
size_t PlotWidth(const LatencyAxis& axis, const LatencyStyle& style) {
  const size_t most = style.width - kName - 4;
  const auto decades = static_cast<size_t>(axis.decades());
  return most < 8 * decades ? most : most / decades * decades;
}

// Heights are linear, up to the highest column; where there is one message, there is a
// mark.
void Histogram(std::string& out, const LatencyStageSummary& summary,
               const LatencyAxis& axis, size_t width, const Ramp& ramp) {
  const std::vector<double> counts = Columns(summary, axis, width);
  const double most = *std::max_element(counts.begin(), counts.end());
  const auto per_cell = static_cast<int>(ramp.cells.size());
  const std::vector<size_t> decades = DecadeColumns(axis, width);
  for (int row = ramp.rows - 1; row >= 0; --row) {
    std::string line;
    for (size_t i = 0; i <= width; ++i) {
      const double count = i < width ? counts[i] : 0;
      const int marks =
          static_cast<int>(std::ceil(count / most * ramp.rows * per_cell - 1e-9));
      const int here = std::min(marks - row * per_cell, per_cell);
      const bool grid = row == 0 && std::count(decades.begin(), decades.end(), i) > 0;
      line += here > 0 ? ramp.cells[static_cast<size_t>(here) - 1]
              : grid   ? ramp.grid
                       : " ";
    }
    const size_t end = line.find_last_not_of(' ');
    line.resize(end == std::string::npos ? 0 : end + 1);
    absl::StrAppendFormat(&out, "%-*s%s\n", line.empty() ? 0 : kName,
                          row == 0 ? Name(summary.stage) : "", line);
  }
}

void Axis(std::string& out, const LatencyAxis& axis, size_t width, const Ramp& ramp) {
  const std::vector<size_t> decades = DecadeColumns(axis, width);
  absl::StrAppend(&out, std::string(kName, ' '));
  for (size_t i = 0; i <= width; ++i) {
    out += std::count(decades.begin(), decades.end(), i) > 0 ? ramp.tick : ramp.line;
  }
  std::string names(kName + width + 4, ' ');
  size_t free = 0;
  for (size_t i = 0; i < decades.size(); ++i) {
    const std::string name = DecadeName(axis.low + static_cast<int>(i));
    // In the middle under its tick, where there is room.
    const size_t at = kName + decades[i] - name.size() / 2;
    if (at < free) continue;
    names.replace(at, name.size(), name);
    free = at + name.size() + 2;
  }
  absl::StrAppend(&out, "\n", names.substr(0, names.find_last_not_of(' ') + 1), "\n");
}

void Histograms(std::string& out, const LatencyReport& report,
                LatencyDirection direction, const LatencyAxis& axis,
                const LatencyStyle& style) {
  const Ramp& ramp = RampOf(style);
  const size_t width = PlotWidth(axis, style);
  for (const LatencyStageSummary& summary : report.stages) {
    if (DirectionOf(summary.stage) != direction) continue;
    Histogram(out, summary, axis, width, ramp);
  }
  Axis(out, axis, width, ramp);
}

void Line(std::string& out, const char* label, absl::string_view text) {
  absl::StrAppendFormat(&out, "%-*s%s\n", kLabel, label, Wrapped(text, kLabel));
}

void Budget(std::string& out, const LatencyReport& report) {
  if (!report.budget) return;
  const LatencyBudget& budget = *report.budget;
  Line(out, "budget",
       absl::StrCat(
           budget.path_ns ? absl::StrCat("path ", Nanoseconds(*budget.path_ns), ", ")
                          : "",
           "kernel ", Nanoseconds(budget.kernel_ns), " (from ", Printable(budget.from),
           "), program ", Nanoseconds(budget.user_ns), ": means of event messages"));
}

void Counters(std::string& out, const LatencyReport& report) {
  const LatencyCounters& n = report.counters;
  if (n.tx_messages + n.tx_stamps_missing > 0) {
    Line(out, "time stamps",
         absl::StrCat(n.tx_stamps_missing, " never came, ", n.tx_stamps_late,
                      " came too late, ", n.tx_stamps_reordered, " out of order"));
  }
  Line(out, "dropped",
       report.drops.empty()
           ? "none"
           : absl::StrJoin(report.drops, ", ", [](std::string* text, const auto& drop) {
               absl::StrAppend(text, drop.second, " ", Printable(drop.first));
             }));
  if (n.copies_to_others > 0) {
    Line(out, "copies", absl::StrCat(n.copies_to_others, " to other sockets"));
  }
  if (n.ring_lost + n.unmatched > 0) {
    Line(out, "not measured",
         absl::StrCat(n.ring_lost, " records lost, ", n.unmatched,
                      " of which the rest was not seen"));
  }
}

void Remarks(std::string& out, const LatencyReport& report) {
  if (report.clock_error_ns) {
    Line(out, "clocks",
         absl::StrCat("what begins at the NIC is right within ",
                      Nanoseconds(static_cast<double>(*report.clock_error_ns))));
  }
  for (const LatencyStageSummary& summary : report.stages) {
    if (summary.below_zero == 0) continue;
    Line(out, "clocks",
         absl::StrCat(summary.below_zero, " of ", summary.count, " ",
                      Name(summary.stage),
                      " are below zero: the NIC's clock is not known that well"));
  }
  if (std::any_of(report.stages.begin(), report.stages.end(),
                  [](const auto& stage) { return !stage.exact; })) {
    Line(out, "quantiles", "within 3 %: of so many messages not each is kept");
  }
  for (const LatencyAdvice& advice : report.advice) {
    Line(out, "advice", advice.sentence);
  }
}

}  // namespace

std::string LatencyText(const LatencyReport& report, const LatencyStyle& asked) {
  LatencyStyle style = asked;
  style.width = std::clamp<size_t>(asked.width, 60, 200);
  std::string out = absl::StrCat("latency on ", Printable(report.interface), ": ",
                                 LatencyExtent(report), "\n");
  absl::StrAppend(&out,
                  Wrapped(absl::StrCat("measured at ", Printable(report.tier), ": ",
                                       Printable(report.tier_reason)),
                          2),
                  "\n");
  std::vector<const LatencySummary*> all;
  for (const LatencyStageSummary& summary : report.stages) all.push_back(&summary);
  const LatencyAxis axis = AxisOf(all);
  for (const auto direction : {LatencyDirection::kRx, LatencyDirection::kTx}) {
    if (std::none_of(report.stages.begin(), report.stages.end(), [&](const auto& s) {
          return DirectionOf(s.stage) == direction;
        })) {
      continue;
    }
    out += '\n';
    Table(out, report, direction, style);
    out += '\n';
    Histograms(out, report, direction, axis, style);
  }
  if (all.empty()) absl::StrAppend(&out, "\nno PTP message has been measured yet\n");
  out += '\n';
  Counters(out, report);
  Budget(out, report);
  Remarks(out, report);
  return out;
}

}  // namespace bridge::ctl
