#include "bridge/cli/ctl_simulate_cases.h"

#include <array>
#include <map>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/sim/utc_cases.h"

namespace bridge::ctl {
namespace {

using sim::UtcCase;
using sim::UtcExpectation;
using sim::UtcOutcome;

struct Group {
  int cases = 0;
  int right = 0;
  int wrong = 0;
  int silent_by_doubt = 0;  // Though two independent parties told the truth.
  int bad_silence = 0;
  std::map<std::string, int> reasons;

  void Add(const UtcCase& c, const UtcOutcome& outcome) {
    ++cases;
    const UtcExpectation expected = sim::Expected(c);
    if (outcome.wrong > 0) {
      ++wrong;
    } else if (outcome.publishing) {
      ++right;
    } else {
      ++reasons[outcome.withheld ? WithholdReasonName(*outcome.withheld) : "?"];
      silent_by_doubt += expected == UtcExpectation::kClockDoubt ||
                         expected == UtcExpectation::kNobodyCurrent;
      bad_silence += expected == UtcExpectation::kPublished;
    }
  }
};

std::string Announced(const UtcCase& c) {
  if (c.lie == UtcCase::kZero) return "0";
  return c.lie == 0 ? "the truth" : absl::StrFormat("truth %+d", c.lie);
}

std::string FlagsText(const UtcCase& c) {
  constexpr const char* kNames[] = {"none", "valid", "valid, traceable",
                                    "valid, leap61", "valid, leap59"};
  return absl::StrCat(kNames[static_cast<int>(c.flags)],
                      c.ptp_timescale ? "" : "; arbitrary timescale");
}

std::string Reasons(const Group& group) {
  return absl::StrJoin(group.reasons, ", ", [](std::string* out, const auto& reason) {
    absl::StrAppend(out, reason.first, " ", reason.second);
  });
}

}  // namespace

int PlayCases(bool all) {
  // In the order of the table: by timescale, lie and flags.
  std::map<std::tuple<bool, int, UtcCase::Flags>, std::pair<UtcCase, Group>> groups;
  Group total;
  if (all) {
    absl::PrintF(
        "| when | announced | flags | timescale | list | kernel TAI | system clock | "
        "policy | start | published |\n|%s\n",
        "---|---|---|---|---|---|---|---|---|---|");
  }
  for (const UtcCase& c : sim::AllUtcCases()) {
    const UtcOutcome outcome = sim::Play(c);
    const int order = c.lie == UtcCase::kZero ? 100 : c.lie == 0 ? -100 : c.lie;
    auto& [first, group] = groups[{!c.ptp_timescale, order, c.flags}];
    first = c;
    group.Add(c, outcome);
    total.Add(c, outcome);
    const bool good = sim::IsGood(c, outcome);
    if (!all && good) continue;
    absl::PrintF("| %s | %s%s |\n", c.ToString(),
                 outcome.wrong > 0    ? "WRONG"
                 : outcome.publishing ? "the truth"
                 : outcome.withheld
                     ? absl::StrCat("nothing: ", WithholdReasonName(*outcome.withheld))
                     : "nothing",
                 good ? "" : " (BAD)");
  }
  if (all) absl::PrintF("\n");
  absl::PrintF("| announced | flags | cases | right | wrong | silent, why |\n|%s\n",
               "---|---|---|---|---|---|");
  for (const auto& [key, entry] : groups) {
    const auto& [c, group] = entry;
    absl::PrintF("| %s | %s | %d | %d | %d | %s |\n", Announced(c), FlagsText(c),
                 group.cases, group.right, group.wrong, Reasons(group));
  }
  absl::PrintF(
      "\n%d cases: %d publish the truth, %d a wrong second, %d nothing.\n"
      "Silent although two independent parties tell the truth: %d; and %d more where "
      "a\n"
      "synchronised system clock is seconds off, or somebody differs and none of the "
      "two\nknows of today (no list that has not expired, no system clock).\n"
      "Left out: a leap second of which neither the master nor a list has heard.\n",
      total.cases, total.right, total.wrong, total.cases - total.right - total.wrong,
      total.bad_silence, total.silent_by_doubt);
  return total.wrong == 0 && total.bad_silence == 0 ? kGood : kBad;
}

}  // namespace bridge::ctl
