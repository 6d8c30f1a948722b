// refclockctl status: what the daemon does, and if it publishes nothing, why.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/config/config_file.h"
#include "bridge/engine/one_step.h"
#include "bridge/os/status_client.h"
#include "bridge/refclock/withhold_reason.h"
#include "bridge/source/gnss_watch.h"
#include "bridge/source/ntp_watch.h"
#include "bridge/source/pulse_watch.h"

namespace bridge::ctl {
namespace {

using nlohmann::json;

constexpr size_t kLabel = 13;

// Fields as they are, or a dash: a newer or older daemon must not break us.
const json& At(const json& object, const char* key) {
  static const json null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}
std::string Text(const json& object, const char* key) {
  const json& value = At(object, key);
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? "-" : value.dump();
}
std::string Nanos(const json& object, const char* key) {
  const json& value = At(object, key);
  return value.is_number() ? Nanoseconds(value.get<double>()) : "-";
}
bool True(const json& object, const char* key) { return At(object, key) == true; }

void Line(std::string& out, const char* label, const std::string& text) {
  absl::StrAppendFormat(&out, "%-*s%s\n", kLabel, label, text);
}

std::string GrandmasterText(const json& grandmaster) {
  if (!grandmaster.is_object()) return "none";
  const json& accuracy = At(grandmaster, "clock_accuracy");
  return absl::StrCat(Text(grandmaster, "identity"), ", class ",
                      Text(grandmaster, "clock_class"), ", accuracy ",
                      accuracy.is_number_integer()
                          ? absl::StrFormat("0x%02x", accuracy.get<int>())
                          : "-",
                      ", priority1 ", Text(grandmaster, "priority1"),
                      ", steps removed ", Text(grandmaster, "steps_removed"));
}

std::string LeapText(const std::string& leap) {
  if (leap == "insert") return "; a leap second will be inserted at the month's end";
  if (leap == "delete") return "; a second will be left out at the month's end";
  return "";
}

// Why a claim is worth less than others.
const char* Weakness(const json& claim) {
  if (True(claim, "valid")) return "";
  const std::string source = Text(claim, "source");
  if (source == "announce") return " (not flagged as valid)";
  if (source == "system-clock") return " (of an earlier month)";
  return " (expired, or without #h)";
}

std::string ClaimText(const json& claim) {
  std::string text = absl::StrCat(Text(claim, "source"), " says ",
                                  Text(claim, "offset"), Weakness(claim));
  const std::string leap = Text(claim, "leap");
  if (leap == "insert" || leap == "delete") {
    absl::StrAppend(&text, ", leap second: ", leap);
  }
  const json& age = At(claim, "age_s");
  if (age.is_number()) {
    const double seconds = age.get<double>();
    absl::StrAppendFormat(&text, ", %.*f s ago", seconds < 10 ? 1 : 0, seconds);
  }
  if (At(claim, "part").is_string()) {
    absl::StrAppend(&text, ": ", Text(claim, "part"));
  }
  return text;
}

void UtcLines(std::string& out, const json& utc) {
  if (!utc.is_object()) return;
  const bool known = At(utc, "offset").is_number();
  // What is subtracted from the master's time, and it sends UTC as it is.
  if (At(utc, "offset") == 0) {
    return Line(out, "TAI-UTC",
                "not used: the master sends UTC (utc.arbitrary_timescale)");
  }
  Line(out, "TAI-UTC",
       absl::StrCat(known ? absl::StrCat(Text(utc, "offset"), " s, ") : "",
                    Text(utc, "verdict"), LeapText(Text(utc, "leap"))));
  for (const json& claim : At(utc, "claims")) Line(out, "", ClaimText(claim));
}

void PublishingLines(std::string& out, const json& status) {
  if (True(status, "publishing")) return Line(out, "publishing", "yes");
  const std::string reason = Text(status, "withheld");
  Line(out, "publishing", absl::StrCat("no: ", reason));
  for (const WithholdReasonText& text : kWithholdReasons) {
    if (reason == text.name) Line(out, "", Wrapped(text.sentence, kLabel));
  }
}

std::string OutputText(const json& output) {
  const bool shm = Text(output, "type") == "shm";
  const json& age = At(output, "last_age_s");
  std::string text = shm ? absl::StrCat("SHM unit ", Text(output, "unit"))
                         : absl::StrCat("SOCK ", Text(output, "path"));
  absl::StrAppend(&text, ": ", Text(output, "samples"), " samples");
  if (At(output, "connected") == false) {
    absl::StrAppend(&text, "; chronyd does not listen there, so they are lost");
  } else if (age.is_number()) {
    absl::StrAppendFormat(&text, ", last %.1f s ago", age.get<double>());
  }
  return text;
}

// Counters that are not zero and begin with `prefix`, most frequent first.
std::string CountersText(const json& counters, absl::string_view prefix) {
  std::vector<std::pair<uint64_t, std::string>> counts;
  for (const auto& [name, value] : counters.items()) {
    if (!absl::StartsWith(name, prefix) || !value.is_number_unsigned()) continue;
    if (value.get<uint64_t>() == 0) continue;
    counts.emplace_back(value.get<uint64_t>(), name.substr(prefix.size()));
  }
  std::sort(counts.rbegin(), counts.rend());
  return absl::StrJoin(counts, ", ", [](std::string* out, const auto& count) {
    absl::StrAppend(out, count.second, " ", count.first);
  });
}

void CounterLines(std::string& out, const json& counters,
                  std::initializer_list<const char*> kinds) {
  for (const char* kind : kinds) {
    const std::string counts = CountersText(counters, absl::StrCat(kind, "."));
    if (!counts.empty())
      Line(out, kind, Wrapped(absl::StrCat("since start: ", counts), kLabel));
  }
}

std::string Ppb(const json& object, const char* key) {
  const json& value = At(object, key);
  return value.is_number() ? absl::StrFormat("%+.1f ppb", value.get<double>()) : "-";
}

void QuirkLines(std::string& out, const char* label, const json& quirks) {
  for (const json& quirk : quirks) {
    if (!quirk.is_object()) continue;
    Line(out, label,
         Wrapped(absl::StrCat(Text(quirk, "name"), ": ", Text(quirk, "sentence")),
                 kLabel));
  }
}

// What is known of the hardware clock; nothing with software time stamps.
void PhcLines(std::string& out, const json& phc) {
  if (!phc.is_object()) return;
  const json& name = At(phc, "clock_name");
  const bool observed = Text(phc, "mode") == "observe";
  Line(out, "PHC",
       absl::StrCat(
           Text(phc, "device"),
           name.is_string() ? absl::StrCat(" (", Text(phc, "clock_name"), ")") : "",
           observed ? ", observed" : ", disciplined", ": ", Nanos(phc, "offset_ns"),
           " from TAI, dialled ", Ppb(phc, "frequency_ppb")));
  if (At(phc, "reading").is_string()) {
    Line(out, "",
         absl::StrCat(Text(phc, "reading"), " readings, window ",
                      Nanos(phc, "window_ns"), ", each takes ", Nanos(phc, "cost_ns")));
  }
  QuirkLines(out, "", At(phc, "quirks"));
}

// "eth0 (l2, domain 0, software time stamps)"
std::string WhereText(const json& port) {
  return absl::StrCat(Text(port, "interface"), " (", Text(port, "transport"),
                      ", domain ", Text(port, "domain"), ", ",
                      Text(port, "timestamping"), " time stamps)");
}

// Where the time between the master's port and our program goes, if it is measured.
void BudgetLine(std::string& out, const json& latency) {
  if (!latency.is_object() || !At(latency, "budget").is_object()) return;
  const json& budget = At(latency, "budget");
  Line(out, "latency",
       absl::StrCat("path ", Nanos(budget, "path_ns"), ", kernel ",
                    Nanos(budget, "kernel_ns"), ", program ", Nanos(budget, "user_ns"),
                    " (", Text(latency, "tier"), "; refclockctl latency)"));
}

std::string Ago(const json& object, const char* what, const char* key) {
  const json& age = At(object, key);
  return age.is_number() ? absl::StrFormat(", %s %.1f s ago", what, age.get<double>())
                         : "";
}

// What a grandmaster says of its own clock, and what that rests on.
void OwnClockLines(std::string& out, const json& own) {
  const json& accuracy = At(own, "clock_accuracy");
  Line(out, "own clock",
       absl::StrCat("class ", Text(own, "clock_class"), ", accuracy ",
                    accuracy.is_number_integer()
                        ? absl::StrFormat("0x%02x", accuracy.get<int>())
                        : "-",
                    True(own, "time_traceable") ? ", traceable" : ", not traceable"));
  if (At(own, "error_ns").is_number()) {
    Line(out, "",
         absl::StrCat("error up to ", Nanos(own, "error_ns"), ", drift in holdover ",
                      At(own, "drift_ppb").is_number() ? Ppb(own, "drift_ppb")
                                                       : "not known yet"));
  }
  const std::string reason = Text(own, "ntp");
  for (const NtpReasonText& text : NtpReasons()) {
    if (reason != text.name) continue;
    Line(out, "NTP daemon", reason);
    if (text.reason != NtpReason::kDisciplined) {
      Line(out, "", Wrapped(text.sentence, kLabel));
    }
  }
  const std::string one_step = Text(own, "one_step");
  for (const OneStepText& text : OneStepStates()) {
    if (one_step != text.name || text.state == OneStepState::kOff) continue;
    const bool on = text.state == OneStepState::kOn;
    Line(out, "Sync", on ? "one-step" : absl::StrCat("two-step: ", text.name));
    if (!on) Line(out, "", Wrapped(text.sentence, kLabel));
  }
}

void GnssLines(std::string& out, const json& gnss) {
  if (!gnss.is_object()) {
    return Line(out, "GNSS", "not watched (gnss.gpsd): no class better than 248");
  }
  std::string text = Text(gnss, "state");
  if (!Text(gnss, "device").empty()) {
    absl::StrAppend(&text, ": ", Text(gnss, "device"), ", ", Text(gnss, "satellites"),
                    " satellites used", Ago(gnss, "fix", "fix_age_s"),
                    Ago(gnss, "pulse", "pulse_age_s"));
  }
  Line(out, "GNSS", text);
  const std::string pulses = Text(gnss, "pulses");
  for (const PulseReasonText& row : PulseReasons()) {
    if (pulses != row.name || row.reason == PulseReason::kUnseen) continue;
    Line(out, "",
         absl::StrCat("pulses ", row.name, ", system time minus GNSS ",
                      Nanos(gnss, "system_ahead_ns")));
    if (row.reason == PulseReason::kAgree) continue;
    Line(out, "", Wrapped(row.sentence, kLabel));
  }
  const std::string reason = Text(gnss, "reason");
  for (const GnssReasonText& row : GnssReasons()) {
    if (reason != row.name || row.reason == GnssReason::kGood) continue;
    Line(out, "", Wrapped(absl::StrCat(row.name, ": ", row.sentence), kLabel));
  }
}

void PortLines(std::string& out, const json& port) {
  const json& own = At(port, "own_clock");
  const bool has_role = At(own.is_object() ? own : port, "auto_state").is_string();
  Line(out, "state",
       absl::StrCat(Text(port, "state"),
                    has_role ? absl::StrCat(", ", Text(own, "auto_state")) : ""));
  QuirkLines(out, "warning", At(port, "warnings"));
  Line(out, "grandmaster", GrandmasterText(At(port, "grandmaster")));
  if (own.is_object()) {
    OwnClockLines(out, own);
    GnssLines(out, At(port, "gnss"));
  }
  // Without outputs nothing is measured either.
  if (own.is_object() && !has_role) {
    Line(out, "frequency", Ppb(port, "frequency_ppb"));
    PhcLines(out, At(port, "phc"));
    BudgetLine(out, At(port, "rx_latency"));
    UtcLines(out, At(port, "utc"));
    CounterLines(out, At(port, "counters"), {"sent", "dropped"});
    return;
  }
  PublishingLines(out, port);
  Line(out, "offset",
       absl::StrCat(Nanos(port, "offset_ns"), At(port, "offset_ns").is_number()
                                                  ? " (true time minus system time)"
                                                  : ""));
  Line(out, "error bound", Nanos(port, "error_bound_ns"));
  Line(out, "jitter", Nanos(port, "jitter_ns"));
  Line(out, "path delay", Nanos(port, "path_delay_ns"));
  Line(out, "frequency", Ppb(port, "frequency_ppb"));
  PhcLines(out, At(port, "phc"));
  BudgetLine(out, At(port, "rx_latency"));
  UtcLines(out, At(port, "utc"));
  const char* label = "outputs";
  for (const json& output : At(port, "outputs")) {
    Line(out, label, OutputText(output));
    label = "";
  }
  CounterLines(out, At(port, "counters"), {"dropped", "withheld"});
}

}  // namespace

absl::StatusOr<std::string> StatusTable(const std::string& text) {
  const json status = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!status.is_object()) {
    return absl::DataLossError("the answer is not a status; is it refclockd's socket?");
  }
  std::string out =
      absl::StrCat("refclockd ", Text(status, "version"), ", ", Text(status, "role"));
  const json& ports = At(status, "ports");
  if (!ports.is_array()) {
    absl::StrAppend(&out, " on ", WhereText(status), "\n");
    PortLines(out, status);
    return out;
  }
  absl::StrAppend(&out, " with ", ports.size(), " ports\n");
  for (size_t i = 0; i < ports.size(); ++i) {
    if (!ports[i].is_object()) continue;
    absl::StrAppend(&out, "\nport ", i + 1, " on ", WhereText(ports[i]), "\n");
    PortLines(out, ports[i]);
  }
  return out;
}

