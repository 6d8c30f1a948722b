// bridge/base/rng.h
//
// A seeded random number generator whose sequence is the same on every machine
// and standard library: a simulation is replayed from its seed alone. Not for
// secrets.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

namespace bridge {

// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit state, any seed is good.
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // In [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }

  // In [0, n); n > 0.
  uint64_t Below(uint64_t n) { return Next() % n; }

  bool Chance(double probability) { return Uniform() < probability; }

  // Mean 0, standard deviation 1 (Marsaglia's polar method; our own, because
  // std::normal_distribution differs between libraries).
  double Gaussian() {
    if (spare_) {
      const double value = *spare_;
      spare_.reset();
      return value;
    }
    double u, v, s;
    do {
      u = Uniform(-1, 1);
      v = Uniform(-1, 1);
      s = u * u + v * v;
    } while (s >= 1 || s == 0);
    const double scale = std::sqrt(-2 * std::log(s) / s);
    spare_ = v * scale;
    return u * scale;
  }

  // Mean 1.
  double Exponential() { return -std::log(1 - Uniform()); }

  // An independent generator for one part of a simulation.
  Rng Fork() { return Rng(Next()); }

 private:
  uint64_t state_;
  std::optional<double> spare_;
};

}  // namespace bridge
