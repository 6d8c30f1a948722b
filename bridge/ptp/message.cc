#include "bridge/ptp/message.h"

#include <array>
#include <concepts>
#include <limits>
#include <type_traits>

#include "bridge/base/byte_reader.h"
#include "bridge/base/byte_writer.h"

namespace bridge::ptp {
namespace {

constexpr size_t kHeaderLength = 34;
constexpr uint8_t kVersionPtp = 2;

// What is fixed for each message type.
struct TypeInfo {
  MessageType type;
  const char* name;
  uint8_t control;  // controlField (IEEE 1588-2008, table 23)
  uint16_t length;  // Header and body, without TLVs.
  Body empty;
};

constexpr std::array<TypeInfo, std::variant_size_v<Body>> kTypes = {{
    {MessageType::kSync, "Sync", 0, 44, Sync{}},
    {MessageType::kDelayReq, "Delay_Req", 1, 44, DelayReq{}},
    {MessageType::kPdelayReq, "Pdelay_Req", 5, 54, PdelayReq{}},
    {MessageType::kPdelayResp, "Pdelay_Resp", 5, 54, PdelayResp{}},
    {MessageType::kFollowUp, "Follow_Up", 2, 44, FollowUp{}},
    {MessageType::kDelayResp, "Delay_Resp", 3, 54, DelayResp{}},
    {MessageType::kPdelayRespFollowUp, "Pdelay_Resp_Follow_Up", 5, 54,
     PdelayRespFollowUp{}},
    {MessageType::kAnnounce, "Announce", 5, 64, Announce{}},
    {MessageType::kSignaling, "Signaling", 5, 44, Signaling{}},
    {MessageType::kManagement, "Management", 4, 48, Management{}},
}};

// Nothing for the reserved types.
const TypeInfo* FindType(MessageType type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == type) return &info;
  }
  return nullptr;
}

// flagField as one number: flagField[0] is the high octet (IEEE 1588-2019, table 37).
struct FlagBit {
  bool Flags::*flag;
  uint16_t bit;
};
constexpr FlagBit kFlagBits[] = {
    {&Flags::alternate_master, 0x0100},
    {&Flags::two_step, 0x0200},
    {&Flags::unicast, 0x0400},
    {&Flags::leap61, 0x0001},
    {&Flags::leap59, 0x0002},
    {&Flags::current_utc_offset_valid, 0x0004},
    {&Flags::ptp_timescale, 0x0008},
    {&Flags::time_traceable, 0x0010},
    {&Flags::frequency_traceable, 0x0020},
    {&Flags::synchronization_uncertain, 0x0040},
};

Flags FlagsFrom(uint16_t field) {
  Flags flags;
  for (const FlagBit& f : kFlagBits) flags.*f.flag = (field & f.bit) != 0;
  return flags;
}

uint16_t FlagField(const Flags& flags) {
  uint16_t field = 0;
  for (const FlagBit& f : kFlagBits) {
    if (flags.*f.flag) field |= f.bit;
  }
  return field;
}

// Reads the kinds of field a body is made of.
class FieldReader {
 public:
  explicit FieldReader(ByteReader& in) : in_(in) {}

  void Field(uint8_t& v) { v = in_.U8(); }
  void Field(uint16_t& v) { v = in_.U16(); }
  void Field(int16_t& v) { v = in_.I16(); }
  void Field(ClockIdentity& v) { v = {in_.U64()}; }
  void Field(PortIdentity& v) {
    Field(v.clock);
    Field(v.port);
  }
  void Field(TaiTime& v) {
    const uint64_t seconds = in_.U48();
    const uint32_t nanos = in_.U32();
    if (nanos >= 1'000'000'000) timestamps_ok_ = false;
    v = TaiTime::FromSecondsAndNanos(seconds, nanos);
  }
  void LowNibble(uint8_t& v) { v = in_.U8() & 0x0f; }
  void Reserved(size_t octets) { in_.Skip(octets); }

  bool timestamps_ok() const { return timestamps_ok_; }

 private:
  ByteReader& in_;
  bool timestamps_ok_ = true;
};

// Writes the same kinds.
class FieldWriter {
 public:
  explicit FieldWriter(ByteWriter& out) : out_(out) {}

