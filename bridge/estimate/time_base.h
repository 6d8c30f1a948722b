// bridge/estimate/time_base.h
//
// Carries software stamps from CLOCK_REALTIME, which the NTP daemon steers with
// the very samples we publish, to CLOCK_MONOTONIC_RAW, which nobody steers. An
// estimator that averages on the steered clock makes that loop unstable.
//
// Both clocks are read as a pair, REALTIME between two RAW readings or the
// reverse; a stamp is interpolated between the two nearest good pairs.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "bridge/estimate/window_watch.h"
#include "bridge/time/clock_map.h"

namespace bridge {

// With software stamps CLOCK_MONOTONIC_RAW is the clock measured on.
constexpr LocalTime AsLocal(RawTime raw) { return LocalTime() + raw.SinceEpoch(); }

class SteadyTimeBase {
 public:
  enum class PairVerdict {
    kGood,
    kWide,     // Its window is over twice the running median: not used.
    kStepped,  // CLOCK_REALTIME was stepped since the last pair: a new era.
  };

  // A paired reading, the best of a few. Pairs come in order of `local`; one
  // that doesn't advance it is kWide.
  PairVerdict AddPair(const CrossTimestamp<Raw>& pair);

  // The stamp on CLOCK_MONOTONIC_RAW; nothing before the first pair, for a stamp
  // from before the last step, or one further than 10 s from any pair. Best read
  // a pair first: a stamp between two pairs is interpolated, a later one
  // extrapolated.
  std::optional<RawTime> Carry(UtcTime stamp) const;

  // An instant of CLOCK_REALTIME belongs to one era: from step to step, and to
  // Reset(), across which a step would not be seen.
  Era system_era() const;

  // For a new start: after a suspend, during which RAW stands still.
  void Reset();

 private:
  static constexpr size_t kPairs = 8;

  bool Stepped(const CrossTimestamp<Raw>& pair) const;
  void StartEra(const CrossTimestamp<Raw>& pair);
  void Keep(const CrossTimestamp<Raw>& pair);
  double LastSlope() const;

  // Of this era, oldest first.
  std::span<const CrossTimestamp<Raw>> pairs() const { return {pairs_.data(), count_}; }

  std::array<CrossTimestamp<Raw>, kPairs> pairs_{};
  size_t count_ = 0;
  WindowWatch windows_;
  Era era_;
  // When this era began, on the old era's clock (nothing in the first era) and on
  // this one's.
  std::optional<UtcTime> old_era_end_;
  UtcTime era_start_;
};

}  // namespace bridge
