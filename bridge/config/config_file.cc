#include "bridge/config/config_file.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bridge/base/utf8.h"
#include "bridge/config/nearest.h"
#include "bridge/config/option_table.h"
#include "toml++/toml.h"

namespace bridge {
namespace {

std::string Joined(absl::string_view section, absl::string_view key) {
  return section.empty() ? std::string(key) : absl::StrCat(section, ".", key);
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// ---- TOML to OptionValue.

const char* OtherName(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "a list";
  return "a date or time";
}

OptionValue ToScalar(const toml::node& node) {
  if (const auto* v = node.as_integer()) return {v->get()};
  if (const auto* v = node.as_floating_point()) return {v->get()};
  if (const auto* v = node.as_boolean()) return {v->get()};
  if (const auto* v = node.as_string()) return {v->get()};
  return {OptionValue::Other{OtherName(node)}};
}

OptionValue ToValue(const toml::node& node) {
  const toml::array* array = node.as_array();
  if (!array) return ToScalar(node);
  OptionValue::List list;
  for (const toml::node& element : *array) list.push_back(ToScalar(element));
  return {std::move(list)};
}

// Where the first octet beyond ASCII stands that is neither in a comment nor in a
// string of one line; npos = nowhere. Elsewhere it takes toml++ 3.3 into undefined
// behaviour (marzer/tomlplusplus#190), and no key of ours needs it.
size_t FindStray(absl::string_view text) {
  std::string closing;  // What ends the string i is in; empty = in none.
  size_t i = absl::StartsWith(text, "\xef\xbb\xbf") ? 3 : 0;  // Byte order mark.
  while (i < text.size()) {
    const char c = text[i];
    if (!absl::ascii_isascii(static_cast<unsigned char>(c)) && closing.size() != 1) {
      return i;
    }
    if (closing.empty() && c == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (closing.empty() && (c == '"' || c == '\'')) {
      closing.assign(absl::StartsWith(text.substr(i), std::string(3, c)) ? 3 : 1, c);
      i += closing.size();
    } else if (c == '\\' && absl::StartsWith(closing, "\"")) {
      i += 2;
    } else if (!closing.empty() && absl::StartsWith(text.substr(i), closing)) {
      i += closing.size();
      // Up to two quotes more belong to a long string: """He said "No.""""
      while (closing.size() == 3 && i < text.size() && text[i] == c) ++i;
      closing.clear();
    } else {
      ++i;
    }
  }
  return absl::string_view::npos;
}

// The right side of --set: TOML, or else a bare word.
OptionValue ParseSetValue(absl::string_view text) {
  if (FindStray(text) != absl::string_view::npos) return {std::string(text)};
  try {
    const toml::table table = toml::parse(absl::StrCat("value = ", text));
    if (table.size() == 1) return ToValue(*table.get("value"));
  } catch (const toml::parse_error&) {
  }
  return {std::string(text)};
}

// ---- Where a mistake stands.

// Mistakes of the file come first, in its order; then what is missing; then --set.
constexpr size_t kMissing = SIZE_MAX - 1;
constexpr size_t kSet = SIZE_MAX;

struct Place {
  std::string where;
  std::string source;
  int column = 0;
  size_t line = kMissing;
};

// Its table: "output.shm" of "output.shm.unit".
std::string Section(absl::string_view key) {
  const size_t dot = key.find_last_of('.');
  return dot == absl::string_view::npos ? "" : std::string(key.substr(0, dot));
}
bool InList(const Option& option) { return IsListSection(Section(option.key)); }

// A key with its [[port]] left away: "output.shm" of "port.output.shm".
absl::string_view InPort(absl::string_view key) {
  absl::ConsumePrefix(&key, "port.");
  return key;
}

// For a key or section that stands elsewhere than in a [[port]]; or "".
std::string CommonKeyHelp(absl::string_view key) {
  if (key == "port.ptp") return "the keys of [ptp] stand in [[port]] itself";
  const absl::string_view leaf = key.substr(key.find_last_of('.') + 1);
  constexpr char kCommon[] = " is common to all ports: outside of [[port]]";
  for (const Option& option : Options()) {
    if (PortKey(option)) continue;
    const std::string section = Section(option.key);
    if (option.key == Joined(section, leaf)) return absl::StrCat(option.key, kCommon);
    if (InPort(key) == section) return absl::StrCat(section, kCommon);
  }
  return "";
}

std::string UnknownKeyHelp(const std::string& key) {
  const bool of_port = absl::StartsWith(key, "port.");
  std::vector<std::string> known;
  const std::string leaf = absl::StrCat(".", key.substr(key.find_last_of('.') + 1));
  for (const Option& option : Options()) {
    const auto in_port = PortKey(option);
    if (of_port && !in_port) continue;
    known.push_back(of_port ? *in_port : option.key);
    if (absl::EndsWith(known.back(), leaf)) {
      return absl::StrCat("did you mean ", known.back(), "?");  // Wrong section.
    }
    const std::string section = Section(known.back());
    if (IsSection(section)) known.push_back(section);
  }
  if (of_port) {
    if (std::string help = CommonKeyHelp(key); !help.empty()) return help;
  } else {
    known.push_back("port");
  }
  if (const auto nearest = Nearest(key, known)) {
    return absl::StrCat("did you mean ", *nearest, "?");
  }
  return "`refclockctl explain options` lists every key of this version";
}

// What is wrong with an option that means nothing in this role, and what would be
// right.
std::pair<std::string, std::string> WhyUseless(Role role, const Option& option) {
  const absl::string_view key = option.key;
  const std::string leaf(key.substr(key.find_last_of('.') + 1));
  if (role == Role::kCompanion && absl::StartsWith(key, "ptp.")) {
    return {leaf + " has no effect in a companion",
            "leave it out; it is ptp4l's, and ptp4l.conf says it"};
  }
  if (role == Role::kGrandmaster && MattersTo(Role::kClient, option)) {
    return {leaf + " has no effect in a grandmaster, which follows nobody",
            "leave it out; or role = \"auto\""};
  }
  const std::string roles = MattersTo(Role::kCompanion, option)
                                ? "role = \"companion\""
                                : "role = \"grandmaster\" or \"auto\"";
  return {absl::StrCat(leaf, " has no effect without ", roles),
          absl::StrCat(roles, "; or leave it out")};
}

// What is read into one configuration: the file but its ports, or one [[port]]. Keys
// are those of the option table in both.
struct Scope {
  Config config;
  // Of a [[port]]: its head. Without a line for the file.
  Place head;
  std::set<std::string> failed;
  std::map<std::string, Place> places;         // By key; of the last setting.
  std::vector<Place> shm_places, sock_places;  // One per element.

  // Whether a key that starts so has had an error: rules that look at several
  // keys would only report it again.
  bool Failed(absl::string_view prefix) const {
    return std::any_of(failed.begin(), failed.end(), [prefix](const std::string& key) {
      return absl::StartsWith(key, prefix);
    });
  }
  // Where `key` was set, or the head.
  const Place& Of(const std::string& key) const {
    const auto found = places.find(key);
    return found == places.end() ? head : found->second;
  }
};

class Loader {
 public:
  explicit Loader(const ConfigSource& source)
      : source_(source), lines_(absl::StrSplit(source.text, '\n')) {
    file_.head = {source_.file_name, "", 0, kMissing};
  }

  std::variant<Config, std::vector<ConfigError>> Load() {
    ReadFile();
    for (const std::string& set : source_.sets) ReadSet(set);
    CheckPin();
    if (const toml::node* ports = toml_.get("port")) {
      ReadPorts(*ports);
      CheckPorts();
    } else {
      Config::Output& output = file_.config.output;
      if (file_.config.role != Role::kGrandmaster && output.shm.empty() &&
          output.sock.empty() && !file_.Failed("output.")) {
        output.shm.emplace_back();
      }
      CheckInterface(file_);
    }
    CheckRole();
    CheckOutputs();
    if (!errors_.empty()) return SortedErrors();
    return Finished();
  }

 private:
  void ReadFile();
  void ReadTable(const toml::table& table, const std::string& section, Scope& into);
  void ReadEntry(const std::string& key, const toml::key& name, const toml::node& node,
                 Scope& into);
  void ReadList(const std::string& key, const toml::node& node, Scope& into);
  void ReadOption(const Option& option, const toml::node& node, Scope& into);
  void ReadSet(const std::string& set);
  void ReadPorts(const toml::node& node);

  void CheckInterface(const Scope& scope);
  void CheckRole();
  void CheckMeaning(const Scope& scope);
  void CheckGrandmaster();
  void CheckSocket(const Scope& port, const Scope* earlier);
  void CheckPin();
  void CheckOutputs();
  void CheckUnits(const Scope& scope, std::set<int>& units);
  void CheckPaths(const Scope& scope, std::set<std::string>& paths);
  void CheckPorts();
  void CheckPair(const Scope& port, const Scope& earlier);
  void CheckSetsReachPorts();

  Place At(const toml::source_position& at) const;
  Place At(const toml::source_region& region) const { return At(region.begin); }
  Place At(size_t octet) const;
  void Add(const Place& place, std::string what, std::string right) {
    errors_.emplace_back(place.line,
                         ConfigError{place.where, std::move(what), place.source,
                                     place.column, std::move(right)});
  }
  std::vector<ConfigError> SortedErrors();
  Config Finished();

  const ConfigSource& source_;
  const std::vector<std::string> lines_;
  toml::table toml_;
  Scope file_;
  std::vector<Scope> ports_;
  std::vector<std::pair<size_t, ConfigError>> errors_;  // By line.
};

std::vector<ConfigError> Loader::SortedErrors() {
  // toml++ hands keys over by name.
  std::stable_sort(errors_.begin(), errors_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.column) < std::tie(b.first, b.second.column);
  });
  std::vector<ConfigError> sorted;
  for (auto& [line, error] : errors_) sorted.push_back(std::move(error));
  return sorted;
}

Place Loader::At(const toml::source_position& at) const {
  Place place{absl::StrCat(source_.file_name, ":", at.line, ":", at.column), "", 0,
              at.line};
  if (at.line >= 1 && at.line <= lines_.size()) {
    place.source = std::string(absl::StripTrailingAsciiWhitespace(lines_[at.line - 1]));
    place.column = static_cast<int>(at.column);
  }
  return place;
}

Place Loader::At(size_t octet) const {
  const absl::string_view before = absl::string_view(source_.text).substr(0, octet);
  const size_t line = before.find_last_of('\n') + 1;  // npos + 1 is 0.
  const auto column = std::count_if(
      before.begin() + static_cast<ptrdiff_t>(line), before.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  return At(toml::source_position{
      static_cast<toml::source_index>(std::count(before.begin(), before.end(), '\n') +
                                      1),
      static_cast<toml::source_index>(column + 1)});
}

Config Loader::Finished() {
  const bool serves_phc = file_.config.grandmaster.source == GrandmasterSource::kPhc;
  // Its stamps are needed then, and it has its master.
  const auto settle = [serves_phc](Config& config) {
    if (!serves_phc) return;
    config.ptp.timestamping = Timestamping::kHardware;
    config.phc.mode = PhcMode::kObserve;
  };
  settle(file_.config);
  for (Scope& port : ports_) {
    Config& config = port.config;
    settle(config);
    file_.config.ports.push_back(
        {std::move(config.ptp), std::move(config.phc), std::move(config.companion),
         std::move(config.output.shm), std::move(config.output.sock)});
  }
  return std::move(file_.config);
}

void Loader::ReadFile() {
  if (const size_t stray = FindStray(source_.text); stray != std::string::npos) {
    Add(At(stray), "a character that is not ASCII stands outside quotes",
        "between quotes on one line, or in a comment; the rest is read once it is");
    file_.failed.insert({"ptp.interface", "utc.", "output."});
    return;
  }
  try {
    toml_ = toml::parse(source_.text);
  } catch (const toml::parse_error& error) {
    std::string what(View(error.description()));
    Add(At(error.source()), std::move(what),
        "this is not TOML; the rest of the file is read once it is");
    file_.failed.insert(
        {"ptp.interface", "utc.", "output."});  // May stand further down.
  }
  ReadTable(toml_, "", file_);
}

void Loader::ReadTable(const toml::table& table, const std::string& section,
                       Scope& into) {
  for (const auto& [name, node] : table) {
    ReadEntry(Joined(section, View(name.str())), name, node, into);
  }
}

void Loader::ReadEntry(const std::string& key, const toml::key& name,
                       const toml::node& node, Scope& into) {
  if (key == "port") return;  // Later: what --set says is a port's default too.
  if (const Option* option = FindOption(key)) return ReadOption(*option, node, into);
  if (IsListSection(key)) return ReadList(key, node, into);
  if (!IsSection(key)) {
    return Add(At(name.source()), absl::StrCat("unknown key ", key),
               UnknownKeyHelp(key));
  }
  if (const toml::table* table = node.as_table()) return ReadTable(*table, key, into);
  into.failed.insert(absl::StrCat(InPort(key), "."));
  Add(At(name.source()), absl::StrCat(key, " is a section, not ", ToValue(node).Kind()),
      absl::StrCat("[", key, "]"));
}

// The tables of a [[list]]; nothing if that is not what it is.
const toml::array* Tables(const toml::node& node) {
  const toml::array* tables = node.as_array();
  return tables && (tables->empty() || tables->is_homogeneous<toml::table>()) ? tables
                                                                              : nullptr;
}

void Loader::ReadList(const std::string& key, const toml::node& node, Scope& into) {
  const std::string list(InPort(key));
  const bool shm = list == "output.shm";
  const toml::array* tables = Tables(node);
  if (!tables) {
    into.failed.insert(absl::StrCat(list, "."));
    return Add(At(node.source()), absl::StrCat(key, " is a list of tables"),
               absl::StrCat("[[", key, "]], once for each ", shm ? "unit" : "socket"));
  }
  const char* own_key = shm ? "output.shm.unit" : "output.sock.path";
  for (const toml::node& table : *tables) {
    if (shm) {
      into.config.output.shm.emplace_back();
    } else {
      into.config.output.sock.emplace_back();
    }
    into.places.erase(own_key);
    ReadTable(*table.as_table(), key, into);
    const auto own = into.places.find(own_key);
    (shm ? into.shm_places : into.sock_places)
        .push_back(own != into.places.end() ? own->second : At(table.source()));
  }
}

void Loader::ReadOption(const Option& option, const toml::node& node, Scope& into) {
  Place place = At(node.source());
  into.places[option.key] = place;
  if (auto problem = option.set(ToValue(node), into.config)) {
    if (problem->element) place = At(node.as_array()->get(*problem->element)->source());
    into.failed.insert(option.key);
    Add(place, std::move(problem->what), std::move(problem->right));
  }
}

void Loader::ReadSet(const std::string& set) {
  const Place place{absl::StrCat("--set ", set), "", 0, kSet};
  if (!IsUtf8(set)) return Add(place, "--set is not UTF-8", "as the file, UTF-8");
  const size_t equals = set.find('=');
  const std::string key(absl::StripAsciiWhitespace(set.substr(0, equals)));
  if (key == "port" || absl::StartsWith(key, "port.")) {
    return Add(place, "--set does not reach into a [[port]] table",
               "write it into the file; --set of [ptp] and [phc] changes what is the "
               "ports' default");
  }
  const Option* option = FindOption(key);
  if (equals == std::string::npos) {
    return Add(place, "no value",
               absl::StrCat("--set ", option ? key : "section.key", "=VALUE"));
  }
  if (!option) {
    return Add(place, absl::StrCat("unknown key ", key), UnknownKeyHelp(key));
  }
  // Short for one table of a list: there is one element afterwards.
  if (absl::StartsWith(key, "output.shm.")) {
    file_.config.output.shm.resize(1);
    file_.shm_places.assign(1, place);
  } else if (absl::StartsWith(key, "output.sock.")) {
    file_.config.output.sock.resize(1);
    file_.sock_places.assign(1, place);
  }
  file_.places[key] = place;
  const OptionValue value = ParseSetValue(
      absl::StripAsciiWhitespace(absl::string_view(set).substr(equals + 1)));
  if (auto problem = option->set(value, file_.config)) {
    file_.failed.insert(key);
    Add(place, std::move(problem->what), std::move(problem->right));
  }
}

void Loader::ReadPorts(const toml::node& node) {
  const toml::array* tables = Tables(node);
  if (!tables || tables->empty()) {
    return Add(At(node.source()), "port is a list of tables",
               "[[port]], once for each interface or domain");
  }
  for (const toml::node& table : *tables) {
    Scope& port = ports_.emplace_back();
    port.config.ptp = file_.config.ptp;
    port.config.phc = file_.config.phc;
    port.config.companion = file_.config.companion;
    port.head = At(table.source());
    ReadTable(*table.as_table(), "port", port);
    // What is wrong with a default has been said.
    if (file_.Failed("ptp.")) port.failed.insert("ptp.");
    if (file_.Failed("phc.")) port.failed.insert("phc.");
    if (file_.Failed("companion.")) port.failed.insert("companion.");
  }
}

void Loader::CheckInterface(const Scope& scope) {
  // A companion's is ptp4l's, which tells it.
  if (file_.config.role == Role::kCompanion) return;
  if (!scope.config.ptp.interface.empty() || scope.Failed("ptp.interface") ||
      scope.failed.count("ptp.")) {
    return;
  }
  const bool port = &scope != &file_;
  Add(scope.head,
      absl::StrCat(port ? "this port has " : "", "no interface",
                   port ? "" : " is given"),
      port ? "interface = \"eth0\", in it or, for all, in [ptp]"
           : "interface = \"eth0\" in [ptp] (ptp.interface), or --interface=eth0");
}

void Loader::CheckRole() {
  if (file_.Failed("role")) return;
  CheckMeaning(file_);
  for (const Scope& port : ports_) CheckMeaning(port);
  if (file_.config.role == Role::kGrandmaster || file_.config.role == Role::kAuto) {
    CheckGrandmaster();
  }
}

void Loader::CheckMeaning(const Scope& scope) {
  const Role role = file_.config.role;
  for (const Option& option : Options()) {
    // What a port has from the file has been said of the file.
    if (MattersTo(role, option) || InList(option) ||
        scope.places.count(option.key) == 0 || scope.Failed(option.key) ||
        option.get(scope.config) == option.Default()) {
      continue;
    }
    auto [what, right] = WhyUseless(role, option);
    Add(scope.Of(option.key), std::move(what), std::move(right));
  }
  if (role != Role::kGrandmaster) return;
  for (const auto* places : {&scope.shm_places, &scope.sock_places}) {
    for (const Place& place : *places) {
      Add(place, "a grandmaster feeds no NTP daemon",
          "leave the output out; with role = \"auto\" it is fed while another master "
          "is "
          "followed");
    }
  }
}

void Loader::CheckGrandmaster() {
  const Config& config = file_.config;
  const bool follows = config.role == Role::kAuto;
  if (ports_.size() > 1) {
    Add(ports_[1].head, "a grandmaster has one port",
        "one [[port]], or none and [ptp]; for every other interface a refclockd of its "
        "own, with its own status.socket");
  }
  if (!follows && config.utc.policy == UtcPolicy::kTrustGrandmaster &&
      !file_.Failed("utc.")) {
    Add(file_.Of("utc.policy"), "a grandmaster has no other to trust",
        "policy = \"agree\" or \"pin\"");
  }
  if (config.grandmaster.source != GrandmasterSource::kPhc) return;
  const Scope& port = ports_.empty() ? file_ : ports_[0];
  const Scope& mode = port.places.count("phc.mode") ? port : file_;
  if (mode.places.count("phc.mode") && !mode.Failed("phc.mode") &&
      mode.config.phc.mode == PhcMode::kDiscipline) {
    Add(mode.Of("phc.mode"),
        "mode \"discipline\" of a PHC that is served because another disciplines it",
        "mode = \"observe\", or leave it out; or source = \"system\" in [grandmaster]");
  }
  if (port.config.ptp.timestamping == Timestamping::kSoftware) {
    Add(file_.Of("grandmaster.source"),
        "source \"phc\" with software time stamps, which are of no PHC",
        "timestamping = \"hardware\" or \"auto\" in [ptp], or source = \"system\"");
  }
}

// With one socket for each port it is clear whose ptp4l is whose.
void Loader::CheckSocket(const Scope& port, const Scope* earlier) {
  const auto failed = [](const Scope& scope) { return scope.Failed("companion."); };
  const std::string& socket = port.config.companion.socket;
  if (failed(port) || (earlier && failed(*earlier))) return;
  if (!earlier && socket == "auto") {
    Add(port.Of("companion.socket"), "which ptp4l is this port's?",
        "[port.companion] with socket = \"/var/run/...\", for each");
  } else if (earlier && socket != "auto" &&
             socket == earlier->config.companion.socket) {
    Add(port.Of("companion.socket"),
        absl::StrCat("socket \"", socket, "\" is given twice"),
        "a companion has one port for each ptp4l");
  }
}

void Loader::CheckPin() {
  if (file_.Failed("utc.")) return;
  const Config::Utc& utc = file_.config.utc;
  const bool policy = utc.policy == UtcPolicy::kPin;
  if (policy && !utc.pin) {
    Add(file_.Of("utc.policy"), "policy \"pin\" without a pin",
        "pin = TAI-UTC in seconds, in [utc]");
  } else if (!policy && utc.pin) {
    Add(file_.Of("utc.pin"), "pin has no effect without policy = \"pin\"",
        "policy = \"pin\" in [utc], or no pin");
  }
}

void Loader::CheckOutputs() {
  std::set<int> units;
  std::set<std::string> paths;
  CheckUnits(file_, units);
  CheckPaths(file_, paths);
  for (const Scope& port : ports_) {
    CheckUnits(port, units);
    CheckPaths(port, paths);
  }
}

void Loader::CheckPaths(const Scope& scope, std::set<std::string>& paths) {
  if (scope.Failed("output.sock.path")) return;
  const char* list = &scope == &file_ ? "output.sock" : "port.output.sock";
  for (size_t i = 0; i < scope.config.output.sock.size(); ++i) {
    const std::string& path = scope.config.output.sock[i].path;
    if (path.empty()) {
      Add(scope.sock_places[i], absl::StrCat("an ", InPort(list), " without a path"),
          "path = \"/run/chrony.ptp.sock\"");
    } else if (!paths.insert(path).second) {
      Add(scope.sock_places[i], absl::StrCat("path \"", path, "\" is given twice"),
          absl::StrCat("one [[", list, "]] for each socket"));
    }
  }
}

void Loader::CheckUnits(const Scope& scope, std::set<int>& units) {
  if (scope.Failed("output.shm.unit")) return;
  const char* list = &scope == &file_ ? "output.shm" : "port.output.shm";
  for (size_t i = 0; i < scope.config.output.shm.size(); ++i) {
    const int unit = scope.config.output.shm[i].unit;
    if (units.insert(unit).second) continue;
    Add(scope.shm_places[i], absl::StrCat("unit ", unit, " is given twice"),
        absl::StrCat("a unit has one writer: one [[", list, "]] for each"));
  }
}

void Loader::CheckPorts() {
  if (ports_.empty()) return;
  for (const auto* places : {&file_.shm_places, &file_.sock_places}) {
    const bool shm = places == &file_.shm_places;
    const std::string list = shm ? "output.shm" : "output.sock";
    for (const Place& place : *places) {
      Add(place, absl::StrCat(list, " beside [[port]]: whose output is it?"),
          absl::StrCat("[[port.", list, "]], below the [[port]] that is to feed it"));
    }
  }
  for (size_t i = 0; i < ports_.size(); ++i) {
    const Scope& port = ports_[i];
    if (i == kMostPorts) {
      Add(port.head, absl::StrCat(ports_.size(), " ports are too many"),
          absl::StrCat("at most ", kMostPorts));
    }
    CheckInterface(port);
    const Config::Output& output = port.config.output;
    if (file_.config.role != Role::kGrandmaster && output.shm.empty() &&
        output.sock.empty() && !port.Failed("output.")) {
      Add(port.head, "this port has no output",
          "[[port.output.shm]] with unit = 3, or [[port.output.sock]], below it");
    }
    if (file_.config.role == Role::kCompanion && ports_.size() > 1) {
      CheckSocket(port, nullptr);
    }
    for (size_t j = 0; j < i; ++j) CheckPair(port, ports_[j]);
  }
  CheckSetsReachPorts();
}

void Loader::CheckPair(const Scope& port, const Scope& earlier) {
  if (file_.config.role == Role::kCompanion) return CheckSocket(port, &earlier);
  if (port.Failed("ptp.") || earlier.Failed("ptp.")) return;
  const Config& a = port.config;
  const Config& b = earlier.config;
  const bool same_interface = a.ptp.interface == b.ptp.interface;
  if (same_interface && a.ptp.interface.empty()) return;  // Reported already.
  if (same_interface && a.ptp.domain == b.ptp.domain) {
    return Add(port.places.count("ptp.domain") ? port.Of("ptp.domain")
                                               : port.Of("ptp.interface"),
               absl::StrCat("domain ", a.ptp.domain, " on ", a.ptp.interface,
                            " is given twice"),
               "ports differ in interface or in domain");
  }
  if (same_interface && a.ptp.timestamping != b.ptp.timestamping) {
    Add(port.Of("ptp.timestamping"),
        absl::StrCat("ports on ", a.ptp.interface, " disagree about timestamping"),
        "the same for all ports of an interface: it has one setting");
  }
}

void Loader::CheckSetsReachPorts() {
  for (const auto& entry : file_.places) {
    const std::string& key = entry.first;
    const auto in_port = PortKey(*FindOption(key));
    if (entry.second.line != kSet || !in_port || IsListSection(Section(key))) continue;
    if (std::all_of(ports_.begin(), ports_.end(), [&key](const Scope& port) {
          return port.places.count(key) != 0;
        })) {
      Add(entry.second,
          absl::StrCat("no effect: every [[port]] has its own ", InPort(*in_port)),
          "change it in the file; --set reaches what [[port]] tables leave out");
    }
  }
}

// The outputs as one word each, in order.
std::string OutputsText(const Config& config) {
  std::vector<std::string> words;
  for (const Config::Shm& shm : config.output.shm) {
    words.push_back(absl::StrFormat("shm %d mode 0o%o", shm.unit, shm.mode));
  }
  for (const Config::Sock& sock : config.output.sock) {
    words.push_back(absl::StrCat("sock ", sock.path));
  }
  return absl::StrJoin(words, ", ");
}

std::string PortText(const Config& config) {
  return absl::StrCat(
      config.role == Role::kCompanion ? config.companion.socket : config.ptp.interface,
      " domain ", config.ptp.domain, ", ", OutputsText(config));
}

}  // namespace

std::string ConfigError::ToString() const {
  std::string text = where.empty() ? what : absl::StrCat(where, ": ", what);
  if (source.empty() || column < 1) return absl::StrCat(text, "\n    ", right);
  // Tabs stay tabs, so that the caret stands under its character.
  std::string indent;
  int characters = 0;
  for (const char c : source) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80)
      continue;  // UTF-8: not a first octet.
    if (++characters >= column) break;
    indent += c == '\t' ? '\t' : ' ';
  }
  absl::StrAppend(&text, "\n    ", source, "\n    ", indent, "^ ", right);
  return text;
}

