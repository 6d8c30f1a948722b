#include "bridge/telemetry/latency_key.h"

namespace bridge {
namespace {

struct StageInfo {
  LatencyDirection direction;
  bool total;
  const char* name;
};
constexpr auto kRx = LatencyDirection::kRx;
constexpr auto kTx = LatencyDirection::kTx;
constexpr StageInfo kStages[kLatencyStages] = {
    {kRx, false, "nic-to-driver"},   {kRx, false, "driver-to-stack"},
    {kRx, false, "stack-to-socket"}, {kRx, false, "socket-to-user"},
    {kRx, true, "stack-to-user"},    {kRx, true, "driver-to-user"},
    {kRx, true, "wire-to-user"},     {kTx, false, "send-to-driver"},
    {kTx, false, "driver-to-stamp"}, {kTx, false, "stamp-to-read"},
    {kTx, true, "send-to-read"},
};

constexpr char kReserved[] = "reserved";
constexpr const char* kMessages[kLatencyMessages] = {
    "Sync",
    "Delay_Req",
    "Pdelay_Req",
    "Pdelay_Resp",
    kReserved,
    kReserved,
    kReserved,
    kReserved,
    "Follow_Up",
    "Delay_Resp",
    "Pdelay_Resp_Follow_Up",
    "Announce",
    "Signaling",
    "Management",
    kReserved,
    kReserved,
};

constexpr const char* kTransports[kLatencyTransports] = {
    "l2", "udp4", "udp6", "l2+vlan", "udp4+vlan", "udp6+vlan"};

const StageInfo& Info(LatencyStage stage) {
  return kStages[static_cast<size_t>(stage)];
}

template <typename Enum, size_t kCount>
std::optional<Enum> Find(absl::string_view name) {
  for (size_t i = 0; i < kCount; ++i) {
    const auto value = static_cast<Enum>(i);
    if (name == Name(value) && name != kReserved) return value;
  }
  return {};
}

}  // namespace

LatencyDirection DirectionOf(LatencyStage stage) { return Info(stage).direction; }
bool IsTotal(LatencyStage stage) { return Info(stage).total; }

const char* Name(LatencyDirection direction) { return direction == kRx ? "rx" : "tx"; }
const char* Name(LatencyStage stage) { return Info(stage).name; }
const char* Name(LatencyMessage message) {
  return kMessages[static_cast<size_t>(message)];
}
const char* Name(LatencyTransport transport) {
  return kTransports[static_cast<size_t>(transport)];
}

std::optional<LatencyStage> ParseLatencyStage(absl::string_view name) {
  return Find<LatencyStage, kLatencyStages>(name);
}
std::optional<LatencyMessage> ParseLatencyMessage(absl::string_view name) {
  return Find<LatencyMessage, kLatencyMessages>(name);
}
std::optional<LatencyTransport> ParseLatencyTransport(absl::string_view name) {
  return Find<LatencyTransport, kLatencyTransports>(name);
}

}  // namespace bridge
