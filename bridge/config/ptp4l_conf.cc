#include "bridge/config/ptp4l_conf.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "bridge/config/nearest.h"

namespace bridge {
namespace {

// ptp4l reads lines into 1024 octets, with the line's end and a zero.
constexpr size_t kLongestLine = 1022;

constexpr char kUnicastTable[] = "unicast_master_table";

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

absl::string_view FirstWord(absl::string_view text) {
  size_t end = 0;
  while (end < text.size() && !IsSpace(text[end])) ++end;
  return text.substr(0, end);
}

// What the kernel may accept as an interface; of ASCII, for it goes into a file.
bool IsInterfaceName(absl::string_view name) {
  if (name.empty() || name.size() > 15 || name == "." || name == "..") return false;
  for (const char c : name) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c)) || c == '/' || c == ':') {
      return false;
    }
  }
  return true;
}

std::string NameHelp(absl::string_view name) {
  std::vector<std::string> names = {"slaveOnly", "masterOnly"};
  for (const Ptp4lOption& option : Ptp4lOptions()) names.emplace_back(option.name);
  for (const std::string& known : names) {
    if (absl::EqualsIgnoreCase(known, name)) {
      return absl::StrCat(known, "; upper and lower case count");
    }
  }
  if (const auto nearest = Nearest(name, names)) {
    return absl::StrCat("did you mean ", *nearest, "? If not, delete the line");
  }
  return "delete the line";
}

std::string Expected(const Ptp4lOption& option) {
  const std::string expected = Ptp4lRefusal(option, "");
  return expected.empty() ? "a value" : expected;
}

class Parser {
 public:
  Parser(absl::string_view file_name, absl::string_view text) {
    conf_.file_name = std::string(file_name);
    conf_.lines = absl::StrSplit(text, '\n');
  }

  Ptp4lConf Parse() {
    for (line_ = 1; line_ <= conf_.lines.size(); ++line_) {
      const absl::string_view raw = conf_.lines[line_ - 1];
      const absl::string_view line = absl::StripAsciiWhitespace(raw);
      if (line.empty() || line[0] == '#') continue;
      indent_ = static_cast<size_t>(line.data() - raw.data());
      ReadLine(line);
    }
    return std::move(conf_);
  }

 private:
  enum class Section { kNone, kGlobal, kPort, kNoPort, kUnicast };

  // `at` is part of the line, or empty for its beginning.
  void Problem(absl::string_view at, std::string what, std::string right) {
    if (conf_.problems.size() > kMostPtp4lProblems) return;
    if (conf_.problems.size() == kMostPtp4lProblems) {
      what = "and more lines that ptp4l refuses";
      right = "is this a ptp4l.conf?";
    }
    conf_.problems.push_back(
        {line_, conf_.ErrorAt(line_, ColumnOf(at), std::move(what), std::move(right))});
  }
  size_t ColumnOf(absl::string_view at) const {
    if (at.empty()) return indent_ + 1;
    return static_cast<size_t>(at.data() - conf_.lines[line_ - 1].data()) + 1;
  }
  void Ignore(absl::string_view line, const char* why) {
    conf_.others.push_back({Printable(line), line_, why});
  }

  void ReadLine(absl::string_view line);
  void ReadHead(absl::string_view line);
  void OpenPort(absl::string_view name);
  void ReadUnicast(absl::string_view line);
  void ReadSetting(absl::string_view line);
  bool MayStandHere(const Ptp4lOption& option, absl::string_view name);
  void ReadValue(const Ptp4lOption& option, absl::string_view name,
                 absl::string_view value);
  void Store(const Ptp4lOption& option, absl::string_view name, absl::string_view value,
             bool mended);

  Ptp4lConf conf_;
  std::map<std::string, size_t> port_of_;  // By interface.
  Section section_ = Section::kNone;
  size_t port_ = 0;     // Of kPort.
  bool table_ = false;  // Of kUnicast: its table_id was there.
  size_t line_ = 0;
  size_t indent_ = 0;
};

void Parser::ReadLine(absl::string_view line) {
  if (line.find('\0') != absl::string_view::npos || line.size() > kLongestLine) {
    Problem("", "the line is too long, or holds a zero octet",
            absl::StrCat("text, of at most ", kLongestLine, " characters a line"));
    return Ignore(line, "wrong: no line of text");
  }
  if (line[0] == '[') return ReadHead(line);
  switch (section_) {
    case Section::kNone:
      Problem("", "the line is in no section", "[global] above it");
      return Ignore(line, "wrong: in no section");
    case Section::kUnicast:
      return ReadUnicast(line);
    case Section::kGlobal:
    case Section::kPort:
    case Section::kNoPort:
      return ReadSetting(line);
  }
}

