#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/config/ptp4l_importer.h"
#include "bridge/config/ptp4l_options.h"

namespace bridge {
namespace {

constexpr char kGoesOn[] = "ptp4l goes on doing so";
// Problems stand in the order of the file, then come these.
constexpr size_t kOfPhc2sys = SIZE_MAX - 1;
constexpr size_t kOfAll = SIZE_MAX;

}  // namespace

// ---- What a person has to see.

void Ptp4lImporter::Attend(const Ptp4lSetting& setting, std::string what,
                           std::string right) {
  attentions_.push_back(
      {setting.line,
       conf_.ErrorAt(setting.line, setting.column, std::move(what), std::move(right))});
}

void Ptp4lImporter::Attend(std::string where, std::string what, std::string right) {
  const bool of_phc2sys = absl::StartsWith(where, "phc2sys");
  if (of_phc2sys) where.insert(0, "--");
  attentions_.push_back({of_phc2sys ? kOfPhc2sys : kOfAll,
                         {std::move(where), std::move(what), "", 0, std::move(right)}});
}

void Ptp4lImporter::JudgePhc2sys() {
  if (!request_.phc2sys || !phc2sys_.problems.empty()) return;
  if (phc2sys_.Find('f')) {
    Attend("phc2sys -f", "this file has not been read",
           "give what it sets on the line, as phc2sys --ntpshm_segment=2");
  }
  JudgeDomains();
  if (!Serves() && Source() == "CLOCK_REALTIME") {
    return Attend("phc2sys -s CLOCK_REALTIME",
                  "the system clock as the source is a grandmaster's",
                  "--role=grandmaster");
  }
  if (Serves()) {
    JudgeServersPhc2sys();
  } else {
    JudgeClientsPhc2sys();
  }
  if (const Phc2sysOption* pps = phc2sys_.Find('d')) {
    Attend(absl::StrCat("phc2sys ", pps->written), "refclockd reads no PPS device",
           "keep this phc2sys, or do without");
  }
  JudgeSource();
}

void Ptp4lImporter::JudgeClientsPhc2sys() {
  const Phc2sysOption* sink = phc2sys_.Find('c');
  if (sink && sink->value != "CLOCK_REALTIME") {
    Attend(absl::StrCat("phc2sys ", sink->written),
           "refclockd steers no clock after another",
           "keep this phc2sys if something needs that clock");
  } else if (!FeedsNtp()) {
    Attend("phc2sys", "it steers the system clock itself",
           "stop it, and have ntpd, ntpsec or chronyd steer from what refclockd "
           "publishes");
  }
  if (phc2sys_.Count('r') > 1 && !IsOn("clientOnly", {})) {
    Attend(
        "phc2sys -rr", "makes the system clock a source when this host is the master",
        role_ == Role::kClient
            ? "--role=auto follows and serves; clientOnly 1 says that it only follows"
            : "clientOnly 1, if it only follows");
  }
}

bool Ptp4lImporter::HasInterface(absl::string_view name) const {
  if (conf_.ports.empty()) return name == request_.interface;
  return std::any_of(conf_.ports.begin(), conf_.ports.end(),
                     [&](const Ptp4lPort& port) { return port.name == name; });
}

// phc2sys has to read the clock that ptp4l steers.
void Ptp4lImporter::JudgeSource() {
  const std::string source = Source();
  if (source.empty() || source[0] == '/' || source == "CLOCK_REALTIME") return;
  if (HasInterface(source) || (!Serves() && phc2sys_taken_.count('s'))) return;
  if (conf_.ports.empty() && request_.interface.empty()) return;  // It is taken for it.
  Attend(absl::StrCat("phc2sys -s ", Printable(source)),
         Serves() ? "ptp4l does not serve at that interface"
                  : "ptp4l does not follow at that interface",
         Serves() ? "the one that ptp4l serves at" : "the one that ptp4l follows at");
}

// phc2sys -a and -w ask ptp4l, which answers only those of its domain.
void Ptp4lImporter::JudgeDomains() {
  if (!phc2sys_.Find('a') && !phc2sys_.Find('w')) return;
  const Ptp4lSetting* domain = conf_.Find("domainNumber", {});
  const Phc2sysOption* asked = phc2sys_.Find('n');
  const int theirs = domain ? ToInt(*domain) : 0;
  const int64_t ours = asked ? ToWhole(asked->value) : 0;
  if (theirs == ours) {
    phc2sys_taken_.insert('n');
    return;
  }
  Attend("phc2sys",
         absl::StrCat("it asks domain ", ours, ", but ptp4l is of domain ", theirs,
                      " and never answers it"),
         absl::StrCat("-n ", theirs, "; domain = ", theirs, " is written"));
}

void Ptp4lImporter::JudgeCompanion() {
  const Ptp4lSetting* servo = conf_.Find("clock_servo", {});
  const bool software = IsWord(conf_.Find("time_stamping", {}), "software");
  if (!master_signs_.empty()) {
    Attend(request_.file_name,
           absl::StrCat("this is a grandmaster: ", absl::StrJoin(master_signs_, "; ")),
           "a companion publishes only while ptp4l is a SLAVE; --role=grandmaster or "
           "--role=auto is for its place");
  }
  constexpr char kClient[] = "hardware time stamps; or --role=client and no ptp4l";
  constexpr char kNeverSlave[] =
      "its port never becomes a SLAVE, and a companion publishes only then";
  if (IsWord(servo, "ntpshm") || IsWord(servo, "refclock_sock")) {
    Attend(*servo, "this ptp4l feeds the NTP daemon itself, unchecked",
           absl::StrCat("clock_servo pi with ", kClient));
  } else if (IsWord(servo, "nullf")) {
    Attend(*servo, kNeverSlave, absl::StrCat("clock_servo pi with ", kClient));
  } else if (IsOn("free_running", {})) {
    Attend(*conf_.Find("free_running", {}), kNeverSlave,
           absl::StrCat("free_running 0 with ", kClient));
  } else if (software) {
    Attend(*conf_.Find("time_stamping", {}),
           "this ptp4l steers the system clock itself, as the NTP daemon does",
           kClient);
  }
}

// Null: it is in force somewhere.
const Ptp4lSetting* Ptp4lImporter::OverriddenBy(const Ptp4lSetting& setting) const {
  const char* name = setting.option->name;
  const Ptp4lSetting* found = conf_.Find(name, setting.port);
  if (found != &setting) return found;
  if (setting.port || conf_.ports.empty()) return nullptr;
  for (size_t i = 0; i < conf_.ports.size(); ++i) {
    found = conf_.Find(name, i);
    if (found == &setting) return nullptr;
  }
  return found;
}

// Null: the role is not why.
const char* Ptp4lImporter::WhyNotInRole(const Ptp4lSetting& setting) const {
  const absl::string_view name = setting.option->name;
  const bool is_default = IsPtp4lDefault(*setting.option, setting.value);
  if (Serves()) {
    if (setting.port.value_or(0) > 0) return "of a port that is left out";
    if (name == "clientOnly" && !is_default) return "refclockd is to serve";
    if (name == "serverOnly" && !is_default) {
      return "as the role, but refclockd is silent while it hears a better master";
    }
    if (name == "hybrid_e2e") return "a unicast Delay_Req is answered so in any case";
    if (name == "free_running" && !is_default && SystemClockLeads()) {
      return "refclockd steers the PHC itself, in the place of phc2sys";
    }
    if (role_ == Role::kGrandmaster && !is_default &&
        (name == "clock_class_threshold" || name == "delayAsymmetry")) {
      return "a client's: a grandmaster follows nobody";
    }
    return nullptr;
  }
  if (name == "clientOnly" || name == "serverOnly") return "a client is never a master";
  if (name == "priority1" || name == "priority2") {
    return "a master's: a client only follows";
  }
  if (name == "logSyncInterval") return "no counterpart: what the master sends counts";
  return nullptr;
}

std::string Ptp4lImporter::WhyLeftOut(const Ptp4lSetting& setting) {
  const Ptp4lOption& option = *setting.option;
  const absl::string_view name = option.name;
  if (const Ptp4lSetting* other = OverriddenBy(setting)) {
    return absl::StrCat("overridden by line ", other->line);
  }
  if (refused_.count(&setting)) return kRefused;
  if (role_ == Role::kCompanion) return kGoesOn;
  if (const char* why = WhyNotInRole(setting)) return why;
  if (option.why) {
    const bool missed = option.Is(Ptp4lOption::kMatters) ||
                        (Serves() && option.Is(Ptp4lOption::kMattersOfMaster));
    if (IsPtp4lDefault(option, setting.value)) return "ptp4l's default";
    if (missed) {
      Attend(setting, absl::StrCat("no counterpart, and it matters: ", option.why),
             absl::StrCat("make sure that the network needs none of it; or ",
                          Serves() ? "keep ptp4l" : "--role=companion"));
    }
    return option.why;
  }
  if (name == "ntpshm_segment" || name == "refclock_sock_address") {
    return "of no effect without the clock_servo for it";
  }
  if (name == "clock_servo") return "servo: refclockd has its own";
  if (absl::StartsWith(name, "uds_")) return "only a companion asks ptp4l";
  const bool other_mechanism =
      (name == "logMinPdelayReqInterval") !=
      IsWord(conf_.Find("delay_mechanism", setting.port), "P2P");
  if (absl::StartsWith(name, "logMin") && other_mechanism)
    return "of no effect with this delay_mechanism";
  if (name == "boundary_clock_jbod") return "no counterpart";
  if (IsPtp4lDefault(option, setting.value)) return "the default, here and there";
  return "refclockd's default";
}

std::string Ptp4lImporter::WhyLeftOut(const Phc2sysOption& option) const {
  if (option.why) return option.why;
  switch (option.letter) {
    case 'a':
      return "refclockd finds its clocks by itself";
    case 'r':
      return "the NTP daemon steers the system clock";
    case 's':
    case 'i':
      return Source() == "CLOCK_REALTIME"
                 ? "a grandmaster's"
                 : "refclockd finds the clock of its interface";
    case 'c':
      return option.value == "CLOCK_REALTIME" ? "the NTP daemon steers the system clock"
                                              : "no counterpart";
    case 'E':
      return "servo: refclockd steers no system clock";
    case 'M':
      return "of no effect without -E ntpshm";
    case 'n':
      return "as ptp4l's domain, or of no effect without -a or -w";
    case 'z':
      return "only a companion asks ptp4l";
    default:
      return "no counterpart";
  }
}

void Ptp4lImporter::LeaveOut() {
  for (const Ptp4lSetting& setting : conf_.settings) {
    if (taken_.count(&setting)) continue;
    std::string why = WhyLeftOut(setting);
    left_out_.emplace_back(setting.line, absl::StrCat(LineOf(setting), ": ", why));
  }
  for (const Ptp4lOther& other : conf_.others) {
    left_out_.emplace_back(
        other.line,
        absl::StrCat("line ", other.line, ": ", other.written, ": ",
                     role_ == Role::kCompanion && !absl::StartsWith(other.why, "wrong")
                         ? kGoesOn
                         : other.why));
  }
  std::sort(left_out_.begin(), left_out_.end());
  if (!request_.phc2sys) return;
  for (const Phc2sysOption& option : phc2sys_.options) {
    if (phc2sys_taken_.count(option.letter)) continue;
    std::string why =
        absl::StrCat("phc2sys ", option.written, ": ", WhyLeftOut(option));
    // -rr is one thing.
    if (phc2sys_left_out_.empty() || phc2sys_left_out_.back() != why) {
      phc2sys_left_out_.push_back(std::move(why));
    }
  }
}

// ---- Out.

std::string Ptp4lImporter::Head() const {
  std::string text =
      absl::StrCat("# Made by refclockctl import from ", Printable(request_.file_name));
  if (request_.phc2sys) {
    absl::StrAppend(&text, "\n# and ", Printable(*request_.phc2sys));
  }
  return absl::StrCat(text, "\n#\n", WhatItIs(), "\n");
}

const char* Ptp4lImporter::WhatItIs() const {
  switch (role_) {
    case Role::kClient:
      return "# A client: it takes the place of ptp4l and phc2sys, so stop both before "
             "it starts.\n"
             "# (--role=companion is for a ptp4l that stays.)\n";
    case Role::kCompanion:
      return "# A companion: ptp4l stays as it is, this takes the place of phc2sys, so "
             "stop that.\n"
             "# (--role=client is for giving up ptp4l too.)\n";
    case Role::kGrandmaster:
      return "# A grandmaster: it takes the place of ptp4l and phc2sys, so stop both, "
             "and what sets\n"
             "# the grandmaster's properties (pmc), before it starts. clockClass, "
             "clockAccuracy,\n"
             "# timeSource and the flags are not configured: they begin as those of "
             "any "
             "clock (248)\n"
             "# and are earned from GNSS, the NTP daemon and TAI-UTC.\n"
             "# (--role=auto also follows, while another master is better; "
             "--role=client only follows.)\n";
    case Role::kAuto:
      return "# Grandmaster while GNSS is good, client of a better master otherwise: "
             "it "
             "takes the\n"
             "# place of ptp4l and phc2sys, so stop both, and what sets the "
             "grandmaster's properties\n"
             "# (pmc), before it starts. clockClass and the like are not configured "
             "but "
             "earned from\n"
             "# GNSS, the NTP daemon and TAI-UTC.\n"
             "# (--role=grandmaster never follows, --role=client only follows.)\n";
  }
  return "";
}

std::string Ptp4lImporter::WriteLeftOut() const {
  std::string text;
  if (!left_out_.empty() || !phc2sys_left_out_.empty()) text += "\n# Left out:\n";
  for (const auto& [line, what] : left_out_) {
    absl::StrAppend(&text, "#   ", what, "\n");
  }
  for (const std::string& what : phc2sys_left_out_) {
    absl::StrAppend(&text, "#   ", what, "\n");
  }
  std::vector<std::string> newer;
  const Ptp4lOption* said = nullptr;
  for (const auto& [what, index] : conf_.last) {
    const Ptp4lSetting& setting = conf_.settings[index];
    if (setting.option->Is(Ptp4lOption::kSince4) && setting.option != said &&
        absl::StartsWith(setting.written, setting.option->name)) {
      newer.push_back(absl::StrCat(setting.option->name, " (line ", setting.line, ")"));
      said = setting.option;
    }
  }
  if (!newer.empty()) {
    absl::StrAppend(&text, "#\n# ptp4l 3.1.1 refuses this file: it does not know ",
                    absl::StrJoin(newer, ", "), ".\n");
  }
  return text;
}

std::string Ptp4lImporter::Write() const {
  std::string text = Head();
  absl::StrAppend(&text, file_.ToString());
  for (const ImportDraft& port : ports_) absl::StrAppend(&text, port.ToString());
  return absl::StrCat(text, WriteLeftOut());
}

std::vector<ConfigError> Ptp4lImporter::SortedProblems() const {
  std::vector<Ptp4lProblem> all = attentions_;
  all.insert(all.end(), conf_.problems.begin(), conf_.problems.end());
  for (const ConfigError& problem : phc2sys_.problems) {
    all.push_back({kOfPhc2sys, problem});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  std::vector<ConfigError> sorted;
  sorted.reserve(all.size());
  for (Ptp4lProblem& problem : all) sorted.push_back(std::move(problem.error));
  return sorted;
}

}  // namespace bridge
