// bridge/ptp/sender.h
//
// Gives our messages their header, octets and transmit token.
#pragma once

#include <optional>

#include "bridge/ptp/addressing.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/ptp/types.h"

namespace bridge::ptp {

class Sender {
 public:
  // Tokens count from `last` on.
  explicit Sender(const PortSettings& settings, TxToken last = {});

  // A message of ours, to be completed by the caller.
  Message NewMessage(MessageType type, SequenceId sequence, const Body& body) const;
  // Appends a Send. The token is new. |correction| < 2^47 ns; timestamps fit their
  // field.
  TxToken Send(const Message& message, PortActions& out,
               const std::optional<PortAddress>& to = {});

 private:
  Header header_{};  // What all have in common.
  TxToken last_token_;
};

}  // namespace bridge::ptp
