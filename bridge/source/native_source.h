// bridge/source/native_source.h
//
// The time source of a client: a PTP slave port, the time base that carries its
// stamps to a clock nobody steers, and the estimator, joined. It shows the
// engine a map, its quality and who the master is.
//
// What the port says is passed on in `out`; measurements among it have already
// been given to the estimator.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "bridge/base/rng.h"
#include "bridge/estimate/offset_estimator.h"
#include "bridge/estimate/phc_time_base.h"
#include "bridge/estimate/time_base.h"
#include "bridge/ptp/slave_port.h"
#include "bridge/time/event_stamp.h"

namespace bridge {

class NativeSource {
 public:
  struct Settings {
    ptp::SlavePortSettings port;
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
  // CLOCK_MONOTONIC_RAW cannot be trusted across this moment (suspend).
  void Restart(MonoTime now, ptp::PortActions& out);
  // The PHC was stepped by somebody else, or is another one: measuring begins anew.
  void ForgetMeasurements(MonoTime now, ptp::PortActions& out);

  // A pair REALTIME/RAW.
  SteadyTimeBase::PairVerdict OnPair(const CrossTimestamp<Raw>& pair, MonoTime now);

  struct Reading {
    bool system_stepped = false;  // Since the last pair.
    bool phc_stepped = false;     // By somebody else: call ForgetMeasurements.
    bool phc_uncertain = false;   // How far we stepped it ourselves: likewise.
    bool wide = false;
    // The clock that measurements are made on, as this reading showed it. Nothing when
    // stamps are the PHC's and it could not be read.
    std::optional<CrossTimestamp<Local>> local;
  };
  Reading OnReading(const ClockReading& reading, MonoTime now);

  void OnMessage(const ptp::Message& message, std::optional<EventStamp> received,
                 MonoTime now, ptp::PortActions& out);
  void OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                     ptp::PortActions& out);
  void OnTime(MonoTime now, ptp::PortActions& out);
  std::optional<MonoTime> Deadline() const { return port_.Deadline(); }

  bool hardware() const { return settings_.estimator.stamps == StampKind::kHardware; }
  const ptp::SlavePort& port() const { return port_; }
  const OffsetEstimator& estimator() const { return estimator_; }
  PhcTimeBase& phc() { return phc_; }
  const PhcTimeBase& phc() const { return phc_; }
  // When the newest Sync arrived that the estimator used.
  std::optional<MonoTime> last_good_sync() const { return last_good_sync_; }
  // Stamps that belong to no time that may be: another era, another clock.
  uint64_t stamps_refused() const { return stamps_refused_; }

 private:
  std::optional<LocalTime> Carry(EventStamp stamp, MonoTime now);
  void Measure(size_t first, MonoTime now, ptp::PortActions& out);

  const Settings settings_;
  ptp::SlavePort port_;
  SteadyTimeBase steady_;
  PhcTimeBase phc_;
  std::optional<RawTime> last_raw_;  // Of the newest pair,
  MonoTime last_raw_at_;             // which was read then.
  OffsetEstimator estimator_;
  std::optional<MonoTime> last_good_sync_;
  uint64_t stamps_refused_ = 0;
};

}  // namespace bridge
