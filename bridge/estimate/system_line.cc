#include "bridge/estimate/system_line.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bridge {
namespace {

// The shortest line that is looked at, each next one through twice as many readings.
constexpr size_t kShortest = 4;
// Standard errors by which a longer line may miss a shorter one.
constexpr double kFar = 3;
// Readings are not better than this.
constexpr double kLeastNoise_ns = 5;
constexpr double kResolution_ns = 20;

}  // namespace

void SystemLine::Add(LocalTime local, UtcTime system, TimeDelta window) {
  if (count_ > 0 && local <= readings_[count_ - 1].local) return;
  const auto old = [&](const Reading& r) { return local - r.local > span_; };
  const auto kept = std::find_if_not(readings().begin(), readings().end(), old);
  KeepLast(
      std::min<size_t>(static_cast<size_t>(readings().end() - kept), kReadings - 1));
  readings_[count_++] = {local, system, window};
  Fit();
}

void SystemLine::Reset() {
  error_ns_ = Error().NanosDouble();
  count_ = 0;
  era_ = era_.Next();
}

std::optional<ClockMap<Local, Utc>> SystemLine::Map() const {
  if (count_ < kFewest) return std::nullopt;
  const Reading& newest = readings_[count_ - 1];
  return ClockMap<Local, Utc>(
      newest.local, newest.system + TimeDelta::FromNanosDouble(line_.offset_ns),
      line_.rate, era_);
}

TimeDelta SystemLine::Error() const {
  if (count_ == 0) return TimeDelta::FromNanosDouble(error_ns_);
  TimeDelta windows;
  for (const Reading& reading : readings()) windows = windows + reading.window;
  const double mean = windows.NanosDouble() / static_cast<double>(count_);
  return TimeDelta::FromNanosDouble(mean / 2 + line_.scatter_ns);
}

std::optional<LocalTime> SystemLine::last() const {
  if (count_ == 0) return std::nullopt;
  return readings_[count_ - 1].local;
}

void SystemLine::KeepLast(size_t count) {
  if (count >= count_) return;
  std::copy(readings().end() - static_cast<ptrdiff_t>(count), readings().end(),
            readings_.begin());
  count_ = count;
}

// The longest line that says of now what all shorter ones do, to within what is known
// of them (Lepski's rule).
void SystemLine::Fit() {
  if (count_ < kFewest) return;
  // About the newest reading, so that doubles hold nanoseconds.
  const Reading& newest = readings_[count_ - 1];
  std::array<Point, kReadings> all;
  for (size_t i = 0; i < count_; ++i) {
    const TimeDelta passed = readings_[i].local - newest.local;
    all[i] = {passed.NanosDouble(),
              ((readings_[i].system - newest.system) - passed).NanosDouble()};
  }
  const auto points = std::span<const Point>(all).first(count_);
  const double noise = Noise(points);
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  for (size_t n = std::min(kShortest, count_);; n = std::min(2 * n, count_)) {
    const Line line = Through(points.last(n), noise);
    if (line.offset_ns < low || line.offset_ns > high) return;
    line_ = line;
    low = std::max(low, line.offset_ns - kFar * line.error_ns);
    high = std::min(high, line.offset_ns + kFar * line.error_ns);
    if (n == count_) return;
  }
}

// Standard deviation of a reading, from how each misses the line between its
// neighbours, over which no slew makes a difference.
double SystemLine::Noise(std::span<const Point> points) {
  double squares = 0;
  for (size_t i = 2; i < points.size(); ++i) {
    const Point &a = points[i - 2], &b = points[i - 1], &c = points[i];
    const double part = (b.x - a.x) / (c.x - a.x);
    const double off = b.y - a.y - part * (c.y - a.y);
    squares += off * off / (1 + part * part + (1 - part) * (1 - part));
  }
  return std::max(std::sqrt(squares / static_cast<double>(points.size() - 2)),
                  kLeastNoise_ns);
}

// Least squares.
SystemLine::Line SystemLine::Through(std::span<const Point> points, double noise_ns) {
  const auto n = static_cast<double>(points.size());
  double mean_x = 0, mean_y = 0;
  for (const Point& p : points) {
    mean_x += p.x;
    mean_y += p.y;
  }
  mean_x /= n;
  mean_y /= n;
  double xx = 0, xy = 0;
  for (const Point& p : points) {
    xx += (p.x - mean_x) * (p.x - mean_x);
    xy += (p.x - mean_x) * (p.y - mean_y);
  }
  Line line;
  line.rate = xy / xx;
  line.offset_ns = mean_y - line.rate * mean_x;
  line.error_ns = noise_ns * std::sqrt(1 / n + mean_x * mean_x / xx);
  double squares = 0;
  for (const Point& p : points) {
    const double off = p.y - (line.offset_ns + line.rate * p.x);
    squares += off * off;
  }
  line.scatter_ns = std::sqrt(squares / (n - 2));
  line.rate_error_ppb = 1e9 * std::max(line.scatter_ns, kResolution_ns) / std::sqrt(xx);
  return line;
}

}  // namespace bridge