// ptp4l knows two heads if they are spelled so; anything else is an interface, whose
// name is the first word between brackets.
void Parser::ReadHead(absl::string_view line) {
  absl::string_view name = line.substr(1);
  name = absl::StripAsciiWhitespace(name.substr(0, name.find_first_of("[]")));
  const auto meant = Nearest(absl::AsciiStrToLower(name), {"global", kUnicastTable});
  if (meant) {
    const bool unicast = *meant == kUnicastTable;
    const std::string head = absl::StrCat("[", *meant, "]");
    section_ = unicast ? Section::kUnicast : Section::kGlobal;
    table_ = false;
    if (!absl::EqualsIgnoreCase(line, head)) {
      Problem("", absl::StrCat("ptp4l takes ", Printable(line), " for an interface"),
              absl::StrCat(head, ", and nothing else in the line"));
    }
    return;
  }
  const absl::string_view word = FirstWord(name);
  if (!IsInterfaceName(word)) {
    section_ = Section::kNoPort;
    Problem(word, absl::StrCat("\"", Printable(name), "\" is no network interface"),
            "sections are [global], [unicast_master_table] and interfaces, as [eth0]");
    return Ignore(line, "wrong: no interface");
  }
  const size_t close = line.find(']');
  const bool more = word.size() != name.size() ||
                    (close != absl::string_view::npos && close + 1 != line.size());
  if (more) {
    Problem("", absl::StrCat("ptp4l reads only ", Printable(word), " of this line"),
            absl::StrCat("[", word, "], and nothing else in the line"));
  }
  OpenPort(word);
}

void Parser::OpenPort(absl::string_view name) {
  section_ = Section::kPort;
  const auto [at, is_new] = port_of_.try_emplace(std::string(name), conf_.ports.size());
  if (is_new) conf_.ports.push_back({at->first, line_});
  port_ = at->second;
}

void Parser::ReadUnicast(absl::string_view line) {
  const absl::string_view key = FirstWord(line);
  const absl::string_view value =
      FirstWord(absl::StripLeadingAsciiWhitespace(line.substr(key.size())));
  const bool id = key == "table_id";
  const bool known = id || key == "logQueryInterval" || key == "peer_address" ||
                     absl::EqualsIgnoreCase(key, "UDPv4") ||
                     absl::EqualsIgnoreCase(key, "UDPv6") ||
                     absl::EqualsIgnoreCase(key, "L2");
  if (!known || value.empty()) {
    Problem("", "no line of a unicast master table",
            "table_id 1, logQueryInterval 0, peer_address ..., or UDPv4 192.0.2.1");
    return Ignore(line, "wrong: no line of such a table");
  }
  if (id) {
    const Ptp4lOption& number = *FindPtp4lOption(kUnicastTable);
    const auto table = Ptp4lNumber(number, value);
    table_ = table && *table >= 1 && *table <= number.high;
    if (!table_) Problem(value, "no number of a table", "a whole number from 1");
  } else if (!table_) {
    Problem("", "no table_id above this line", "table_id 1, above it");
  }
  Ignore(line, "unicast: refclockd is multicast only");
}

void Parser::ReadSetting(absl::string_view line) {
  const absl::string_view name = FirstWord(line);
  const absl::string_view value =
      absl::StripLeadingAsciiWhitespace(line.substr(name.size()));
  // "domainNumber=24" and "domainNumber= 24".
  const size_t equals = name.find('=');
  const Ptp4lOption* option = FindPtp4lOption(name.substr(0, equals));
  if (!option) {
    // Not for each of a million lines.
    const bool said = conf_.problems.size() >= kMostPtp4lProblems;
    Problem(name, absl::StrCat("ptp4l knows no option ", Printable(name)),
            said ? "" : NameHelp(name.substr(0, equals)));
    return Ignore(line, "wrong: ptp4l knows no such option");
  }
  if (!MayStandHere(*option, name)) {
    return Ignore(line, "wrong: not in an interface's section");
  }
  if (section_ == Section::kNoPort) {
    return Ignore(line, "wrong: in the section of no interface");
  }
  if (value.empty() && equals == absl::string_view::npos) {
    Problem(name, absl::StrCat(name, " has no value"), Expected(*option));
    return Ignore(line, "wrong: no value");
  }
  ReadValue(*option, name.substr(0, equals),
            equals == absl::string_view::npos ? value : line.substr(equals));
}

