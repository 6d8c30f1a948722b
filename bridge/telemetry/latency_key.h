// bridge/telemetry/latency_key.h
//
// What a latency is of: a stage of the way between the NIC and the program, and the
// type and transport of the PTP message that took it. The names are those of the JSON.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace bridge {

enum class LatencyDirection : uint8_t { kRx, kTx };

// In the order of the way, each direction closed by its totals, of which there is the
// longest that the measuring tier sees.
enum class LatencyStage : uint8_t {
  kNicToDriver,    // From the NIC's time stamp (through a ClockMap) to the driver ...
  kDriverToStack,  // ... to where the kernel takes a software time stamp ...
  kStackToSocket,  // ... to the socket's queue ...
  kSocketToUser,   // ... to the end of the program's read.
  kStackToUser,    // Total where no driver hook is there.
  kDriverToUser,   // Total where the NIC gives no stamp.
  kWireToUser,     // Total: all four.
  kSendToDriver,   // From the program's send to the driver ...
  kDriverToStamp,  // ... to the time stamp on the socket's error queue ...
  kStampToRead,    // ... to the end of the program's read of it.
  kSendToRead,     // Total: all three.
};
inline constexpr size_t kLatencyStages = 11;

// The messageType of IEEE 1588-2019, table 36.
enum class LatencyMessage : uint8_t {
  kSync = 0x0,
  kDelayReq = 0x1,
  kPdelayReq = 0x2,
  kPdelayResp = 0x3,
  kFollowUp = 0x8,
  kDelayResp = 0x9,
  kPdelayRespFollowUp = 0xa,
  kAnnounce = 0xb,
  kSignaling = 0xc,
  kManagement = 0xd,
};
inline constexpr size_t kLatencyMessages = 16;  // With the reserved ones.

enum class LatencyTransport : uint8_t {
  kL2,
  kUdp4,
  kUdp6,
  kL2Vlan,
  kUdp4Vlan,
  kUdp6Vlan
};
inline constexpr size_t kLatencyTransports = 6;

struct LatencyKey {
  LatencyStage stage;
  LatencyMessage message;
  LatencyTransport transport;

  friend bool operator==(const LatencyKey&, const LatencyKey&) = default;
};

LatencyDirection DirectionOf(LatencyStage stage);
bool IsTotal(LatencyStage stage);
// Event messages are those that are time stamped.
constexpr bool IsEvent(LatencyMessage message) {
  return message < LatencyMessage::kFollowUp;
}

const char* Name(LatencyDirection direction);  // "rx"
const char* Name(LatencyStage stage);          // "nic-to-driver"
const char* Name(LatencyMessage message);  // "Delay_Req", as Wireshark; or "reserved"
const char* Name(LatencyTransport transport);  // "udp4", "udp4+vlan"

// Nothing when it is the name of none.
std::optional<LatencyStage> ParseLatencyStage(absl::string_view name);
std::optional<LatencyMessage> ParseLatencyMessage(absl::string_view name);
std::optional<LatencyTransport> ParseLatencyTransport(absl::string_view name);

}  // namespace bridge
