// tests/ptp/golden_messages.h
//
// PTP messages as they were seen on a wire. Recorded from ptp4l and pmc of linuxptp
// 3.1.1 with software timestamps and free-running clocks, payload only; Signaling is
// hand-made. Each is exactly messageLength octets.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "bridge/ptp/message.h"

namespace bridge::ptp {

inline std::vector<uint8_t> FromHex(absl::string_view hex) {
  const std::string octets =
      absl::HexStringToBytes(absl::StrReplaceAll(hex, {{" ", ""}}));
  return {octets.begin(), octets.end()};
}

struct GoldenMessage {
  MessageType type;
  const char* hex;
  uint16_t body_end;  // Header and body; TLVs follow.
};

// UDPv4, E2E.
inline constexpr GoldenMessage kSyncGolden = {
    MessageType::kSync,
    "0002002c00000200 0000000000000000 00000000 f2a685fffea9517f0001 0000 00 00"
    "000000000000 00000000",
    44};
inline constexpr GoldenMessage kFollowUpGolden = {
    MessageType::kFollowUp,
    "0802002c00000000 0000000000000000 00000000 f2a685fffea9517f0001 0000 02 00"
    "00006b00fbe1 08a86f9c",
    44};
inline constexpr GoldenMessage kDelayReqGolden = {
    MessageType::kDelayReq,
    "0102002c00000000 0000000000000000 00000000 82985afffe6622d10001 0000 01 7f"
    "000000000000 00000000",
    44};
inline constexpr GoldenMessage kDelayRespGolden = {
    MessageType::kDelayResp,
    "0902003600000000 0000000000000000 00000000 f2a685fffea9517f0001 0000 03 00"
    "00006b00fbe3 160335e6 82985afffe6622d10001",
    54};
inline constexpr GoldenMessage kAnnounceGolden = {
    MessageType::kAnnounce,
    "0b02004000000000 0000000000000000 00000000 f2a685fffea9517f0001 0000 05 00"
    "000000000000 00000000 0025 00 80 f8feffff 80 f2a685fffea9517f 0000 a0",
    64};
// pmc asking for TIME_STATUS_NP.
inline constexpr GoldenMessage kManagementGolden = {
    MessageType::kManagement,
    "0d02006800000000 0000000000000000 00000000 82985afffe6622d10001 0000 04 7f"
    "ffffffffffffffffffff 01 01 00 00 0001 0034 c000"
    "00000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000",
    48};

// Layer 2, P2P, sdoId 1 (802.1AS) with its TLVs.
inline constexpr GoldenMessage kPdelayReqGolden = {
    MessageType::kPdelayReq,
    "1202003600000000 0000000000000000 00000000 86b033fffe5c14030001 0000 05 00"
    "000000000000 00000000 00000000000000000000",
    54};
inline constexpr GoldenMessage kPdelayRespGolden = {
    MessageType::kPdelayResp,
    "1302003600000200 0000000000000000 00000000 8285a1fffeefde3c0001 0000 05 7f"
    "00006b00fbea 2165d0e6 86b033fffe5c14030001",
    54};
inline constexpr GoldenMessage kPdelayRespFollowUpGolden = {
    MessageType::kPdelayRespFollowUp,
    "1a02003600000000 0000000000000000 00000000 8285a1fffeefde3c0001 0000 05 7f"
    "00006b00fbea 216785ee 86b033fffe5c14030001",
    54};
inline constexpr GoldenMessage kAnnounceWithPathTraceGolden = {
    MessageType::kAnnounce,
    "1b02004c00000000 0000000000000000 00000000 8285a1fffeefde3c0001 0000 05 00"
    "000000000000 00000000 0025 00 80 f8feffff 80 8285a1fffeefde3c 0000 a0"
    "0008 0008 8285a1fffeefde3c",
    64};
inline constexpr GoldenMessage kFollowUpWithTlvGolden = {
    MessageType::kFollowUp,
    "1802004c00000000 0000000000000000 00000000 8285a1fffeefde3c0001 0000 02 00"
    "00006b00fbee 0a45233d"
    "0003 001c 0080c2 000001 00000000 0000 000000000000000000000000 00000000",
    44};

// Version 2.1: a request for unicast Announce and Sync, 2 s and 1 s, for 300 s.
inline constexpr GoldenMessage kSignalingGolden = {
    MessageType::kSignaling,
    "0c12004000000400 0000000000000000 00000000 001122fffe3344550001 0007 05 7f"
    "ffffffffffffffffffff 0004 0006 b0 01 0000012c 0004 0006 00 00 0000012c",
    44};

inline constexpr GoldenMessage kGoldenMessages[] = {
    kSyncGolden,
    kFollowUpGolden,
    kDelayReqGolden,
    kDelayRespGolden,
    kAnnounceGolden,
    kManagementGolden,
    kPdelayReqGolden,
    kPdelayRespGolden,
    kPdelayRespFollowUpGolden,
    kAnnounceWithPathTraceGolden,
    kFollowUpWithTlvGolden,
    kSignalingGolden,
};

}  // namespace bridge::ptp
