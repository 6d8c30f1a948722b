#include "bridge/source/native_source.h"

namespace bridge {

NativeSource::NativeSource(const Settings& settings, Rng rng)
    : TimeSource(settings.estimator), settings_(settings), port_(settings.port, rng) {}

void NativeSource::Start(MonoTime now, ptp::PortActions& out) { port_.Start(now, out); }

void NativeSource::Stop(MonoTime now, ptp::PortActions& out) {
  const size_t first = out.size();
  port_.Stop(now, out);
  port_.set_local_rate(0);
  Forget();
  Measure(first, now, out);
}

void NativeSource::Restart(MonoTime now, ptp::PortActions& out) {
  carrier_.Reset();
  ForgetMeasurements(now, out);
}

void NativeSource::ForgetMeasurements(MonoTime now, ptp::PortActions& out) {
  port_.ForgetStamps();
  port_.set_local_rate(0);
  Forget();
  port_.OnCalibrated(false, now, out);
}

std::optional<TimeSource::ParentNews> NativeSource::parent_news() const {
  const ptp::ForeignMaster* announce = port_.parent_announce();
  if (announce == nullptr) return std::nullopt;
  return ParentNews{announce->heard, announce->announce_interval};
}

TimeSource::Reading NativeSource::OnReading(const ClockReading& reading, MonoTime now,
                                            ptp::PortActions&) {
  return carrier_.OnReading(reading, now);
}

void NativeSource::OnMessage(const ptp::Message& message,
                             std::optional<EventStamp> received, MonoTime now,
                             ptp::PortActions& out) {
  const size_t first = out.size();
  std::optional<LocalTime> carried;
  if (received && ptp::IsEvent(message.header.type)) {
    carried = carrier_.Carry(*received, now);
    if (carried) *carried = *carried - settings_.ingress_latency;
  }
  port_.OnMessage(message, carried, now, out);
  Measure(first, now, out);
}

void NativeSource::OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                                 ptp::PortActions& out) {
  const std::optional<LocalTime> carried = carrier_.Carry(sent, now);
  if (!carried) return;  // Stamped before a step: as good as no stamp.
  const size_t first = out.size();
  port_.OnTransmitted(token, *carried + settings_.egress_latency, now, out);
  Measure(first, now, out);
}

void NativeSource::OnTime(MonoTime now, ptp::PortActions& out) {
  const size_t first = out.size();
  port_.OnTime(now, out);
  Measure(first, now, out);
}

// Gives the measurements in out[first...] to the estimator.
void NativeSource::Measure(size_t first, MonoTime now, ptp::PortActions& out) {
  if (out.size() == first) return;  // As of most messages.
  const std::optional<LocalTime> sync_before = estimator_.last_sync();
  const bool ready_before = estimator_.ready();
  for (size_t i = first; i < out.size(); ++i) {
    if (const auto* sync = std::get_if<ptp::SyncMeasured>(&out[i])) {
      estimator_.AddSync(sync->t2, sync->t1);
      synced_to_ = sync->master;
    } else if (const auto* delay = std::get_if<ptp::DelayMeasured>(&out[i])) {
      estimator_.AddDelay(delay->t3, delay->t4);
    } else if (const auto* peer = std::get_if<ptp::PeerDelayMeasured>(&out[i])) {
      Add(*peer);
    } else if (std::holds_alternative<ptp::MeasuringRestarted>(out[i])) {
      Forget();
    }
  }
  if (estimator_.last_sync() && estimator_.last_sync() != sync_before) {
    last_good_sync_ = now;
  }
  const auto map = estimator_.Map();
  port_.set_local_rate(map ? map->rate() : 0);
  if (estimator_.ready() != ready_before) {
    port_.OnCalibrated(estimator_.ready(), now, out);
  }
}

void NativeSource::Add(const ptp::PeerDelayMeasured& peer) {
  estimator_.AddPeerDelay(peer.at, peer.mean_link_delay);
  const auto map = estimator_.Map();
  if (hardware() || !map || !peer.t3 || peer.responder != synced_to_) return;
  // What a Sync would have taken now, as the estimator has it, less what the answer
  // did.
  const TimeDelta lag = *peer.t3 - *map->Map(peer.at, map->era()) +
                        estimator_.mean_path_delay() +
                        settings_.estimator.delay_asymmetry;
  sync_lags_.Add(lag, peer.mean_link_delay);
}

void NativeSource::Forget() {
  estimator_.Reset();
  last_good_sync_.reset();
  sync_lags_.Clear();
}

}  // namespace bridge