  void Field(uint8_t v) { out_.U8(v); }
  void Field(uint16_t v) { out_.U16(v); }
  void Field(int16_t v) { out_.I16(v); }
  void Field(ClockIdentity v) { out_.U64(v.value); }
  void Field(const PortIdentity& v) {
    Field(v.clock);
    Field(v.port);
  }
  void Field(TaiTime v) {
    if (!FitsTimestampField(v)) {
      timestamps_ok_ = false;
      return;
    }
    const TaiTime::SecondsAndNanos split = v.Split();
    out_.U48(static_cast<uint64_t>(split.seconds));
    out_.U32(split.nanos);
  }
  void LowNibble(uint8_t v) { out_.U8(v & 0x0f); }
  void Reserved(size_t octets) { out_.Zeros(octets); }

  bool timestamps_ok() const { return timestamps_ok_; }

 private:
  ByteWriter& out_;
  bool timestamps_ok_ = true;
};

// The bodies, as in the tables of IEEE 1588-2019, 13.5 to 13.12 and 15.4. Each table
// is read with a FieldReader and written (from a const body) with a FieldWriter.
template <typename T, typename BodyType>
concept MaybeConst = std::same_as<std::remove_const_t<T>, BodyType>;

void Fields(auto& io, MaybeConst<Sync> auto& m) { io.Field(m.origin); }

void Fields(auto& io, MaybeConst<DelayReq> auto& m) { io.Field(m.origin); }

void Fields(auto& io, MaybeConst<PdelayReq> auto& m) {
  io.Field(m.origin);
  io.Reserved(10);
}

void Fields(auto& io, MaybeConst<PdelayResp> auto& m) {
  io.Field(m.request_receipt);
  io.Field(m.requesting_port);
}

void Fields(auto& io, MaybeConst<FollowUp> auto& m) { io.Field(m.precise_origin); }

void Fields(auto& io, MaybeConst<DelayResp> auto& m) {
  io.Field(m.receive);
  io.Field(m.requesting_port);
}

void Fields(auto& io, MaybeConst<PdelayRespFollowUp> auto& m) {
  io.Field(m.response_origin);
  io.Field(m.requesting_port);
}

void Fields(auto& io, MaybeConst<Announce> auto& m) {
  io.Field(m.origin);
  io.Field(m.current_utc_offset);
  io.Reserved(1);
  io.Field(m.grandmaster_priority1);
  io.Field(m.grandmaster_quality.clock_class);
  io.Field(m.grandmaster_quality.clock_accuracy);
  io.Field(m.grandmaster_quality.offset_scaled_log_variance);
  io.Field(m.grandmaster_priority2);
  io.Field(m.grandmaster);
  io.Field(m.steps_removed);
  io.Field(m.time_source);
}

void Fields(auto& io, MaybeConst<Signaling> auto& m) { io.Field(m.target_port); }

void Fields(auto& io, MaybeConst<Management> auto& m) {
  io.Field(m.target_port);
  io.Field(m.starting_boundary_hops);
  io.Field(m.boundary_hops);
  io.LowNibble(m.action);
  io.Reserved(1);
}

// The common header (IEEE 1588-2019, table 35).
struct WireHeader {
  Header header;
  uint8_t version_ptp;
  uint16_t message_length;
};

WireHeader ReadHeader(ByteReader& in) {
  WireHeader out;
  const uint8_t sdo_and_type = in.U8();
  const uint8_t versions = in.U8();
  out.message_length = in.U16();
  out.header.domain = {in.U8()};
  out.header.sdo.minor = in.U8();
  out.header.flags = FlagsFrom(in.U16());
  out.header.correction = TimeDelta::FromScaledNanos(in.I64());
  out.header.message_type_specific = in.U32();
  out.header.source.clock = {in.U64()};
  out.header.source.port = in.U16();
  out.header.sequence = {in.U16()};
  in.Skip(1);  // controlField: to be ignored since 2019; some senders write 0.
  out.header.log_interval = {in.I8()};

  out.header.sdo.major = sdo_and_type >> 4;
  out.header.type = static_cast<MessageType>(sdo_and_type & 0x0f);
  out.header.minor_version = versions >> 4;
  out.version_ptp = versions & 0x0f;
  return out;
}

void WriteHeader(const Header& h, uint8_t control, uint16_t message_length,
                 ByteWriter& out) {
  out.U8(static_cast<uint8_t>(h.sdo.major << 4 | static_cast<uint8_t>(h.type)));
  out.U8(static_cast<uint8_t>(h.minor_version << 4 | kVersionPtp));
  out.U16(message_length);
  out.U8(h.domain.value);
  out.U8(h.sdo.minor);
  out.U16(FlagField(h.flags));
  out.I64(static_cast<int64_t>(h.correction.scaled_nanos()));
  out.U32(h.message_type_specific);
  out.U64(h.source.clock.value);
  out.U16(h.source.port);
  out.U16(h.sequence.value);
  out.U8(control);
  out.I8(h.log_interval.value);
}

bool FitsCorrectionField(TimeDelta d) {
  return d.scaled_nanos() >= std::numeric_limits<int64_t>::min() &&
         d.scaled_nanos() <= std::numeric_limits<int64_t>::max();
}

}  // namespace

