#include "bridge/ptp/management.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <type_traits>

#include "bridge/base/byte_reader.h"
#include "bridge/base/byte_writer.h"

namespace bridge::ptp {
namespace {

constexpr size_t kLongestInterface = 15;  // IFNAMSIZ, without its zero octet.

struct FlagBit {
  bool Flags::*flag;
  uint8_t bit;
};
// timePropertiesDS as one octet: the second one of flagField.
constexpr FlagBit kTimeFlags[] = {
    {&Flags::leap61, 0x01},
    {&Flags::leap59, 0x02},
    {&Flags::current_utc_offset_valid, 0x04},
    {&Flags::ptp_timescale, 0x08},
    {&Flags::time_traceable, 0x10},
    {&Flags::frequency_traceable, 0x20},
    {&Flags::synchronization_uncertain, 0x40},
};

// What Linux takes for the name of an interface, without what would upset a terminal.
bool IsInterfaceName(absl::string_view name) {
  return name.size() <= kLongestInterface &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '/'; });
}

// The kinds of field that data sets are made of: read by DataReader, written by
// DataWriter.
class DataReader {
 public:
  explicit DataReader(ByteReader& in) : in_(in) {}

  void Field(uint8_t& v) { v = in_.U8(); }
  void Field(uint16_t& v) { v = in_.U16(); }
  void Field(int16_t& v) { v = in_.I16(); }
  void Field(LogInterval& v) { v = {in_.I8()}; }
  void Field(ClockIdentity& v) { v = {in_.U64()}; }
  void Field(DomainNumber& v) { v = {in_.U8()}; }
  void Field(DelayMechanism& v) { v = DelayMechanism{in_.U8()}; }
  void Field(PortState& v) {
    v = PortState{in_.U8()};
    valid_ = valid_ && v >= PortState::kInitializing && v <= PortState::kSlave;
  }
  void Flags8(Flags& flags) {
    const uint8_t field = in_.U8();
    for (const FlagBit& f : kTimeFlags) flags.*f.flag = (field & f.bit) != 0;
  }
  // Of one octet, given as its bits.
  void Bits(std::initializer_list<bool*> bits) {
    const uint8_t field = in_.U8();
    int bit = 0;
    for (bool* b : bits) *b = (field >> bit++ & 1) != 0;
  }
  void TimeInterval(TimeDelta& v) { v = TimeDelta::FromScaledNanos(in_.I64()); }
  void Nanos(TimeDelta& v) { v = TimeDelta::FromNanos(in_.I64()); }
  void Bool32(bool& v) { v = in_.U32() != 0; }
  void Index(std::optional<int32_t>& v) {
    const auto index = static_cast<int32_t>(in_.U32());
    if (index >= 0) v = index;
  }
  // PTPText (IEEE 1588-2019, 5.3.9), padded to an even length.
  void Interface(absl::string_view& v) {
    const auto text = in_.Bytes(in_.U8());
    v = {reinterpret_cast<const char*>(text.data()), text.size()};
    valid_ = valid_ && IsInterfaceName(v);
    if (text.size() % 2 == 0) in_.Skip(1);
  }
  void Reserved(size_t octets) { in_.Skip(octets); }

  bool ok() const { return valid_ && in_.ok() && in_.remaining() == 0; }

 private:
  ByteReader& in_;
  bool valid_ = true;
};

class DataWriter {
 public:
  explicit DataWriter(ByteWriter& out) : out_(out) {}

  void Field(uint8_t v) { out_.U8(v); }
  void Field(uint16_t v) { out_.U16(v); }
  void Field(int16_t v) { out_.I16(v); }
  void Field(LogInterval v) { out_.I8(v.value); }
  void Field(ClockIdentity v) { out_.U64(v.value); }
  void Field(DomainNumber v) { out_.U8(v.value); }
  void Field(DelayMechanism v) { out_.U8(static_cast<uint8_t>(v)); }
  void Field(PortState v) { out_.U8(static_cast<uint8_t>(v)); }
  void Flags8(const Flags& flags) {
    unsigned field = 0;
    for (const FlagBit& f : kTimeFlags) field |= flags.*f.flag ? f.bit : 0;
    out_.U8(static_cast<uint8_t>(field));
  }
  void Bits(std::initializer_list<const bool*> bits) {
    unsigned field = 0;
    int bit = 0;
    for (const bool* b : bits) field |= static_cast<unsigned>(*b) << bit++;
    out_.U8(static_cast<uint8_t>(field));
  }
  void TimeInterval(TimeDelta v) { I64(v.scaled_nanos()); }
  void Nanos(TimeDelta v) { I64(v.scaled_nanos() >> 16); }
  void Bool32(bool v) { out_.U32(v ? 1 : 0); }
  void Index(std::optional<int32_t> v) {
    out_.U32(static_cast<uint32_t>(v.value_or(-1)));
  }
  void Interface(absl::string_view v) {
    fits_ = fits_ && IsInterfaceName(v);
    if (!fits_) return;
    out_.U8(static_cast<uint8_t>(v.size()));
    for (const char c : v) out_.U8(static_cast<uint8_t>(c));
    if (v.size() % 2 == 0) out_.U8(0);
  }
  void Reserved(size_t octets) { out_.Zeros(octets); }

