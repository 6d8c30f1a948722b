#include "bridge/source/native_source.h"

namespace bridge {

NativeSource::NativeSource(const Settings& settings, Rng rng)
    : port_(settings.port, rng), estimator_(settings.estimator) {}

void NativeSource::Start(MonoTime now, ptp::PortActions& out) { port_.Start(now, out); }

void NativeSource::Stop(MonoTime now, ptp::PortActions& out) {
  const size_t first = out.size();
  port_.Stop(now, out);
  estimator_.Reset();
  last_good_sync_.reset();
  Measure(first, now, out);
}

void NativeSource::Restart(MonoTime now, ptp::PortActions& out) {
  time_base_.Reset();
  estimator_.Reset();
  last_good_sync_.reset();
  port_.OnCalibrated(false, now, out);
}

SteadyTimeBase::PairVerdict NativeSource::OnPair(const CrossTimestamp<Raw>& pair) {
  return time_base_.AddPair(pair);
}

void NativeSource::OnMessage(const ptp::Message& message,
                             std::optional<UtcTime> received, MonoTime now,
                             ptp::PortActions& out) {
  const size_t first = out.size();
  std::optional<RawTime> carried;
  if (received && ptp::IsEvent(message.header.type)) {
    carried = time_base_.Carry(*received);
  }
  port_.OnMessage(message, carried, now, out);
  Measure(first, now, out);
}

void NativeSource::OnTransmitted(ptp::TxToken token, UtcTime sent, MonoTime now,
                                 ptp::PortActions& out) {
  const std::optional<RawTime> carried = time_base_.Carry(sent);
  if (!carried) return;  // Stamped before a step: as good as no stamp.
  const size_t first = out.size();
  port_.OnTransmitted(token, *carried, now, out);
  Measure(first, now, out);
}

void NativeSource::OnTime(MonoTime now, ptp::PortActions& out) {
  const size_t first = out.size();
  port_.OnTime(now, out);
  Measure(first, now, out);
}

// Gives the measurements in out[first...] to the estimator.
void NativeSource::Measure(size_t first, MonoTime now, ptp::PortActions& out) {
  const std::optional<RawTime> sync_before = estimator_.last_sync();
  const bool ready_before = estimator_.ready();
  for (size_t i = first; i < out.size(); ++i) {
    if (const auto* sync = std::get_if<ptp::SyncMeasured>(&out[i])) {
      estimator_.AddSync(sync->t2, sync->t1);
    } else if (const auto* delay = std::get_if<ptp::DelayMeasured>(&out[i])) {
      estimator_.AddDelay(delay->t3, delay->t4);
    } else if (const auto* peer = std::get_if<ptp::PeerDelayMeasured>(&out[i])) {
      estimator_.AddPeerDelay(peer->at, peer->mean_link_delay);
    } else if (std::holds_alternative<ptp::MeasuringRestarted>(out[i])) {
      estimator_.Reset();
      last_good_sync_.reset();
    }
  }
  if (estimator_.last_sync() && estimator_.last_sync() != sync_before) {
    last_good_sync_ = now;
  }
  if (estimator_.ready() != ready_before) {
    port_.OnCalibrated(estimator_.ready(), now, out);
  }
}

}  // namespace bridge
