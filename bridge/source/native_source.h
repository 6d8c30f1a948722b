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
#include "bridge/estimate/time_base.h"
#include "bridge/ptp/slave_port.h"

namespace bridge {

class NativeSource {
 public:
  struct Settings {
    ptp::SlavePortSettings port;
    OffsetEstimator::Settings estimator;
  };

  NativeSource(const Settings& settings, Rng rng);

  void Start(MonoTime now, ptp::PortActions& out);
  void Stop(MonoTime now, ptp::PortActions& out);
  // CLOCK_MONOTONIC_RAW cannot be trusted across this moment (suspend).
  void Restart(MonoTime now, ptp::PortActions& out);

  // A pair REALTIME/RAW.
  SteadyTimeBase::PairVerdict OnPair(const CrossTimestamp<Raw>& pair);

  void OnMessage(const ptp::Message& message, std::optional<UtcTime> received,
                 MonoTime now, ptp::PortActions& out);
  void OnTransmitted(ptp::TxToken token, UtcTime sent, MonoTime now,
                     ptp::PortActions& out);
  void OnTime(MonoTime now, ptp::PortActions& out);
  std::optional<MonoTime> Deadline() const { return port_.Deadline(); }

  const ptp::SlavePort& port() const { return port_; }
  const OffsetEstimator& estimator() const { return estimator_; }
  // When the newest Sync arrived that the estimator used.
  std::optional<MonoTime> last_good_sync() const { return last_good_sync_; }

 private:
  void Measure(size_t first, MonoTime now, ptp::PortActions& out);

  ptp::SlavePort port_;
  SteadyTimeBase time_base_;
  OffsetEstimator estimator_;
  std::optional<MonoTime> last_good_sync_;
};

}  // namespace bridge
