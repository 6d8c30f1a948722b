#include "bridge/config/config_file.h"

#include <algorithm>
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

std::string UnknownKeyHelp(const std::string& key) {
  std::vector<std::string> known;
  const absl::string_view leaf =
      absl::string_view(key).substr(key.find_last_of('.') + 1);
  for (const Option& option : Options()) {
    if (absl::EndsWith(option.key, absl::StrCat(".", leaf))) {
      return absl::StrCat("did you mean ", option.key, "?");  // Wrong section.
    }
    known.emplace_back(option.key);
    const std::string section = known.back().substr(0, known.back().find_last_of('.'));
    if (IsSection(section)) known.push_back(section);
  }
  if (const auto nearest = Nearest(key, known)) {
    return absl::StrCat("did you mean ", *nearest, "?");
  }
  return "`refclockctl explain options` lists every key of this version";
}

class Loader {
 public:
  explicit Loader(const ConfigSource& source)
      : source_(source), lines_(absl::StrSplit(source.text, '\n')) {}

  std::variant<Config, std::vector<ConfigError>> Load() {
    ReadFile();
    for (const std::string& set : source_.sets) ReadSet(set);
    if (config_.output.shm.empty() && config_.output.sock.empty() &&
        !Failed("output.")) {
      config_.output.shm.emplace_back();
    }
    CheckInterface();
    CheckPin();
    CheckOutputs();
    if (!errors_.empty()) return SortedErrors();
    return std::move(config_);
  }

 private:
  void ReadFile();
  void ReadTable(const toml::table& table, const std::string& section);
  void ReadEntry(const std::string& key, const toml::key& name, const toml::node& node);
  void ReadList(const std::string& key, const toml::node& node);
  void ReadOption(const Option& option, const toml::node& node);
  void ReadSet(const std::string& set);

  void CheckInterface();
  void CheckPin();
  void CheckOutputs();

  Place At(const toml::source_position& at) const;
  Place At(const toml::source_region& region) const { return At(region.begin); }
  Place At(size_t octet) const;
  // The file as a whole, for what is missing.
  Place Whole() const { return {source_.file_name, "", 0, kMissing}; }
  // Where `key` was set, or the file as a whole.
  Place Of(const std::string& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? Whole() : found->second;
  }
  void Add(const Place& place, std::string what, std::string right) {
    errors_.emplace_back(place.line,
                         ConfigError{place.where, std::move(what), place.source,
                                     place.column, std::move(right)});
  }
  std::vector<ConfigError> SortedErrors();
  // Whether a key that starts so has had an error: rules that look at several
  // keys would only report it again.
  bool Failed(absl::string_view prefix) const {
    return std::any_of(
        failed_.begin(), failed_.end(),
        [prefix](const std::string& key) { return absl::StartsWith(key, prefix); });
  }

  const ConfigSource& source_;
  const std::vector<std::string> lines_;
  Config config_;
  std::vector<std::pair<size_t, ConfigError>> errors_;  // By line.
  std::set<std::string> failed_;
  std::map<std::string, Place> places_;          // By key; of the last setting.
  std::vector<Place> shm_places_, sock_places_;  // One per element.
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

void Loader::ReadFile() {
  if (const size_t stray = FindStray(source_.text); stray != std::string::npos) {
    Add(At(stray), "a character that is not ASCII stands outside quotes",
        "between quotes on one line, or in a comment; the rest is read once it is");
    failed_.insert({"ptp.interface", "utc.", "output."});
    return;
  }
  try {
    ReadTable(toml::parse(source_.text), "");
  } catch (const toml::parse_error& error) {
    std::string what(View(error.description()));
    Add(At(error.source()), std::move(what),
        "this is not TOML; the rest of the file is read once it is");
    failed_.insert({"ptp.interface", "utc.", "output."});  // May stand further down.
  }
}

void Loader::ReadTable(const toml::table& table, const std::string& section) {
  for (const auto& [name, node] : table) {
    ReadEntry(Joined(section, View(name.str())), name, node);
  }
}

void Loader::ReadEntry(const std::string& key, const toml::key& name,
                       const toml::node& node) {
  if (const Option* option = FindOption(key)) return ReadOption(*option, node);
  if (IsListSection(key)) return ReadList(key, node);
  if (!IsSection(key)) {
    return Add(At(name.source()), absl::StrCat("unknown key ", key),
               UnknownKeyHelp(key));
  }
  if (const toml::table* table = node.as_table()) return ReadTable(*table, key);
  failed_.insert(absl::StrCat(key, "."));
  Add(At(name.source()), absl::StrCat(key, " is a section, not ", ToValue(node).Kind()),
      absl::StrCat("[", key, "]"));
}

void Loader::ReadList(const std::string& key, const toml::node& node) {
  const bool shm = key == "output.shm";
  const toml::array* tables = node.as_array();
  if (!tables || !(tables->empty() || tables->is_homogeneous<toml::table>())) {
    failed_.insert(absl::StrCat(key, "."));
    return Add(At(node.source()), absl::StrCat(key, " is a list of tables"),
               absl::StrCat("[[", key, "]], once for each ", shm ? "unit" : "socket"));
  }
  for (const toml::node& table : *tables) {
    if (shm) {
      config_.output.shm.emplace_back();
    } else {
      config_.output.sock.emplace_back();
    }
    places_.erase(shm ? "output.shm.unit" : "output.sock.path");
    ReadTable(*table.as_table(), key);
    const auto own = places_.find(shm ? "output.shm.unit" : "output.sock.path");
    (shm ? shm_places_ : sock_places_)
        .push_back(own != places_.end() ? own->second : At(table.source()));
  }
}

void Loader::ReadOption(const Option& option, const toml::node& node) {
  Place place = At(node.source());
  places_[option.key] = place;
  if (auto problem = option.set(ToValue(node), config_)) {
    if (problem->element) place = At(node.as_array()->get(*problem->element)->source());
    failed_.insert(option.key);
    Add(place, std::move(problem->what), std::move(problem->right));
  }
}

void Loader::ReadSet(const std::string& set) {
  const Place place{absl::StrCat("--set ", set), "", 0, kSet};
  const size_t equals = set.find('=');
  const std::string key(absl::StripAsciiWhitespace(set.substr(0, equals)));
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
    config_.output.shm.resize(1);
    shm_places_.assign(1, place);
  } else if (absl::StartsWith(key, "output.sock.")) {
    config_.output.sock.resize(1);
    sock_places_.assign(1, place);
  }
  places_[key] = place;
  const OptionValue value = ParseSetValue(
      absl::StripAsciiWhitespace(absl::string_view(set).substr(equals + 1)));
  if (auto problem = option->set(value, config_)) {
    failed_.insert(key);
    Add(place, std::move(problem->what), std::move(problem->right));
  }
}

