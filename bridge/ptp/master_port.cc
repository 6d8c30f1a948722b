#include "bridge/ptp/master_port.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "bridge/ptp/exchange.h"
#include "bridge/ptp/state_decision.h"
#include "bridge/time/waiting.h"

namespace bridge::ptp {
namespace {

// Twice what slaves are told, because the time between requests is random.
RequestLimit LimitOf(const MasterPortSettings& settings) {
  RequestLimit limit = settings.request_limit;
  const double told = 1 / absl::ToDoubleSeconds(settings.delay_interval.ToDuration());
  limit.per_second = std::max(limit.per_second, static_cast<int>(2 * told));
  return limit;
}

// The next beat after `due`; after a pause no beats are made up for.
MonoTime NextBeat(MonoTime due, LogInterval interval, MonoTime now) {
  const MonoTime next = due + interval.ToDuration();
  return next > now ? next : now + interval.ToDuration();
}

bool IsDue(const std::optional<MonoTime>& deadline, MonoTime now) {
  return deadline && *deadline <= now;
}

PortEvent EventOf(StateDecision decision, bool slave_capable) {
  switch (decision) {
    case StateDecision::kM1:
    case StateDecision::kM2:
      return PortEvent::kRecommendedMaster;
    case StateDecision::kP1:
      return PortEvent::kRecommendedPassive;
    case StateDecision::kS1:
      return slave_capable ? PortEvent::kMasterQualified
                           : PortEvent::kRecommendedPassive;
  }
  return PortEvent::kRecommendedPassive;
}

}  // namespace

MasterPort::MasterPort(MasterPortSettings settings,
                       const GrandmasterProperties& properties, Rng rng)
    : settings_(std::move(settings)),
      properties_(properties),
      rng_(rng.Fork()),
      sender_(settings_, kMasterTokens),
      foreign_(settings_, rng.Fork()),
      limiter_(LimitOf(settings_), rng.Fork()),
      sync_sender_(settings_),
      delay_p2p_(settings_, rng.Fork()) {}

void MasterPort::Start(MonoTime now, PortActions& out) {
  if (!running()) Enter(PortEvent::kInitialized, now, out);
}

void MasterPort::Stop(MonoTime now, PortActions& out) {
  foreign_.Clear();
  Enter(PortEvent::kFault, now, out);
}

bool MasterPort::running() const {
  return state_ != PortState::kInitializing && state_ != PortState::kFaulty;
}

void MasterPort::OnMessage(const Message& message, std::optional<LocalTime> received,
                           const std::optional<PortAddress>& from, MonoTime now,
                           PortActions& out) {
  const Header& header = message.header;
  const auto drop = [&](DropReason reason) { Drop(reason, out); };
  if (!running()) return drop(DropReason::kNotExpected);
  if (const auto refusal = RefusalOf(header, settings_)) return drop(*refusal);

  switch (header.type) {
    case MessageType::kAnnounce:
      return OnAnnounce(header, std::get<Announce>(message.body), now, out);
    case MessageType::kDelayReq:
      return OnDelayReq(header, received, from, now, out);
    case MessageType::kPdelayReq:
    case MessageType::kPdelayResp:
    case MessageType::kPdelayRespFollowUp:
      return OnPeerDelay(message, received, from, now, out);
    case MessageType::kSync:
    case MessageType::kFollowUp:
    case MessageType::kDelayResp:
      return drop(DropReason::kNotFromParent);  // We have none.
    case MessageType::kSignaling:
    case MessageType::kManagement:
      return drop(DropReason::kNotExpected);
  }
}

void MasterPort::OnAnnounce(const Header& header, const Announce& announce,
                            MonoTime now, PortActions& out) {
  if (const auto refusal = foreign_.OnAnnounce(header, announce, now)) {
    Drop(*refusal, out);
  }
  Decide(now, out);  // Even then: it may have ruled its sender out.
}

void MasterPort::OnDelayReq(const Header& header, std::optional<LocalTime> received,
                            const std::optional<PortAddress>& from, MonoTime now,
                            PortActions& out) {
  const auto drop = [&](DropReason reason) { Drop(reason, out); };
  if (state_ != PortState::kMaster || p2p()) return drop(DropReason::kNotExpected);
  if (!limiter_.Admit(header.source, from, now)) return drop(DropReason::kRateLimited);
  if (!received) return drop(DropReason::kNoReceiveTimestamp);
  if (!IsPlausibleCorrection(header.correction)) {
    return drop(DropReason::kCorrectionOutOfRange);
  }
  const std::optional<TaiTime> t4 = ToTai(*received);
  if (!t4) return drop(DropReason::kTimeUnknown);

  Message response =
      sender_.NewMessage(MessageType::kDelayResp, header.sequence,
                         DelayResp{.receive = *t4, .requesting_port = header.source});
  response.header.correction = header.correction;
  response.header.log_interval = settings_.delay_interval;
  if (!header.flags.unicast || !from) {
    sender_.Send(response, out);
    return;
  }
  // Asked by unicast, answered by unicast ("hybrid mode"), with no say in the interval.
  response.header.flags.unicast = true;
  response.header.log_interval = LogInterval::Unspecified();
  sender_.Send(response, out, from);
}

void MasterPort::OnPeerDelay(const Message& message, std::optional<LocalTime> received,
                             const std::optional<PortAddress>& from, MonoTime now,
                             PortActions& out) {
  const Header& header = message.header;
  const auto drop = [&](DropReason reason) { Drop(reason, out); };
  if (!p2p() || stands_back()) return drop(DropReason::kNotExpected);
  if (const auto* response = std::get_if<PdelayResp>(&message.body)) {
    return delay_p2p_.OnPdelayResp(header, *response, received, now, out);
  }
  if (const auto* follow_up = std::get_if<PdelayRespFollowUp>(&message.body)) {
    return delay_p2p_.OnPdelayRespFollowUp(header, *follow_up, now, out);
  }
  if (!limiter_.Admit(header.source, from, now)) return drop(DropReason::kRateLimited);
  const auto t2 = received ? ToTai(*received) : std::nullopt;
  delay_p2p_.OnPdelayReq(header, received, t2, now, sender_, out);
}

void MasterPort::OnTransmitted(TxToken token, LocalTime sent, MonoTime now,
                               PortActions& out) {
  if (sync_sender_.OnTransmitted(token, ToTai(sent), now, sender_, out)) return;
  if (delay_p2p_.OnTransmitted(token, sent, now, sender_, out)) return;
  out.push_back(Dropped{DropReason::kTransmitTimestampLate});
}

void MasterPort::Drop(DropReason reason, PortActions& out) const {
  if (!stands_back()) out.push_back(Dropped{reason});
}

// Nothing, too, for what no timestamp on the wire can hold. In whole ns, as stamps are:
// of a fraction in the correctionField linuxptp makes a ns more or less, and a PHC that
// is steered shows the nearest.
std::optional<TaiTime> MasterPort::ToTai(LocalTime stamp) const {
  const auto tai = clock_ ? clock_->Map(stamp, clock_->era()) : std::nullopt;
  if (!tai) return std::nullopt;
  const TaiTime rounded = RoundToNano(*tai);
  return FitsTimestampField(rounded) ? std::optional(rounded) : std::nullopt;
}

void MasterPort::OnTime(MonoTime now, PortActions& out) {
  foreign_.Expire(now);
  if (running()) Decide(now, out);
  if (IsDue(listened_at_, now)) Enter(PortEvent::kAnnounceTimeout, now, out);
  if (IsDue(qualified_at_, now)) Enter(PortEvent::kQualified, now, out);
  // Sync first: behind an Announce its way to the wire and into the slave would be
  // shorter by a microsecond than that of a Sync alone, as all caches are warm.
  if (IsDue(next_sync_, now)) {
    SendSync(now, out);
    next_sync_ = NextBeat(*next_sync_, settings_.sync_interval, now);
  }
  if (IsDue(next_announce_, now)) {
    SendAnnounce(out);
    next_announce_ = NextBeat(*next_announce_, settings_.announce_interval, now);
  }
  delay_p2p_.OnTime(now, sender_, out);
}

std::optional<MonoTime> MasterPort::Deadline() const {
  return Earlier(Earlier(Earlier(foreign_.NextExpiry(), listened_at_),
                         Earlier(qualified_at_, delay_p2p_.Deadline())),
                 Earlier(next_announce_, next_sync_));
}

void MasterPort::SetProperties(const GrandmasterProperties& properties, MonoTime now,
                               PortActions& out) {
  properties_ = properties;
  if (running()) Decide(now, out);
}

void MasterPort::set_clock(const std::optional<ClockMap<Local, Tai>>& clock) {
  clock_ = clock;
  delay_p2p_.set_local_rate(clock ? clock->rate() : 0);
}

void MasterPort::ForgetStamps() {
  sync_sender_.Forget();
  delay_p2p_.Forget();
}

const ForeignMaster* MasterPort::other_master() const {
  const ForeignMaster* best = foreign_.Best();
  return best != nullptr && best->qualified ? best : nullptr;
}

void MasterPort::Decide(MonoTime now, PortActions& out) {
  const ForeignMaster* best = other_master();
  if (best == nullptr && state_ != PortState::kListening) {
    Enter(PortEvent::kAnnounceTimeout, now, out);
  }
  const auto decision =
      DecideState(OwnDataSet(properties_, settings_.identity.clock),
                  best != nullptr ? &best->data_set : nullptr, state_);
  if (decision) Enter(EventOf(*decision, settings_.slave_capable), now, out);
}

void MasterPort::Enter(PortEvent event, MonoTime now, PortActions& out) {
  const PortState next = Next(MasterTransitions(), state_, event);
  if (next == state_) return;
  out.push_back(StateChanged{state_, next, event});
  const bool linked = running() && !stands_back();
  state_ = next;
  SetTimers(now);
  if (state_ != PortState::kMaster) sync_sender_.Forget();
  const bool links = running() && !stands_back();
  if (links && !linked && p2p()) delay_p2p_.Start(now, sender_, out);
  if (!links) delay_p2p_.Stop();
}

void MasterPort::SetTimers(MonoTime now) {
  listened_at_ = qualified_at_ = next_announce_ = next_sync_ = std::nullopt;
  const absl::Duration interval = settings_.announce_interval.ToDuration();
  if (state_ == PortState::kListening) {
    // Spread over an interval, lest all that were switched on together act at once
    // (9.2.6.12).
    listened_at_ =
        now + (settings_.announce_receipt_timeout + rng_.Uniform()) * interval;
  } else if (state_ == PortState::kPreMaster) {
    qualified_at_ = now + settings_.qualification_intervals * interval;
  } else if (state_ == PortState::kMaster) {
    next_announce_ = next_sync_ = now;
  }
}

void MasterPort::SendSync(MonoTime now, PortActions& out) {
  std::optional<OneStepFields> fields;
  if (one_step_) {
    fields = {one_step_->tai + (now - one_step_->at), one_step_->correction};
  }
  sync_sender_.Send(fields, now, sender_, out);
}

void MasterPort::SendAnnounce(PortActions& out) {
  announce_sequence_ = announce_sequence_.Next();
  Message announce =
      sender_.NewMessage(MessageType::kAnnounce, announce_sequence_,
                         AnnounceOf(properties_, settings_.identity.clock));
  announce.header.flags = AnnounceFlagsOf(properties_);
  announce.header.log_interval = settings_.announce_interval;
  sender_.Send(announce, out);
}

}  // namespace bridge::ptp
