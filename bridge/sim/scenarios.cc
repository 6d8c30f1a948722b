#include "bridge/sim/scenarios.h"

#include <utility>

#include "bridge/sim/leap_scenarios.h"

namespace bridge::sim {
namespace {

// Every sample of 8 a second is published, so that every one is judged.
Scenario Base(std::string name, std::string about) {
  Scenario scenario;
  scenario.name = std::move(name);
  scenario.about = std::move(about);
  scenario.config.output.rate = 16;
  return scenario;
}

GrandmasterSettings Backup() {
  GrandmasterSettings backup;
  backup.identity = {{0x0011'22ff'fe99'9999}, 1};
  backup.announce.grandmaster = backup.identity.clock;
  backup.announce.grandmaster_quality.clock_class = 7;  // Worse than the first.
  return backup;
}

Scenario Steady() { return Base("steady", "an honest master, a quiet link"); }

Scenario ColdStart() {
  Scenario s = Base("cold-start", "the system clock is an hour off at the start");
  s.system_error = TimeDelta::FromSeconds(3600);
  s.duration = absl::Seconds(30);
  return s;
}

Scenario FastClock() {
  Scenario s = Base("clock-100ppm", "the local crystal runs 100 ppm fast");
  s.oscillator.ppm = 100;
  return s;
}

Scenario Thermal() {
  Scenario s = Base("thermal", "the crystal swings by 2 ppm in ten minutes");
  s.oscillator.temperature_ppm = 2;
  s.oscillator.temperature_period = 600;
  s.duration = absl::Minutes(20);
  return s;
}

Scenario JitterStorm() {
  Scenario s = Base("jitter-storm", "after 30 s the jitter is twentyfold for 30 s");
  s.script = [](World& world) {
    const LinkSettings calm = world.link().settings();
    world.At(absl::Seconds(30), [&world] {
      world.link().settings().jitter_ns *= 20;
      world.link().settings().spike_chance = 0.1;
    });
    world.At(absl::Seconds(60), [&world, calm] { world.link().settings() = calm; });
  };
  return s;
}

Scenario Loss() {
  Scenario s = Base("loss-20", "every fifth packet is lost, in both directions");
  s.link.loss = 0.2;
  return s;
}

Scenario Reordering() {
  Scenario s = Base("reordering", "packets overtake each other and come twice");
  s.link.reorder = 0.05;
  s.link.duplicate = 0.05;
  return s;
}

Scenario FollowUpFirst() {
  Scenario s = Base("follow-up-first", "each Follow_Up arrives before its Sync");
  s.grandmasters[0].follow_up_first = true;
  return s;
}

Scenario OneStep() {
  Scenario s = Base("one-step", "a one-step master");
  s.grandmasters[0].one_step = true;
  return s;
}

Scenario P2P() {
  Scenario s = Base("p2p", "the peer delay mechanism");
  s.config.ptp.delay = DelayChoice::kP2P;
  return s;
}

Scenario OncePerSecond() {
  Scenario s = Base("sync-1s", "the default profile's one Sync a second");
  s.grandmasters[0].sync_interval = 0;
  s.grandmasters[0].announce_interval = 1;
  s.duration = absl::Minutes(5);
  return s;
}

Scenario Failover() {
  Scenario s = Base("failover", "the master dies at 30 s and is back at 70 s");
  s.grandmasters.push_back(Backup());
  s.script = [](World& world) {
    world.At(absl::Seconds(30), [&world] { world.grandmaster(0).set_alive(false); });
    world.At(absl::Seconds(70), [&world] { world.grandmaster(0).set_alive(true); });
  };
  return s;
}

Scenario MasterDies() {
  Scenario s = Base("master-dies", "the only master dies at 30 s for good");
  s.script = [](World& world) {
    world.At(absl::Seconds(30), [&world] { world.grandmaster().set_alive(false); });
  };
  return s;
}

Scenario UtcLie() {
  Scenario s =
      Base("utc-lie", "from 30 s to 60 s the master's UTC offset is 1 s too big");
  s.grandmasters[0].announce_flags.current_utc_offset_valid = true;
  s.script = [](World& world) {
    auto& announce = world.grandmaster().settings().announce;
    world.At(absl::Seconds(30), [&announce] { announce.current_utc_offset += 1; });
    world.At(absl::Seconds(60), [&announce] { announce.current_utc_offset -= 1; });
  };
  return s;
}

Scenario LinkFlap() {
  Scenario s = Base("link-flap", "the cable is pulled three times");
  s.script = [](World& world) {
    for (int i = 1; i <= 3; ++i) {
      world.At(absl::Seconds(20 * i), [&world] { world.SetLinkUp(false); });
      world.At(absl::Seconds(20 * i + 5), [&world] { world.SetLinkUp(true); });
    }
  };
  return s;
}

Scenario MissingTransmitStamps() {
  Scenario s = Base("no-tx-stamps", "half of the transmit timestamps never come");
  s.transmit_stamp_loss = 0.5;
  return s;
}

// Octets that are almost PTP: messages of a master worse than ours, cut short or
// with damage in the header. (A well-formed lie about being better is another
// matter: without ptp.allowed_masters nobody can tell it from a new master.)
void Flood(World& world) {
  Rng& rng = world.rng();
  GrandmasterSettings stranger = world.grandmaster().settings();
  stranger.identity.clock.value ^= 0x5a00;
  stranger.announce.grandmaster = stranger.identity.clock;
  stranger.announce.grandmaster_priority1 = 255;
  Grandmaster liar(stranger);
  for (int i = 0; i < 20; ++i) {
    std::array<uint8_t, ptp::kMaxPlainMessage> buffer{};
    const auto written = ptp::SerializeMessage(
        rng.Chance(0.5) ? liar.AnnounceMessage() : liar.SyncMessage(TaiTime()), buffer);
    std::vector<uint8_t> octets(written.begin(), written.end());
    for (int damage = 0; damage < 4; ++damage) {
      octets[rng.Below(20)] = static_cast<uint8_t>(rng.Next());
    }
    if (rng.Chance(0.3)) octets.resize(rng.Below(octets.size()) + 1);
    world.Inject(std::move(octets), rng.Chance(0.5));
  }
}

Scenario MalformedFlood() {
  Scenario s =
      Base("malformed-flood", "from 20 s to 80 s, 2,000 broken messages a second");
  s.script = [](World& world) {
    for (int i = 0; i < 6'000; ++i) {
      world.At(absl::Seconds(20) + i * absl::Milliseconds(10),
               [&world] { Flood(world); });
    }
  };
  return s;
}

Scenario MasterSteps() {
  Scenario s = Base("master-steps", "the master's time jumps by 500 us at 40 s");
  s.script = [](World& world) {
    world.At(absl::Seconds(40),
             [&world] { world.grandmaster().set_error(TimeDelta::FromMicros(500)); });
    world.At(absl::Seconds(80),
             [&world] { world.grandmaster().set_error(TimeDelta()); });
  };
  return s;
}

Scenario SystemSteps() {
  Scenario s =
      Base("system-steps", "somebody steps the system clock by an hour and back");
  s.script = [](World& world) {
    world.At(absl::Seconds(40),
             [&world] { world.StepSystemClock(TimeDelta::FromSeconds(3600)); });
    world.At(absl::Seconds(60),
             [&world] { world.StepSystemClock(TimeDelta::FromSeconds(-3600)); });
  };
  return s;
}

Scenario ClosedLoop(std::string name, std::string about, Steering steering,
                    TimeDelta error) {
  Scenario s = Base(std::move(name), std::move(about));
  s.steering = steering;
  s.oscillator.ppm = 50;
  s.system_error = error;
  s.duration = absl::Minutes(6);
  return s;
}

// ---- Hardware stamps.

Scenario Hardware(std::string name, std::string about) {
  Scenario s = Base(std::move(name), std::move(about));
  s.phc = PhcSettings{};
  s.link.jitter_ns = 5;
  return s;
}

Scenario HardwareObserve() {
  Scenario s = Hardware("hw-observe", "a PHC that nobody steers");
  s.config.phc.mode = PhcMode::kObserve;
  return s;
}

Scenario HardwareJitter() {
  Scenario s = Hardware("hw-jitter-1us", "hardware stamps with 1 us of noise");
  s.phc->stamp_noise_ns = 290;
  s.link.jitter_ns = 290;
  return s;
}

Scenario HardwareP2P() {
  Scenario s =
      Hardware("hw-p2p", "hardware stamps, and a peer that takes 10 ms to answer");
  s.config.ptp.delay = DelayChoice::kP2P;
  s.phc->crystal.ppm = 20;
  s.grandmasters[0].turnaround = TimeDelta::FromMillis(10);
  return s;
}

Scenario PhcStepped(std::string name, std::string about, TimeDelta by) {
  Scenario s = Hardware(std::move(name), std::move(about));
  s.script = [by](World& world) {
    world.At(absl::Milliseconds(40'300), [&world, by] { world.StepPhc(by); });
    world.At(absl::Milliseconds(80'700), [&world, by] { world.StepPhc(-by); });
  };
  return s;
}

Scenario PhcDialled() {
  Scenario s = Hardware("hw-dialled", "somebody turns the PHC's dial by 50 ppm");
  s.script = [](World& world) {
    world.At(absl::Milliseconds(40'300), [&world] { world.DialPhc(50'000); });
  };
  return s;
}

Scenario PhcReadErrors() {
  Scenario s = Hardware("hw-read-errors", "the PHC can't be read from 40 s to 70 s");
  s.script = [](World& world) {
    world.At(absl::Seconds(40), [&world] { world.SetPhcReadable(false); });
    world.At(absl::Seconds(70), [&world] { world.SetPhcReadable(true); });
  };
  return s;
}

Scenario PhcRefuses() {
  Scenario s = Hardware("hw-refuses", "from 40 s on the PHC can't be adjusted");
  s.script = [](World& world) {
    world.At(absl::Seconds(40), [&world] { world.SetPhcSteerable(false); });
  };
  return s;
}

// A PHY behind a slow bus, as that of a Raspberry Pi CM4.
Scenario SlowPhc() {
  Scenario s =
      Hardware("hw-slow-reading", "reading takes 1 ms, transmit stamps 100 ms");
  s.phc->window_ns = 1e6;
  s.phc->step_error_ns = 1e6;
  s.phc->dial_ppb = 7.45;
  s.transmit_stamp_delay = TimeDelta::FromMillis(100);
  s.config.output.max_error = TimeDelta::FromMillis(2);
  return s;
}

Scenario PhcLostStamps() {
  Scenario s =
      Hardware("hw-tx-stamps-late", "transmit stamps come after 100 ms, or never");
  s.transmit_stamp_delay = TimeDelta::FromMillis(100);
  s.transmit_stamp_loss = 0.3;
  return s;
}

Scenario PhcReset() {
  Scenario s =
      Hardware("hw-link-reset", "the PHC is set to UTC when the link comes up");
  s.script = [](World& world) {
    for (int i = 1; i <= 3; ++i) {
      world.At(absl::Seconds(20 * i), [&world] { world.SetLinkUp(false); });
      world.At(absl::Seconds(20 * i + 5), [&world] {
        world.ResetPhc();
        world.SetLinkUp(true);
      });
    }
  };
  return s;
}

}  // namespace

std::vector<Scenario> Scenarios() {
  return {
      Steady(),
      ColdStart(),
      FastClock(),
      Thermal(),
      JitterStorm(),
      Loss(),
      Reordering(),
      FollowUpFirst(),
      OneStep(),
      P2P(),
      OncePerSecond(),
      Failover(),
      MasterDies(),
      UtcLie(),
      LinkFlap(),
      MissingTransmitStamps(),
      MalformedFlood(),
      MasterSteps(),
      SystemSteps(),
      ClosedLoop("loop-slew-500", "a consumer slews the system clock, 500 ppm at most",
                 Steering::kSlew500, TimeDelta::FromMillis(5)),
      ClosedLoop("loop-slew-1000",
                 "a consumer slews the system clock, 1000 ppm at most",
                 Steering::kSlew1000, TimeDelta::FromMillis(5)),
      ClosedLoop("loop-step", "a consumer steps the system clock, then slews it",
                 Steering::kStepThenSlew, TimeDelta::FromSeconds(2)),
      Hardware("hw-discipline", "hardware stamps, and the PHC steered to TAI"),
      HardwareObserve(),
      HardwareJitter(),
      HardwareP2P(),
      PhcStepped("hw-step-1s", "somebody steps the PHC by 1 s and back",
                 TimeDelta::FromSeconds(1)),
      PhcStepped("hw-step-37s", "somebody sets the PHC to UTC and back",
                 TimeDelta::FromSeconds(-kTaiMinusUtc)),
      PhcStepped("hw-step-500us", "somebody steps the PHC by 500 us and back",
                 TimeDelta::FromMicros(500)),
      PhcDialled(),
      PhcReadErrors(),
      PhcRefuses(),
      SlowPhc(),
      PhcLostStamps(),
      PhcReset(),
  };
}

std::optional<Scenario> FindScenario(absl::string_view name) {
  for (const Scenario& scenario : Scenarios()) {
    if (scenario.name == name) return scenario;
  }
  return FindLeapScenario(name);
}

}  // namespace bridge::sim
