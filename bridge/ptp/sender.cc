#include "bridge/ptp/sender.h"

#include <cassert>

namespace bridge::ptp {

Sender::Sender(const PortSettings& settings, TxToken last) : last_token_(last) {
  header_.sdo = settings.sdo;
  header_.minor_version = settings.minor_version;
  header_.domain = settings.domain;
  header_.source = settings.identity;
}

Message Sender::NewMessage(MessageType type, SequenceId sequence,
                           const Body& body) const {
  Message message{.header = header_, .body = body, .tlvs = {}};
  message.header.type = type;
  message.header.sequence = sequence;
  return message;
}

TxToken Sender::Send(const Message& message, PortActions& out,
                     const std::optional<PortAddress>& to) {
  ++last_token_.value;
  auto& send = std::get<ptp::Send>(
      out.emplace_back(ptp::Send{{}, 0, message.header.type, last_token_, to}));
  const auto octets = SerializeMessage(message, send.octets);
  assert(!octets.empty());  // No TLVs, all fields in range.
  send.size = static_cast<uint8_t>(octets.size());
  return last_token_;
}

}  // namespace bridge::ptp
