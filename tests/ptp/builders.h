// tests/ptp/builders.h
//
// Messages in one line, and what came out of a port, by kind.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "bridge/ptp/message.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/time/timestamp.h"
#include "bridge/time/waiting.h"

namespace bridge::ptp {

inline constexpr PortIdentity kSelf{{0x5e1f}, 1};
inline constexpr PortIdentity kMaster{{0xaaaa}, 1};
inline constexpr PortIdentity kOther{{0xbbbb}, 1};

inline constexpr MonoTime kStart = MonoTime::FromNanos(1'000'000'000'000);
inline MonoTime After(double seconds) { return kStart + absl::Seconds(seconds); }
inline constexpr TaiTime Tai(int64_t ns) {
  return TaiTime::FromNanos(1'800'000'000'000'000'000 + ns);
}
inline constexpr LocalTime Local(int64_t ns) { return LocalTime::FromNanos(ns); }
inline constexpr TimeDelta Nanos(int64_t ns) { return TimeDelta::FromNanos(ns); }

// The type follows from the body; change the header where a test needs it.
inline Message From(PortIdentity source, uint16_t sequence, const Body& body) {
  constexpr MessageType kTypes[] = {MessageType::kSync,
                                    MessageType::kDelayReq,
                                    MessageType::kPdelayReq,
                                    MessageType::kPdelayResp,
                                    MessageType::kFollowUp,
                                    MessageType::kDelayResp,
                                    MessageType::kPdelayRespFollowUp,
                                    MessageType::kAnnounce,
                                    MessageType::kSignaling,
                                    MessageType::kManagement};
  Message message{};
  message.body = body;
  message.header.type = kTypes[body.index()];
  message.header.source = source;
  message.header.sequence = {sequence};
  return message;
}

inline PortSettings Settings(DelayMechanism mechanism = DelayMechanism::kE2E) {
  PortSettings settings;
  settings.identity = kSelf;
  settings.delay_mechanism = mechanism;
  return settings;
}

template <typename T>
std::vector<T> All(const PortActions& actions) {
  std::vector<T> found;
  for (const PortAction& action : actions) {
    if (const auto* one = std::get_if<T>(&action)) found.push_back(*one);
  }
  return found;
}

inline std::vector<DropReason> Drops(const PortActions& actions) {
  std::vector<DropReason> reasons;
  for (const Dropped& dropped : All<Dropped>(actions))
    reasons.push_back(dropped.reason);
  return reasons;
}

// The message inside a Send.
inline Message Parsed(const Send& send) {
  return std::get<Message>(ParseMessage(std::span(send.octets).first(send.size)));
}

}  // namespace bridge::ptp
