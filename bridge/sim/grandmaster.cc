#include "bridge/sim/grandmaster.h"

#include <variant>

namespace bridge::sim {

using ptp::Message;
using ptp::MessageType;

const char* LeapMannersName(LeapManners manners) {
  switch (manners) {
    case LeapManners::kHonest:
      return "honest";
    case LeapManners::kUnannounced:
      return "unannounced";
    case LeapManners::kClearsEarly:
      return "clears-early";
    case LeapManners::kClearsLate:
      return "clears-late";
    case LeapManners::kNeverClears:
      return "never-clears";
    case LeapManners::kChangesEarly:
      return "changes-early";
    case LeapManners::kNeverChanges:
      return "never-changes";
    case LeapManners::kForgets:
      return "forgets";
    case LeapManners::kChangesUnasked:
      return "changes-unasked";
    case LeapManners::kUnaware:
      return "unaware";
  }
  return "";
}

ptp::Header Grandmaster::MakeHeader(MessageType type) const {
  ptp::Header header{};
  header.type = type;
  header.domain = settings_.domain;
  header.source = settings_.identity;
  return header;
}

Message Grandmaster::AnnounceMessage(TaiTime now) {
  ptp::Announce announce = settings_.announce;
  ptp::Flags flags = settings_.announce_flags;
  if (settings_.leap_plan) ActOnLeapPlan(*settings_.leap_plan, now, announce, flags);
  Message message{MakeHeader(MessageType::kAnnounce), announce, {}};
  message.header.flags = flags;
  message.header.log_interval = {settings_.announce_interval};
  message.header.sequence = announce_sequence_;
  announce_sequence_ = announce_sequence_.Next();
  return message;
}

void Grandmaster::ActOnLeapPlan(const LeapPlan& plan, TaiTime now,
                                ptp::Announce& announce, ptp::Flags& flags) const {
  using enum LeapManners;
  const LeapManners manners = plan.manners;
  if (manners == kUnaware) return;
  constexpr TimeDelta kHour = TimeDelta::FromSeconds(3600);
  const TaiTime in_time = plan.new_month + plan.delay;

  TaiTime cleared = in_time;
  if (manners == kClearsEarly || manners == kChangesEarly) {
    cleared = plan.new_month - kHour;
  }
  if (manners == kClearsLate) cleared = in_time + kHour;
  const bool flagged =
      manners != kUnannounced && manners != kChangesUnasked &&
      now >= plan.new_month - plan.flags_before &&
      (now < cleared || manners == kNeverClears || manners == kForgets);
  const bool insert = plan.what == LeapIndicator::kInsert;
  (insert ? flags.leap61 : flags.leap59) |= flagged;

  const bool early = manners == kChangesEarly || manners == kChangesUnasked;
  const bool changed = manners != kNeverChanges && manners != kForgets &&
                       now >= (early ? plan.new_month - kHour : in_time);
  if (changed) {
    announce.current_utc_offset =
        static_cast<int16_t>(announce.current_utc_offset + (insert ? 1 : -1));
  }
}

Message Grandmaster::SyncMessage(TaiTime now) {
  Message message{MakeHeader(MessageType::kSync), ptp::Sync{}, {}};
  if (settings_.one_step) {
    message.body = ptp::Sync{Clock(now)};
  } else {
    message.header.flags.two_step = true;
  }
  message.header.log_interval = {settings_.sync_interval};
  message.header.sequence = sync_sequence_;
  sync_sequence_ = sync_sequence_.Next();
  return message;
}

Message Grandmaster::FollowUpMessage(const ptp::Header& sync, TaiTime sent) const {
  Message message{MakeHeader(MessageType::kFollowUp), ptp::FollowUp{Clock(sent)}, {}};
  message.header.log_interval = sync.log_interval;
  message.header.sequence = sync.sequence;
  return message;
}

std::optional<Message> Grandmaster::DelayResponse(const Message& request,
                                                  TaiTime received) const {
  if (!std::holds_alternative<ptp::DelayReq>(request.body)) return std::nullopt;
  Message message{MakeHeader(MessageType::kDelayResp),
                  ptp::DelayResp{Clock(received), request.header.source},
                  {}};
  message.header.log_interval = {settings_.delay_interval};
  message.header.sequence = request.header.sequence;
  message.header.correction = request.header.correction;
  return message;
}

std::optional<Message> Grandmaster::PdelayResponse(const Message& request,
                                                   TaiTime received) const {
  if (!std::holds_alternative<ptp::PdelayReq>(request.body)) return std::nullopt;
  Message message{MakeHeader(MessageType::kPdelayResp),
                  ptp::PdelayResp{Clock(received), request.header.source},
                  {}};
  message.header.flags.two_step = true;
  message.header.sequence = request.header.sequence;
  return message;
}

Message Grandmaster::PdelayFollowUp(const Message& request, TaiTime sent) const {
  Message message{MakeHeader(MessageType::kPdelayRespFollowUp),
                  ptp::PdelayRespFollowUp{Clock(sent), request.header.source},
                  {}};
  message.header.sequence = request.header.sequence;
  message.header.correction = request.header.correction;
  return message;
}

}  // namespace bridge::sim
