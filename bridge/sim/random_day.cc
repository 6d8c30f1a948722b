#include "bridge/sim/random_day.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bridge::sim {
namespace {

constexpr int64_t kDaySeconds = 86'400;
constexpr absl::Duration kDay = absl::Seconds(kDaySeconds);
// What the compiled-in leap table vouches for: no leap second until then.
constexpr absl::CivilDay kFirstLeap(2027, 6, 30);

// One of `weights.size()` numbers, each as often as its weight says.
size_t Weighted(Rng& rng, std::initializer_list<double> weights) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  double at = rng.Uniform() * sum;
  size_t i = 0;
  for (const double weight : weights) {
    if ((at -= weight) < 0) break;
    ++i;
  }
  return std::min(i, weights.size() - 1);
}

GrandmasterSettings DrawMaster(Rng& rng, const GrandmasterSettings* first) {
  GrandmasterSettings master;
  // log2 s: -1 to 3, seldom more than one Sync a second.
  master.sync_interval = static_cast<int8_t>(Weighted(rng, {3, 42, 25, 15, 15})) - 1;
  master.delay_interval = static_cast<int8_t>(rng.Below(4));
  master.announce_interval = static_cast<int8_t>(Weighted(rng, {1, 5, 2, 1}));
  master.one_step = rng.Chance(0.2);
  master.announce_flags.current_utc_offset_valid = rng.Chance(0.5);
  if (first != nullptr) {
    master.announce_interval = first->announce_interval;
    master.identity = {{0x0011'22ff'fe99'9999}, 1};
    master.announce.grandmaster = master.identity.clock;
    master.announce.grandmaster_quality.clock_class = 7;  // Worse than the first.
  }
  return master;
}

LinkSettings DrawLink(Rng& rng) {
  LinkSettings link;
  link.delay_ns = std::pow(10.0, rng.Uniform(3, 5.3));  // 1 to 200 us.
  link.asymmetry_ns = rng.Chance(0.3) ? link.delay_ns * rng.Uniform(0, 0.4) : 0;
  link.jitter_ns = link.delay_ns * rng.Uniform(0.01, 0.3);
  link.spike_chance = rng.Chance(0.3) ? 0.02 : 0;
  link.loss = rng.Chance(0.3) ? rng.Uniform(0, 0.1) : 0;
  link.duplicate = rng.Chance(0.2) ? 0.01 : 0;
  link.reorder = rng.Chance(0.2) ? 0.01 : 0;
  return link;
}

OscillatorSettings DrawOscillator(Rng& rng) {
  return {.ppm = rng.Uniform(-50, 50),
          .white_fm = rng.Uniform(0.5, 5),
          .random_walk_fm = rng.Uniform(0.1, 1),
          .temperature_ppm = rng.Chance(0.5) ? rng.Uniform(0, 2) : 0,
          .temperature_period = rng.Uniform(1800, 86'400)};
}

void DrawConsumer(Rng& rng, Scenario& s) {
  switch (Weighted(rng, {2, 1, 1, 1})) {
    case 0:
      break;
    case 1:
      s.steering = Steering::kStepThenSlew;
      s.leap_rule = LeapRule::kKernelStep;
      break;
    case 2:
      s.steering = Steering::kSlew1000;
      s.leap_rule = LeapRule::kSlew;
      break;
    case 3:
      s.steering = Steering::kSlew500;
      s.leap_rule = LeapRule::kSmear;
      break;
  }
  constexpr std::array kErrors = {0.005, -0.04, 0.3, -2.4, 3600.0, -5.0};
  s.system_error = TimeDelta::FromNanosDouble(1e9 * kErrors[rng.Below(kErrors.size())]);
  // Somebody else had set the clock before, rightly or five seconds wrong.
  if (rng.Chance(0.3)) {
    s.kernel = {.synchronized = true, .max_error = TimeDelta::FromMillis(20)};
    s.system_error =
        rng.Chance(0.9) ? TimeDelta::FromMillis(3) : TimeDelta::FromSeconds(-5);
  }
}

// Some day from the end of 2026 to 2040; one in four holds a month's end at its
// middle, and half of these a leap second, if it is one that can be.
void DrawDate(Rng& rng, Scenario& s) {
  const absl::CivilDay day =
      absl::CivilDay(2026, 11, 22) + static_cast<int64_t>(rng.Below(5000));
  s.start =
      UnixSecond(absl::CivilSecond(day)) + static_cast<int64_t>(rng.Below(kDaySeconds));
  if (!rng.Chance(0.25)) return;
  const absl::CivilDay first(absl::CivilMonth(day) + 1);
  const int64_t midnight = UnixSecond(absl::CivilSecond(first));
  s.start = midnight - kDaySeconds / 2 - 1800 + static_cast<int64_t>(rng.Below(3600));
  if (first <= kFirstLeap || !rng.Chance(0.5)) return;
  s.leap = TrueLeap{rng.Chance(0.6) ? LeapIndicator::kInsert : LeapIndicator::kDelete,
                    midnight};
}

// What masters make of the month's end, and what the list says of it.
void DrawLeapKnowledge(Rng& rng, Scenario& s) {
  using enum LeapManners;
  using enum LeapList;
  constexpr std::array kLists = {kGood, kExpired, kAbsent, kTruncated};
  s.leap_list = kLists[Weighted(rng, {5, 3, 2, 1})];
  if (!s.leap) {
    // A false flag at the month's end, followed by a false leap second or not.
    if (!rng.Chance(0.1)) return;
    const Truth as_if(s.tai_minus_utc);
    const absl::CivilMonth month(absl::CivilSecond(1970, 1, 1) + s.start);
    const int64_t midnight = UnixSecond(absl::CivilSecond(month + 1));
    s.grandmasters[0].leap_plan = LeapPlan{
        .manners = rng.Chance(0.5) ? kHonest : kNeverChanges,
        .what = rng.Chance(0.5) ? LeapIndicator::kInsert : LeapIndicator::kDelete,
        .new_month = as_if.Tai(midnight)};
    return;
  }
  const Truth truth(s.tai_minus_utc, s.leap);
  // A master that keeps the old offset needs a good list to stand against it.
  constexpr std::array kManners = {kHonest,      kClearsEarly,  kClearsLate,
                                   kNeverClears, kChangesEarly, kUnannounced,
                                   kForgets,     kNeverChanges, kUnaware};
  const size_t choices = s.leap_list == kGood ? kManners.size() : kManners.size() - 3;
  for (GrandmasterSettings& master : s.grandmasters) {
    LeapPlan plan{
        .manners = rng.Chance(0.5) ? kHonest : kManners[rng.Below(choices)],
        .what = s.leap->what,
        .new_month = *truth.new_month(),
        .flags_before =
            TimeDelta::FromSeconds(60 + static_cast<int64_t>(rng.Below(20'000))),
        .delay = TimeDelta::FromMillis(static_cast<int64_t>(rng.Below(2'000)))};
    // One that is late and shows no flag says what an old list says.
    const bool flagged = plan.manners != kUnannounced && plan.manners != kClearsEarly;
    if (!flagged) plan.delay = TimeDelta();
    master.leap_plan = plan;
  }
}

bool KeepsOldOffset(const Scenario& s) {
  return std::any_of(
      s.grandmasters.begin(), s.grandmasters.end(), [](const auto& master) {
        return master.leap_plan &&
               (master.leap_plan->manners == LeapManners::kForgets ||
                master.leap_plan->manners == LeapManners::kNeverChanges ||
                master.leap_plan->manners == LeapManners::kUnaware);
      });
}

std::vector<FaultAt> DrawFaults(Rng& rng, const Scenario& s) {
  std::vector<FaultAt> faults;
  const size_t count = rng.Below(13);
  for (size_t i = 0; i < count; ++i) {
    const auto what = static_cast<Fault>(rng.Below(kFaultCount));
    // Without its list such a world is one that no client can tell from truth.
    if (what == Fault::kListReplaced && s.leap && KeepsOldOffset(s)) continue;
    // The cable to a peer has no queue and there is no other way.
    const bool path = what == Fault::kJitterStorm || what == Fault::kPathChange;
    if (path && s.config.ptp.delay == DelayChoice::kP2P) continue;
    // Short ones are many, but some last for hours. A quarter of an hour in the
    // middle, where a month may end, sees more than its share.
    const double lasts = std::pow(10.0, rng.Uniform(0, 4));
    const double at = rng.Chance(0.2) ? rng.Uniform(42'300, 44'100)
                                      : rng.Uniform(30, kDaySeconds - lasts);
    faults.push_back({what, absl::Seconds(at), absl::Seconds(lasts)});
  }
  return faults;
}

PhcSettings DrawPhc(Rng& rng) {
  PhcSettings phc;
  phc.crystal = DrawOscillator(rng);
  phc.dial_ppb = rng.Chance(0.5) ? 0.93 : rng.Uniform(0, 10);
  phc.stamp_noise_ns = std::pow(10.0, rng.Uniform(0, 3));
  const bool slow_bus = rng.Chance(0.1);
  phc.window_ns = std::pow(10.0, slow_bus ? rng.Uniform(5, 6) : rng.Uniform(2, 4));
  phc.step_error_ns = rng.Chance(0.5) ? 0 : phc.window_ns;
  phc.shows = TimeDelta::FromSeconds(static_cast<int64_t>(rng.Below(2'000'000'000)));
  return phc;
}

// Half of the days have a PHC.
void DrawHardware(Rng& rng, RandomDay& day) {
  Scenario& s = day.scenario;
  if (!rng.Chance(0.5)) return;
  s.phc = DrawPhc(rng);
  s.config.phc.mode = rng.Chance(0.7) ? PhcMode::kDiscipline : PhcMode::kObserve;
  if (rng.Chance(0.2)) s.transmit_stamp_delay = TimeDelta::FromMillis(100);
  const size_t count = rng.Below(6);
  for (size_t i = 0; i < count; ++i) {
    const int what =
        static_cast<int>(Fault::kPhcStep) + static_cast<int>(rng.Below(kPhcFaultCount));
    const double lasts = std::pow(10.0, rng.Uniform(0, 3));
    day.faults.push_back({static_cast<Fault>(what),
                          absl::Seconds(rng.Uniform(30, kDaySeconds - lasts)),
                          absl::Seconds(lasts)});
  }
}

}  // namespace

RandomDay DrawDay(uint64_t seed) {
  Rng rng(seed ^ 0x5eed'0f'da75u);  // Other numbers than the world will draw.
  RandomDay day;
  Scenario& s = day.scenario;
  s.name = "random-day";
  s.seed = seed;
  s.duration = kDay;
  s.keep_samples = false;
  s.grandmasters = {DrawMaster(rng, nullptr)};
  if (rng.Chance(0.5)) s.grandmasters.push_back(DrawMaster(rng, &s.grandmasters[0]));
  s.config.ptp.announce_interval = s.grandmasters[0].announce_interval;
  // A peer is the one at the other end of the cable.
  if (s.grandmasters.size() == 1 && rng.Chance(0.4)) {
    s.config.ptp.delay = DelayChoice::kP2P;
  }
  s.link = DrawLink(rng);
  s.oscillator = DrawOscillator(rng);
  s.transmit_stamp_loss = rng.Chance(0.2) ? 0.1 : 0;
  DrawConsumer(rng, s);
  DrawDate(rng, s);
  DrawLeapKnowledge(rng, s);
  day.faults = DrawFaults(rng, s);
  Rng hardware(seed ^ 0x9'4c'c10cu);  // The days without one stay what they were.
  DrawHardware(hardware, day);
  day.system_stepped =
      std::any_of(day.faults.begin(), day.faults.end(), [](const FaultAt& fault) {
        return fault.what == Fault::kSystemStep || fault.what == Fault::kStepAtStore;
      });
  s.script = [faults = day.faults, rng](World& world) mutable {
    for (const FaultAt& fault : faults) Schedule(world, fault, rng.Fork());
    // Who set the clock before does so no longer: we feed it now.
    world.At(absl::Minutes(1), [&world] {
      KernelClock kernel = world.kernel();
      kernel.may_be_ours = true;
      world.SetKernel(kernel);
    });
  };
  return day;
}

std::string Describe(const RandomDay& day) {
  const Scenario& s = day.scenario;
  std::string text = absl::StrCat(
      absl::FormatCivilTime(absl::CivilSecond(1970, 1, 1) + s.start),
      " UTC; leap list ", LeapListName(s.leap_list), "; link ", s.link.delay_ns,
      " ns +- ", s.link.jitter_ns, " ns; crystal ", s.oscillator.ppm, " ppm\n");
  if (s.phc) {
    absl::StrAppendFormat(
        &text, "PHC %s: crystal %.1f ppm, stamps +- %.0f ns, readings %.0f ns\n",
        s.config.phc.mode == PhcMode::kObserve ? "observed" : "steered",
        s.phc->crystal.ppm, s.phc->stamp_noise_ns, s.phc->window_ns);
  }
  if (s.leap) {
    absl::StrAppend(&text, "a leap second is ",
                    s.leap->what == LeapIndicator::kInsert ? "inserted" : "deleted",
                    " at age ", s.leap->midnight - s.start, " s\n");
  }
  for (const GrandmasterSettings& master : s.grandmasters) {
    absl::StrAppendFormat(
        &text, "master: Sync 2^%d s, Announce 2^%d s, leap second: %s\n",
        master.sync_interval, master.announce_interval,
        master.leap_plan ? LeapMannersName(master.leap_plan->manners) : "none");
  }
  for (const FaultAt& fault : day.faults) {
    absl::StrAppendFormat(&text, "%9.3f %s, %.0f s\n", absl::ToDoubleSeconds(fault.at),
                          FaultName(fault.what), absl::ToDoubleSeconds(fault.lasts));
  }
  return text;
}

DayOutcome Outcome(const RandomDay& day, const World& world) {
  return {.seed = day.scenario.seed,
          .tally = world.tally(),
          .wrong_seconds = day.system_stepped ? 0 : world.consumer().wrong_seconds(),
          .violations = world.violations().size(),
          .events = world.events()};
}

DayOutcome PlayDay(uint64_t seed) {
  const RandomDay day = DrawDay(seed);
  World world(day.scenario);
  world.RunFor(day.scenario.duration);
  return Outcome(day, world);
}

}  // namespace bridge::sim