bool Parser::MayStandHere(const Ptp4lOption& option, absl::string_view name) {
  if (section_ == Section::kGlobal || option.Is(Ptp4lOption::kOfPort)) return true;
  Problem(name, absl::StrCat(name, " is an option of the whole clock"),
          "in [global]; ptp4l does not know it in an interface's section");
  return false;
}

// As ptp4l takes it; or else without what people write round a value.
void Parser::ReadValue(const Ptp4lOption& option, absl::string_view name,
                       absl::string_view value) {
  const bool text = option.kind == Ptp4lOption::Kind::kText;
  const bool equals = value[0] == '=';
  const size_t comment = value.find('#');
  const bool commented =
      comment != absl::string_view::npos && comment > 0 && IsSpace(value[comment - 1]);
  if (!equals && !(text && commented) && Ptp4lRefusal(option, value).empty()) {
    return Store(option, name, value, false);
  }
  absl::string_view meant = value.substr(equals ? 1 : 0);
  meant = FirstWord(absl::StripLeadingAsciiWhitespace(meant));
  while (!text && absl::ConsumeSuffix(&meant, ";")) {
  }
  if (meant.empty() || meant[0] == '#' || !Ptp4lRefusal(option, meant).empty()) {
    Problem(value, absl::StrCat(name, " ", Printable(value), " is refused by ptp4l"),
            Expected(option));
    return Ignore(absl::StrCat(name, " ", value), "wrong: ptp4l refuses the value");
  }
  const std::string right = absl::StrCat(name, " ", Printable(meant));
  if (commented) {
    Problem(value.substr(comment),
            text ? "ptp4l takes the comment for a part of the value"
                 : "ptp4l refuses a comment behind a value",
            absl::StrCat(right, ", with the comment on a line of its own"));
  } else {
    Problem(value, absl::StrCat("ptp4l takes \"", Printable(value), "\" for the value"),
            right);
  }
  Store(option, name, meant, true);
}

void Parser::Store(const Ptp4lOption& option, absl::string_view name,
                   absl::string_view value, bool mended) {
  Ptp4lSetting setting{&option,
                       std::string(value),
                       absl::StrCat(name, " ", Printable(value)),
                       std::nullopt,
                       line_,
                       ColumnOf(value),
                       mended};
  if (section_ == Section::kPort) setting.port = port_;
  conf_.last[{&option, setting.port}] = conf_.settings.size();
  conf_.settings.push_back(std::move(setting));
}

}  // namespace

const Ptp4lSetting* Ptp4lConf::Find(absl::string_view name,
                                    std::optional<size_t> port) const {
  const Ptp4lOption* option = FindPtp4lOption(name);
  auto found = last.find({option, port});
  if (found == last.end()) found = last.find({option, std::nullopt});
  return found == last.end() ? nullptr : &settings[found->second];
}

ConfigError Ptp4lConf::ErrorAt(size_t line, size_t column, std::string what,
                               std::string right) const {
  ConfigError error;
  error.where = absl::StrCat(file_name, ":", line, ":", column);
  error.what = std::move(what);
  error.right = std::move(right);
  error.source = std::string(absl::StripTrailingAsciiWhitespace(lines[line - 1]));
  error.column = static_cast<int>(column);
  constexpr size_t kLongestShown = 200;
  for (char& c : error.source) {
    // One column each, so that the caret stands under its character.
    if (c != '\t' && !absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  if (error.source.size() > kLongestShown) error.source.resize(kLongestShown);
  return error;
}

Ptp4lConf ParsePtp4lConf(absl::string_view file_name, absl::string_view text) {
  return Parser(file_name, text).Parse();
}

std::string Printable(absl::string_view text) {
  constexpr size_t kLongest = 100;
  const bool cut = text.size() > kLongest;
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const auto octet = static_cast<unsigned char>(c);
    if (absl::ascii_isspace(octet)) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += absl::ascii_isprint(octet) ? c : '?';
    }
  }
  return cut ? out + "..." : out;
}

}  // namespace bridge
