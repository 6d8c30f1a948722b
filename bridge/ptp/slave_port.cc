#include "bridge/ptp/slave_port.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "bridge/ptp/addressing.h"
#include "bridge/time/waiting.h"

namespace bridge::ptp {
namespace {

ParentInfo ParentInfoOf(const ForeignMaster& master) {
  const Announce& announce = master.data_set.announce;
  ParentInfo info{.port = master.port(),
                  .grandmaster = announce.grandmaster,
                  .priority1 = announce.grandmaster_priority1,
                  .priority2 = announce.grandmaster_priority2,
                  .quality = announce.grandmaster_quality,
                  .steps_removed = announce.steps_removed,
                  .time_source = announce.time_source,
                  .current_utc_offset = announce.current_utc_offset,
                  .flags = master.flags};
  // These speak of the message, not of the grandmaster.
  info.flags.alternate_master = info.flags.two_step = info.flags.unicast = false;
  return info;
}

}  // namespace

SlavePort::SlavePort(PortSettings settings, Rng rng)
    : settings_(std::move(settings)),
      sender_(settings_),
      foreign_(settings_, rng.Fork()),
      delay_e2e_(settings_, rng.Fork()),
      delay_p2p_(settings_, rng.Fork()) {}

void SlavePort::Start(MonoTime now, PortActions& out) {
  if (running()) return;
  Enter(PortEvent::kInitialized, out);
  if (!e2e()) delay_p2p_.Start(now, sender_, out);
}

void SlavePort::Stop(MonoTime, PortActions& out) {
  foreign_.Clear();
  StopMeasuring();
  delay_p2p_.Stop();
  if (std::exchange(parent_, std::nullopt)) out.push_back(ParentChanged{});
  Enter(PortEvent::kFault, out);
}

bool SlavePort::running() const {
  return state_ != PortState::kInitializing && state_ != PortState::kFaulty;
}

void SlavePort::OnMessage(const Message& message, std::optional<LocalTime> received,
                          MonoTime now, PortActions& out) {
  const Header& header = message.header;
  const auto drop = [&out](DropReason reason) { out.push_back(Dropped{reason}); };
  if (!running()) return drop(DropReason::kNotExpected);
  if (const auto refusal = RefusalOf(header, settings_)) return drop(*refusal);

  if (const auto* announce = std::get_if<Announce>(&message.body)) {
    OnAnnounce(header, *announce, now, out);
  } else if (const auto* sync = std::get_if<Sync>(&message.body)) {
    OnSync(header, *sync, received, now, out);
  } else if (const auto* follow_up = std::get_if<FollowUp>(&message.body)) {
    pairing_.OnFollowUp(header, *follow_up, out);
  } else if (std::holds_alternative<DelayReq>(message.body)) {
    drop(DropReason::kNotForUs);  // A slave's, to its master.
  } else if (const auto* d = std::get_if<DelayResp>(&message.body); d && e2e()) {
    delay_e2e_.OnDelayResp(header, *d, now, out);
  } else if (std::holds_alternative<PdelayReq>(message.body) && !e2e()) {
    delay_p2p_.OnPdelayReq(header, received, std::nullopt, now, sender_, out);
  } else if (const auto* p = std::get_if<PdelayResp>(&message.body); p && !e2e()) {
    delay_p2p_.OnPdelayResp(header, *p, received, now, out);
  } else if (const auto* f = std::get_if<PdelayRespFollowUp>(&message.body);
             f && !e2e()) {
    delay_p2p_.OnPdelayRespFollowUp(header, *f, now, out);
  } else {
    drop(DropReason::kNotExpected);  // Signaling, Management, the other mechanism.
  }
}

void SlavePort::OnAnnounce(const Header& header, const Announce& announce, MonoTime now,
                           PortActions& out) {
  if (const auto refusal = foreign_.OnAnnounce(header, announce, now)) {
    out.push_back(Dropped{*refusal});
  }
  ChooseMaster(out);  // Even then: the parent may have ruled itself out.
}

void SlavePort::OnSync(const Header& header, const Sync& sync,
                       std::optional<LocalTime> received, MonoTime now,
                       PortActions& out) {
  // Nobody has announced itself yet: measure whoever sends, lest time be lost.
  if (!measured_) Measure({header.source, std::nullopt}, out);
  pairing_.OnSync(header, sync, received, out);
  if (header.source != measured_->port) return;

  if (!header.flags.unicast && header.log_interval.IsPlausible()) {
    sync_interval_ = header.log_interval;
  }
  sync_silent_at_ = now + SyncSilenceLimit();
  if (e2e()) delay_e2e_.OnSyncHeard(now, sender_, out);
}

void SlavePort::OnTransmitted(TxToken token, LocalTime sent, MonoTime now,
                              PortActions& out) {
  const bool known = e2e() ? delay_e2e_.OnTransmitted(token, sent, now, out)
                           : delay_p2p_.OnTransmitted(token, sent, now, sender_, out);
  if (!known) out.push_back(Dropped{DropReason::kTransmitTimestampLate});
}

void SlavePort::OnTime(MonoTime now, PortActions& out) {
  foreign_.Expire(now);
  if (sync_silent_at_ && *sync_silent_at_ <= now) {
    sync_silent_at_.reset();
    delay_e2e_.Pause();
  }
  ChooseMaster(out);
  delay_e2e_.OnTime(now, sender_, out);
  delay_p2p_.OnTime(now, sender_, out);
}

std::optional<MonoTime> SlavePort::Deadline() const {
  return Earlier(Earlier(foreign_.NextExpiry(), sync_silent_at_),
                 Earlier(delay_e2e_.Deadline(), delay_p2p_.Deadline()));
}

void SlavePort::OnCalibrated(bool calibrated, MonoTime, PortActions& out) {
  calibrated_ = calibrated;
  Enter(calibrated ? PortEvent::kCalibrated : PortEvent::kSynchronizationLost, out);
}

void SlavePort::ChooseMaster(PortActions& out) {
  const ForeignMaster* best = foreign_.Best();
  if (best && best->qualified) return Follow(*best, out);
  if (std::exchange(parent_, std::nullopt)) {
    out.push_back(ParentChanged{});
    Enter(PortEvent::kAnnounceTimeout, out);
  }
  if (best) {
    Measure({best->port(), best->data_set.announce.grandmaster}, out);
  } else if (!sync_silent_at_) {
    StopMeasuring();  // Neither Announce nor Sync: room for another.
  }
}

void SlavePort::Follow(const ForeignMaster& master, PortActions& out) {
  const bool had_parent = parent_.has_value();
  const ParentInfo info = ParentInfoOf(master);
  const bool restarted = Measure({info.port, info.grandmaster}, out);
  if (parent_ != info) {
    parent_ = info;
    out.push_back(ParentChanged{parent_});
  }
  if (!had_parent) {
    Enter(PortEvent::kMasterQualified, out);
    if (calibrated_) Enter(PortEvent::kCalibrated, out);
  } else if (restarted) {
    Enter(PortEvent::kMasterChanged, out);
  }
}

bool SlavePort::Measure(const Measured& master, PortActions& out) {
  if (measured_ && measured_->port == master.port &&
      (!measured_->grandmaster || measured_->grandmaster == master.grandmaster)) {
    measured_->grandmaster = master.grandmaster;
    return false;
  }
  StopMeasuring();
  measured_ = master;
  pairing_.Follow(master.port);
  delay_e2e_.Follow(master.port);
  out.push_back(MeasuringRestarted{master.port});
  return true;
}

void SlavePort::ForgetStamps() {
  pairing_.Forget();
  delay_e2e_.Forget();
  delay_p2p_.Forget();
}

void SlavePort::StopMeasuring() {
  measured_.reset();
  pairing_.Follow(std::nullopt);
  delay_e2e_.Follow(std::nullopt);
  sync_silent_at_.reset();
  sync_interval_ = LogInterval{};
  calibrated_ = false;
}

absl::Duration SlavePort::SyncSilenceLimit() const {
  const ForeignMaster* master = foreign_.Find(measured_->port);
  const absl::Duration announce_interval =
      master ? master->announce_interval : settings_.announce_interval.ToDuration();
  return settings_.announce_receipt_timeout *
         std::max(announce_interval, sync_interval_.ToDuration());
}

void SlavePort::Enter(PortEvent event, PortActions& out) {
  const PortState next = Next(SlaveTransitions(), state_, event);
  if (next == state_) return;
  out.push_back(StateChanged{state_, next, event});
  state_ = next;
}

}  // namespace bridge::ptp