std::variant<Config, std::vector<ConfigError>> LoadConfig(const ConfigSource& source) {
  return Loader(source).Load();
}

std::vector<std::string> DescribeChanges(const Config& from, const Config& to) {
  const std::vector<Config> before = PortConfigs(from);
  const std::vector<Config> after = PortConfigs(to);
  const size_t both = std::min(before.size(), after.size());
  const bool several = std::max(before.size(), after.size()) > 1;
  std::vector<std::string> changes;
  // Of port i, from 0; in what is common, i is 0 too.
  const auto compare = [&](bool common, size_t i, absl::string_view key,
                           const std::string& old, const std::string& now) {
    if (old == now) return;
    changes.push_back(absl::StrCat(
        several && !common ? absl::StrCat("port ", i + 1, ": ") : "", key, ": ",
        old.empty() ? "(none)" : old, " -> ", now.empty() ? "(none)" : now));
  };
  for (const Option& option : Options()) {
    if (InList(option)) continue;
    const bool common = !PortKey(option);
    for (size_t i = 0; i < (common ? 1 : both); ++i) {
      compare(common, i, option.key, option.get(before[i]), option.get(after[i]));
    }
  }
  for (size_t i = 0; i < both; ++i) {
    compare(false, i, "outputs", OutputsText(before[i]), OutputsText(after[i]));
  }
  for (size_t i = both; i < before.size(); ++i) {
    changes.push_back(
        absl::StrCat("port ", i + 1, ": ", PortText(before[i]), " -> (none)"));
  }
  for (size_t i = both; i < after.size(); ++i) {
    changes.push_back(absl::StrCat("port ", i + 1, ": (none) -> ", PortText(after[i])));
  }
  return changes;
}

