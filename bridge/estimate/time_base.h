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
#include <cstdint>
#include <optional>

#include "bridge/time/clock_map.h"

namespace bridge {

class SteadyTimeBase {
 public:
  enum class PairVerdict {
    kGood,
    kWide,     // Its window is over twice the running median: not used.
    kStepped,  // CLOCK_REALTIME was stepped since the last pair: a new era.
  };

  // A paired reading, the best of a few. Pairs come in order of `local`.
  PairVerdict AddPair(const CrossTimestamp<Raw>& pair);

  // The stamp on CLOCK_MONOTONIC_RAW; nothing before the first pair, for a stamp
  // from before the last step, or one further than 10 s from any pair.
  std::optional<RawTime> Carry(UtcTime stamp) const;

  // How often CLOCK_REALTIME was stepped: an instant of it belongs to one era.
  Era system_era() const;

  // For a new start: after a suspend, during which RAW stands still.
  void Reset();

 private:
  // (left to the implementation)
};

}  // namespace bridge
