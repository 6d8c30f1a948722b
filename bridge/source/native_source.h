// bridge/source/native_source.h
//
// The time source of a client: a PTP slave port, the time base that carries its
// stamps to a clock nobody steers, and the estimator, joined. The PHC may be steered
// by us: phc() knows what was done to it.
#pragma once

#include <optional>

#include "bridge/base/rng.h"
#include "bridge/ptp/slave_port.h"
#include "bridge/source/sync_lag.h"
#include "bridge/source/time_source.h"
#include "bridge/time/event_stamp.h"

namespace bridge {

class NativeSource final : public TimeSource {
 public:
  struct Settings {
    ptp::PortSettings port;
    // Its `stamps` also says which clock stamps are of: software ones CLOCK_REALTIME,
    // hardware ones the PHC. Stamps of the other clock are not used.
    OffsetEstimator::Settings estimator;
    // From the wire to where a frame is stamped, and from there to the wire.
    TimeDelta ingress_latency{};
    TimeDelta egress_latency{};
  };

  NativeSource(const Settings& settings, Rng rng);

  void Start(MonoTime now, ptp::PortActions& out);
  void Stop(MonoTime now, ptp::PortActions& out);
  void Restart(MonoTime now, ptp::PortActions& out) override;
  // The PHC was stepped by somebody else, or is another one: measuring begins anew.
  void ForgetMeasurements(MonoTime now, ptp::PortActions& out);

  Reading OnReading(const ClockReading& reading, MonoTime now,
                    ptp::PortActions& out) override;

  void OnMessage(const ptp::Message& message, std::optional<EventStamp> received,
                 MonoTime now, ptp::PortActions& out);
  void OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                     ptp::PortActions& out);
  void OnTime(MonoTime now, ptp::PortActions& out) override;
  std::optional<MonoTime> Deadline() const override { return port_.Deadline(); }

  ptp::PortState state() const override { return port_.state(); }
  const std::optional<ptp::ParentInfo>& parent() const override {
    return port_.parent();
  }
  std::optional<ParentNews> parent_news() const override;
  absl::Duration sync_interval() const override {
    return port_.sync_interval().ToDuration();
  }
  bool hardware() const override {
    return settings_.estimator.stamps == StampKind::kHardware;
  }
  bool measures_on_raw() const override { return !hardware(); }
  TimeDelta sync_lag() const override { return sync_lags_.value(); }
  PhcTimeBase& phc() { return carrier_.phc(); }
  const PhcTimeBase& phc() const { return carrier_.phc(); }

 private:
  void Measure(size_t first, MonoTime now, ptp::PortActions& out);
  void Add(const ptp::PeerDelayMeasured& peer);
  void Forget();

  const Settings settings_;
  ptp::SlavePort port_;
  SyncLag sync_lags_;
  ptp::PortIdentity synced_to_;
};

}  // namespace bridge
