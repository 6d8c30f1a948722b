#include "bridge/sim/faults.h"

#include <array>
#include <functional>
#include <optional>

namespace bridge::sim {
namespace {

template <typename T, size_t n>
T OneOf(Rng& rng, const std::array<T, n>& choices) {
  return choices[rng.Below(n)];
}

// `begin` at the fault's time and `end` when it is over.
void During(World& world, const FaultAt& fault, std::function<void()> begin,
            std::function<void()> end) {
  world.At(fault.at, std::move(begin));
  world.At(fault.at + fault.lasts, std::move(end));
}

size_t AnyMaster(World& world, Rng& rng) {
  return rng.Below(world.scenario().grandmasters.size());
}

void ChangeLink(World& world, const FaultAt& fault, const LinkSettings& changed) {
  During(
      world, fault, [&world, changed] { world.link().settings() = changed; },
      [&world] { world.link().settings() = world.scenario().link; });
}

void ChangeAnnounce(World& world, const FaultAt& fault, size_t i,
                    std::function<void(GrandmasterSettings&)> change) {
  During(
      world, fault,
      [&world, i, change = std::move(change)] {
        change(world.grandmaster(i).settings());
      },
      [&world, i] {
        GrandmasterSettings& settings = world.grandmaster(i).settings();
        const GrandmasterSettings& honest = world.scenario().grandmasters[i];
        settings.announce = honest.announce;
        settings.announce_flags = honest.announce_flags;
      });
}

// ---- The network.

void LossBurst(World& world, const FaultAt& fault) {
  LinkSettings link = world.scenario().link;
  link.loss = 0.9;
  ChangeLink(world, fault, link);
}

// Other traffic fills the queues: packets come later than they would, never sooner.
void JitterStorm(World& world, const FaultAt& fault, Rng& rng) {
  LinkSettings link = world.scenario().link;
  link.queue_chance = rng.Uniform(0.3, 0.95);
  link.queue_ns = link.delay_ns * rng.Uniform(0.5, 10);
  link.spike_chance = 0.1;
  link.reorder = 0.02;
  ChangeLink(world, fault, link);
}

void PathChange(World& world, const FaultAt& fault, Rng& rng) {
  LinkSettings link = world.scenario().link;
  link.delay_ns *= rng.Uniform(0.3, 5);
  link.asymmetry_ns = 0;
  ChangeLink(world, fault, link);
}

// ---- Masters.

void OffsetLie(World& world, const FaultAt& fault, Rng& rng) {
  // When TAI-UTC changes, a lie by one may be what an old list says as well.
  const std::array<int, 5> lies = world.truth().leap()
                                      ? std::array{-kTaiMinusUtc, -18, 5, 3, -3}
                                      : std::array{-1, 1, -kTaiMinusUtc, -18, 5};
  const int lie = OneOf(rng, lies);
  const bool valid = rng.Chance(0.5);
  ChangeAnnounce(world, fault, AnyMaster(world, rng), [lie, valid](auto& settings) {
    settings.announce.current_utc_offset =
        static_cast<int16_t>(settings.announce.current_utc_offset + lie);
    settings.announce_flags.current_utc_offset_valid = valid;
  });
}

void FlagLie(World& world, const FaultAt& fault, Rng& rng) {
  const uint64_t which = rng.Below(5);
  ChangeAnnounce(world, fault, AnyMaster(world, rng), [which](auto& settings) {
    settings.announce_flags.leap61 = which % 2 == 0;
    settings.announce_flags.leap59 = which % 2 == 1 || which == 4;
  });
}

void ArbitraryTimescale(World& world, const FaultAt& fault, Rng& rng) {
  ChangeAnnounce(world, fault, AnyMaster(world, rng),
                 [](auto& settings) { settings.announce_flags.ptp_timescale = false; });
}

void TimeJump(World& world, const FaultAt& fault, Rng& rng) {
  // Among them: UTC, and GPS time, where TAI is promised.
  const double seconds = OneOf(
      rng, std::array{1.0, -1.0, 2.0, -37.0, -19.0, 0.5, -0.5, 3600.0, -86'400.0});
  const auto error = TimeDelta::FromNanosDouble(seconds * 1e9);
  const size_t i = AnyMaster(world, rng);
  During(
      world, fault,
      [&world, i, error] {
        if (world.published_since_start() > 0) world.grandmaster(i).set_error(error);
      },
      [&world, i] { world.grandmaster(i).set_error(TimeDelta()); });
}

void Uptime(World& world, const FaultAt& fault, Rng& rng) {
  const double shows = rng.Chance(0.5) ? 0 : rng.Uniform(0, 1e7);  // s since 1970.
  const size_t i = AnyMaster(world, rng);
  During(
      world, fault,
      [&world, i, shows] {
        world.grandmaster(i).set_error(TimeDelta::FromNanosDouble(shows * 1e9) -
                                       world.now().SinceEpoch());
      },
      [&world, i] { world.grandmaster(i).set_error(TimeDelta()); });
}

// ---- The machine.

TimeDelta StrangersStep(Rng& rng) {
  return TimeDelta::FromNanosDouble(
      1e9 * OneOf(rng, std::array{0.02, -0.3, 0.4, 7.0, -7.0, -40.0, 3600.0}));
}

void SystemStep(World& world, const FaultAt& fault, Rng& rng) {
  world.At(fault.at,
           [&world, step = StrangersStep(rng)] { world.StepSystemClock(step); });
}

void StepAtStore(World& world, const FaultAt& fault, Rng& rng) {
  world.At(fault.at, [&world, step = StrangersStep(rng), before = rng.Chance(0.5)] {
    const auto act = [&world, step] { world.StepSystemClock(step); };
    before ? world.BeforeNextStore(act) : world.AfterNextStore(act);
  });
}

void Restart(World& world, const FaultAt& fault, Rng& rng) {
  world.At(fault.at, [&world, down = absl::Seconds(rng.Uniform(0.5, 60))] {
    for (size_t i = 0; i < world.scenario().grandmasters.size(); ++i) {
      const TimeDelta error = world.grandmaster(i).error().Abs();
      const bool untold = error < TimeDelta::FromSeconds(1'000'000);
      if (error != TimeDelta() && untold) return;  // See the head of faults.h.
    }
    world.RestartDaemon(down);
  });
}

void ListReplaced(World& world, const FaultAt& fault, Rng& rng) {
  const LeapList bad = OneOf(
      rng, std::array{LeapList::kAbsent, LeapList::kTruncated, LeapList::kExpired});
  During(
      world, fault, [&world, bad] { world.ReplaceLeapList(bad); },
      [&world] { world.ReplaceLeapList(LeapList::kGood); });
}

// Never set, right, or wrong by what nobody else is wrong by.
void KernelTai(World& world, const FaultAt& fault, Rng& rng) {
  using Error = std::optional<int>;
  const Error error = OneOf(
      rng, std::array{Error(), Error(), Error(0), Error(2), Error(63), Error(-9)});
  During(
      world, fault,
      [&world, error] {
        KernelClock kernel = world.kernel();
        kernel.tai_offset = error ? world.TrueOffset(world.now()) + *error : 0;
        world.SetKernel(kernel);
      },
      [&world] {
        KernelClock kernel = world.kernel();
        kernel.tai_offset = 0;
        world.SetKernel(kernel);
      });
}

// ---- The PHC.

// By more than its readings' windows, or nobody could know.
void PhcStep(World& world, const FaultAt& fault, Rng& rng) {
  const bool tight = world.scenario().phc->window_ns < 50e3;
  const double seconds =
      tight ? OneOf(rng, std::array{1e-3, -1e-3, 0.02, 0.3, -0.3, 1.0, -37.0, 3600.0})
            : OneOf(rng, std::array{0.3, -0.3, 1.0, -1.0, 37.0, -37.0, -3600.0, 1e9});
  world.At(fault.at, [&world, seconds] {
    world.StepPhc(TimeDelta::FromNanosDouble(seconds * 1e9));
  });
}

void PhcDial(World& world, const FaultAt& fault, Rng& rng) {
  const double ppm = OneOf(rng, std::array{-500.0, -100.0, 0.0, 50.0, 200.0, 500.0});
  world.At(fault.at, [&world, ppm] { world.DialPhc(ppm * 1e3); });
}

}  // namespace

const char* FaultName(Fault fault) {
  switch (fault) {
    case Fault::kLossBurst:
      return "loss burst";
    case Fault::kJitterStorm:
      return "jitter storm";
    case Fault::kPathChange:
      return "path change";
    case Fault::kLinkFlap:
      return "link flap";
    case Fault::kMasterDies:
      return "master dies";
    case Fault::kOffsetLie:
      return "offset lie";
    case Fault::kFlagLie:
      return "flag lie";
    case Fault::kArbitraryTimescale:
      return "arbitrary timescale";
    case Fault::kTimeJump:
      return "time jump";
    case Fault::kUptime:
      return "uptime as time";
    case Fault::kSystemStep:
      return "system clock step";
    case Fault::kStepAtStore:
      return "step at a store";
    case Fault::kRestart:
      return "restart";
    case Fault::kListReplaced:
      return "leap list replaced";
    case Fault::kKernelTai:
      return "kernel TAI offset";
    case Fault::kPhcStep:
      return "PHC step";
    case Fault::kPhcDial:
      return "PHC dialled";
    case Fault::kPhcUnreadable:
      return "PHC unreadable";
    case Fault::kPhcRefuses:
      return "PHC refuses";
    case Fault::kPhcReset:
      return "PHC reset with the link";
  }
  return "";
}

void Schedule(World& world, const FaultAt& fault, Rng rng) {
  switch (fault.what) {
    case Fault::kLossBurst:
      return LossBurst(world, fault);
    case Fault::kJitterStorm:
      return JitterStorm(world, fault, rng);
    case Fault::kPathChange:
      return PathChange(world, fault, rng);
    case Fault::kLinkFlap:
      return During(
          world, fault, [&world] { world.SetLinkUp(false); },
          [&world] { world.SetLinkUp(true); });
    case Fault::kMasterDies: {
      const size_t i = AnyMaster(world, rng);
      return During(
          world, fault, [&world, i] { world.grandmaster(i).set_alive(false); },
          [&world, i] { world.grandmaster(i).set_alive(true); });
    }
    case Fault::kOffsetLie:
      return OffsetLie(world, fault, rng);
    case Fault::kFlagLie:
      return FlagLie(world, fault, rng);
    case Fault::kArbitraryTimescale:
      return ArbitraryTimescale(world, fault, rng);
    case Fault::kTimeJump:
      return TimeJump(world, fault, rng);
    case Fault::kUptime:
      return Uptime(world, fault, rng);
    case Fault::kSystemStep:
      return SystemStep(world, fault, rng);
    case Fault::kStepAtStore:
      return StepAtStore(world, fault, rng);
    case Fault::kRestart:
      return Restart(world, fault, rng);
    case Fault::kListReplaced:
      return ListReplaced(world, fault, rng);
    case Fault::kKernelTai:
      return KernelTai(world, fault, rng);
    case Fault::kPhcStep:
      return PhcStep(world, fault, rng);
    case Fault::kPhcDial:
      return PhcDial(world, fault, rng);
    case Fault::kPhcUnreadable:
      return During(
          world, fault, [&world] { world.SetPhcReadable(false); },
          [&world] { world.SetPhcReadable(true); });
    case Fault::kPhcRefuses:
      return During(
          world, fault, [&world] { world.SetPhcSteerable(false); },
          [&world] { world.SetPhcSteerable(true); });
    case Fault::kPhcReset:
      return During(
          world, fault, [&world] { world.SetLinkUp(false); },
          [&world] {
            world.ResetPhc();
            world.SetLinkUp(true);
          });
  }
}

}  // namespace bridge::sim
