// bridge/estimate/system_line.h
//
// What the system clock shows, as a straight line over a clock that nobody steers:
// for a grandmaster, whose time is the system clock's. The NTP daemon slews that clock,
// so the line is no longer than the readings, with the noise they have, allow.
//
//   line.Add(local, system, window);        // a few times a second
//   if (auto map = line.Map()) ...
//
// Pure; no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "bridge/time/clock_map.h"

namespace bridge {

class SystemLine {
 public:
  // `span`: over how long the readings of one line may stretch, at most.
  explicit SystemLine(TimeDelta span) : span_(span) {}

  // Both clocks at one instant, to within half of `window`. Readings come in order;
  // one that is not later than the last is left out.
  void Add(LocalTime local, UtcTime system, TimeDelta window);
  // Either clock was stepped: begins a new era.
  void Reset();

  // Nothing before the third reading.
  std::optional<ClockMap<Local, Utc>> Map() const;
  // How far the line may be from the system clock now: what readings scatter about it
  // and half the mean window. After Reset() that of the line before, until the next
  // reading.
  TimeDelta Error() const;
  // Standard error of the line's rate, ppb. Map() is there.
  double rate_error_ppb() const { return line_.rate_error_ppb; }
  // The newest reading.
  std::optional<LocalTime> last() const;

 private:
  static constexpr size_t kReadings = 64;
  static constexpr size_t kFewest = 3;

  struct Reading {
    LocalTime local;
    UtcTime system;
    TimeDelta window;
  };

  // ns since the newest reading, and by how much the system clock has gained since.
  struct Point {
    double x;
    double y;
  };
  struct Line {
    double offset_ns = 0;  // From what the newest reading showed, at its local time.
    double rate = 0;       // Dimensionless.
    double error_ns = 0;   // Standard error of offset_ns,
    double rate_error_ppb = 0;  // and of the rate.
    double scatter_ns = 0;      // Standard deviation of the readings about it.
  };

  std::span<const Reading> readings() const { return {readings_.data(), count_}; }
  void KeepLast(size_t count);
  void Fit();
  static double Noise(std::span<const Point> points);
  static Line Through(std::span<const Point> points, double noise_ns);

  const TimeDelta span_;
  std::array<Reading, kReadings> readings_{};  // Oldest first.
  size_t count_ = 0;
  Era era_;
  Line line_;
  double error_ns_ = 0;  // Of the line before Reset().
};

}  // namespace bridge
