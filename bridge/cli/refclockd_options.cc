#include "bridge/cli/refclockd_options.h"

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "bridge/cli/arguments.h"
#include "bridge/config/option_table.h"

namespace bridge {
namespace {

constexpr Flag kFlags[] = {
    {"config", "FILE", "read this file (TOML)"},
    {"set", "SECTION.KEY=VALUE", "set an option; wins over the file", true},
    {"interface", "NAME", "short for --set ptp.interface=NAME"},
    {"role", "ROLE", "short for --set role=ROLE"},
    {"record", "FILE", "write a trace to this new file, for refclockctl replay"},
    {"check", nullptr, "only check the configuration: exit code 0 or 2"},
    {"version", nullptr, "show the version"},
};

// An option as it is set, without the quotes of TOML.
std::string Shown(absl::string_view key, const Config& config) {
  return absl::StrReplaceAll(FindOption(key)->get(config), {{"\"", ""}});
}

}  // namespace

absl::StatusOr<RefclockdOptions> ParseRefclockdOptions(
    std::span<const std::string> words) {
  const auto arguments = Arguments::Parse(words, kFlags);
  if (!arguments.ok()) return arguments.status();
  if (!arguments->words().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", arguments->words()[0],
                     "\" is not a flag; a file is given as ", "--config=FILE"));
  }
  RefclockdOptions options;
  options.help = arguments->Has("help");
  options.version = arguments->Has("version");
  options.check = arguments->Has("check");
  options.config_file = arguments->Get("config").value_or("");
  if (arguments->Has("config") && options.config_file.empty()) {
    return absl::InvalidArgumentError("--config is empty: --config=FILE");
  }
  options.record = arguments->Get("record").value_or("");
  if (arguments->Has("record") && options.record.empty()) {
    return absl::InvalidArgumentError("--record is empty: --record=FILE");
  }
  if (const auto interface = arguments->Get("interface")) {
    options.sets.push_back(absl::StrCat("ptp.interface=", *interface));
  }
  if (const auto role = arguments->Get("role")) {
    options.sets.push_back(absl::StrCat("role=", *role));
  }
  for (std::string& set : arguments->All("set")) options.sets.push_back(std::move(set));
  return options;
}

std::variant<Config, std::vector<ConfigError>> LoadConfiguration(
    const RefclockdOptions& options) {
  ConfigSource source{options.config_file, "", options.sets};
  if (!options.config_file.empty()) {
    auto text = ReadFile(options.config_file);
    if (!text.ok()) {
      return std::vector<ConfigError>{
          {"", std::string(text.status().message()), "", 0,
           "--config=FILE names a file of options; `refclockctl explain example` "
           "prints one"}};
    }
    source.text = *std::move(text);
  }
  return LoadConfig(source);
}

std::string RefclockdHelp() {
  return absl::StrCat(
      "refclockd follows a PTP grandmaster and feeds NTP daemons (NTP SHM, chrony "
      "SOCK),\n"
      "or is the grandmaster, with the time that an NTP daemon keeps.\n"
      "\n"
      "  refclockd --config=/etc/refclockd.toml\n"
      "  refclockd --interface=eth0\n"
      "  refclockd --role=companion       beside a ptp4l that runs already\n"
      "  refclockd --interface=eth0 --role=grandmaster --set gnss.gpsd=localhost:2947\n"
      "\n",
      FlagHelp(kFlags),
      "\n"
      "Exit codes: 0 stopped or good, 2 wrong use or configuration, or it could not\n"
      "start.\n"
      "\n"
      "Options of the file and of --set, with their defaults:\n"
      "\n",
      OptionHelp());
}

namespace {

using Line = absl::FunctionRef<void(const char* what, const std::string& value)>;

std::string WireText(const Config& port) {
  return absl::StrCat("PTP domain ", port.ptp.domain, " on ", port.ptp.interface, " (",
                      Shown("ptp.transport", port), ", ", Shown("ptp.delay", port),
                      ", time stamps: ", Shown("ptp.timestamping", port), ")");
}

void SummariseSource(const Config& port, Line line) {
  if (port.role != Role::kCompanion) return line("follows", WireText(port));
  const std::string& socket = port.companion.socket;
  line("follows", absl::StrCat("the ptp4l ",
                               socket == "auto" ? "found on this machine"
                                                : absl::StrCat("at ", socket),
                               ", looked for in domain ", port.ptp.domain, " first"));
}

void SummariseGrandmaster(const Config& port, Line line) {
  const bool system = port.grandmaster.source == GrandmasterSource::kSystem;
  line("serves", WireText(port));
  line("with", system ? "the system clock's time"
                      : "the time of a PHC that another program disciplines");
  line("priority", absl::StrCat(port.ptp.priority1, ", ", port.ptp.priority2,
                                " (priority1, priority2)"));
  line("GNSS", port.gnss.gpsd.empty()
                   ? "not watched: without gnss.gpsd clockClass stays 248"
                   : absl::StrCat("watched through gpsd at ", port.gnss.gpsd));
  line("holdover", absl::StrCat("class 7 for ", Shown("grandmaster.holdover", port),
                                " or ", Shown("grandmaster.max_holdover_error", port),
                                " of drift at most"));
  if (port.grandmaster.one_step == OneStepUse::kOff) return;
  line("Sync", "one-step where the NIC can and its PHC is on TAI; else two-step");
}

}  // namespace

std::string CheckSummary(const RefclockdOptions& options, const Config& config) {
  std::string text = absl::StrCat(
      options.config_file.empty() ? "command line" : options.config_file, ": good\n");
  const auto line = [&text](const char* what, const std::string& value) {
    absl::StrAppendFormat(&text, "  %-9s %s\n", what, value);
  };
  for (const Config& port : PortConfigs(config)) {
    const bool serves = port.role == Role::kGrandmaster || port.role == Role::kAuto;
    if (serves) SummariseGrandmaster(port, line);
    if (port.role == Role::kGrandmaster) continue;
    if (serves) {
      line("follows", "another master, once this clock is demoted below it");
    } else {
      SummariseSource(port, line);
    }
    line("masters",
         port.ptp.allowed_masters.empty() ? "any" : Shown("ptp.allowed_masters", port));
    for (const Config::Shm& shm : port.output.shm) {
      line("feeds", absl::StrFormat("NTP SHM unit %d, mode %04o", shm.unit, shm.mode));
    }
    for (const Config::Sock& sock : port.output.sock) {
      line("feeds", absl::StrCat("chrony SOCK ", sock.path));
    }
  }
  const auto shown = [&config](absl::string_view key) { return Shown(key, config); };
  line("TAI-UTC", absl::StrCat("policy ", shown("utc.policy"),
                               config.utc.pin ? absl::StrCat(" ", *config.utc.pin) : "",
                               ", leap file ", config.utc.leap_file));
  if (config.role != Role::kGrandmaster) {
    line("withholds",
         absl::StrCat("what may be wrong by more than ", shown("output.max_error")));
  }
  line("status", config.status.socket);
  return text;
}

}  // namespace bridge