  bool ok() const { return fits_ && out_.ok(); }

 private:
  void I64(absl::int128 v) {
    fits_ = fits_ && v >= std::numeric_limits<int64_t>::min() &&
            v <= std::numeric_limits<int64_t>::max();
    out_.I64(static_cast<int64_t>(v));
  }

  ByteWriter& out_;
  bool fits_ = true;
};

// The data sets, as in IEEE 1588-2019, 15.5.3, and in linuxptp's tlv.h.
template <typename T, typename Data>
concept MaybeConst = std::same_as<std::remove_const_t<T>, Data>;

void Fields(auto& io, MaybeConst<ClockQuality> auto& q) {
  io.Field(q.clock_class);
  io.Field(q.clock_accuracy);
  io.Field(q.offset_scaled_log_variance);
}

void Fields(auto& io, MaybeConst<PortIdentity> auto& p) {
  io.Field(p.clock);
  io.Field(p.port);
}

void Fields(auto& io, MaybeConst<DefaultDataSet> auto& d) {
  io.Reserved(2);  // Flags.
  io.Field(d.number_ports);
  io.Field(d.priority1);
  Fields(io, d.quality);
  io.Field(d.priority2);
  io.Field(d.identity);
  io.Field(d.domain);
  io.Reserved(1);
}

void Fields(auto& io, MaybeConst<CurrentDataSet> auto& d) {
  io.Field(d.steps_removed);
  io.TimeInterval(d.offset_from_master);
  io.TimeInterval(d.mean_path_delay);
}

void Fields(auto& io, MaybeConst<ParentDataSet> auto& d) {
  Fields(io, d.parent);
  io.Reserved(8);  // parentStats and what it is about.
  io.Field(d.priority1);
  Fields(io, d.quality);
  io.Field(d.priority2);
  io.Field(d.grandmaster);
}

void Fields(auto& io, MaybeConst<TimePropertiesDataSet> auto& d) {
  io.Field(d.current_utc_offset);
  io.Flags8(d.flags);
  io.Field(d.time_source);
}

void Fields(auto& io, MaybeConst<PortDataSet> auto& d) {
  Fields(io, d.port);
  io.Field(d.state);
  io.Field(d.min_delay_req_interval);
  io.Reserved(8);  // peerMeanPathDelay: CURRENT_DATA_SET has it too.
  io.Field(d.announce_interval);
  io.Field(d.announce_receipt_timeout);
  io.Field(d.sync_interval);
  io.Field(d.delay_mechanism);
  io.Field(d.min_pdelay_req_interval);
  io.Reserved(1);  // versionNumber
}

void Fields(auto& io, MaybeConst<TimeStatusNp> auto& d) {
  io.Nanos(d.master_offset);
  io.Nanos(d.ingress_time);
  io.Reserved(22);  // Rate and phase changes of the grandmaster.
  io.Bool32(d.gm_present);
  io.Field(d.grandmaster);
}

void Fields(auto& io, MaybeConst<GrandmasterSettingsNp> auto& d) {
  Fields(io, d.quality);
  io.Field(d.utc_offset);
  io.Flags8(d.flags);
  io.Field(d.time_source);
}

void Fields(auto& io, MaybeConst<SubscribeEventsNp> auto& d) {
  io.Field(d.duration);
  io.Bits({&d.port_state, &d.time_sync, &d.parent_data_set});
  io.Reserved(63);
}

void Fields(auto& io, MaybeConst<PortPropertiesNp> auto& d) {
  Fields(io, d.port);
  io.Field(d.state);
  io.Field(d.timestamping);
  io.Interface(d.interface);
}

void Fields(auto& io, MaybeConst<PortHwclockNp> auto& d) {
  Fields(io, d.port);
  io.Index(d.phc_index);
  io.Bits({&d.virtual_clock});
  io.Reserved(1);
}

template <typename T>
concept DataSet = requires {
  T::kId;
};

