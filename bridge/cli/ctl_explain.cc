// refclockctl explain: the tables the daemon is made from.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/config/nearest.h"
#include "bridge/config/option_table.h"
#include "bridge/ptp/drop_reason.h"
#include "bridge/ptp/port_state.h"
#include "bridge/refclock/withhold_reason.h"

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
  return out;
}

std::string States() {
  std::string out =
      "States of the PTP port (IEEE 1588-2019, figure 31, slave-only). Samples are\n"
      "published in SLAVE, if the other conditions hold (explain reasons).\n";
  std::vector<ptp::PortState> shown;
  for (const ptp::Transition& first : ptp::SlaveTransitions()) {
    if (std::find(shown.begin(), shown.end(), first.from) != shown.end()) continue;
    shown.push_back(first.from);
    absl::StrAppend(&out, "\n", ptp::PortStateName(first.from), "\n");
    for (const ptp::Transition& row : ptp::SlaveTransitions()) {
      if (row.from != first.from) continue;
      absl::StrAppendFormat(&out, "  %s -> %s\n      %s\n",
                            ptp::PortEventName(row.event), ptp::PortStateName(row.to),
                            row.why);
    }
  }
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
    {"reasons", "why nothing is published, why messages are dropped; what to do",
     Reasons},
    {"states", "the states of the PTP port and what leads from one to another", States},
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
