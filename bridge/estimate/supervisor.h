// bridge/estimate/supervisor.h
//
// Behind a queueing switch the filter may have settled on the average queue; the
// floors of both directions, once known, say where it should be.
#pragma once

#include <cstdint>
#include <optional>

#include "bridge/estimate/floor_ring.h"
#include "bridge/estimate/kalman.h"

namespace bridge {

class Supervisor {
 public:
  struct Correction {
    double dx;             // ns
    double dd;             // ns
    double variance;       // ns^2, of x and of d afterwards.
    double forward_noise;  // ns^2
    double reverse_noise;  // ns^2
  };

  // After each measurement; `used`: how many the filter has used so far.
  std::optional<Correction> Check(const FloorRing& forward, const FloorRing& reverse,
                                  const Kalman& filter, uint64_t used);
  void Clear() { disagreed_ = 0; }

 private:
  // An old filter has seen enough to be believed for this many measurements.
  static constexpr int kPatience = 256;

  int disagreed_ = 0;
};

}  // namespace bridge
