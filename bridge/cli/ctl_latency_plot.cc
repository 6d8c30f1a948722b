// LatencyReports as a picture: SVG, by hand.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bridge/base/utf8.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/cli/ctl_latency.h"
#include "bridge/cli/ctl_latency_axis.h"

namespace bridge::ctl {
namespace {

constexpr int kLeft = 150, kWidth = 540, kRight = 300;
constexpr int kTop = 100, kRow = 58, kHeight = 40, kGap = 66, kLine = 17;
constexpr size_t kColumns = 180;
constexpr char kReceived[] = "#1f6fb2", kSent[] = "#c8641b", kBefore[] = "#8d96a0";
constexpr char kInk[] = "#1c2733", kFaint[] = "#66707b", kRule[] = "#d9dee3";

// For text in XML: what it may not hold becomes U+FFFD.
std::string Escaped(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t size = Utf8CharacterSize(text);
    const char c = text.front();
    if (size == 0 || static_cast<unsigned char>(c) < 0x20) {
      out += "\ufffd";
    } else if (c == '<' || c == '>' || c == '&' || c == '"') {
      absl::StrAppendFormat(&out, "&#%d;", c);
    } else {
      out.append(text.data(), size);
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return out;
}

const char* ColorOf(LatencyStage stage) {
  return DirectionOf(stage) == LatencyDirection::kRx ? kReceived : kSent;
}

std::string Text(double x, double y, const char* anchor, const char* color,
                 absl::string_view text, absl::string_view more = "") {
  return absl::StrFormat(
      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\"%s>%s</text>\n", x, y,
      anchor, color, more, Escaped(text));
}

std::string Maybe(const std::optional<int64_t>& ns) {
  return ns ? Nanoseconds(static_cast<double>(*ns)) : "\u2013";
}

class Plot {
 public:
  explicit Plot(std::span<const NamedLatency> reports) : reports_(reports) {
    std::vector<const LatencySummary*> all;
    for (const NamedLatency& one : reports) {
      for (const LatencyStageSummary& stage : one.report->stages) all.push_back(&stage);
    }
    axis_ = AxisOf(all);
    y_ = two() ? kTop + 16 : kTop;
  }

  std::string Draw() {
    for (const auto direction : {LatencyDirection::kRx, LatencyDirection::kTx}) {
      Section(direction);
    }
    const std::string foot = Foot();
    return absl::StrCat(
        absl::StrFormat(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" "
            "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            kLeft + kWidth + kRight, y_),
        Head(), body_, foot, "</svg>\n");
  }

 private:
  bool two() const { return reports_.size() > 1; }
  const LatencyReport& last() const { return *reports_.back().report; }
  double X(double ns) const { return kLeft + kWidth * axis_.Place(ns); }

  // What the rows have, in the order of the way.
  std::vector<LatencyStage> StagesOf(LatencyDirection direction) const {
    std::vector<LatencyStage> stages;
    for (size_t i = 0; i < kLatencyStages; ++i) {
      const auto stage = static_cast<LatencyStage>(i);
      const auto has = [stage](const NamedLatency& one) {
        return one.report->Find(stage) != nullptr;
      };
      if (DirectionOf(stage) == direction &&
          std::any_of(reports_.begin(), reports_.end(), has)) {
        stages.push_back(stage);
      }
    }
    return stages;
  }

  void Section(LatencyDirection direction) {
    const std::vector<LatencyStage> stages = StagesOf(direction);
    if (stages.empty()) return;
    const bool received = direction == LatencyDirection::kRx;
    const double top = y_;
    absl::StrAppend(&body_, Grid(top, static_cast<double>(stages.size()) * kRow));
    absl::StrAppend(&body_, Text(20, top - 10, "start", ColorOf(stages[0]),
                                 received ? "RECEIVED" : "SENT",
                                 " font-weight=\"bold\" letter-spacing=\"1\""));
    for (int i = 0; i < 4; ++i) {
      constexpr const char* kHeads[] = {"p50", "p99", "p99.9", "max"};
      absl::StrAppend(&body_, Text(Figure(i), top - 10, "end", kFaint, kHeads[i]));
    }
    for (const LatencyStage stage : stages) Row(stage);
    absl::StrAppend(&body_, DecadeNames(y_ + 16));
    y_ += kGap;
  }

  static double Figure(int i) { return kLeft + kWidth + 76 + 66 * i; }

  std::string Grid(double top, double height) const {
    std::string svg;
    for (int decade = axis_.low; decade <= axis_.high; ++decade) {
      for (int m = 1; m <= (decade < axis_.high ? 9 : 1); ++m) {
        const double x = X(m * std::pow(10, decade));
        absl::StrAppendFormat(
            &svg,
            "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
            x, x, top, top + height + (m == 1 ? 4 : 0), m == 1 ? kRule : "#f2f4f6");
      }
    }
    return svg;
  }

  std::string DecadeNames(double y) const {
    std::string svg;
    for (int decade = axis_.low; decade <= axis_.high; ++decade) {
      absl::StrAppend(
          &svg, Text(X(std::pow(10, decade)), y, "middle", kFaint, DecadeName(decade)));
    }
    return svg;
  }

  void Row(LatencyStage stage) {
    const double base = y_ + kRow - 8;
    if (IsTotal(stage)) {
      absl::StrAppendFormat(
          &body_,
          "<rect x=\"12\" y=\"%.1f\" width=\"%d\" height=\"%d\" fill=\"%s\" "
          "opacity=\".07\"/>\n",
          y_ + 2, kLeft + kWidth + kRight - 24, kRow - 4, ColorOf(stage));
    }
    absl::StrAppend(&body_, Text(20, base - 18, "start", kInk, Name(stage),
                                 IsTotal(stage) ? " font-weight=\"bold\"" : ""));
    absl::StrAppendFormat(
        &body_, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
        kLeft, kLeft + kWidth, base, base, kRule);
    const double most = Highest(stage);
    std::string counts;
    for (size_t i = 0; i < reports_.size(); ++i) {
      const LatencyStageSummary* summary = reports_[i].report->Find(stage);
      const bool behind = two() && i == 0;
      absl::StrAppend(&counts, counts.empty() ? "" : ", ",
                      summary ? summary->count : 0);
      if (!summary) continue;
      const char* color = behind ? kBefore : ColorOf(stage);
      absl::StrAppend(&body_, Shape(*summary, base, most, color, behind),
                      Marks(*summary, base, color, behind),
                      Figures(*summary, base - (two() ? behind ? 22 : 6 : 14),
                              two() ? color : kInk));
    }
    absl::StrAppend(&body_,
                    Text(20, base - 3, "start", kFaint, counts, " font-size=\"11\""));
    y_ += kRow;
  }

  // Of both reports, so that equal areas are equal parts of the messages.
  double Highest(LatencyStage stage) const {
    double most = 0;
    for (const NamedLatency& one : reports_) {
      const LatencyStageSummary* summary = one.report->Find(stage);
      if (!summary) continue;
      const std::vector<double> columns = Columns(*summary, axis_, kColumns);
      most = std::max(most, *std::max_element(columns.begin(), columns.end()) /
                                static_cast<double>(summary->count));
    }
    return most;
  }

  // Columns that touch are one shape; a lone message is still seen.
  std::string Shape(const LatencySummary& summary, double base, double most,
                    const char* color, bool behind) const {
    const std::vector<double> columns = Columns(summary, axis_, kColumns);
    const double step = static_cast<double>(kWidth) / kColumns;
    std::string path;
    for (size_t i = 0; i < kColumns; ++i) {
      if (columns[i] <= 0) continue;
      const double part = columns[i] / static_cast<double>(summary.count) / most;
      const double height = std::max(1.6, kHeight * part);
      const double x = kLeft + step * static_cast<double>(i);
      const bool first = i == 0 || columns[i - 1] <= 0;
      const bool end = i + 1 == kColumns || columns[i + 1] <= 0;
      if (first) absl::StrAppendFormat(&path, "M%.1f %.1f", x, base);
      absl::StrAppendFormat(&path, "V%.1fH%.1f", base - height, x + step);
      if (end) absl::StrAppendFormat(&path, "V%.1fZ", base);
    }
    return absl::StrFormat(
        "<path d=\"%s\" fill=\"%s\" fill-opacity=\"%s\" stroke=\"%s\" "
        "stroke-width=\".7\"/>\n",
        path, color,
        behind  ? ".45"
        : two() ? ".35"
                : ".55",
        color);
  }

  // The median as a bar, p99 dashed, the maximum as a ring.
  std::string Marks(const LatencySummary& summary, double base, const char* color,
                    bool behind) const {
    std::string svg;
    const auto bar = [&](const std::optional<int64_t>& ns, const char* more) {
      if (!ns) return;
      const double x = X(static_cast<double>(*ns));
      absl::StrAppendFormat(
          &svg,
          "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" %s/>\n",
          x, x, base - kHeight - 2, base, color, more);
    };
    bar(summary.p50_ns, "stroke-width=\"2\"");
    bar(summary.p99_ns, "stroke-width=\"1.3\" stroke-dasharray=\"3 2\"");
    absl::StrAppendFormat(
        &svg,
        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"white\" stroke=\"%s\"/>\n",
        X(static_cast<double>(summary.max_ns)), base, behind ? "2.5" : "3", color);
    return svg;
  }

  static std::string Figures(const LatencySummary& summary, double y,
                             const char* color) {
    const std::string texts[] = {Maybe(summary.p50_ns), Maybe(summary.p99_ns),
                                 Maybe(summary.p999_ns), Maybe(summary.max_ns)};
    std::string svg;
    for (int i = 0; i < 4; ++i) {
      absl::StrAppend(&svg, Text(Figure(i), y, "end", color, texts[i]));
    }
    return svg;
  }

  std::string Head() const {
    std::string svg =
        Text(20, 34, "start", kInk,
             absl::StrCat("Latency of PTP messages on ", last().interface),
             " font-size=\"18\" font-weight=\"bold\"");
    if (!two()) {
      return absl::StrCat(
          svg, Text(20, 55, "start", kFaint,
                    absl::StrCat(LatencyExtent(last()), "; measured at ", last().tier,
                                 ": ", last().tier_reason)));
    }
    constexpr const char* kWhen[] = {"before", "after"};
    for (size_t i = 0; i < 2; ++i) {
      const double y = 53 + 16 * static_cast<double>(i);
      const char* colors[] = {i == 0 ? kBefore : kReceived, i == 0 ? kBefore : kSent};
      for (int k = 0; k < 2; ++k) {
        absl::StrAppendFormat(&svg,
                              "<rect x=\"%d\" y=\"%.1f\" width=\"11\" height=\"9\" "
                              "fill=\"%s\" fill-opacity=\".6\"/>\n",
                              20 + 11 * k, y - 8.5, colors[k]);
      }
      absl::StrAppend(&svg, Text(50, y, "start", kFaint,
                                 absl::StrCat(kWhen[i], ": ", reports_[i].name, ", ",
                                              LatencyExtent(*reports_[i].report), ", ",
                                              reports_[i].report->tier)));
    }
    return svg;
  }

  std::string Foot() {
    y_ -= 10;
    std::string svg = Text(
        20, y_, "start", kFaint,
        body_.empty() ? "No PTP message has been measured yet."
        : two() ? "Equal areas are equal parts of the messages; grey is before. Bar: "
                  "median, dashed: 99 %, ring: maximum."
                : "Each row up to its own greatest height. Bar: median, dashed: 99 %, "
                  "ring: maximum.");
    if (last().clock_error_ns) {
      absl::StrAppend(&svg, Text(20, y_ += kLine, "start", kFaint,
                                 absl::StrCat("What begins at the NIC is right within ",
                                              Maybe(last().clock_error_ns), ".")));
    }
    y_ += 6;
    for (const LatencyAdvice& advice : last().advice) {
      const std::string lines = Wrapped(absl::StrCat("Advice: ", advice.sentence), 0);
      for (const absl::string_view line : absl::StrSplit(lines, '\n')) {
        absl::StrAppend(&svg, Text(20, y_ += kLine, "start", kInk, line));
      }
    }
    y_ += 20;
    return svg;
  }

  const std::span<const NamedLatency> reports_;
  LatencyAxis axis_;
  double y_ = 0;  // How far it is drawn.
  std::string body_;
};

}  // namespace

std::string LatencyPlot(std::span<const NamedLatency> reports) {
  return Plot(reports).Draw();
}

}  // namespace bridge::ctl
