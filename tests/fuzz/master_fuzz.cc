// A master port fed with arbitrary messages, stamps and changes of its clock in
// arbitrary order. It may drop whatever it likes; it may not crash, send what does not
// parse or is not a master's to send, ask for a time in the past, or be kept from its
// Syncs while it is master.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "bridge/base/byte_reader.h"
#include "bridge/ptp/master_port.h"
#include "tests/fuzz/fuzz_require.h"

namespace bridge::ptp {
namespace {

constexpr PortIdentity kSelf{{0x00aa'bbff'fecc'ddee}, 1};
constexpr int64_t kSecond = 1'000'000'000;

MasterPortSettings Settings(DelayMechanism mechanism, bool slave_capable) {
  MasterPortSettings settings;
  settings.identity = kSelf;
  settings.delay_mechanism = mechanism;
  settings.slave_capable = slave_capable;
  settings.qualification_intervals = slave_capable ? 1 : 0;
  return settings;
}

class Machine {
 public:
  Machine(DelayMechanism mechanism, bool slave_capable)
      : port_(Settings(mechanism, slave_capable), {}, Rng(1)) {
    port_.Start(now_, out_);
  }

  void Run(ByteReader in) {
    while (in.remaining() > 0) {
      One(in);
      CarryOut();
      if (port_.Deadline() && *port_.Deadline() <= now_) {
        port_.OnTime(now_, out_);
        CarryOut();
        FUZZ_REQUIRE(!port_.Deadline() || *port_.Deadline() > now_);
      }
    }
    Flood();
  }

 private:
  void One(ByteReader& in) {
    const uint8_t what = in.U8();
    now_ = now_ + TimeDelta::FromMillis(in.U8());
    switch (what % 12) {
      case 0:
        return in.U8() % 4 == 0 ? port_.Stop(now_, out_) : port_.Start(now_, out_);
      case 1:
        return Octets(in.Bytes(std::min<size_t>(in.U8(), in.remaining())), in);
      case 2:
        return port_.OnTransmitted({in.U64()}, Stamp(in), now_, out_);
      case 3:
        if (last_) port_.OnTransmitted(*last_, Stamp(in), now_, out_);
        return;
      case 4:
        return SetProperties(in);
      case 5:
        return port_.set_clock(ClockMap<Local, Tai>(
            Stamp(in), TaiTime() + TimeDelta::FromScaledNanos(in.I64()),
            in.I16() * 1e-8, Era()));
      case 6:
        return port_.set_clock(std::nullopt);
      case 7:
        return port_.ForgetStamps();
      default:
        return Message(in);
    }
  }

  void SetProperties(ByteReader& in) {
    GrandmasterProperties properties;
    properties.priority1 = in.U8();
    properties.quality.clock_class = in.U8();
    properties.current_utc_offset = in.I16();
    properties.current_utc_offset_valid = in.U8() % 2 == 0;
    properties.leap = static_cast<LeapIndicator>(in.U8() % 3);
    port_.SetProperties(properties, now_, out_);
  }

  // A well-formed message of few senders with a few fields from the input.
  void Message(ByteReader& in) {
    const uint8_t type = in.U8();
    const PortIdentity source{{in.U8() % 8u}, 1};
    Body body = DelayReq{};
    if (type % 4 == 0) {
      Announce announce;
      announce.grandmaster = source.clock;
      announce.grandmaster_priority1 = in.U8();
      announce.grandmaster_quality.clock_class = in.U8();
      announce.steps_removed = in.U8();
      body = announce;
    } else if (type % 4 == 1) {
      body = PdelayReq{};
    } else if (type % 4 == 2) {
      body = PdelayResp{TaiTime::FromNanos(in.U16()), kSelf};
    }
    constexpr MessageType kTypes[] = {MessageType::kAnnounce, MessageType::kPdelayReq,
                                      MessageType::kPdelayResp, MessageType::kDelayReq};
    ptp::Message message{};
    message.header.type = kTypes[type % 4];
    message.header.source = source;
    message.header.sequence = {in.U16()};
    message.header.correction = TimeDelta::FromScaledNanos(in.I64());
    message.header.flags.unicast = type % 8 == 3;
    message.header.log_interval = {in.I8()};
    message.body = body;
    std::array<uint8_t, kMaxPlainMessage> buffer{};
    Octets(SerializeMessage(message, buffer), in);
  }

  void Octets(std::span<const uint8_t> octets, ByteReader& in) {
    const auto parsed = ParseMessage(octets);
    const auto* message = std::get_if<ptp::Message>(&parsed);
    if (message == nullptr) return;
    std::optional<LocalTime> received;
    if (in.U8() % 8 != 0) received = Stamp(in);
    std::optional<PortAddress> from;
    if (in.U8() % 4 != 0) from = PortAddress{{in.U8()}, 6};
    port_.OnMessage(*message, received, from, now_, out_);
  }

  LocalTime Stamp(ByteReader& in) {
    return LocalTime() + TimeDelta::FromScaledNanos(in.I64());
  }

  void CarryOut() {
    FUZZ_REQUIRE(out_.size() <= 8);
    for (const PortAction& action : out_) {
      if (const auto* send = std::get_if<Send>(&action)) Check(*send);
    }
    out_.clear();
  }
  void Check(const Send& send) {
    const auto parsed = ParseMessage(std::span(send.octets).first(send.size));
    const auto* message = std::get_if<ptp::Message>(&parsed);
    FUZZ_REQUIRE(message != nullptr);
    FUZZ_REQUIRE(message->header.source == kSelf);
    FUZZ_REQUIRE(send.to.has_value() == message->header.flags.unicast);
    FUZZ_REQUIRE(send.token.value > kMasterTokens.value);
    const MessageType type = message->header.type;
    const bool peer = type == MessageType::kPdelayReq ||
                      type == MessageType::kPdelayResp ||
                      type == MessageType::kPdelayRespFollowUp;
    FUZZ_REQUIRE(peer || port_.state() == PortState::kMaster);
    if (const auto* announce = std::get_if<Announce>(&message->body)) {
      FUZZ_REQUIRE(message->header.flags.current_utc_offset_valid ||
                   (announce->grandmaster_quality.clock_class != 6 &&
                    announce->grandmaster_quality.clock_class != 7));
    }
    syncs_ += type == MessageType::kSync;
    if (IsEvent(type)) last_ = send.token;
  }

  // Whatever was done to it: alone on the network it comes to serve, and a flood does
  // not keep it from its Syncs.
  void Flood() {
    port_.Start(now_, out_);
    for (int i = 0; i < 20; ++i) Serve(TimeDelta::FromSeconds(5));
    FUZZ_REQUIRE(port_.state() == PortState::kMaster);
    port_.set_clock(
        ClockMap<Local, Tai>(LocalTime(), TaiTime::FromNanos(kSecond), 0, Era()));
    syncs_ = 0;
    for (int i = 0; i < 200; ++i) {
      ptp::Message request{};
      request.header.type = MessageType::kDelayReq;
      request.header.source = {{static_cast<uint64_t>(i)}, 1};
      request.body = DelayReq{};
      port_.OnMessage(request, LocalTime(), std::nullopt, now_, out_);
      CarryOut();
      Serve(TimeDelta::FromMillis(50));
    }
    FUZZ_REQUIRE(syncs_ >= 9 && syncs_ <= 11);
  }
  void Serve(TimeDelta later) {
    now_ = now_ + later;
    port_.OnTime(now_, out_);
    CarryOut();
  }

  MonoTime now_ = MonoTime::FromNanos(1'000 * kSecond);
  PortActions out_;
  MasterPort port_;
  std::optional<TxToken> last_;
  int syncs_ = 0;
};

}  // namespace
}  // namespace bridge::ptp

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bridge::ptp::DelayMechanism;
  if (size > 4096) return 0;
  for (const auto mechanism : {DelayMechanism::kE2E, DelayMechanism::kP2P}) {
    for (const bool slave_capable : {false, true}) {
      bridge::ptp::Machine(mechanism, slave_capable)
          .Run(bridge::ByteReader(std::span(data, size)));
    }
  }
  return 0;
}