// The data set of `id`, empty; nothing for an id we do not read.
template <size_t kIndex = 0>
std::optional<ManagementData> Empty(ManagementId id) {
  if constexpr (kIndex == std::variant_size_v<ManagementData>) {
    return std::nullopt;
  } else {
    using T = std::variant_alternative_t<kIndex, ManagementData>;
    if constexpr (DataSet<T>) {
      if (T::kId == id) return T{};
    }
    return Empty<kIndex + 1>(id);
  }
}

std::variant<ManagementData, DropReason> ParseData(const Tlv& tlv) {
  ByteReader in(tlv.value);
  const auto first = ManagementId{in.U16()};
  if (tlv.type == TlvType::kManagementErrorStatus) {
    const ManagementError error{static_cast<uint16_t>(first), ManagementId{in.U16()}};
    in.Skip(4);  // A text may follow.
    if (!in.ok()) return DropReason::kManagementMalformed;
    return ManagementData(error);
  }
  if (!in.ok()) return DropReason::kManagementMalformed;
  std::optional<ManagementData> data = Empty(first);
  if (!data) return DropReason::kNotExpected;
  if (in.remaining() == 0) return ManagementData(ManagementQuestion{first});
  DataReader reader(in);
  std::visit(
      [&reader](auto& set) {
        if constexpr (DataSet<std::remove_reference_t<decltype(set)>>) {
          Fields(reader, set);
        }
      },
      *data);
  if (!reader.ok()) return DropReason::kManagementMalformed;
  return *data;
}

// The management TLV.
std::span<const uint8_t> SerializeTlv(const ManagementData& data,
                                      std::span<uint8_t> buffer) {
  ByteWriter out(buffer);
  DataWriter writer(out);
  const auto* error = std::get_if<ManagementError>(&data);
  out.U16(static_cast<uint16_t>(error ? TlvType::kManagementErrorStatus
                                      : TlvType::kManagement));
  out.U16(0);  // Its length, below.
  if (error) out.U16(error->error);
  out.U16(static_cast<uint16_t>(IdOf(data)));
  if (error) out.Zeros(4);
  std::visit(
      [&writer](const auto& set) {
        if constexpr (DataSet<std::remove_cvref_t<decltype(set)>>) Fields(writer, set);
      },
      data);
  if (!writer.ok()) return {};
  buffer[3] = static_cast<uint8_t>(out.position() - 4);  // Under 256: kMaxManagement.
  return out.written();
}

}  // namespace

ManagementId IdOf(const ManagementData& data) {
  return std::visit(
      [](const auto& set) {
        if constexpr (DataSet<std::remove_cvref_t<decltype(set)>>) {
          return set.kId;
        } else {
          return set.id;
        }
      },
      data);
}

ManagementResult ParseManagement(std::span<const uint8_t> octets) {
  const ParseResult parsed = ParseMessage(octets);
  if (const auto* reason = std::get_if<DropReason>(&parsed)) return *reason;
  const auto& message = std::get<Message>(parsed);
  const auto* body = std::get_if<Management>(&message.body);
  if (body == nullptr) return DropReason::kNotExpected;
  if (message.tlvs.empty()) return DropReason::kManagementMalformed;
  const Tlv tlv = *message.tlvs.begin();
  if (tlv.type != TlvType::kManagement && tlv.type != TlvType::kManagementErrorStatus) {
    return DropReason::kManagementMalformed;
  }
  const auto data = ParseData(tlv);
  if (const auto* reason = std::get_if<DropReason>(&data)) return *reason;
  return ManagementMessage{.sdo = message.header.sdo,
                           .domain = message.header.domain,
                           .source = message.header.source,
                           .sequence = message.header.sequence,
                           .target = body->target_port,
                           .action = ManagementAction{body->action},
                           .data = std::get<ManagementData>(data)};
}

std::span<const uint8_t> SerializeManagement(const ManagementMessage& message,
                                             std::span<uint8_t> buffer) {
  std::array<uint8_t, kMaxManagement> room;
  const auto tlvs = Tlvs::Parse(SerializeTlv(message.data, room));
  if (!tlvs || tlvs->empty()) return {};
  const Header header{.type = MessageType::kManagement,
                      .sdo = message.sdo,
                      .domain = message.domain,
                      .flags = {},
                      .correction = {},
                      .source = message.source,
                      .sequence = message.sequence};
  const Management body{.target_port = message.target,
                        .action = static_cast<uint8_t>(message.action)};
  return SerializeMessage({header, body, *tlvs}, buffer);
}

}  // namespace bridge::ptp
