#include "bridge/estimate/system_line.h"

#include <algorithm>
#include <cmath>

namespace bridge {
namespace {

// A slewed clock leaves the line to one side; noise changes sides.
constexpr size_t kOneSided = 3;
// Times the scatter about the line that is no noise any more.
constexpr double kFar = 2;
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
  if (!HasLeft()) return;
  KeepLast(kFewest);
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
  return ClockMap<Local, Utc>(newest.local,
                              newest.system + TimeDelta::FromNanosDouble(offset_ns_),
                              rate_, era_);
}

TimeDelta SystemLine::Error() const {
  if (count_ == 0) return TimeDelta::FromNanosDouble(error_ns_);
  TimeDelta windows;
  for (const Reading& reading : readings()) windows = windows + reading.window;
  const double mean = windows.NanosDouble() / static_cast<double>(count_);
  return TimeDelta::FromNanosDouble(mean / 2 + scatter_ns_);
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

// Least squares, about the newest reading, so that doubles hold nanoseconds.
void SystemLine::Fit() {
  if (count_ < kFewest) return;
  const Reading& newest = readings_[count_ - 1];
  const auto n = static_cast<double>(count_);
  double sum_x = 0, sum_y = 0;
  const auto x_of = [&](const Reading& r) {
    return (r.local - newest.local).NanosDouble();
  };
  const auto y_of = [&](const Reading& r) {
    return ((r.system - newest.system) - (r.local - newest.local)).NanosDouble();
  };
  for (const Reading& r : readings()) {
    sum_x += x_of(r);
    sum_y += y_of(r);
  }
  const double mean_x = sum_x / n, mean_y = sum_y / n;
  double xx = 0, xy = 0;
  for (const Reading& r : readings()) {
    xx += (x_of(r) - mean_x) * (x_of(r) - mean_x);
    xy += (x_of(r) - mean_x) * (y_of(r) - mean_y);
  }
  rate_ = xy / xx;
  offset_ns_ = mean_y - rate_ * mean_x;
  double squares = 0;
  for (const Reading& r : readings()) squares += Residual(r) * Residual(r);
  scatter_ns_ = std::sqrt(squares / (n - 2));
  rate_error_ppb_ = 1e9 * std::max(scatter_ns_, kResolution_ns) / std::sqrt(xx);
}

// ns
double SystemLine::Residual(const Reading& reading) const {
  const Reading& newest = readings_[count_ - 1];
  const double x = (reading.local - newest.local).NanosDouble();
  const double y =
      ((reading.system - newest.system) - (reading.local - newest.local)).NanosDouble();
  return y - (offset_ns_ + rate_ * x);
}

bool SystemLine::HasLeft() const {
  if (count_ < 2 * kFewest) return false;
  // By how the older ones scatter about a line that the newest pull at.
  double older = 0;
  const size_t first = count_ - kOneSided;
  for (size_t i = 0; i < first; ++i) {
    older += Residual(readings_[i]) * Residual(readings_[i]);
  }
  const double usual =
      std::max(std::sqrt(older / static_cast<double>(first)), kResolution_ns);
  const double side = Residual(readings_[first]);
  return std::all_of(readings().begin() + static_cast<ptrdiff_t>(first),
                     readings().end(), [&](const Reading& r) {
                       const double off = Residual(r);
                       return std::fabs(off) > kFar * usual && (off > 0) == (side > 0);
                     });
}

}  // namespace bridge
