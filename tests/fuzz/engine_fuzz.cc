// The engine fed with arbitrary events in arbitrary order: frames with real and
// broken octets, stamps that jump, pairs that lie, links that flap. It may drop
// and withhold whatever it likes; it may not crash, ask for a time in the past,
// publish while withheld, or publish outside the sane epoch.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "bridge/base/byte_reader.h"
#include "bridge/engine/client_engine.h"
#include "bridge/sim/grandmaster.h"

namespace bridge {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

class Machine {
 public:
  Machine() : engine_(MakeConfig(), {{0x00aa'bbff'fecc'ddee}, 1}, 1) {}

  void Run(ByteReader in) {
    while (in.remaining() > 0) {
      One(in);
      CarryOut();
      if (const auto deadline = engine_.Deadline(); deadline && Mono() >= *deadline) {
        engine_.OnTime(Mono(), actions_);
        CarryOut();
        Require(!engine_.Deadline() || *engine_.Deadline() > Mono());
      }
    }
    (void)engine_.Status(Mono()).ToJson();
    engine_.Stop(Mono(), actions_);
    CarryOut();
  }

 private:
  static Config MakeConfig() {
    Config config;
    config.ptp.interface = "fuzz0";
    config.output.rate = 16;
    config.output.shm.push_back({});
    config.utc.policy = UtcPolicy::kPin;
    config.utc.pin = sim::kTaiMinusUtc;
    return config;
  }

  void One(ByteReader& in) {
    const uint8_t what = in.U8();
    raw_ += in.U8() * 1'000'000ll;
    switch (what % 12) {
      case 0:
        return engine_.OnLink(in.U8() % 4 != 0, Mono(), actions_);
      case 1:
        return Octets(in.Bytes(std::min<size_t>(in.U8(), in.remaining())), in);
      case 2:
      case 3:
        return Message(master_.SyncMessage(Tai()), in);
      case 4:
      case 5: {
        ptp::Message sync = master_.SyncMessage(Tai());
        Message(sync, in);
        CarryOut();
        return Message(master_.FollowUpMessage(sync.header, Tai()), in);
      }
      case 6:
      case 7:
        return Message(master_.AnnounceMessage(), in);
      case 8:
        return engine_.OnTransmitted({in.U8()}, Stamp(in), Mono(), actions_);
      case 9:
        system_step_ += in.I64() >> 20;
        return;
      case 10:
        master_.set_error(TimeDelta::FromScaledNanos(in.I64()));
        return;
      case 11:
        return engine_.OnResume(Mono(), actions_);
      default:
        return;
    }
  }

  void Message(const ptp::Message& message, ByteReader& in) {
    std::array<uint8_t, ptp::kMaxPlainMessage> buffer{};
    const auto written = ptp::SerializeMessage(message, buffer);
    // Now and then one octet is damaged.
    if (const uint8_t where = in.U8(); where < written.size()) buffer[where] ^= in.U8();
    Octets(written, in);
  }

  void Octets(std::span<const uint8_t> octets, ByteReader& in) {
    std::optional<UtcTime> stamp;
    if (in.U8() % 8 != 0) stamp = Stamp(in);
    if (stamp) engine_.OnPair(Pair(), Mono(), actions_);
    CarryOut();
    engine_.OnFrame(octets, stamp, Mono(), actions_);
  }

  void CarryOut() {
    for (size_t i = 0; i < actions_.size(); ++i) {
      const Action action = actions_[i];
      if (std::holds_alternative<ReadCrossTimestamp>(action)) {
        engine_.OnCrossTimestamp(ClockReading{Pair()}, Mono(), actions_);
      } else if (const auto* publish = std::get_if<Publish>(&action)) {
        Require(!engine_.withheld());
        const int64_t seconds = publish->sample.reference.Split().seconds;
        Require(seconds > 1'700'000'000 && seconds < 4'200'000'000);
        Require(publish->sample.error_bound <= TimeDelta::FromMillis(1));
      } else if (const auto* send = std::get_if<SendMessage>(&action)) {
        Answer(*send);
      }
    }
    actions_.clear();
  }

  void Answer(const ptp::Send& send) {
    const auto request = ptp::ParseMessage(std::span(send.octets).first(send.size));
    Require(std::holds_alternative<ptp::Message>(request));
    const auto answer = master_.DelayResponse(std::get<ptp::Message>(request), Tai());
    if (!answer) return;
    Actions ignored;
    engine_.OnTransmitted(send.token, System(), Mono(), ignored);
    std::array<uint8_t, ptp::kMaxPlainMessage> buffer{};
    engine_.OnFrame(ptp::SerializeMessage(*answer, buffer), std::nullopt, Mono(),
                    ignored);
  }

  UtcTime Stamp(ByteReader& in) const {
    return System() - TimeDelta::FromNanos(in.U16());
  }
  UtcTime System() const {
    return UtcTime::FromNanos(1'795'262'400'000'000'000 + raw_) +
           TimeDelta::FromNanos(system_step_);
  }
  MonoTime Mono() const { return MonoTime::FromNanos(raw_); }
  TaiTime Tai() const {
    return TaiTime::FromNanos((1'795'262'400 + sim::kTaiMinusUtc) * 1'000'000'000ll +
                              raw_);
  }
  // Reading takes time; two readings never show the same.
  CrossTimestamp<Raw> Pair() {
    raw_ += 1'000;
    return {RawTime::FromNanos(raw_), System(), TimeDelta::FromNanos(160)};
  }

  ClientEngine engine_;
  sim::Grandmaster master_{{}};
  Actions actions_;
  int64_t raw_ = 1'000'000'000'000;
  int64_t system_step_ = 0;
};

}  // namespace
}  // namespace bridge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  bridge::Machine().Run(bridge::ByteReader(std::span(data, size)));
  return 0;
}