void Loader::CheckInterface() {
  if (!config_.ptp.interface.empty() || Failed("ptp.interface") ||
      failed_.count("ptp.")) {
    return;
  }
  Add(Whole(), "no interface is given",
      "interface = \"eth0\" in [ptp] (ptp.interface), or --interface=eth0");
}

void Loader::CheckPin() {
  if (Failed("utc.")) return;
  const bool policy = config_.utc.policy == UtcPolicy::kPin;
  if (policy && !config_.utc.pin) {
    Add(Of("utc.policy"), "policy \"pin\" without a pin",
        "pin = TAI-UTC in seconds, in [utc]");
  } else if (!policy && config_.utc.pin) {
    Add(Of("utc.pin"), "pin has no effect without policy = \"pin\"",
        "policy = \"pin\" in [utc], or no pin");
  }
}

void Loader::CheckOutputs() {
  if (!Failed("output.sock.path")) {
    std::set<std::string> paths;
    for (size_t i = 0; i < config_.output.sock.size(); ++i) {
      const std::string& path = config_.output.sock[i].path;
      if (path.empty()) {
        Add(sock_places_[i], "an output.sock without a path",
            "path = \"/run/chrony.ptp.sock\"");
      } else if (!paths.insert(path).second) {
        Add(sock_places_[i], absl::StrCat("path \"", path, "\" is given twice"),
            "one [[output.sock]] for each socket");
      }
    }
  }
  if (Failed("output.shm.unit")) return;
  std::set<int> units;
  for (size_t i = 0; i < config_.output.shm.size(); ++i) {
    const int unit = config_.output.shm[i].unit;
    if (units.insert(unit).second) continue;
    Add(shm_places_[i], absl::StrCat("unit ", unit, " is given twice"),
        "a unit has one writer: one [[output.shm]] for each");
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
  std::vector<std::string> changes;
  const auto compare = [&changes](absl::string_view key, const std::string& before,
                                  const std::string& after) {
    if (before == after) return;
    changes.push_back(absl::StrCat(key, ": ", before.empty() ? "(none)" : before,
                                   " -> ", after.empty() ? "(none)" : after));
  };
  for (const Option& option : Options()) {
    const std::string key = option.key;
    if (IsListSection(key.substr(0, key.find_last_of('.')))) continue;
    compare(key, option.get(from), option.get(to));
  }
  compare("outputs", OutputsText(from), OutputsText(to));
  return changes;
}

std::string ConfigText(const Config& config) {
  std::string text;
  std::string section;
  const auto leaf = [&text](absl::string_view key, const std::string& value) {
    absl::StrAppend(&text, key.substr(key.find_last_of('.') + 1), " = ",
                    value.empty() ? "\"\"" : value, "\n");
  };
  for (const Option& option : Options()) {
    const std::string key = option.key;
    const size_t dot = key.find_last_of('.');
    const std::string parent = dot == std::string::npos ? "" : key.substr(0, dot);
    if (IsListSection(parent) || option.get(config) == option.Default()) continue;
    if (std::exchange(section, parent) != parent) {
      absl::StrAppend(&text, "[", parent, "]\n");
    }
    leaf(key, option.get(config));
  }
  // The options of a list show its last element.
  const auto element = [&](absl::string_view list, const Config& one) {
    absl::StrAppend(&text, "[[", list, "]]\n");
    for (const Option& option : Options()) {
      if (absl::StartsWith(option.key, absl::StrCat(list, "."))) {
        leaf(option.key, option.get(one));
      }
    }
  };
  Config one;
  for (const Config::Shm& shm : config.output.shm) {
    one.output.shm.assign(1, shm);
    element("output.shm", one);
  }
  for (const Config::Sock& sock : config.output.sock) {
    one.output.sock.assign(1, sock);
    element("output.sock", one);
  }
  return text;
}

}  // namespace bridge