const char* MessageTypeName(MessageType type) {
  const TypeInfo* info = FindType(type);
  return info != nullptr ? info->name : "reserved";
}

ParseResult ParseMessage(std::span<const uint8_t> octets) {
  if (octets.size() < kHeaderLength) return DropReason::kTooShort;
  ByteReader header_in(octets.first(kHeaderLength));
  const WireHeader wire = ReadHeader(header_in);
  if (wire.version_ptp != kVersionPtp) return DropReason::kWrongVersion;
  const TypeInfo* info = FindType(wire.header.type);
  if (info == nullptr) return DropReason::kReservedType;
  if (wire.message_length > octets.size() || wire.message_length < info->length) {
    return DropReason::kLengthMismatch;
  }

  ByteReader in(octets.first(wire.message_length).subspan(kHeaderLength));
  FieldReader fields(in);
  Message message{wire.header, info->empty, {}};
  std::visit([&](auto& body) { Fields(fields, body); }, message.body);
  if (!fields.timestamps_ok()) return DropReason::kBadTimestamp;

  const std::optional<Tlvs> tlvs = Tlvs::Parse(in.Bytes(in.remaining()));
  if (!tlvs) return DropReason::kMalformedTlv;
  message.tlvs = *tlvs;
  return message;
}

bool FitsTimestampField(TaiTime t) {
  return t >= TaiTime() && t < TaiTime::FromSecondsAndNanos(uint64_t{1} << 48, 0);
}

TaiTime RoundToNano(TaiTime t) {
  const absl::int128 nanos = (t.SinceEpoch().scaled_nanos() + 0x8000) >> 16;
  return TaiTime() + TimeDelta::FromScaledNanos(nanos << 16);
}

std::span<const uint8_t> SerializeMessage(const Message& message,
                                          std::span<uint8_t> buffer) {
  const TypeInfo& info = kTypes[message.body.index()];
  const size_t length = info.length + message.tlvs.octets().size();
  if (message.header.type != info.type || length > 0xffff ||
      !FitsCorrectionField(message.header.correction)) {
    return {};
  }

  ByteWriter out(buffer);
  WriteHeader(message.header, info.control, static_cast<uint16_t>(length), out);
  FieldWriter fields(out);
  std::visit([&](const auto& body) { Fields(fields, body); }, message.body);
  out.Bytes(message.tlvs.octets());
  if (!out.ok() || !fields.timestamps_ok()) return {};
  return out.written();
}

}  // namespace bridge::ptp
