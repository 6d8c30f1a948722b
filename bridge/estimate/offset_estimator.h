// bridge/estimate/offset_estimator.h
//
// From two-way exchanges to a map local clock -> TAI: a three-state Kalman filter
// (offset, rate, mean path delay) fed by each direction separately, behind a gate
// that tells a clock that moved from a path that moved. It has no options.
//
//   estimator.AddSync(t2, t1);        // as they come; no pairing needed
//   estimator.AddDelay(t3, t4);
//   if (estimator.ready()) { ClockMap<Raw, Tai> map = *estimator.Map(now); ... }
//
// Why this one: README.md of this room. Pure; no allocation after construction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "bridge/time/clock_map.h"

namespace bridge {

enum class StampKind { kSoftware, kHardware };

class OffsetEstimator {
 public:
  struct Settings {
    StampKind stamps = StampKind::kSoftware;
    // delayAsymmetry (IEEE 1588-2019, 7.4.2): positive when master-to-slave is
    // the slower direction; half the difference of the two.
    TimeDelta delay_asymmetry;
    // Bound on unknown asymmetry; nothing = half the mean path delay.
    std::optional<TimeDelta> asymmetry_bound;
  };

  // What happened, for counters and events; never reset.
  struct Counters {
    uint64_t measurements = 0;
    uint64_t outliers = 0;
    uint64_t clock_moves = 0;
    uint64_t path_moves = 0;
    uint64_t one_way_moves = 0;
    uint64_t relevels = 0;
    uint64_t drift_alarms = 0;
    uint64_t out_of_order = 0;
  };

  explicit OffsetEstimator(const Settings& settings);

  // Forgets the measurements, not the counters: another master, another era.
  void Reset();

  // One direction each; corrections applied. Measurements older than the newest
  // by up to 1 s are used, older ones counted and dropped.
  void AddSync(RawTime t2, TaiTime t1);
  void AddDelay(RawTime t3, TaiTime t4);
  // P2P: the mean link delay measured at `at`.
  void AddPeerDelay(RawTime at, TimeDelta mean_link_delay);

  // Both directions (or Sync and link delay) measured, and the rate known: in
  // practice from the second Sync on.
  bool ready() const;

  // The map, good for predicting to about `now`. Nothing until ready().
  std::optional<ClockMap<Raw, Tai>> Map() const;

  // The standard error of the map at `now`; grows while nothing is measured.
  TimeDelta Jitter(RawTime now) const;
  // What |map - truth| does not exceed: 3 jitter, unknown asymmetry, whatever
  // is under suspicion. Excludes the cross-timestamp's window.
  TimeDelta ErrorBound(RawTime now) const;
  // A measurement is so far out that a step can't be told from a spike yet. The
  // gate holds samples (does not withdraw the last one) while this is true.
  bool suspicious() const;

  TimeDelta mean_path_delay() const;
  // d(Tai)/d(local) - 1, parts per 10^9.
  double frequency_ppb() const;
  // When the newest Sync that was used was received.
  std::optional<RawTime> last_sync() const;

  const Counters& counters() const;

 private:
  // (left to the implementation)
};

}  // namespace bridge