namespace {

constexpr Flag kFlags[] = {
    {"json", nullptr, "one JSON object, as the daemon sends it"},
    {"socket", "PATH", "the daemon's status socket"},
    {"config", "FILE", "take status.socket from this configuration"},
};

}  // namespace

absl::StatusOr<std::string> SocketPath(const Arguments& arguments) {
  if (const auto socket = arguments.Get("socket")) return *socket;
  const auto file = arguments.Get("config");
  if (!file) return Config{}.status.socket;
  const auto text = ReadFile(*file);
  if (!text.ok()) return text.status();
  auto loaded = LoadConfig({*file, *text, {}});
  // The interface may have been given on the daemon's command line.
  auto with_interface = LoadConfig({*file, *text, {"ptp.interface=lo"}});
  if (std::holds_alternative<Config>(with_interface)) loaded = with_interface;
  if (const auto* config = std::get_if<Config>(&loaded)) return config->status.socket;
  return absl::InvalidArgumentError(
      absl::StrJoin(std::get<std::vector<ConfigError>>(loaded), "\n",
                    [](std::string* out, const ConfigError& e) {
                      absl::StrAppend(out, e.ToString());
                    }));
}

int Status(Words words) {
  const auto arguments = Arguments::Parse(words, kFlags);
  if (!arguments.ok()) return Complain(kWrongUse, arguments.status().message());
  if (arguments->Has("help")) {
    absl::PrintF(
        "refclockctl status [--json] [--socket=PATH | --config=FILE]\n\n%s\n"
        "Exit code 1 when no daemon answers.\n",
        FlagHelp(kFlags));
    return kGood;
  }
  if (!arguments->words().empty()) {
    return Complain(kWrongUse, absl::StrCat("status: \"", arguments->words()[0],
                                            "\" is not a flag; see --help"));
  }
  const auto socket = SocketPath(*arguments);
  if (!socket.ok()) return Complain(kWrongUse, socket.status().message());
  const auto text = os::ReadStatus(*socket);
  if (!text.ok()) return Complain(kBad, text.status().message());
  const auto table = StatusTable(*text);
  if (!table.ok()) {
    return Complain(kBad, absl::StrCat(*socket, ": ", table.status().message()));
  }
  absl::PrintF("%s", arguments->Has("json")
                         ? absl::StrCat(absl::StripTrailingAsciiWhitespace(*text), "\n")
                         : *table);
  return kGood;
}

}  // namespace bridge::ctl
