// The picture of servo_day.h: SVG, by hand.
#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/sim/servo_day.h"

namespace bridge::sim {
namespace {

constexpr int kLeft = 70, kWidth = 800, kRight = 20;
constexpr int kTop = 40, kHeight = 170, kGap = 46, kBottom = 44;
constexpr size_t kFirst = 60;  // s: the start would hide the rest.
constexpr char kOwn[] = "#0b5fa5", kPi[] = "#e08a1e", kHeat[] = "#b03060";

using Value = std::function<double(const ServoSecond&)>;

// One pair of axes.
struct Panel {
  const ServoDay& day;
  double top, low, high;

  double X(double second) const {
    return kLeft + kWidth * second / static_cast<double>(day.seconds.size());
  }
  double Y(double value) const { return top + kHeight * (high - value) / (high - low); }

  // What is between least and most of each column.
  std::string Band(const Value& value, const char* color) const {
    std::string upper, lower;
    const double per_column =
        static_cast<double>(day.seconds.size()) / static_cast<double>(kWidth);
    for (int column = 0; column < kWidth; ++column) {
      const size_t from = std::max(kFirst, static_cast<size_t>(column * per_column));
      const size_t to = std::min(day.seconds.size(),
                                 static_cast<size_t>((column + 1) * per_column) + 1);
      if (from >= to) continue;
      double least = value(day.seconds[from]), most = least;
      for (size_t i = from; i < to; ++i) {
        least = std::min(least, value(day.seconds[i]));
        most = std::max(most, value(day.seconds[i]));
      }
      absl::StrAppendFormat(&upper, "%d,%.1f ", kLeft + column, Y(most) - 0.4);
      lower.insert(0, absl::StrFormat("%d,%.1f ", kLeft + column, Y(least) + 0.4));
    }
    return absl::StrFormat("<polygon points=\"%s%s\" fill=\"%s\"/>\n", upper, lower,
                           color);
  }

  std::string Axes(const std::string& title, double tick, bool hours) const {
    std::string svg;
    for (double v = std::ceil(low / tick) * tick; v <= high + 1e-9; v += tick) {
      absl::StrAppendFormat(
          &svg,
          "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>"
          "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
          kLeft, kLeft + kWidth, Y(v), Y(v), kLeft - 6, Y(v) + 4, v);
    }
    const double length = static_cast<double>(day.seconds.size()) / 3600;
    const double step = length > 12 ? 3 : length > 4 ? 1 : length / 4;
    for (double h = 0; hours && h <= length + 1e-9; h += step) {
      absl::StrAppendFormat(
          &svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.3g</text>\n",
          X(h * 3600), top + kHeight + 16, h);
    }
    absl::StrAppendFormat(&svg, "<text x=\"%d\" y=\"%.1f\" class=\"t\">%s</text>\n",
                          kLeft, top - 8, title);
    return svg;
  }
  std::string Frame() const {
    return absl::StrFormat(
        "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%d\" fill=\"none\" "
        "stroke=\"#444\"/>\n",
        kLeft, top, kWidth, kHeight);
  }
};

// 1, 2 or 5 times a power of ten, for about four ticks.
double Tick(double span) {
  const double power = std::pow(10, std::floor(std::log10(span / 4)));
  const double mantissa = span / 4 / power;
  return power * (mantissa < 1.5 ? 1 : mantissa < 3.5 ? 2 : mantissa < 7.5 ? 5 : 10);
}

std::string Legend(double x, double y, const char* color, const std::string& text) {
  return absl::StrFormat(
      "<rect x=\"%.0f\" y=\"%.1f\" width=\"14\" height=\"9\" fill=\"%s\"/>"
      "<text x=\"%.0f\" y=\"%.1f\">%s</text>\n",
      x, y - 9, color, x + 19, y, text);
}

std::string Errors(const ServoDay& day, double top, double most, bool last) {
  const Panel panel{day, top, -most, most};
  const ServoFigures figures = Figures(day);
  std::string svg = panel.Axes(absl::StrFormat("PHC - TAI, ns; Sync %g per second",
                                               1 / day.settings.sync_interval),
                               Tick(2 * most), last);
  absl::StrAppend(&svg, panel.Band([](const ServoSecond& s) { return s.pi_ns; }, kPi),
                  panel.Band([](const ServoSecond& s) { return s.own_ns; }, kOwn),
                  panel.Frame(),
                  Legend(kLeft + 290, top - 8, kPi,
                         absl::StrFormat("PI servo: rms %.1f, max %.0f ns",
                                         figures.pi_rms_ns, figures.pi_max_ns)),
                  Legend(kLeft + 545, top - 8, kOwn,
                         absl::StrFormat("refclockd: rms %.1f, max %.0f ns",
                                         figures.own_rms_ns, figures.own_max_ns)));
  return svg;
}

}  // namespace

std::string ServoPlot(const std::vector<ServoDay>& days) {
  const size_t panels = days.size() + 1;
  const int height =
      kTop + static_cast<int>(panels) * (kHeight + kGap) - kGap + kBottom;
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<style>.t{font-weight:bold}</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      kLeft + kWidth + kRight, height);

  const ServoDay& first = days.front();
  double cold = 1e9, hot = -1e9, most = 10;
  for (const ServoSecond& s : first.seconds) {
    cold = std::min(cold, double{s.celsius});
    hot = std::max(hot, double{s.celsius});
  }
  for (const ServoDay& day : days) {
    const ServoFigures figures = Figures(day);
    most = std::max({most, figures.own_max_ns, figures.pi_max_ns});
  }
  double top = kTop;
  const Panel heat{first, top, std::floor(cold - 1), std::ceil(hot + 1)};
  absl::StrAppend(&svg, heat.Axes("Temperature of the crystal, &#176;C", 5, false),
                  heat.Band([](const ServoSecond& s) { return s.celsius; }, kHeat),
                  heat.Frame());
  for (size_t i = 0; i < days.size(); ++i) {
    top += kHeight + kGap;
    absl::StrAppend(&svg, Errors(days[i], top, 1.05 * most, i + 1 == days.size()));
  }
  absl::StrAppendFormat(&svg,
                        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">hours</text>\n"
                        "</svg>\n",
                        kLeft + kWidth / 2, height - 8);
  return svg;
}

}  // namespace bridge::sim
