// bridge/time/time_delta.h
//
// A span of time that was measured: offsets, delays, corrections.
//
// Unit: 2^-16 ns in 128 bits, the unit of a PTP correctionField
// (IEEE 1588-2019, 5.3.2), so wire values convert exactly and no sum overflows.
// For waiting (timeouts, intervals, ages) use absl::Duration instead.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "absl/numeric/int128.h"

namespace bridge {

class TimeDelta {
 public:
  constexpr TimeDelta() = default;

  static constexpr TimeDelta FromNanos(int64_t ns) {
    return TimeDelta(absl::int128(ns) << 16);
  }
  static constexpr TimeDelta FromMicros(int64_t us) { return FromNanos(us * 1'000); }
  static constexpr TimeDelta FromMillis(int64_t ms) {
    return FromNanos(ms * 1'000'000);
  }
  // |seconds| < 2^33.
  static constexpr TimeDelta FromSeconds(int64_t s) {
    return FromNanos(s * 1'000'000'000);
  }
  // A correctionField or any other value that counts 2^-16 ns.
  static constexpr TimeDelta FromScaledNanos(absl::int128 scaled) {
    return TimeDelta(scaled);
  }
  // Rounds to the nearest 2^-16 ns; |ns| < 2^62.
  static TimeDelta FromNanosDouble(double ns) {
    const double scaled = ns * 65536.0;
    return FromScaledDouble(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  // Of 2^-16 ns, |scaled| < 2^127; rounds toward zero.
  static TimeDelta FromScaledDouble(double scaled) {
    // Nearly all fit in 64 bits, whose conversion is one instruction.
    const bool fits = scaled > -0x1p63 && scaled < 0x1p63;
    return TimeDelta(fits ? absl::int128(static_cast<int64_t>(scaled))
                          : absl::int128(scaled));
  }

  constexpr absl::int128 scaled_nanos() const { return scaled_; }
  // Whole nanoseconds, nearest, halves away from zero, clamped to int64: the
  // one rounding in this project.
  int64_t Nanos() const;
  double NanosDouble() const {
    const auto low = static_cast<int64_t>(scaled_);  // As above.
    const double scaled =
        scaled_ == low ? static_cast<double>(low) : static_cast<double>(scaled_);
    return scaled / 65536.0;
  }
  double SecondsDouble() const { return NanosDouble() * 1e-9; }

  constexpr TimeDelta operator-() const { return TimeDelta(-scaled_); }
  friend constexpr TimeDelta operator+(TimeDelta a, TimeDelta b) {
    return TimeDelta(a.scaled_ + b.scaled_);
  }
  friend constexpr TimeDelta operator-(TimeDelta a, TimeDelta b) {
    return TimeDelta(a.scaled_ - b.scaled_);
  }
  TimeDelta& operator+=(TimeDelta d) { return *this = *this + d; }
  TimeDelta& operator-=(TimeDelta d) { return *this = *this - d; }
  // Halves, toward minus infinity by less than 2^-16 ns.
  constexpr TimeDelta Half() const { return TimeDelta(scaled_ >> 1); }
  constexpr TimeDelta Abs() const { return scaled_ < 0 ? -*this : *this; }

  friend constexpr bool operator==(TimeDelta a, TimeDelta b) {
    return a.scaled_ == b.scaled_;
  }
  friend constexpr std::strong_ordering operator<=>(TimeDelta a, TimeDelta b) {
    return a.scaled_ < b.scaled_   ? std::strong_ordering::less
           : a.scaled_ > b.scaled_ ? std::strong_ordering::greater
                                   : std::strong_ordering::equal;
  }

  // "-1234.5 ns".
  std::string ToString() const;

 private:
  explicit constexpr TimeDelta(absl::int128 scaled) : scaled_(scaled) {}

  absl::int128 scaled_ = 0;
};

}  // namespace bridge
