// bridge/estimate/offset_estimator.h
//
// From two-way exchanges to a map local clock -> TAI: a three-state Kalman filter
// (offset, rate, mean path delay) fed by each direction separately, behind a gate
// that tells a clock that moved from a path that moved. It has no options.
//
//   estimator.AddSync(t2, t1);        // as they come; no pairing needed
//   estimator.AddDelay(t3, t4);
//   if (estimator.ready()) { ClockMap<Local, Tai> map = *estimator.Map(now); ... }
//
// Why this one: README.md of this room. Pure; no allocation after construction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "bridge/estimate/drift_watch.h"
#include "bridge/estimate/fence.h"
#include "bridge/estimate/flat_noise.h"
#include "bridge/estimate/floor_ring.h"
#include "bridge/estimate/gate.h"
#include "bridge/estimate/kalman.h"
#include "bridge/estimate/noise.h"
#include "bridge/estimate/restlessness.h"
#include "bridge/estimate/supervisor.h"
#include "bridge/time/clock_map.h"

namespace bridge {

enum class StampKind { kSoftware, kHardware };

class OffsetEstimator {
 public:
  struct Settings {
    StampKind stamps = StampKind::kSoftware;
    // delayAsymmetry (IEEE 1588-2019, 7.4.2): positive when master-to-slave is
    // the slower direction; half the difference of the two.
    TimeDelta delay_asymmetry{};
    // Bound on unknown asymmetry; nothing = half the mean path delay.
    std::optional<TimeDelta> asymmetry_bound{};
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
  // by up to 1 s are used, older ones counted and dropped; eight of these in a
  // row (the local clock was set back) or a day's gap are a new start.
  void AddSync(LocalTime t2, TaiTime t1);
  void AddDelay(LocalTime t3, TaiTime t4);
  // P2P: the mean link delay measured at `at`.
  void AddPeerDelay(LocalTime at, TimeDelta mean_link_delay);

  // Both directions (or Sync and link delay) measured, and the rate known: in
  // practice from the second Sync on.
  bool ready() const;

  // The map, good for predicting to about `now`. Nothing until ready().
  std::optional<ClockMap<Local, Tai>> Map() const;

  // The standard error of the map at `now`; grows while nothing is measured. A
  // day before the first exchange is complete.
  TimeDelta Jitter(LocalTime now) const;
  // What |map - truth| does not exceed: 3 jitter, unknown asymmetry, whatever
  // is under suspicion. Excludes the cross-timestamp's window.
  TimeDelta ErrorBound(LocalTime now) const;
  // A measurement is so far out that a step can't be told from a spike yet. The
  // gate holds samples (does not withdraw the last one) while this is true.
  bool suspicious() const;

  TimeDelta mean_path_delay() const;
  // d(Tai)/d(local) - 1, parts per 10^9.
  double frequency_ppb() const;
  // Its standard error.
  double frequency_error_ppb() const;
  // When the newest Sync that was used was received.
  std::optional<LocalTime> last_sync() const;

  const Counters& counters() const;

 private:
  enum Side : size_t { kForward, kReverse };  // Sync; Delay_Req or link delay.

  struct Direction {
    explicit Direction(double noise_prior) : noise(noise_prior) {}

    struct Residual {
      LocalTime at;
      double value;
    };
    DirectionNoise noise;
    FloorRing ring;
    FlatWatch flat;
    OutlierRun run;
    std::optional<Residual> previous;  // The last that was used.
    double excess = 0;                 // ns: a one-way path change.
    double suspicion = 0;              // ns: the largest unexplained outlier.
    uint64_t used = 0;
  };

  // A measurement against the filter.
  struct Judged {
    Measurement m;
    double innovation;  // ns
    double expected;    // ns^2: variance of what was expected.
    double noise;       // ns^2: variance of the measurement itself.
    double Variance() const { return expected + noise; }
    double Sigmas() const;
  };

  void Add(Side side, const Measurement& m);
  void Start(Side side, const Measurement& m);
  bool Advance(LocalTime at);
  void CountInterval(const Measurement& m);
  Judged Judge(Side side, const Measurement& m) const;
  Judged JudgeAtFirst(Side side, const Measurement& m);
  bool Flat(Side side, const Judged& j) const;
  void Learn(Side side, const Judged& j);
  void Use(Side side, const Judged& j);
  void WatchFlatness(Side side, const Measurement& m);
  void Reconsider();
  void Limit(Side side, const Measurement& m);
  void LearnNoise(Direction& direction, const Judged& j, double residual);
  void WatchDrift(const Judged& j);
  void LearnRestlessness(Side side, const Judged& j);
  void OnOutlier(Side side, const Judged& j, bool late);
  bool Act(const Explanation& explanation);
  bool Possible(const Explanation& explanation) const;
  void MoveClock(double dx);
  void MovePath(double dd);
  void MoveOneWay(Side side, double by);
  void ForgetRuns();
  void Replay();
  template <typename Item, typename Visit>
  void InOrder(std::span<const Item> forward, std::span<const Item> reverse,
               const Visit& visit);
  void Supervise();
  void MoveAnchor();

  bool p2p() const { return reverse_row_.x == 0; }
  double SecondsAfterState(LocalTime at) const { return (at - now_).SecondsDouble(); }
  double JitterNanos(LocalTime now) const;
  double Suspicion() const;
  Fence::Room RoomOfMap(LocalTime now) const;

  Settings settings_;
  ProcessNoise process_noise_;
  Counters counters_;

  // Before the first exchange is complete.
  static constexpr size_t kEarlySyncs = 16;
  std::array<Measurement, kEarlySyncs> early_syncs_{};  // A ring.
  size_t early_sync_count_ = 0;
  std::optional<Measurement> first_reverse_;

  // The state at `now_`; x is relative to `anchor_`: local - TAI = anchor_ + x.
  std::optional<Kalman> filter_;
  LocalTime now_;
  TimeDelta anchor_;
  Row reverse_row_ = kDelayRow;  // kPeerDelayRow: P2P.

  std::array<Direction, 2> directions_;
  bool flat_ = false;  // Both directions.
  Fence fence_;
  DriftWatch drift_;
  double lean_ = 0;  // ns: mean of the last innovations, signed as x.
  Restlessness restlessness_;
  Supervisor supervisor_;
  // ns and ns/s: what the last measurements moved x and y by; one may have been late by
  // less than makes an outlier.
  double surprise_ = 0;
  double rate_surprise_ = 0;
  double moved_ = 0;     // ns: a move of the clock that is not confirmed yet.
  int agreed_ = 0;       // Syncs in family since.
  double interval_ = 0;  // s: mean distance of measurements of the clock,
  std::optional<LocalTime> counted_at_;  // the newest of which was then.
  int too_old_ = 0;                      // In a row.
  std::optional<LocalTime> last_sync_;
};

}  // namespace bridge