namespace {

// Writes the options of a file, or of a [[port]] in it.
class Writer {
 public:
  // What differs from `base`, of the options that `wanted` gives a key.
  void Sections(const Config& config, const Config& base,
                const std::function<std::optional<std::string>(const Option&)>& wanted,
                std::string section) {
    for (const Option& option : Options()) {
      const auto key = wanted(option);
      if (!key || InList(option) || option.get(config) == option.get(base)) continue;
      const std::string parent = Section(*key);
      if (std::exchange(section, parent) != parent) {
        absl::StrAppend(&text_, "[", parent, "]\n");
      }
      Leaf(*key, option.get(config));
    }
  }
  // `prefix`: "" or "port.".
  void Outputs(const Config::Output& output, absl::string_view prefix) {
    Config one;  // The options of a list show its last element.
    for (const Config::Shm& shm : output.shm) {
      one.output.shm.assign(1, shm);
      Element(prefix, "output.shm", one);
    }
    for (const Config::Sock& sock : output.sock) {
      one.output.sock.assign(1, sock);
      Element(prefix, "output.sock", one);
    }
  }
  void Head(absl::string_view list) { absl::StrAppend(&text_, "[[", list, "]]\n"); }

  std::string Take() { return std::move(text_); }

 private:
  void Leaf(absl::string_view key, const std::string& value) {
    absl::StrAppend(&text_, key.substr(key.find_last_of('.') + 1), " = ",
                    value.empty() ? "\"\"" : value, "\n");
  }
  void Element(absl::string_view prefix, absl::string_view list, const Config& one) {
    Head(absl::StrCat(prefix, list));
    for (const Option& option : Options()) {
      if (Section(option.key) == list) Leaf(option.key, option.get(one));
    }
  }

  std::string text_;
};

}  // namespace

std::string ConfigText(const Config& config) {
  Writer writer;
  writer.Sections(
      config, Config(),
      [](const Option& o) { return std::optional<std::string>(o.key); }, "");
  writer.Outputs(config.output, "");
  for (const Config& port :
       config.ports.empty() ? std::vector<Config>() : PortConfigs(config)) {
    writer.Head("port");
    writer.Sections(port, config, PortKey, "port");
    writer.Outputs(port.output, "port.");
  }
  return writer.Take();
}

}  // namespace bridge
