// bridge/estimate/system_line.h
//
// What the system clock shows, as a straight line over a clock that nobody steers:
// for a grandmaster, whose time is the system clock's. The NTP daemon slews that clock,
// so the line is short, and shorter still while the clock leaves it.
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
  // `span`: over how long the readings of one line may stretch.
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
  double rate_error_ppb() const { return rate_error_ppb_; }
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

  std::span<const Reading> readings() const { return {readings_.data(), count_}; }
  void KeepLast(size_t count);
  void Fit();
  double Residual(const Reading& reading) const;
  bool HasLeft() const;

  const TimeDelta span_;
  std::array<Reading, kReadings> readings_{};  // Oldest first.
  size_t count_ = 0;
  Era era_;
  // Through the newest reading: at its local time the line is this far from what it
  // showed, and this is its rate, dimensionless.
  double offset_ns_ = 0;
  double rate_ = 0;
  double scatter_ns_ = 0;  // Standard deviation about the line.
  double error_ns_ = 0;    // Of the line before Reset().
  double rate_error_ppb_ = 0;
};

}  // namespace bridge
