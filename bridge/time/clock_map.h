// bridge/time/clock_map.h
//
// A measured relation between two clocks: a straight line through one pair of
// instants, with what is known of its error.
//
//   ClockMap<Local, Tai> map = estimator.Map();
//   if (auto tai = map.Map(raw, era)) ...   // nothing for another era
#pragma once

#include <optional>

#include "bridge/time/timestamp.h"

namespace bridge {

// A stretch of a clock without a step. An instant of a clock that may be
// stepped means nothing without its era.
class Era {
 public:
  constexpr Era() = default;
  constexpr Era Next() const { return Era(number_ + 1); }
  constexpr uint64_t number() const { return number_; }
  friend constexpr bool operator==(Era, Era) = default;

 private:
  explicit constexpr Era(uint64_t number) : number_(number) {}
  uint64_t number_ = 0;
};

// Two clocks read at (nearly) one instant. `window` is how long the reading
// took: the true distance of the two instants is at most half of it.
template <typename Scale>
struct CrossTimestamp {
  Timestamp<Scale> local;
  UtcTime system;
  TimeDelta window;
};

// The clocks of this machine, read together.
struct ClockReading {
  CrossTimestamp<Raw> pair;
  // Right before. Nothing with software stamps, or when the PHC could not be read.
  std::optional<CrossTimestamp<Phc>> phc = {};
};

template <typename From, typename To>
class ClockMap {
 public:
  // `rate` is d(To)/d(From) - 1, dimensionless.
  ClockMap(Timestamp<From> from, Timestamp<To> to, double rate, Era era)
      : from_(from), to_(to), rate_(rate), era_(era) {}

  // The instant on To's scale, or nothing when `era` is not the map's.
  std::optional<Timestamp<To>> Map(Timestamp<From> instant, Era era) const {
    if (era != era_) return std::nullopt;
    const TimeDelta elapsed = instant - from_;
    return to_ + elapsed + TimeDelta::FromNanosDouble(elapsed.NanosDouble() * rate_);
  }

  // The same, but later on To's scale.
  ClockMap Shifted(TimeDelta by) const { return {from_, to_ + by, rate_, era_}; }

  // How far `instant` is from the pair the map was made at.
  TimeDelta Age(Timestamp<From> instant) const { return instant - from_; }
  double rate() const { return rate_; }
  Era era() const { return era_; }

 private:
  Timestamp<From> from_;
  Timestamp<To> to_;
  double rate_;
  Era era_;
};

}  // namespace bridge
