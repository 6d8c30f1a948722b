// refclockctl explain: the tables the daemon is made from.
#include <set>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/config/nearest.h"
#include "bridge/config/option_table.h"
#include "bridge/engine/auto_role.h"
#include "bridge/engine/clock_class.h"
#include "bridge/engine/one_step.h"
#include "bridge/ptp/drop_reason.h"
#include "bridge/ptp/port_state.h"
#include "bridge/refclock/withhold_reason.h"
#include "bridge/source/gnss_watch.h"
#include "bridge/source/ntp_watch.h"
#include "bridge/source/pulse_watch.h"

namespace bridge::ctl {
namespace {

template <typename Table>
void AppendReasons(std::string& out, const Table& table) {
  for (const auto& text : table) {
    absl::StrAppend(&out, "\n", text.name, "\n    ", Wrapped(text.sentence, 4), "\n");
  }
}

std::string Reasons() {
  std::string out =
      "Why no sample is published (\"withheld\" in status, counters withheld.*):\n";
  AppendReasons(out, kWithholdReasons);
  absl::StrAppend(&out,
                  "\n\nWhy a received message goes no further (counters dropped.*):\n");
  AppendReasons(out, ptp::kDropReasons);
  absl::StrAppend(&out,
                  "\n\nHow GNSS is, to a grandmaster that watches gpsd; of what holds, "
                  "the first\ncounts (\"gnss\" in status):\n");
  for (const GnssReasonText& text : GnssReasons()) {
    absl::StrAppend(&out, "\n", text.name, " (", GnssStateName(text.state), ")\n    ",
                    Wrapped(text.sentence, 4), "\n");
  }
  absl::StrAppend(&out,
                  "\n\nWhether a grandmaster's system clock is disciplined (\"ntp\" in "
                  "status):\n");
  AppendReasons(out, NtpReasons());
  absl::StrAppend(
      &out,
      "\n\nWhether GNSS pulses confirm that clock (\"pulses\" in status); with "
      "off and\nother-second clockClass is 248:\n");
  AppendReasons(out, PulseReasons());
  absl::StrAppend(&out,
                  "\n\nWhether a grandmaster's Syncs are one-step (\"one_step\" in "
                  "status):\n");
  AppendReasons(out, OneStepStates());
  return out;
}

// Each state once, in the order of the table, with what leads out of it. `describe`: of
// a row, all but its `why`.
template <typename Row, typename Name, typename Describe>
void AppendStates(std::string& out, std::span<const Row> table, Name name,
                  Describe describe) {
  std::set<decltype(Row::from)> shown;
  for (const Row& first : table) {
    if (!shown.insert(first.from).second) continue;
    absl::StrAppend(&out, "\n", name(first.from), "\n");
    for (const Row& row : table) {
      if (row.from != first.from) continue;
      absl::StrAppend(&out, "  ", describe(row), "\n      ", Wrapped(row.why, 6), "\n");
    }
  }
}

void AppendPort(std::string& out, std::span<const ptp::Transition> table) {
  AppendStates(out, table, ptp::PortStateName, [](const ptp::Transition& row) {
    return absl::StrCat(ptp::PortEventName(row.event), " -> ",
                        ptp::PortStateName(row.to));
  });
}

std::string ClassName(ClockStanding standing) {
  const int alone = ClockClassOf(standing, false);
  const int may_follow = ClockClassOf(standing, true);
  return absl::StrCat(
      "clockClass ", alone,
      may_follow == alone ? "" : absl::StrCat(" (", may_follow, " with role auto)"));
}

std::string RoleRow(const RoleTransition& row) {
  return absl::StrCat("-> ", RoleStateName(row.to),
                      row.guard > absl::ZeroDuration()
                          ? absl::StrCat(" after ", absl::FormatDuration(row.guard))
                          : "");
}

std::string States() {
  std::string out =
      "The PTP port of a client (IEEE 1588-2019, figure 31, slave-only). Samples are\n"
      "published in SLAVE, if the other conditions hold (explain reasons).\n";
  AppendPort(out, ptp::SlaveTransitions());
  absl::StrAppend(
      &out,
      "\n\nThe PTP port of a grandmaster (figure 30). It sends and answers in MASTER. "
      "Roles\ngrandmaster and auto differ where a better master is heard: PASSIVE, "
      "or\nUNCALIBRATED, from which a client's port goes on.\n");
  AppendPort(out, ptp::MasterTransitions());
  absl::StrAppend(
      &out,
      "\n\nWhat a grandmaster claims of its clock (table 4). It begins with "
      "248; of the\nrows that hold, the first counts.\n");
  AppendStates(out, ClockStandingTransitions(), ClassName,
               [](const ClockStandingTransition& row) {
                 return absl::StrCat("-> ", ClassName(row.to));
               });
  absl::StrAppend(&out,
                  "\n\nWhat role auto does for its own NTP daemon; of the rows that "
                  "hold, the first\ncounts. Samples are published in following.\n");
  AppendStates(out, AutoRoleTransitions(), RoleStateName, RoleRow);
  return out;
}

std::string OptionsText() {
  return absl::StrCat("Options of the file and of --set, with their defaults:\n\n",
                      OptionHelp());
}

struct Topic {
  const char* name;
  const char* help;
  std::string (*text)();
};
constexpr Topic kTopics[] = {
    {"reasons",
     "why nothing is published, messages are dropped, a clock isn't trusted; what to "
     "do",
     Reasons},
    {"states", "of the PTP port, clockClass, role auto: what leads from one to another",
     States},
    {"options", "every option, its default and what it may be", OptionsText},
    {"example", "a configuration file of defaults, to begin with", ExampleFile},
};

}  // namespace

int Explain(Words words) {
  const auto arguments = Arguments::Parse(words, {});
  if (!arguments.ok()) return Complain(kWrongUse, arguments.status().message());
  std::vector<std::string> names;
  std::string usage = "refclockctl explain TOPIC\n\n";
  for (const Topic& topic : kTopics) {
    names.emplace_back(topic.name);
    absl::StrAppendFormat(&usage, "  %-10s %s\n", topic.name, topic.help);
  }
  if (arguments->Has("help")) {
    absl::PrintF("%s", usage);
    return kGood;
  }
  if (arguments->words().size() != 1) {
    return Complain(kWrongUse, absl::StrCat("explain wants one topic\n\n", usage));
  }
  const std::string& asked = arguments->words()[0];
  for (const Topic& topic : kTopics) {
    if (asked != topic.name) continue;
    absl::PrintF("%s", topic.text());
    return kGood;
  }
  const auto nearest = Nearest(asked, names);
  return Complain(
      kWrongUse,
      absl::StrCat("unknown topic ", asked,
                   nearest ? absl::StrCat("; did you mean ", *nearest, "?") : "",
                   "\n\n", usage));
}

}  // namespace bridge::ctl
