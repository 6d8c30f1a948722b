// bridge/ptp/message.h
//
// Every PTP version 2 message (IEEE 1588-2008 and -2019, clause 13), parsed from
// and serialised to octets. Parsing judges form only; whether the values make
// sense is the business of whoever uses them.
//
//   ParseResult result = ParseMessage(octets);
//   if (const auto* message = std::get_if<Message>(&result)) ...
//   else  ... std::get<DropReason>(result)
//
// Rules: messageLength is the end of a message; octets behind it are accepted
// (Ethernet padding, the two octets UDPv6 senders append). versionPTP must be 2;
// any minorVersionPTP is accepted. Reserved message types, odd or overlong TLVs
// (and one to three octets left over behind the last one) and nanoseconds of 10^9
// or more are refused. Reserved fields and bits are ignored. No allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "bridge/ptp/drop_reason.h"
#include "bridge/ptp/tlv.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

enum class MessageType : uint8_t {
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
const char* MessageTypeName(MessageType type);  // "Delay_Resp"
// Event messages are timestamped and, over UDP, go to port 319.
constexpr bool IsEvent(MessageType type) { return static_cast<uint8_t>(type) < 4; }

// flagField (IEEE 1588-2019, table 37). Only the flags we read or set.
struct Flags {
  bool alternate_master = false;
  bool two_step = false;
  bool unicast = false;
  bool leap61 = false;
  bool leap59 = false;
  bool current_utc_offset_valid = false;
  bool ptp_timescale = false;
  bool time_traceable = false;
  bool frequency_traceable = false;
  bool synchronization_uncertain = false;
  friend constexpr bool operator==(const Flags&, const Flags&) = default;
};

struct Header {
  MessageType type;
  SdoId sdo;
  uint8_t minor_version = 0;
  DomainNumber domain;
  Flags flags;
  TimeDelta correction;  // correctionField
  uint32_t message_type_specific = 0;
  PortIdentity source;  // sourcePortIdentity
  SequenceId sequence;
  LogInterval log_interval = LogInterval::Unspecified();
  friend bool operator==(const Header&, const Header&) = default;
};

// An origin or receive timestamp on the wire is an instant of the PTP timescale:
// TAI, unless the grandmaster announces ptpTimescale = 0.
struct Sync {
  TaiTime origin;
  friend bool operator==(const Sync&, const Sync&) = default;
};
struct DelayReq {
  TaiTime origin;
  friend bool operator==(const DelayReq&, const DelayReq&) = default;
};
struct PdelayReq {
  TaiTime origin;
  friend bool operator==(const PdelayReq&, const PdelayReq&) = default;
};
struct PdelayResp {
  TaiTime request_receipt;
  PortIdentity requesting_port;
  friend bool operator==(const PdelayResp&, const PdelayResp&) = default;
};
struct FollowUp {
  TaiTime precise_origin;
  friend bool operator==(const FollowUp&, const FollowUp&) = default;
};
struct DelayResp {
  TaiTime receive;
  PortIdentity requesting_port;
  friend bool operator==(const DelayResp&, const DelayResp&) = default;
};
struct PdelayRespFollowUp {
  TaiTime response_origin;
  PortIdentity requesting_port;
  friend bool operator==(const PdelayRespFollowUp&,
                         const PdelayRespFollowUp&) = default;
};
struct Announce {
  TaiTime origin;
  int16_t current_utc_offset = 0;
  uint8_t grandmaster_priority1 = 128;
  ClockQuality grandmaster_quality;
  uint8_t grandmaster_priority2 = 128;
  ClockIdentity grandmaster;
  uint16_t steps_removed = 0;
  uint8_t time_source = 0xa0;
  friend bool operator==(const Announce&, const Announce&) = default;
};
struct Signaling {
  PortIdentity target_port;
  friend bool operator==(const Signaling&, const Signaling&) = default;
};
// Body octets 34 to 47; the management TLV follows in Message::tlvs.
struct Management {
  PortIdentity target_port;
  uint8_t starting_boundary_hops = 0;
  uint8_t boundary_hops = 0;
  uint8_t action = 0;
  friend bool operator==(const Management&, const Management&) = default;
};

using Body = std::variant<Sync, DelayReq, PdelayReq, PdelayResp, FollowUp, DelayResp,
                          PdelayRespFollowUp, Announce, Signaling, Management>;

struct Message {
  Header header;
  Body body;
  Tlvs tlvs;  // Views into the octets that were parsed.
};

using ParseResult = std::variant<Message, DropReason>;
// Gives kTooShort (less than a header), kWrongVersion, kReservedType,
// kLengthMismatch, kBadTimestamp or kMalformedTlv for what is refused.
ParseResult ParseMessage(std::span<const uint8_t> octets);

// Writes header and body and then the TLVs' octets verbatim; sets messageLength
// and the 2008 controlField. The field of a timestamp has no room for a
// fraction of a nanosecond, which is cut off. Returns the octets written, or an empty
// span when the buffer is too small, a timestamp (before 1970, 2^48 s), the correction
// (2^47 ns) or the length (2^16) does not fit its field, or header.type is not the
// body's.
std::span<const uint8_t> SerializeMessage(const Message& message,
                                          std::span<uint8_t> buffer);

// Whether a timestamp's field can hold it: 1970 to 2^48 s.
bool FitsTimestampField(TaiTime t);
// The nearest that it can hold without a fraction.
TaiTime RoundToNano(TaiTime t);

// Enough for every message of ours without TLVs.
inline constexpr size_t kMaxPlainMessage = 64;

}  // namespace bridge::ptp
