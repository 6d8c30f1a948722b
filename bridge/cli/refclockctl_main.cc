// refclockctl: everything a person looks at that is not the daemon.
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/config/nearest.h"

namespace bridge::ctl {
namespace {

struct Command {
  const char* name;
  const char* help;
  int (*run)(Words);
};
constexpr Command kCommands[] = {
    {"status", "what the daemon does, and why it publishes nothing if so", Status},
    {"shm", "what an NTP daemon would read from a shared memory unit", Shm},
    {"explain", "reasons, states, options, or an example configuration", Explain},
    {"import", "a ptp4l.conf and a phc2sys command line as a configuration of ours",
     Import},
    {"simulate", "play a scenario of the simulation, judged against the truth",
     Simulate},
    {"replay", "play what refclockd recorded (--record) again, and compare", Replay},
    {"latency", "where PTP messages' time goes between NIC and program", Latency},
};

std::string Usage() {
  std::string text = "refclockctl COMMAND [FLAG...]\n\n";
  for (const Command& command : kCommands) {
    absl::StrAppendFormat(&text, "  %-10s %s\n", command.name, command.help);
  }
  absl::StrAppend(&text,
                  "\n  refclockctl COMMAND --help   the flags of a command\n"
                  "  refclockctl --version\n\n"
                  "Exit codes: 0 good, 1 it ran and the answer is bad, 2 wrong use.\n");
  return text;
}

int Main(Words words) {
  if (words.empty())
    return Complain(kWrongUse, absl::StrCat("no command\n\n", Usage()));
  const std::string& name = words[0];
  if (name == "--help" || name == "-h" || name == "help") {
    absl::PrintF("%s", Usage());
    return kGood;
  }
  if (name == "--version") {
    absl::PrintF("refclockctl %s\n", REFCLOCKD_VERSION);
    return kGood;
  }
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (name == command.name) return command.run(words.subspan(1));
    names.emplace_back(command.name);
  }
  const auto nearest = Nearest(name, names);
  return Complain(kWrongUse,
                  absl::StrCat("unknown command ", name, "; ",
                               nearest ? absl::StrCat("did you mean ", *nearest, "?")
                                       : "see refclockctl --help"));
}

}  // namespace
}  // namespace bridge::ctl

int main(int argc, char** argv) {
  return bridge::ctl::Main(bridge::ToWords(argc, argv));
}
