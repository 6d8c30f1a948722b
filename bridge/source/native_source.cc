#include "bridge/source/native_source.h"

namespace bridge {

NativeSource::NativeSource(const Settings& settings, Rng rng)
    : TimeSource(settings.estimator), settings_(settings), port_(settings.port, rng) {}

void NativeSource::Start(MonoTime now, ptp::PortActions& out) { port_.Start(now, out); }

void NativeSource::Stop(MonoTime now, ptp::PortActions& out) {
  const size_t first = out.size();
  port_.Stop(now, out);
  estimator_.Reset();
  last_good_sync_.reset();
  Measure(first, now, out);
}

void NativeSource::Restart(MonoTime now, ptp::PortActions& out) {
  steady_.Reset();
  phc_.Reset();
  last_raw_.reset();
  ForgetMeasurements(now, out);
}

void NativeSource::ForgetMeasurements(MonoTime now, ptp::PortActions& out) {
  port_.ForgetStamps();
  estimator_.Reset();
  last_good_sync_.reset();
  port_.OnCalibrated(false, now, out);
}

std::optional<TimeSource::ParentNews> NativeSource::parent_news() const {
  const ptp::ForeignMaster* announce = port_.parent_announce();
  if (announce == nullptr) return std::nullopt;
  return ParentNews{announce->heard, announce->announce_interval};
}

TimeSource::Reading NativeSource::OnReading(const ClockReading& reading, MonoTime now,
                                            ptp::PortActions&) {
  const auto steady = OnPair(reading.pair, now);
  Reading result;
  result.system_stepped = steady == SteadyTimeBase::PairVerdict::kStepped;
  if (!hardware()) {
    const CrossTimestamp<Raw>& pair = reading.pair;
    result.wide = steady == SteadyTimeBase::PairVerdict::kWide;
    result.local = {AsLocal(pair.local), pair.system, pair.window};
    return result;
  }
  if (!reading.phc) return result;
  const CrossTimestamp<Phc>& phc = *reading.phc;
  // Where CLOCK_MONOTONIC_RAW stood when the PHC was read. A step of CLOCK_REALTIME
  // in between makes that unknown, and the reading worthless.
  const std::optional<RawTime> raw = steady_.Carry(phc.system);
  if (!raw || result.system_stepped) {
    result.system_stepped = true;
    return result;
  }
  switch (phc_.AddReading(phc.local, *raw, phc.window + reading.pair.window)) {
    case PhcTimeBase::Verdict::kGood:
      break;
    case PhcTimeBase::Verdict::kWide:
      result.wide = true;
      break;
    case PhcTimeBase::Verdict::kStepped:
      result.phc_stepped = true;
      break;
    case PhcTimeBase::Verdict::kUncertain:
      result.phc_uncertain = true;
      break;
  }
  result.local = {phc_.CarryReading(phc.local), phc.system, phc.window};
  return result;
}

void NativeSource::OnMessage(const ptp::Message& message,
                             std::optional<EventStamp> received, MonoTime now,
                             ptp::PortActions& out) {
  const size_t first = out.size();
  std::optional<LocalTime> carried;
  if (received && ptp::IsEvent(message.header.type)) {
    carried = Carry(*received, now);
    if (carried) *carried = *carried - settings_.ingress_latency;
  }
  port_.OnMessage(message, carried, now, out);
  Measure(first, now, out);
}

void NativeSource::OnTransmitted(ptp::TxToken token, EventStamp sent, MonoTime now,
                                 ptp::PortActions& out) {
  const std::optional<LocalTime> carried = Carry(sent, now);
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

// Whether a PHC's stamp is of this time can be told from a pair that is a second old:
// CLOCK_MONOTONIC is slewed by milliseconds meanwhile at most.
std::optional<LocalTime> NativeSource::Carry(EventStamp stamp, MonoTime now) {
  std::optional<LocalTime> local;
  if (const auto* phc = std::get_if<PhcTime>(&stamp); phc != nullptr) {
    if (hardware() && last_raw_) {
      local = phc_.Carry(*phc, *last_raw_ + (now - last_raw_at_));
    }
  } else if (!hardware()) {
    const std::optional<RawTime> raw = steady_.Carry(std::get<UtcTime>(stamp));
    if (raw) local = AsLocal(*raw);
  }
  if (!local) ++stamps_refused_;
  return local;
}

// Gives the measurements in out[first...] to the estimator.
void NativeSource::Measure(size_t first, MonoTime now, ptp::PortActions& out) {
  const std::optional<LocalTime> sync_before = estimator_.last_sync();
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
  const auto map = estimator_.Map();
  port_.set_local_rate(map ? map->rate() : 0);
  if (estimator_.ready() != ready_before) {
    port_.OnCalibrated(estimator_.ready(), now, out);
  }
}

}  // namespace bridge
