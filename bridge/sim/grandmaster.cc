#include "bridge/sim/grandmaster.h"

#include <variant>

namespace bridge::sim {

using ptp::Message;
using ptp::MessageType;

ptp::Header Grandmaster::MakeHeader(MessageType type) const {
  ptp::Header header{};
  header.type = type;
  header.domain = settings_.domain;
  header.source = settings_.identity;
  return header;
}

Message Grandmaster::AnnounceMessage() {
  Message message{MakeHeader(MessageType::kAnnounce), settings_.announce, {}};
  message.header.flags = settings_.announce_flags;
  message.header.log_interval = {settings_.announce_interval};
  message.header.sequence = announce_sequence_;
  announce_sequence_ = announce_sequence_.Next();
  return message;
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
