// bridge/source/time_source.h
//
// Where time comes from, as an engine sees it: a map from a clock that nobody steers to
// TAI, its quality, and who the master is. Two there are: a PTP slave port of our own
// (native_source.h), and a ptp4l that somebody else runs (companion_source.h). What
// only one of them takes in (frames; management replies) is in its own header.
//
// What a port would say (ptp/port_actions.h) is passed on in `out`; measurements among
// it have already been given to the estimator.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "bridge/estimate/offset_estimator.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/source/stamp_carrier.h"
#include "bridge/time/clock_map.h"

namespace bridge {

class TimeSource {
 public:
  virtual ~TimeSource() = default;

  // CLOCK_MONOTONIC_RAW cannot be trusted across this moment (suspend).
  virtual void Restart(MonoTime now, ptp::PortActions& out) = 0;

  // A pair REALTIME/RAW.
  SteadyTimeBase::PairVerdict OnPair(const CrossTimestamp<Raw>& pair, MonoTime now) {
    return carrier_.OnPair(pair, now);
  }

  using Reading = StampCarrier::Reading;
  virtual Reading OnReading(const ClockReading& reading, MonoTime now,
                            ptp::PortActions& out) = 0;

  // Call when now >= Deadline().
  virtual void OnTime(MonoTime now, ptp::PortActions& out) = 0;
  virtual std::optional<MonoTime> Deadline() const = 0;

  virtual ptp::PortState state() const = 0;
  // The master that is followed, as far as it is qualified.
  virtual const std::optional<ptp::ParentInfo>& parent() const = 0;
  // When parent() was confirmed last, and how often its master announces itself.
  // Nothing without a parent.
  struct ParentNews {
    MonoTime heard;
    absl::Duration announce_interval;
  };
  virtual std::optional<ParentNews> parent_news() const = 0;
  // How often it measures: as Syncs come, or as often as it asks for them.
  virtual absl::Duration sync_interval() const = 0;
  // Stamps are a PHC's.
  virtual bool hardware() const = 0;
  // Measurements are made on CLOCK_MONOTONIC_RAW, so a pair shows that clock too.
  virtual bool measures_on_raw() const = 0;
  // The program that has to do with the master answers. Always, where that is us.
  virtual bool answers() const { return true; }

  // What Syncs take longer than the estimator can know.
  virtual TimeDelta sync_lag() const { return {}; }

  const OffsetEstimator& estimator() const { return estimator_; }
  // As the estimator has them, but for that.
  std::optional<ClockMap<Local, Tai>> Map() const {
    const auto map = estimator_.Map();
    return map ? std::optional(map->Shifted(sync_lag())) : std::nullopt;
  }
  TimeDelta MeanPathDelay() const { return estimator_.mean_path_delay() + sync_lag(); }
  // Half of a lag more: it may be in the other direction, too.
  TimeDelta ErrorBound(LocalTime now) const {
    return estimator_.ErrorBound(now) + sync_lag().Abs().Half();
  }
  // When the newest Sync arrived that the estimator used.
  std::optional<MonoTime> last_good_sync() const { return last_good_sync_; }
  // Stamps that belong to no time that may be: another era, another clock.
  uint64_t stamps_refused() const { return carrier_.refused() + stamps_refused_; }

 protected:
  explicit TimeSource(const OffsetEstimator::Settings& settings)
      : carrier_(settings.stamps), estimator_(settings) {}

  StampCarrier carrier_;
  OffsetEstimator estimator_;
  std::optional<MonoTime> last_good_sync_;
  uint64_t stamps_refused_ = 0;  // By others than the carrier.
};

}  // namespace bridge
