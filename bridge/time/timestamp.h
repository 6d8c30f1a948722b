// bridge/time/timestamp.h
//
// Instants, one type per timescale.
//
// A TaiTime and a UtcTime are tens of seconds apart and look alike as integers;
// here they are different types, so mixing them does not compile. The only road
// from Tai to Utc is UtcAuthority::ToUtc() (utc_authority.h); the only road
// from a local clock to Tai is a ClockMap (clock_map.h).
//
// Unit: 2^-16 ns since the scale's epoch (time_delta.h). Pure: no clock is
// read and no memory allocated.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <string>

#include "bridge/time/time_delta.h"

namespace bridge {

// The timescales.
struct Tai {};  // PTP timescale: TAI since 1970-01-01 00:00:00 TAI.
struct Utc {};  // POSIX time; also what CLOCK_REALTIME shows.
struct Phc {};  // What a PTP hardware clock shows.
struct Raw {};  // CLOCK_MONOTONIC_RAW, which nobody steers.
// The clock that measurements are made on, steered by nobody: CLOCK_MONOTONIC_RAW
// with software stamps; with hardware stamps the PHC, all adjustments undone.
struct Local {};
struct Mono {};  // CLOCK_MONOTONIC: timeouts and ages only.

template <typename Scale>
class Timestamp {
 public:
  // The epoch of the scale. "No timestamp" is std::optional, never zero.
  constexpr Timestamp() = default;

  static constexpr Timestamp FromNanos(int64_t ns) {
    return Timestamp(TimeDelta::FromNanos(ns));
  }
  // Any 48-bit PTP seconds field; nanos < 10^9.
  static Timestamp FromSecondsAndNanos(uint64_t seconds, uint32_t nanos) {
    const absl::int128 ns = absl::int128(seconds) * 1'000'000'000 + absl::int128(nanos);
    return Timestamp(TimeDelta::FromScaledNanos(ns << 16));
  }

  constexpr TimeDelta SinceEpoch() const { return since_epoch_; }
  int64_t Nanos() const { return since_epoch_.Nanos(); }

  // Whole seconds (toward minus infinity) and the nanoseconds within, truncated.
  struct SecondsAndNanos {
    int64_t seconds;
    uint32_t nanos;
  };
  SecondsAndNanos Split() const {
    const absl::int128 ns = since_epoch_.scaled_nanos() >> 16;
    // Until the year 2262 64 bits do, which are divided by multiplying.
    const auto low = static_cast<int64_t>(ns);
    return ns == low ? Split(low) : Split(ns);
  }

  friend constexpr TimeDelta operator-(Timestamp a, Timestamp b) {
    return a.since_epoch_ - b.since_epoch_;
  }
  friend constexpr Timestamp operator+(Timestamp t, TimeDelta d) {
    return Timestamp(t.since_epoch_ + d);
  }
  friend constexpr Timestamp operator-(Timestamp t, TimeDelta d) {
    return Timestamp(t.since_epoch_ - d);
  }
  friend constexpr bool operator==(Timestamp a, Timestamp b) = default;
  friend constexpr auto operator<=>(Timestamp a, Timestamp b) {
    return a.since_epoch_ <=> b.since_epoch_;
  }

  // "1795223066.204698309".
  std::string ToString() const;

 private:
  template <typename Number>
  static SecondsAndNanos Split(Number ns) {
    Number seconds = ns / 1'000'000'000;
    Number rest = ns - seconds * 1'000'000'000;
    if (rest < 0) {
      rest += 1'000'000'000;
      seconds -= 1;
    }
    return {static_cast<int64_t>(seconds), static_cast<uint32_t>(rest)};
  }

  explicit constexpr Timestamp(TimeDelta since_epoch) : since_epoch_(since_epoch) {}

  TimeDelta since_epoch_;
};

using TaiTime = Timestamp<Tai>;
using UtcTime = Timestamp<Utc>;
using PhcTime = Timestamp<Phc>;
using RawTime = Timestamp<Raw>;
using LocalTime = Timestamp<Local>;
using MonoTime = Timestamp<Mono>;

template <typename A, typename B>
concept Subtractable = requires(A a, B b) {
  a - b;
};
template <typename A, typename B>
concept Comparable = requires(A a, B b) {
  a < b;
};

static_assert(Subtractable<TaiTime, TaiTime>);
static_assert(!Subtractable<TaiTime, UtcTime>, "only UtcAuthority crosses");
static_assert(!Subtractable<LocalTime, TaiTime>, "only a ClockMap crosses");
static_assert(!Subtractable<LocalTime, RawTime>, "only a time base crosses");
static_assert(!Subtractable<MonoTime, RawTime>);
static_assert(!Subtractable<PhcTime, UtcTime>);
static_assert(!Comparable<TaiTime, UtcTime>);
static_assert(!std::convertible_to<int64_t, TaiTime>, "say the unit");
static_assert(TaiTime::FromNanos(7) - TaiTime::FromNanos(5) == TimeDelta::FromNanos(2));

}  // namespace bridge
