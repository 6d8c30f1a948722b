// bridge/estimate/fence.h
//
// No packet arrives before it was sent. So each Sync says that local - TAI is no
// more than t2 - t1, and each Delay_Req that it is no less than t3 - t4, whatever
// was assumed about queues and asymmetry. The filter may be deceived by a storm;
// it can't be deceived out of these limits without our noticing.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

#include "bridge/time/timestamp.h"

namespace bridge {

class Fence {
 public:
  // What the filter takes for the rate of local - TAI now, ns/s, and its standard
  // error. Once it is known, it is believed only as far as a crystal can have changed
  // meanwhile.
  void Follow(LocalTime now, double rate, double rate_error) {
    if (!rate_) {
      rate_ = Rate{now, rate, rate_error};
      return;
    }
    known_ = known_ || rate_->error <= kKnown;
    const double wander = kWander * std::abs((now - rate_->at).SecondsDouble());
    const double reach = known_ ? wander : 3 * rate_->error;
    const double followed =
        std::clamp(rate, rate_->value - reach, rate_->value + reach);
    // A filter that runs away faster than a crystal may be deceived: then what it
    // says of its own error is worth nothing either.
    const double grown = rate_->error + wander;
    rate_->error = followed == rate ? std::min(rate_error, grown) : grown;
    rate_->value = followed;
    rate_->at = now;
  }

  // After Follow(). `limit`: t2 - t1, or t3 - t4.
  void AddUpper(LocalTime at, TimeDelta limit) { upper_.Add(LimitOf(at, limit)); }
  void AddLower(LocalTime at, TimeDelta limit) { lower_.Add(LimitOf(at, limit)); }

  struct Room {
    // To the upper and the lower limit, ns; negative: the value is beyond it. Infinite
    // where there is no limit.
    double above = std::numeric_limits<double>::infinity();
    double below = std::numeric_limits<double>::infinity();

    bool outside() const { return above < 0 || below < 0; }
    // How far the truth may be away.
    double Farthest() const {
      const double a = std::isfinite(above) ? std::abs(above) : 0;
      const double b = std::isfinite(below) ? std::abs(below) : 0;
      return std::max(a, b);
    }
  };
  Room RoomOf(TimeDelta value, LocalTime now) const {
    if (!base_) return {};
    const double ns = (value - base_->value).NanosDouble();
    const double s = (now - base_->at).SecondsDouble();
    return {upper_.Room(ns, s, +1), lower_.Room(ns, s, -1)};
  }

 private:
  // ns/s^2: what warming up does to a crystal.
  static constexpr double kWander = 20;
  static constexpr double kKnown = 500;  // ns/s: a rate that is better than that.

  struct Rate {
    LocalTime at;
    double value;
    double error;
  };
  // Counted from the first limit, in seconds and nanoseconds: in a year a double is
  // still good to 0.01 ns.
  struct Base {
    LocalTime at;
    TimeDelta value;
  };
  struct Limit {
    double at;
    double value;
    double rate;
    double rate_error;
  };

  Limit LimitOf(LocalTime at, TimeDelta limit) {
    if (!base_) base_ = {at, limit};
    return {(at - base_->at).SecondsDouble(), (limit - base_->value).NanosDouble(),
            rate_->value, rate_->error};
  }

  class Side {
   public:
    void Add(const Limit& limit) {
      limits_[next_] = limit;
      next_ = (next_ + 1) % kSize;
      count_ = std::min(count_ + 1, kSize);
    }
    // From `value` to the tightest limit, ns; negative: `value` is beyond it.
    double Room(double value, double now, int sign) const {
      constexpr double kStamps = 1'000;  // ns: what stamps may be off by.
      double room = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < count_; ++i) {
        const Limit& limit = limits_[i];
        const double dt = std::abs(now - limit.at);
        const double carried = limit.value - value + limit.rate * (now - limit.at);
        const double slack =
            kStamps + 3 * limit.rate_error * dt + kWander * dt * dt / 2;
        room = std::min(room, sign * carried + slack);
      }
      return room;
    }

   private:
    static constexpr size_t kSize = 16;
    std::array<Limit, kSize> limits_{};
    size_t next_ = 0;
    size_t count_ = 0;
  };

  std::optional<Base> base_;
  std::optional<Rate> rate_;
  bool known_ = false;
  Side upper_;
  Side lower_;
};

}  // namespace bridge
