// What one message, one whole receive-to-publish turn and one simulated second
// cost. Every benchmark of the receive path counts allocations: 0 in the steady
// state. Compare runs of one machine with each other, not with other machines.

#include <benchmark/benchmark.h>

#include "bridge/ptp/master_port.h"
#include "bridge/ptp/message.h"
#include "bridge/refclock/sample_format.h"
#include "bridge/sim/scenarios.h"
#include "bridge/sim/world.h"
#include "tests/support/allocations.h"

namespace bridge {
namespace {

// Adds the counter "allocs" per iteration to a benchmark.
class CountAllocations {
 public:
  explicit CountAllocations(benchmark::State& state)
      : state_(state), before_(testing_support::Allocations()) {}
  ~CountAllocations() {
    state_.counters["allocs"] = benchmark::Counter(
        static_cast<double>(testing_support::Allocations() - before_),
        benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  uint64_t before_;
};

std::vector<uint8_t> Octets(const ptp::Message& message) {
  std::array<uint8_t, ptp::kMaxPlainMessage> buffer;
  const auto written = ptp::SerializeMessage(message, buffer);
  return {written.begin(), written.end()};
}

void ParseAnnounce(benchmark::State& state) {
  sim::Grandmaster master{{}};
  const auto octets = Octets(master.AnnounceMessage());
  const CountAllocations count(state);
  for (auto _ : state) benchmark::DoNotOptimize(ptp::ParseMessage(octets));
}
BENCHMARK(ParseAnnounce);

void ParseDelayResp(benchmark::State& state) {
  sim::Grandmaster master{{}};
  ptp::Message request{};
  request.header.type = ptp::MessageType::kDelayReq;
  request.body = ptp::DelayReq{};
  const auto octets = Octets(*master.DelayResponse(request, TaiTime::FromNanos(1)));
  const CountAllocations count(state);
  for (auto _ : state) benchmark::DoNotOptimize(ptp::ParseMessage(octets));
}
BENCHMARK(ParseDelayResp);

void SerializeSync(benchmark::State& state) {
  sim::Grandmaster master{{}};
  const ptp::Message sync = master.SyncMessage(TaiTime::FromNanos(1));
  std::array<uint8_t, ptp::kMaxPlainMessage> buffer;
  const CountAllocations count(state);
  for (auto _ : state) benchmark::DoNotOptimize(ptp::SerializeMessage(sync, buffer));
}
BENCHMARK(SerializeSync);

// A master's answer from octets to octets, to as many slaves as the argument says, 100
// us apart: so 10,000 requests a second.
void DelayReqToDelayResp(benchmark::State& state) {
  ptp::MasterPortSettings settings;
  settings.identity = {{0x00aa'bbff'fecc'ddee}, 1};
  ptp::MasterPort port(settings, {}, Rng(1));
  port.set_clock(ClockMap<Local, Tai>(LocalTime(), TaiTime::FromNanos(1), 1e-6, Era()));
  MonoTime now = MonoTime::FromNanos(1'000'000'000'000);
  ptp::PortActions actions;
  port.Start(now, actions);
  port.OnTime(now = now + TimeDelta::FromSeconds(10), actions);

  ptp::Message request{};
  request.header.type = ptp::MessageType::kDelayReq;
  request.header.source = {{0x1000}, 1};
  request.body = ptp::DelayReq{};
  auto octets = Octets(request);
  const auto slaves = static_cast<uint16_t>(state.range(0));
  uint16_t slave = 0;
  uint64_t answered = 0;
  {
    const CountAllocations count(state);
    for (auto _ : state) {
      actions.clear();
      now = now + TimeDelta::FromMicros(100);
      if (++slave >= slaves) slave = 0;
      octets[22] = static_cast<uint8_t>(slave >> 8);  // Of sourcePortIdentity.
      octets[23] = static_cast<uint8_t>(slave);
      const auto parsed = ptp::ParseMessage(octets);
      port.OnMessage(std::get<ptp::Message>(parsed), LocalTime::FromNanos(now.Nanos()),
                     std::nullopt, now, actions);
      answered += std::holds_alternative<ptp::Send>(actions[0]);
      benchmark::DoNotOptimize(actions);
    }
  }
  state.counters["answered"] = benchmark::Counter(static_cast<double>(answered),
                                                  benchmark::Counter::kAvgIterations);
}
BENCHMARK(DelayReqToDelayResp)->Arg(1)->Arg(2000);

// A settled client: what Sync and Follow_Up cost from octets to the sample in
// the segment, clock readings excluded (they are system calls or vDSO).
class SettledClient {
 public:
  SettledClient() : engine_(MakeConfig(), {{0x00aa'bbff'fecc'ddee}, 1}, 1) {
    Actions actions;
    engine_.OnLink(true, Mono(), actions);
    for (int i = 0; i < 400; ++i) Exchange();
  }

  // One Sync, its Follow_Up and whatever the engine wants to do then.
  uint64_t Exchange() {
    raw_ += 125'000'000;
    if (exchanges_++ % 8 == 0) Give(master_.AnnounceMessage(), std::nullopt);
    const ptp::Message sync = master_.SyncMessage(Tai());
    Give(sync, UtcTime::FromNanos(kUtc + raw_ + 2'000));
    Give(master_.FollowUpMessage(sync.header, Tai()), std::nullopt);
    return published_;
  }

 private:
  static constexpr int64_t kUtc = 1'795'262'400'000'000'000;

  static Config MakeConfig() {
    Config config;
    config.ptp.interface = "bench0";
    config.output.rate = 16;
    config.output.shm.push_back({});
    config.utc.policy = UtcPolicy::kPin;
    config.utc.pin = sim::kTaiMinusUtc;
    return config;
  }
  MonoTime Mono() const { return MonoTime::FromNanos(raw_); }
  TaiTime Tai() const {
    return TaiTime::FromNanos(kUtc + raw_ + sim::kTaiMinusUtc * 1'000'000'000ll);
  }
  // Reading takes time; two readings never show the same.
  CrossTimestamp<Raw> Pair() {
    raw_ += 1'000;
    return {RawTime::FromNanos(raw_), UtcTime::FromNanos(kUtc + raw_),
            TimeDelta::FromNanos(160)};
  }

  void Give(const ptp::Message& message, std::optional<UtcTime> stamp) {
    std::array<uint8_t, ptp::kMaxPlainMessage> buffer;
    const auto written = ptp::SerializeMessage(message, buffer);
    Actions actions;
    engine_.OnPair(Pair(), Mono(), actions);
    engine_.OnFrame(written, stamp, {}, Mono(), actions);
    if (const auto deadline = engine_.Deadline(); deadline && Mono() >= *deadline) {
      engine_.OnTime(Mono(), actions);
    }
    for (size_t i = 0; i < actions.size(); ++i) CarryOut(Action(actions[i]), actions);
  }

  void CarryOut(const Action& action, Actions& actions) {
    if (std::holds_alternative<ReadCrossTimestamp>(action)) {
      engine_.OnCrossTimestamp(ClockReading{Pair()}, Mono(), actions);
    } else if (const auto* publish = std::get_if<Publish>(&action)) {
      writer_.Write(ToShmSample(publish->sample));
      ++published_;
    } else if (const auto* send = std::get_if<SendMessage>(&action)) {
      const auto request = ptp::ParseMessage(std::span(send->octets).first(send->size));
      const auto answer = master_.DelayResponse(std::get<ptp::Message>(request), Tai());
      Actions none;
      engine_.OnTransmitted(send->token, UtcTime::FromNanos(kUtc + raw_ - 2'000),
                            Mono(), none);
      std::array<uint8_t, ptp::kMaxPlainMessage> buffer;
      engine_.OnFrame(ptp::SerializeMessage(*answer, buffer), std::nullopt, {}, Mono(),
                      none);
    }
  }

  ClientEngine engine_;
  sim::Grandmaster master_{{}};
  ntpshm::Segment segment_{};
  ntpshm::SegmentWriter writer_{&segment_};
  int64_t raw_ = 1'000'000'000'000;
  uint64_t exchanges_ = 0;
  uint64_t published_ = 0;
};

void ReceiveToPublish(benchmark::State& state) {
  SettledClient client;
  const uint64_t before = client.Exchange();
  uint64_t after = before;
  {
    const CountAllocations count(state);
    for (auto _ : state) after = client.Exchange();
  }
  state.counters["published"] = benchmark::Counter(static_cast<double>(after - before),
                                                   benchmark::Counter::kAvgIterations);
}
BENCHMARK(ReceiveToPublish);

// "speed" is simulated seconds per second of one core.
void SimulatedMinute(benchmark::State& state) {
  sim::Scenario scenario = sim::FindScenario("steady").value();
  scenario.duration = absl::Minutes(1);
  double seconds = 0;
  for (auto _ : state) {
    sim::World world(scenario);
    world.RunFor(absl::Minutes(1));
    seconds += 60;
    if (world.samples().empty()) state.SkipWithError("nothing was published");
  }
  state.counters["speed"] = benchmark::Counter(seconds, benchmark::Counter::kIsRate);
}
BENCHMARK(SimulatedMinute)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bridge

BENCHMARK_MAIN();
