// refclockctl simulate: a named scenario of the simulation, played again.
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/cli/ctl_simulate_cases.h"
#include "bridge/cli/ctl_simulate_days.h"
#include "bridge/cli/ctl_simulate_servo.h"
#include "bridge/config/nearest.h"
#include "bridge/os/trace_file.h"
#include "bridge/sim/leap_scenarios.h"
#include "bridge/sim/scenarios.h"

namespace bridge::ctl {
namespace {

constexpr Flag kFlags[] = {
    {"scenario", "NAME", "which one; without it they are listed"},
    {"seed", "N", "of its random numbers (default: 1)"},
    {"record", "FILE", "write a trace to this new file, for refclockctl replay"},
    {"cases", nullptr, "play the table of lies about TAI-UTC: one row for each kind"},
    {"all", nullptr, "with --cases: one row for each case"},
    {"days", "N", "play random days instead, with random faults"},
    {"first-seed", "N", "of the first of them (default: 1)"},
    {"jobs", "N", "processes that share them (default: 1)"},
    {"servo", nullptr, "steer a PHC through a day's temperatures, beside a PI servo"},
    {"hours", "N", "of that day (default: 24)"},
    {"csv", "FILE", "write its seconds to this file"},
    {"svg", "FILE", "write its picture to this file"},
};

std::string List() {
  std::string out;
  for (const sim::Scenario& scenario : sim::Scenarios()) {
    absl::StrAppendFormat(&out, "  %-16s %s\n", scenario.name, scenario.about);
  }
  absl::StrAppend(
      &out,
      "\nHours around a month's end: leap-SITUATION-insert or -delete, then "
      "-step, -slew\nor -smear (what the NTP daemon does), as in "
      "leap-list-knows-insert-step\n\n");
  for (const sim::LeapSituation& situation : sim::LeapSituations()) {
    absl::StrAppendFormat(&out, "  %-30s %s\n", situation.name, situation.about);
  }
  return out;
}

// Bad when an invariant is broken or a bound that was claimed does not hold.
// `record` may be null.
int Play(sim::Scenario scenario, os::TraceFile* record) {
  const absl::Duration duration = scenario.duration;
  TraceWriter recorder([record](absl::string_view line) { record->Write(line); },
                       REFCLOCKD_VERSION);
  sim::World world(std::move(scenario));
  if (record) world.engine().set_recorder(&recorder);
  world.RunFor(duration);
  if (record) recorder.End();
  for (const std::string& line : world.log()) absl::PrintF("%s\n", line);
  absl::PrintF("\n%s, seed %d: %s simulated, %d events\n", world.scenario().name,
               world.scenario().seed, absl::FormatDuration(duration), world.events());
  absl::PrintF("%d samples published", world.samples().size());
  if (!world.samples().empty()) {
    absl::PrintF(
        "; against the truth: rms after 10 s %s, worst %s; %d beyond their bound",
        Nanoseconds(world.RmsError(absl::Seconds(10))), Nanoseconds(world.WorstError()),
        world.BoundViolations());
  }
  absl::PrintF("\n");
  if (!world.phc_errors().empty()) {
    absl::PrintF("PHC against TAI: rms after 20 s %s, worst %s\n",
                 Nanoseconds(world.RmsPhcError(absl::Seconds(20))),
                 Nanoseconds(world.WorstPhcError(absl::Seconds(20))));
  }
  for (const std::string& violation : world.violations()) {
    absl::PrintF("broken invariant at %s\n", violation);
  }
  return world.violations().empty() && world.BoundViolations() == 0 ? kGood : kBad;
}

// The flag's number, or `otherwise` when it is not there; complains when it is not
// a number from `least` on.
template <typename Number>
std::optional<Number> NumberOf(const Arguments& arguments, const char* flag,
                               Number otherwise, Number least) {
  const auto text = arguments.Get(flag);
  Number number = otherwise;
  if (text && (!absl::SimpleAtoi(*text, &number) || number < least)) {
    Complain(kWrongUse,
             absl::StrCat("--", flag, "=", *text, " is not a whole number",
                          least > 0 ? absl::StrCat(" from ", least, " on") : ""));
    return std::nullopt;
  }
  return number;
}

int PlayScenario(const Arguments& arguments) {
  const auto name = arguments.Get("scenario");
  if (!name) {
    absl::PrintF("%s", List());
    return kGood;
  }
  auto scenario = sim::FindScenario(*name);
  if (!scenario) {
    std::vector<std::string> names;
    for (const sim::Scenario& known : sim::Scenarios()) names.push_back(known.name);
    const auto nearest = Nearest(*name, names);
    return Complain(kWrongUse,
                    absl::StrCat("there is no scenario ", *name, "; ",
                                 nearest ? absl::StrCat("did you mean ", *nearest, "?")
                                         : "`refclockctl simulate` lists them"));
  }
  const auto seed = NumberOf<uint64_t>(arguments, "seed", scenario->seed, 0);
  if (!seed) return kWrongUse;
  scenario->seed = *seed;
  std::unique_ptr<os::TraceFile> record;
  if (const auto path = arguments.Get("record")) {
    auto created = os::TraceFile::Create(*path);
    if (!created.ok()) return Complain(kWrongUse, created.status().message());
    record = *std::move(created);
  }
  const int code = Play(*std::move(scenario), record.get());
  if (record) {
    record->Flush();
    if (!record->status().ok()) return Complain(kBad, record->status().message());
  }
  return code;
}

int PlayDays(const Arguments& arguments) {
  const auto count = NumberOf<uint64_t>(arguments, "days", 1, 1);
  const auto first = NumberOf<uint64_t>(arguments, "first-seed", 1, 0);
  const auto jobs = NumberOf<int>(arguments, "jobs", 1, 1);
  if (!count || !first || !jobs) return kWrongUse;
  return PlayDays(Days{.count = *count, .first_seed = *first, .jobs = *jobs});
}

int PlayServo(const Arguments& arguments) {
  const auto hours = NumberOf<int>(arguments, "hours", 24, 1);
  const auto seed = NumberOf<uint64_t>(arguments, "seed", 1, 0);
  if (!hours || !seed) return kWrongUse;
  ServoRun run{
      .hours = static_cast<double>(*hours), .seed = *seed, .csv = {}, .svg = {}};
  if (const auto csv = arguments.Get("csv")) run.csv = std::string(*csv);
  if (const auto svg = arguments.Get("svg")) run.svg = std::string(*svg);
  return PlayServo(run);
}

}  // namespace

int Simulate(Words words) {
  const auto arguments = Arguments::Parse(words, kFlags);
  if (!arguments.ok()) return Complain(kWrongUse, arguments.status().message());
  if (arguments->Has("help")) {
    absl::PrintF(
        "refclockctl simulate [--scenario=NAME] [--seed=N] [--record=FILE]\n"
        "refclockctl simulate --cases [--all]\n"
        "refclockctl simulate --days=N [--first-seed=N] [--jobs=N]\n"
        "refclockctl simulate --servo [--hours=N] [--csv=FILE] [--svg=FILE]\n\n"
        "%s\nScenarios:\n%s",
        FlagHelp(kFlags), List());
    return kGood;
  }
  if (!arguments->words().empty()) {
    return Complain(kWrongUse, "simulate wants flags only; see simulate --help");
  }
  if (arguments->Has("cases")) return PlayCases(arguments->Has("all"));
  if (arguments->Has("days")) return PlayDays(*arguments);
  if (arguments->Has("servo")) return PlayServo(*arguments);
  return PlayScenario(*arguments);
}

}  // namespace bridge::ctl
