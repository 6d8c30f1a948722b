// The engine fed with arbitrary events in arbitrary order: frames with real and
// broken octets, stamps that jump, pairs that lie, links that flap; as a companion,
// management replies that lie and sockets that flap. It may drop and withhold whatever
// it likes; it may not crash, ask for a time in the past, publish while withheld, or
// publish outside the sane epoch.

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "bridge/base/byte_reader.h"
#include "bridge/engine/client_engine.h"
#include "bridge/sim/grandmaster.h"
#include "tests/source/fake_ptp4l.h"

namespace bridge {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

class Machine {
 public:
  explicit Machine(bool hardware)
      : hardware_(hardware),
        engine_(MakeConfig(hardware), {{0x00aa'bbff'fecc'ddee}, 1}, 1) {}

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
  static Config MakeConfig(bool hardware) {
    Config config;
    config.ptp.interface = "fuzz0";
    config.ptp.timestamping =
        hardware ? Timestamping::kHardware : Timestamping::kSoftware;
    config.output.rate = 16;
    config.output.shm.push_back({});
    config.utc.policy = UtcPolicy::kPin;
    config.utc.pin = sim::kTaiMinusUtc;
    return config;
  }

  void One(ByteReader& in) {
    const uint8_t what = in.U8();
    raw_ += in.U8() * 1'000'000ll;
    switch (what % 16) {
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
      case 12:  // Somebody steps or dials the PHC.
        phc_step_ += in.I64() >> 16;
        return;
      case 13:
        phc_rate_ = in.U8() - 128;  // ppm
        phc_window_ = 100 + 100 * in.U16();
        return;
      case 14:
        readable_ = in.U8() % 4 != 0;
        steerable_ = in.U8() % 4 != 0;
        return;
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
    std::optional<EventStamp> stamp;
    if (in.U8() % 8 != 0) stamp = Stamp(in);
    if (stamp) engine_.OnPair(Pair(), Mono(), actions_);
    CarryOut();
    engine_.OnFrame(octets, stamp, {}, Mono(), actions_);
  }

  void CarryOut() {
    for (size_t i = 0; i < actions_.size(); ++i) {
      const Action action = actions_[i];
      if (std::holds_alternative<ReadCrossTimestamp>(action)) {
        engine_.OnCrossTimestamp(Reading(), Mono(), actions_);
      } else if (const auto* adjust = std::get_if<AdjustPhc>(&action)) {
        Adjust(adjust->command);
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
    engine_.OnTransmitted(send.token, Now(), Mono(), ignored);
    std::array<uint8_t, ptp::kMaxPlainMessage> buffer{};
    engine_.OnFrame(ptp::SerializeMessage(*answer, buffer), std::nullopt, {}, Mono(),
                    ignored);
  }

  void Adjust(const PhcCommand& command) {
    Require(hardware_);
    PhcAdjusted adjusted{command, std::nullopt};
    if (steerable_) {
      adjusted.at = RawTime::FromNanos(raw_);
      if (const auto* step = std::get_if<StepPhc>(&command)) {
        phc_step_ += step->by.Nanos();
      } else {
        const double ppb = std::get<SetPhcFrequency>(command).ppb;
        Require(std::fabs(ppb) <= 500'000);
        phc_rate_ = std::lround(ppb / 1000);
      }
    }
    engine_.OnPhcAdjusted(adjusted, Mono(), actions_);
  }

  EventStamp Stamp(ByteReader& in) const {
    const TimeDelta age = TimeDelta::FromNanos(in.U16());
    if (hardware_) return Phc() - age;
    return System() - age;
  }
  EventStamp Now() const {
    if (hardware_) return Phc();
    return System();
  }
  PhcTime Phc() const {
    return PhcTime::FromNanos(raw_ + raw_ / 1'000'000 * phc_rate_) +
           TimeDelta::FromNanos(phc_step_);
  }
  ClockReading Reading() {
    if (!hardware_ || !readable_) return {.pair = Pair()};
    const CrossTimestamp<bridge::Phc> phc{Phc(), System(),
                                          TimeDelta::FromNanos(phc_window_)};
    return {.pair = Pair(), .phc = phc};
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

  const bool hardware_;
  ClientEngine engine_;
  sim::Grandmaster master_{{}};
  Actions actions_;
  int64_t raw_ = 1'000'000'000'000;
  int64_t system_step_ = 0;
  int64_t phc_step_ = 0;
  int64_t phc_rate_ = 0;
  int64_t phc_window_ = 800;
  bool readable_ = true;
  bool steerable_ = true;
};

// The engine beside a ptp4l that says what the input says.
class CompanionMachine {
 public:
  CompanionMachine() : engine_(MakeConfig(), {{0x0000'0000'0000'0001}, 77}, 1) {}

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
    config.role = Role::kCompanion;
    config.ptp.interface = "fuzz0";
    config.output.rate = 16;
    config.output.shm.push_back({});
    config.utc.policy = UtcPolicy::kPin;
    config.utc.pin = sim::kTaiMinusUtc;
    return config;
  }

  void One(ByteReader& in) {
    const uint8_t what = in.U8();
    raw_ += in.U8() * 4'000'000ll;
    switch (what % 12) {
      case 0:
        return engine_.OnManagementSocket(ManagementSocket{in.U8() % 3}, Mono(),
                                          actions_);
      case 1: {
        const auto octets = in.Bytes(std::min<size_t>(in.U8(), in.remaining()));
        return engine_.OnManagement(octets, Mono(), actions_);
      }
      case 2:
        damage_ = in.U8();
        return;
      case 3:
        ptp4l_.silent = in.U8() % 4 == 0;
        ptp4l_.read_only = in.U8() % 2 == 0;
        ptp4l_.tells_phc = in.U8() % 2 == 0;
        return;
      case 4:
        ptp4l_.ports[0].state = ptp::PortState{static_cast<uint8_t>(1 + in.U8() % 9)};
        ptp4l_.ports[0].timestamping = in.U8() % 5;
        return Tell(ptp4l_.PushPort(0));
      case 5:
        ptp4l_.parent.grandmaster.value = ptp4l_.status.grandmaster.value = in.U8();
        ptp4l_.status.gm_present = in.U8() % 4 != 0;
        return Tell(ptp4l_.PushParent());
      case 6:
        ptp4l_.properties.flags.ptp_timescale = in.U8() % 4 != 0;
        ptp4l_.own.utc_offset = in.I16();
        return;
      case 7:
        phc_step_ += in.I64() >> 20;
        return;
      case 8:
        system_step_ += in.I64() >> 20;
        return;
      case 9:
        return engine_.OnResume(Mono(), actions_);
      default:
        return Sync(in);
    }
  }

  void Sync(ByteReader& in) {
    const bool software = ptp4l_.ports[0].timestamping % 2 == 0;
    const TimeDelta clock = software ? System().SinceEpoch() : Phc().SinceEpoch();
    ptp4l_.status.ingress_time = clock - TimeDelta::FromNanos(in.U16());
    // Now and then of any size.
    const int64_t any = in.I64();
    const TimeDelta offset = TimeDelta::FromNanos(any >> (any % 4 == 0 ? 1 : 50));
    ptp4l_.status.master_offset = offset;
    ptp4l_.current.offset_from_master =
        any % 8 == 1 ? TimeDelta() : TimeDelta::FromNanos(any >> 50);
    ptp4l_.current.mean_path_delay = TimeDelta::FromScaledNanos(any >> (any & 63));
    Tell(ptp4l_.PushTime());
  }

  void Tell(std::optional<FakePtp4l::Octets> octets) {
    if (!octets) return;
    if (damage_ < octets->size()) (*octets)[damage_] ^= 0x11;
    engine_.OnManagement(*octets, Mono(), actions_);
  }

  void CarryOut() {
    for (size_t i = 0; i < actions_.size(); ++i) {
      const Action action = actions_[i];
      if (const auto* send = std::get_if<SendManagement>(&action)) {
        for (auto& reply : ptp4l_.Answer(send->octets())) Tell(std::move(reply));
      } else if (std::holds_alternative<ReadCrossTimestamp>(action)) {
        engine_.OnCrossTimestamp(Reading(), Mono(), actions_);
      } else if (const auto* publish = std::get_if<Publish>(&action)) {
        const int64_t seconds = publish->sample.reference.Split().seconds;
        Require(seconds > 1'700'000'000 && seconds < 4'200'000'000);
        Require(publish->sample.error_bound <= TimeDelta::FromMillis(1));
      }
    }
    actions_.clear();
  }

  ClockReading Reading() {
    raw_ += 1'000;
    const CrossTimestamp<bridge::Phc> phc{Phc(), System(), TimeDelta::FromNanos(800)};
    return {.pair = {RawTime::FromNanos(raw_), System(), TimeDelta::FromNanos(160)},
            .phc = phc};
  }
  UtcTime System() const {
    return UtcTime::FromNanos(1'795'262'400'000'000'000 + raw_) +
           TimeDelta::FromNanos(system_step_);
  }
  PhcTime Phc() const {
    return PhcTime::FromNanos((1'795'262'400 + sim::kTaiMinusUtc) * 1'000'000'000ll +
                              raw_) +
           TimeDelta::FromNanos(phc_step_);
  }
  MonoTime Mono() const { return MonoTime::FromNanos(raw_); }

  ClientEngine engine_;
  FakePtp4l ptp4l_;
  Actions actions_;
  int64_t raw_ = 1'000'000'000'000;
  int64_t system_step_ = 0;
  int64_t phc_step_ = 0;
  size_t damage_ = SIZE_MAX;
};

}  // namespace
}  // namespace bridge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  for (const bool hardware : {false, true}) {
    bridge::Machine(hardware).Run(bridge::ByteReader(std::span(data, size)));
  }
  bridge::CompanionMachine().Run(bridge::ByteReader(std::span(data, size)));
  return 0;
}
