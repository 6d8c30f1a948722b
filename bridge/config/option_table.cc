#include "bridge/config/option_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

using Problem = std::optional<OptionProblem>;

absl::string_view Leaf(absl::string_view key) {
  return key.substr(key.find_last_of('.') + 1);
}
absl::string_view Parent(absl::string_view key) {
  const size_t dot = key.find_last_of('.');
  return dot == absl::string_view::npos ? "" : key.substr(0, dot);
}

std::string Quoted(absl::string_view text) {
  constexpr size_t kShown = 60;
  if (text.size() > kShown) text = text.substr(0, kShown);
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
}

// As it must stand in a file, in full.
std::string TomlString(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&quoted, "\\u%04X", static_cast<unsigned char>(c));
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

Problem WrongType(const char* key, const OptionValue& value, absl::string_view wanted,
                  absl::string_view right) {
  return OptionProblem{
      absl::StrCat(Leaf(key), " must be ", wanted, ", not ", value.Kind()),
      std::string(right),
      {}};
}

Problem OutOfRange(const char* key, const OptionValue& value, absl::string_view right) {
  return OptionProblem{
      absl::StrCat(Leaf(key), " ", value.ToString(), " is out of range"),
      std::string(right),
      {}};
}

// ---- Kinds of options. `at` gives the field of a Config.

Option Int(const char* key, int low, int high, const char* note, const char* help,
           int& (*at)(Config&)) {
  const std::string range = absl::StrCat(low, " to ", high);
  const std::string right = absl::StrCat(range, *note ? "; " : "", note);
  return {key, range, help,
          [=](const OptionValue& value, Config& config) -> Problem {
            const auto* number = std::get_if<int64_t>(&value.is);
            if (!number) return WrongType(key, value, "a whole number", right);
            if (*number < low || *number > high) return OutOfRange(key, value, right);
            at(config) = static_cast<int>(*number);
            return {};
          },
          [=](const Config& config) {
            return absl::StrCat(at(const_cast<Config&>(config)));
          }};
}

// A word for each value of T.
template <typename T>
struct Word {
  const char* word;
  T value;
};

template <typename T>
Option Choice(const char* key, const std::vector<Word<T>>& words, const char* help,
              T& (*at)(Config&)) {
  std::vector<std::string> names;
  names.reserve(words.size());
  for (const Word<T>& w : words) names.push_back(Quoted(w.word));
  const std::string values = absl::StrJoin(names, " | ");
  const std::string right = absl::StrJoin(names, " or ");
  return {
      key, values, help,
      [=](const OptionValue& value, Config& config) -> Problem {
        const auto* text = std::get_if<std::string>(&value.is);
        if (!text) return WrongType(key, value, "a word in quotes", right);
        for (const Word<T>& w : words) {
          if (*text != w.word) continue;
          at(config) = w.value;
          return {};
        }
        return OptionProblem{
            absl::StrCat(Leaf(key), " ", Quoted(*text), " is not known"), right, {}};
      },
      [=](const Config& config) -> std::string {
        for (const Word<T>& w : words) {
          if (at(const_cast<Config&>(config)) == w.value) return Quoted(w.word);
        }
        return "";
      }};
}

constexpr char kUnits[] =
    "a number with ns, us, ms, s, m or h, in quotes, as \"1.5ms\"";

std::string DurationText(TimeDelta d) {
  return d == TimeDelta() ? "0ns" : absl::FormatDuration(ToDuration(d));
}

// Fills `out`, or says why not.
Problem ReadDuration(const char* key, const OptionValue& value, TimeDelta low,
                     TimeDelta high, absl::string_view also, TimeDelta& out) {
  const std::string right = absl::StrCat(also, kUnits);
  const auto* text = std::get_if<std::string>(&value.is);
  if (!text && (std::holds_alternative<int64_t>(value.is) ||
                std::holds_alternative<double>(value.is))) {
    return OptionProblem{
        absl::StrCat(Leaf(key), " ", value.ToString(), " has no unit"), right, {}};
  }
  if (!text) return WrongType(key, value, "a duration", right);
  absl::Duration parsed;
  if (text->size() > 64 || !absl::ParseDuration(*text, &parsed)) {
    return OptionProblem{
        absl::StrCat(Leaf(key), " ", Quoted(*text), " is not a duration"), right, {}};
  }
  const TimeDelta delta = ToTimeDelta(parsed);
  if (delta < low || delta > high) {
    return OutOfRange(key, value,
                      absl::StrCat(DurationText(low), " to ", DurationText(high)));
  }
  out = delta;
  return {};
}

Option Span(const char* key, TimeDelta low, TimeDelta high, const char* help,
            TimeDelta& (*at)(Config&)) {
  return {key,
          absl::StrCat("\"", DurationText(low), "\" to \"", DurationText(high), "\""),
          help,
          [=](const OptionValue& value, Config& config) {
            return ReadDuration(key, value, low, high, "", at(config));
          },
          [=](const Config& config) {
            return Quoted(DurationText(at(const_cast<Config&>(config))));
          }};
}

bool IsAuto(const OptionValue& value) {
  const auto* text = std::get_if<std::string>(&value.is);
  return text && *text == "auto";
}

Option SpanOrAuto(const char* key, TimeDelta low, TimeDelta high, const char* help,
                  std::optional<TimeDelta>& (*at)(Config&)) {
  return {key,
          absl::StrCat("\"auto\" | \"", DurationText(low), "\" to \"",
                       DurationText(high), "\""),
          help,
          [=](const OptionValue& value, Config& config) -> Problem {
            if (IsAuto(value)) {
              at(config).reset();
              return {};
            }
            TimeDelta delta;
            Problem problem =
                ReadDuration(key, value, low, high, "\"auto\", or ", delta);
            if (!problem) at(config) = delta;
            return problem;
          },
          [=](const Config& config) {
            const auto& delta = at(const_cast<Config&>(config));
            return Quoted(delta ? DurationText(*delta) : "auto");
          }};
}

Option Flag(const char* key, const char* help, bool& (*at)(Config&)) {
  return {key, "true | false", help,
          [=](const OptionValue& value, Config& config) -> Problem {
            const auto* flag = std::get_if<bool>(&value.is);
            if (!flag) return WrongType(key, value, "true or false", "without quotes");
            at(config) = *flag;
            return {};
          },
          [=](const Config& config) -> std::string {
            return at(const_cast<Config&>(config)) ? "true" : "false";
          }};
}

// An absolute path of at most `longest` octets; or "" for none, if it may be.
// `instead`: a word that may stand for a path, "" for none.
Option Path(const char* key, size_t longest, const char* help,
            std::string& (*at)(Config&),
            std::optional<absl::string_view> instead = std::nullopt) {
  return {
      key,
      instead ? absl::StrCat("absolute path, or ", Quoted(*instead),
                             instead->empty() ? " for none" : "")
              : "absolute path",
      help,
      [=](const OptionValue& value, Config& config) -> Problem {
        constexpr char kRight[] = "an absolute path in quotes, as \"/run/...\"";
        const auto* text = std::get_if<std::string>(&value.is);
        if (!text) return WrongType(key, value, "a path", kRight);
        const std::string named = absl::StrCat(Leaf(key), " ", Quoted(*text), " ");
        if (!absl::StartsWith(*text, "/") && !(instead && *text == *instead)) {
          return OptionProblem{
              absl::StrCat(named, "does not start with \"/\""), kRight, {}};
        }
        if (text->find('\0') != std::string::npos) {
          return OptionProblem{absl::StrCat(named, "holds a zero octet"), kRight, {}};
        }
        if (text->size() > longest) {
          return OptionProblem{
              absl::StrCat(named, "is too long: ", text->size(), " octets"),
              absl::StrCat("at most ", longest, " octets"),
              {}};
        }
        at(config) = *text;
        return {};
      },
      [=](const Config& config) -> std::string {
        const std::string& path = at(const_cast<Config&>(config));
        return path.empty() ? "" : TomlString(path);
      }};
}

// ---- Who has a use for what.

constexpr unsigned kClient = 1, kCompanion = 2, kGrandmaster = 4;

// A key, or all of a section. What is not here means something in every role.
struct Use {
  absl::string_view key;
  unsigned roles;
};
constexpr Use kUses[] = {
    {"ptp.transport", kClient | kGrandmaster},
    {"ptp.delay", kClient | kGrandmaster},
    {"ptp.minor_version", kClient | kGrandmaster},
    {"ptp.announce_interval", kClient | kGrandmaster},
    {"ptp.sync_interval", kGrandmaster},
    {"ptp.delay_interval", kClient | kGrandmaster},
    {"ptp.announce_receipt_timeout", kClient | kGrandmaster},
    {"ptp.priority1", kGrandmaster},
    {"ptp.priority2", kGrandmaster},
    // No stamp of a master's says how long the way is.
    {"ptp.delay_asymmetry", kClient},
    {"ptp.asymmetry_bound", kClient | kCompanion},
    {"ptp.ingress_latency", kClient | kGrandmaster},
    {"ptp.egress_latency", kClient | kGrandmaster},
    {"ptp.allowed_masters", kClient | kCompanion},
    {"ptp.max_clock_class", kClient | kCompanion},
    {"ptp.max_clock_accuracy", kClient | kCompanion},
    {"companion", kCompanion},
    {"grandmaster", kGrandmaster},
    {"gnss", kGrandmaster},
    {"utc.arbitrary_timescale", kClient | kCompanion},
    {"output", kClient | kCompanion},
    // ptp4l's sockets are not ours: refclockctl latency --interface watches them.
    {"ebpf", kClient | kGrandmaster},
};

unsigned RolesOf(const Option& option) {
  const absl::string_view key = option.key;
  for (const Use& use : kUses) {
    if (key == use.key || absl::StartsWith(key, absl::StrCat(use.key, "."))) {
      return use.roles;
    }
  }
  return kClient | kCompanion | kGrandmaster;
}

constexpr size_t kLongestSocketPath = 107;  // sun_path without its final zero.
constexpr size_t kLongestPath = 4095;       // PATH_MAX, likewise.

// ---- Options with rules of their own.

// What the kernel accepts as a device name (net/core/dev.c, dev_valid_name).
Problem SetInterface(const OptionValue& value, Config& config) {
  constexpr char kRight[] =
      "1 to 15 characters without \"/\", \":\" and spaces; `ip link` lists them";
  const auto* text = std::get_if<std::string>(&value.is);
  if (!text) return WrongType("interface", value, "a name in quotes", kRight);
  const bool bad_character = std::any_of(text->begin(), text->end(), [](char c) {
    return c == '/' || c == ':' || c == '\0' ||
           absl::ascii_isspace(static_cast<unsigned char>(c));
  });
  const char* why = text->empty()                   ? "is empty"
                    : text->size() > 15             ? "is too long"
                    : bad_character                 ? "is not an interface name"
                    : *text == "." || *text == ".." ? "is not an interface name"
                                                    : nullptr;
  if (why) {
    return OptionProblem{
        absl::StrCat("interface ", Quoted(*text), " ", why), kRight, {}};
  }
  config.ptp.interface = *text;
  return {};
}

Problem SetMinorVersion(const OptionValue& value, Config& config) {
  constexpr char kRight[] = "\"auto\", 0 (IEEE 1588-2008) or 1 (IEEE 1588-2019)";
  if (IsAuto(value)) {
    config.ptp.minor_version.reset();
    return {};
  }
  const auto* number = std::get_if<int64_t>(&value.is);
  if (!number) {
    return WrongType("minor_version", value, "\"auto\" or a whole number", kRight);
  }
  if (*number < 0 || *number > 1) return OutOfRange("minor_version", value, kRight);
  config.ptp.minor_version = static_cast<int>(*number);
  return {};
}

Problem SetMaxClockClass(const OptionValue& value, Config& config) {
  constexpr char kRight[] =
      "\"auto\" or 0 to 255; 6 = locked to GNSS, 7 = in holdover, 255 = any; auto = "
      "any, and with role auto 247, as who claims 248 vouches for nothing";
  if (IsAuto(value)) {
    config.ptp.max_clock_class.reset();
    return {};
  }
  const auto* number = std::get_if<int64_t>(&value.is);
  if (!number) {
    return WrongType("max_clock_class", value, "\"auto\" or a whole number", kRight);
  }
  if (*number < 0 || *number > 255) {
    return OutOfRange("max_clock_class", value, kRight);
  }
  config.ptp.max_clock_class = static_cast<int>(*number);
  return {};
}

// As pmc, an EUI-64 or Wireshark writes it: 16 hexadecimal digits, grouped or not.
std::optional<uint64_t> ParseIdentity(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "0x")) absl::ConsumePrefix(&text, "0X");
  const std::string digits =
      absl::StrReplaceAll(text, {{".", ""}, {":", ""}, {"-", ""}});
  uint64_t value = 0;
  const bool hex = std::all_of(digits.begin(), digits.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
  if (digits.size() != 16 || !hex || !absl::SimpleHexAtoi(digits, &value)) return {};
  return value;
}

Problem SetAllowedMasters(const OptionValue& value, Config& config) {
  constexpr char kRight[] =
      "a list of clock identities, as [\"001122.fffe.334455\"]; empty = any";
  const auto* list = std::get_if<OptionValue::List>(&value.is);
  if (!list) return WrongType("allowed_masters", value, "a list", kRight);
  std::vector<uint64_t> masters;
  for (size_t i = 0; i < list->size(); ++i) {
    const auto* text = std::get_if<std::string>(&(*list)[i].is);
    const auto identity = text ? ParseIdentity(*text) : std::nullopt;
    if (!identity) {
      return OptionProblem{
          absl::StrCat((*list)[i].ToString(), " is not a clock identity"),
          "16 hexadecimal digits in quotes, as \"001122.fffe.334455\"", i};
    }
    masters.push_back(*identity);
  }
  config.ptp.allowed_masters = std::move(masters);
  return {};
}

std::string AllowedMastersText(const Config& config) {
  return absl::StrCat("[",
                      absl::StrJoin(config.ptp.allowed_masters, ", ",
                                    [](std::string* out, uint64_t identity) {
                                      absl::StrAppendFormat(out, "\"0x%016x\"",
                                                            identity);
                                    }),
                      "]");
}

Problem SetPin(const OptionValue& value, Config& config) {
  // Ten seconds was TAI-UTC when UTC as we know it began (1972).
  constexpr char kRight[] = "10 to 255: TAI-UTC, as in leap-seconds.list";
  const auto* number = std::get_if<int64_t>(&value.is);
  if (!number) return WrongType("pin", value, "a whole number", kRight);
  if (*number < 10 || *number > 255) return OutOfRange("pin", value, kRight);
  config.utc.pin = static_cast<int>(*number);
  return {};
}

Problem SetRate(const OptionValue& value, Config& config) {
  constexpr char kRight[] =
      "0.01 to 16 samples a second; ntpd and ntpsec read one a second";
  const auto* whole = std::get_if<int64_t>(&value.is);
  const auto* real = std::get_if<double>(&value.is);
  if (!whole && !real) return WrongType("rate", value, "a number", kRight);
  const double rate = real ? *real : static_cast<double>(*whole);
  if (!(rate >= 0.01 && rate <= 16)) return OutOfRange("rate", value, kRight);
  config.output.rate = rate;
  return {};
}

// As short as it may be without becoming another number.
std::string RateText(double rate) {
  const std::string text = absl::StrCat(rate);
  double again = 0;
  if (absl::SimpleAtod(text, &again) && again == rate) return text;
  return absl::StrFormat("%.17g", rate);
}

// Readers clear `valid`, so whoever may read may write; owner always may.
Problem SetShmMode(const OptionValue& value, Config& config) {
  constexpr char kRight[] =
      "0o600 (owner only), 0o660 (a group) or 0o666 (every local user may write time)";
  const auto* number = std::get_if<int64_t>(&value.is);
  if (!number) return WrongType("mode", value, "an octal number", kRight);
  const int64_t others = *number - 0600;
  if (others < 0 || (others & ~int64_t{0066}) != 0 ||
      (others & 0020 && !(others & 0040)) || (others & 0002 && !(others & 0004))) {
    return OptionProblem{
        absl::StrFormat("mode %d is not a mode for a segment", *number), kRight, {}};
  }
  config.output.shm.back().mode = static_cast<int>(*number);
  return {};
}

// Why it is no place of gpsd's; null: it is. The rules of os::ParseGpsdPlace, which a
// test holds together with these.
const char* WhyNoGpsd(absl::string_view text) {
  absl::string_view host = text.substr(0, text.find(':'));
  absl::string_view rest = text.substr(host.size());
  if (absl::ConsumePrefix(&text, "[")) {
    const size_t end = text.find(']');
    if (end == text.npos) return "lacks its ]";
    host = text.substr(0, end);
    rest = text.substr(end + 1);
  }
  if (host.empty()) return "names no host";
  if (rest.empty()) return nullptr;
  if (!absl::ConsumePrefix(&rest, ":"))
    return "has something other than :port behind ]";
  const absl::string_view port = rest.substr(0, rest.find(':'));
  int number = 0;
  if (!absl::SimpleAtoi(port, &number) || number < 1 || number > 65535) {
    return "has a port that is no number from 1 to 65535";
  }
  if (port.size() == rest.size()) return nullptr;
  const absl::string_view device = rest.substr(port.size() + 1);
  constexpr size_t kLongest = 128;  // GPS_PATH_MAX of gpsd.
  const bool plain = std::all_of(device.begin(), device.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' && c != '\\';
  });
  return device.empty() || device.size() > kLongest || !plain
             ? "has a device that gpsd cannot know"
             : nullptr;
}

Problem SetGpsd(const OptionValue& value, Config& config) {
  constexpr char kRight[] =
      "\"host:port\", as \"localhost:2947\"; with one receiver of several "
      "\"localhost:2947:/dev/ttyS0\"; \"\" for none";
  const auto* text = std::get_if<std::string>(&value.is);
  if (!text) return WrongType("gpsd", value, "a place in quotes", kRight);
  if (const char* why = text->empty() ? nullptr : WhyNoGpsd(*text)) {
    return OptionProblem{absl::StrCat("gpsd ", Quoted(*text), " ", why), kRight, {}};
  }
  config.gnss.gpsd = *text;
  return {};
}

std::vector<Option> PtpOptions() {
  return {
      {"ptp.interface", "a name",
       "the interface that speaks PTP; must be given, but for a companion",
       SetInterface,
       [](const Config& c) {
         return c.ptp.interface.empty() ? "" : TomlString(c.ptp.interface);
       }},
      Choice<Transport>("ptp.transport",
                        {{"l2", Transport::kL2},
                         {"udp4", Transport::kUdp4},
                         {"udp6", Transport::kUdp6}},
                        "Ethernet, or UDP over IPv4 or IPv6",
                        [](Config& c) -> Transport& { return c.ptp.transport; }),
      Choice<DelayChoice>("ptp.delay",
                          {{"e2e", DelayChoice::kE2E}, {"p2p", DelayChoice::kP2P}},
                          "delay mechanism, end to end or peer to peer",
                          [](Config& c) -> DelayChoice& { return c.ptp.delay; }),
      Int("ptp.domain", 0, 255, "most profiles use 0 to 127", "PTP domain",
          [](Config& c) -> int& { return c.ptp.domain; }),
      Choice<Timestamping>(
          "ptp.timestamping",
          {{"auto", Timestamping::kAuto},
           {"hardware", Timestamping::kHardware},
           {"software", Timestamping::kSoftware}},
          "whose time stamps; auto = the network card's where it has a clock",
          [](Config& c) -> Timestamping& { return c.ptp.timestamping; }),
      {"ptp.minor_version", "\"auto\" | 0 | 1",
       "minorVersionPTP of what we send; auto = 0, which both editions accept",
       SetMinorVersion,
       [](const Config& c) {
         return c.ptp.minor_version ? absl::StrCat(*c.ptp.minor_version) : "\"auto\"";
       }},
      Int("ptp.announce_interval", -7, 7, "log2 of seconds",
          "log2 of seconds between Announces; a client's until the wire tells",
          [](Config& c) -> int& { return c.ptp.announce_interval; }),
      Int("ptp.sync_interval", -7, 4,
          "log2 of seconds; the default profile has -1 to 1",
          "log2 of seconds between a grandmaster's Syncs",
          [](Config& c) -> int& { return c.ptp.sync_interval; }),
      Int("ptp.delay_interval", -7, 7, "log2 of seconds",
          "log2 of seconds between Delay_Reqs; a grandmaster tells its clients",
          [](Config& c) -> int& { return c.ptp.delay_interval; }),
      Int("ptp.announce_receipt_timeout", 2, 255, "the standard allows 2 to 10",
          "a master is lost after so many Announce intervals of silence",
          [](Config& c) -> int& { return c.ptp.announce_receipt_timeout; }),
      Int("ptp.priority1", 0, 255, "the least wins; 128 unless there is a reason",
          "counts first where a grandmaster is elected, before clockClass",
          [](Config& c) -> int& { return c.ptp.priority1; }),
      Int("ptp.priority2", 0, 255, "the least wins; 128 unless there is a reason",
          "counts between clocks of the same quality",
          [](Config& c) -> int& { return c.ptp.priority2; }),
      Span("ptp.delay_asymmetry", TimeDelta::FromSeconds(-1), TimeDelta::FromSeconds(1),
           "known asymmetry: half of delay from master minus delay to master",
           [](Config& c) -> TimeDelta& { return c.ptp.delay_asymmetry; }),
      SpanOrAuto(
          "ptp.asymmetry_bound", TimeDelta(), TimeDelta::FromSeconds(1),
          "how large an unknown asymmetry may be; auto = half the mean path delay",
          [](Config& c) -> std::optional<TimeDelta>& { return c.ptp.asymmetry_bound; }),
      Span("ptp.ingress_latency", TimeDelta::FromSeconds(-1), TimeDelta::FromSeconds(1),
           "how long a frame takes from the wire to where it is stamped",
           [](Config& c) -> TimeDelta& { return c.ptp.ingress_latency; }),
      Span("ptp.egress_latency", TimeDelta::FromSeconds(-1), TimeDelta::FromSeconds(1),
           "how long a frame takes from where it is stamped to the wire",
           [](Config& c) -> TimeDelta& { return c.ptp.egress_latency; }),
      {"ptp.allowed_masters", "[clock identities]",
       "grandmasters to follow, as \"001122.fffe.334455\"; [] = any", SetAllowedMasters,
       AllowedMastersText},
      {"ptp.max_clock_class", "\"auto\" | 0 to 255",
       "publish nothing of a greater clockClass; auto = any, with role auto 247",
       SetMaxClockClass,
       [](const Config& c) -> std::string {
         return c.ptp.max_clock_class ? absl::StrCat(*c.ptp.max_clock_class)
                                      : "\"auto\"";
       }},
      Int("ptp.max_clock_accuracy", 0, 255,
          "0x21 = 100 ns, 0x23 = 1 us, 0x29 = 1 ms; 254 is unknown; 255 = any",
          "publish nothing of one whose clockAccuracy is greater; 255 = any",
          [](Config& c) -> int& { return c.ptp.max_clock_accuracy; }),
  };
}

std::vector<Option> PhcOptions() {
  return {
      Path(
          "phc.device", kLongestPath,
          "clock of the network card, as /dev/ptp0; auto = the interface's own",
          [](Config& c) -> std::string& { return c.phc.device; }, "auto"),
      Choice<PhcMode>(
          "phc.mode",
          {{"discipline", PhcMode::kDiscipline}, {"observe", PhcMode::kObserve}},
          "steer that clock to TAI, or never touch it",
          [](Config& c) -> PhcMode& { return c.phc.mode; }),
  };
}

std::vector<Option> GrandmasterOptions() {
  return {
      Choice<GrandmasterSource>(
          "grandmaster.source",
          {{"system", GrandmasterSource::kSystem}, {"phc", GrandmasterSource::kPhc}},
          "what is served: the system clock, or a PHC that others discipline",
          [](Config& c) -> GrandmasterSource& { return c.grandmaster.source; }),
      Span("grandmaster.holdover", TimeDelta(), TimeDelta::FromSeconds(7 * 86400),
           "how long clockClass 7 lasts at most when GNSS is lost; \"0s\" = not at all",
           [](Config& c) -> TimeDelta& { return c.grandmaster.holdover; }),
      Span("grandmaster.max_holdover_error", TimeDelta::FromNanos(1),
           TimeDelta::FromSeconds(1),
           "and how far the clock may drift meanwhile; by more is not class 7",
           [](Config& c) -> TimeDelta& { return c.grandmaster.max_holdover_error; }),
      Choice<OneStepUse>(
          "grandmaster.one_step",
          {{"off", OneStepUse::kOff}, {"auto", OneStepUse::kAuto}},
          "Syncs without Follow_Up where the NIC can and its PHC is on TAI",
          [](Config& c) -> OneStepUse& { return c.grandmaster.one_step; }),
      {"gnss.gpsd", "\"host:port\", \"host:port:device\", or \"\" for none",
       "gpsd that tells how GNSS is; without it clockClass stays 248", SetGpsd,
       [](const Config& c) {
         return c.gnss.gpsd.empty() ? "" : TomlString(c.gnss.gpsd);
       }},
  };
}

std::vector<Option> UtcOptions() {
  return {
      Choice<UtcPolicy>(
          "utc.policy",
          {{"agree", UtcPolicy::kAgree},
           {"trust-grandmaster", UtcPolicy::kTrustGrandmaster},
           {"pin", UtcPolicy::kPin}},
          "whose TAI-UTC is believed; agree = two sources that say the same",
          [](Config& c) -> UtcPolicy& { return c.utc.policy; }),
      {"utc.pin", "10 to 255",
       "TAI-UTC in seconds; with policy = \"pin\", and only then", SetPin,
       [](const Config& c) { return c.utc.pin ? absl::StrCat(*c.utc.pin) : ""; }},
      Path(
          "utc.leap_file", kLongestPath, "leap-seconds.list, from tzdata or the IERS",
          [](Config& c) -> std::string& { return c.utc.leap_file; }, ""),
      Choice<ArbitraryTimescale>(
          "utc.arbitrary_timescale",
          {{"refuse", ArbitraryTimescale::kRefuse},
           {"utc", ArbitraryTimescale::kUtc},
           {"tai", ArbitraryTimescale::kTai}},
          "what a master with ptpTimescale = 0 sends",
          [](Config& c) -> ArbitraryTimescale& { return c.utc.arbitrary_timescale; }),
  };
}

std::vector<Option> OutputOptions() {
  return {
      Span("output.max_error", TimeDelta::FromNanos(1), TimeDelta::FromSeconds(10),
           "withhold samples whose error bound is worse",
           [](Config& c) -> TimeDelta& { return c.output.max_error; }),
      {"output.rate", "0.01 to 16",
       "samples a second at most, to each output; chrony can use up to 16", SetRate,
       [](const Config& c) { return RateText(c.output.rate); }},
      Int("output.shm.unit", 0, 217,
          "gpsd, where it runs, uses 0 to 11 (12 and up are free of it)",
          "NTP SHM unit, ntpsec: refclock shm unit 2; beside gpsd take 12 or more",
          [](Config& c) -> int& { return c.output.shm.back().unit; }),
      {"output.shm.mode", "0o600 | 0o660 | 0o666 ...",
       "its permissions; with 0o666 every local user may write time", SetShmMode,
       [](const Config& c) {
         return absl::StrFormat("0o%o", c.output.shm.back().mode);
       }},
      Path("output.sock.path", kLongestSocketPath,
           "socket that chronyd makes: refclock SOCK /run/chrony.ptp.sock",
           [](Config& c) -> std::string& { return c.output.sock.back().path; }),
  };
}

std::vector<Option> AllOptions() {
  std::vector<Option> all;
  const auto add = [&all](std::vector<Option> more) {
    for (Option& option : more) all.push_back(std::move(option));
  };
  add({Choice<Role>(
      "role",
      {{"client", Role::kClient},
       {"companion", Role::kCompanion},
       {"grandmaster", Role::kGrandmaster},
       {"auto", Role::kAuto}},
      "follow a master; stand beside a ptp4l; be one; or what GNSS allows",
      [](Config& c) -> Role& { return c.role; })});
  add(PtpOptions());
  add(PhcOptions());
  add({Path(
      "companion.socket", kLongestSocketPath,
      "ptp4l's management socket; auto looks in its usual places",
      [](Config& c) -> std::string& { return c.companion.socket; }, "auto")});
  add(GrandmasterOptions());
  add(UtcOptions());
  add(OutputOptions());
  add({Path("status.socket", kLongestSocketPath,
            "socket on which refclockctl finds the daemon",
            [](Config& c) -> std::string& { return c.status.socket; }),
       Choice<EbpfUse>(
           "ebpf.enable",
           {{"off", EbpfUse::kOff},
            {"auto", EbpfUse::kAuto},
            {"required", EbpfUse::kRequired}},
           "measure with BPF where messages spend their time (refclockctl latency)",
           [](Config& c) -> EbpfUse& { return c.ebpf.enable; }),
       Int("realtime.priority", 0, 99, "0 = off", "SCHED_FIFO priority; 0 = off",
           [](Config& c) -> int& { return c.realtime.priority; }),
       Flag("realtime.lock_memory", "keep the daemon's memory from being paged out",
            [](Config& c) -> bool& { return c.realtime.lock_memory; })});
  return all;
}

}  // namespace

std::string OptionValue::ToString() const {
  struct Printer {
    std::string operator()(int64_t v) const { return absl::StrCat(v); }
    std::string operator()(double v) const { return absl::StrCat(v); }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(const std::string& v) const { return Quoted(v); }
    std::string operator()(const List&) const { return "[...]"; }
    std::string operator()(const Other& v) const { return v.name; }
  };
  return std::visit(Printer{}, is);
}

const char* OptionValue::Kind() const {
  struct Namer {
    const char* operator()(int64_t) const { return "a whole number"; }
    const char* operator()(double) const { return "a number with a fraction"; }
    const char* operator()(bool) const { return "true or false"; }
    const char* operator()(const std::string&) const { return "a word"; }
    const char* operator()(const List&) const { return "a list"; }
    const char* operator()(const Other& v) const { return v.name; }
  };
  return std::visit(Namer{}, is);
}

std::string Option::Default() const {
  Config config;
  config.output.shm.emplace_back();
  config.output.sock.emplace_back();
  return get(config);
}

std::span<const Option> Options() {
  static const auto* const options = new std::vector<Option>(AllOptions());
  return *options;
}

const Option* FindOption(absl::string_view key) {
  for (const Option& option : Options()) {
    if (key == option.key || key == PortKey(option)) return &option;
  }
  return nullptr;
}

std::optional<std::string> PortKey(const Option& option) {
  absl::string_view key = option.key;
  if (absl::ConsumePrefix(&key, "ptp.") || absl::StartsWith(key, "phc.") ||
      absl::StartsWith(key, "companion.") || IsListSection(Parent(key))) {
    return absl::StrCat("port.", key);
  }
  return std::nullopt;
}

bool IsSection(absl::string_view key) {
  const std::string prefix = absl::StrCat(key, ".");
  for (const Option& option : Options()) {
    if (absl::StartsWith(option.key, prefix) ||
        absl::StartsWith(PortKey(option).value_or(""), prefix)) {
      return true;
    }
  }
  return false;
}

bool IsListSection(absl::string_view key) {
  if (key == "port") return true;
  absl::ConsumePrefix(&key, "port.");
  return key == "output.shm" || key == "output.sock";
}

bool MattersTo(Role role, const Option& option) {
  const unsigned roles = RolesOf(option);
  switch (role) {
    case Role::kClient:
      return (roles & kClient) != 0;
    case Role::kCompanion:
      return (roles & kCompanion) != 0;
    case Role::kGrandmaster:
      return (roles & kGrandmaster) != 0;
    case Role::kAuto:
      return (roles & (kClient | kGrandmaster)) != 0;
  }
  return false;
}

constexpr char kExamplePorts[] = R"(
# More than one interface or domain: a [[port]] table for each, instead of the
# [[output.*]] tables above. It may have every key of [ptp], which is its default,
# those of [phc] in [port.phc], and feeds outputs that are its own. A companion has one
# for each ptp4l, whose socket it names in [port.companion].
#
# [[port]]
# interface = "eth0"
# [[port.output.shm]]
# unit = 2
#
# [[port]]
# interface = "eth1"
# domain = 24
# [port.phc]
# mode = "observe"
# [[port.output.shm]]
# unit = 3
# [[port.output.sock]]
# path = "/run/chrony.eth1.sock"
)";

std::string ExampleFile() {
  std::string text =
      "# /etc/refclockd.toml: every key with its default. Only ptp.interface must be\n"
      "# given; an empty file and --interface are enough. Beside a ptp4l not even "
      "that:\n"
      "# role = \"companion\".\n\n";
  absl::string_view section;
  for (const Option& option : Options()) {
    const std::string value = option.Default();
    const bool required = absl::string_view(option.key) == "ptp.interface";
    const bool off = value.empty() && !required;
    const bool list = IsListSection(Parent(option.key));
    if (Parent(option.key) != section) {
      section = Parent(option.key);
      absl::StrAppend(&text, "\n", off && list ? "# " : "", list ? "[[" : "[", section,
                      list ? "]]" : "]", "\n");
    }
    const std::string shown = required ? "\"eth0\"" : off ? "..." : value;
    absl::StrAppendFormat(&text, "# %s (%s)\n%s%s = %s\n", option.help, option.values,
                          off ? "# " : "", Leaf(option.key), shown);
  }
  return absl::StrCat(text, kExamplePorts);
}

namespace {

// Keys without a use in `role`, whole sections as "output.*".
std::string Useless(Role role) {
  std::vector<std::string> keys;
  for (const Option& option : Options()) {
    if (MattersTo(role, option)) continue;
    const absl::string_view section =
        absl::string_view(option.key)
            .substr(0, absl::string_view(option.key).find('.'));
    const bool whole =
        std::any_of(std::begin(kUses), std::end(kUses),
                    [section](const Use& use) { return use.key == section; });
    std::string key = whole ? absl::StrCat(section, ".*") : option.key;
    if (keys.empty() || keys.back() != key) keys.push_back(std::move(key));
  }
  return absl::StrJoin(keys, ", ");
}

// Below an indented line, in lines of at most 80 characters.
std::string Filled(absl::string_view text) {
  constexpr size_t kWidth = 80;
  std::string out = "   ";
  size_t column = out.size();
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column + 1 + word.size() > kWidth) {
      absl::StrAppend(&out, "\n     ");
      column = 5;
    }
    absl::StrAppend(&out, " ", word);
    column += 1 + word.size();
  }
  return out;
}

}  // namespace

constexpr char kRoleNotes[] =
    R"(  A companion leaves PTP to ptp4l, and never steers its clock, whatever phc.mode
  is. A grandmaster has one port and feeds no NTP daemon; with role = "auto" it
  does so while it follows another master. With grandmaster.source = "phc" time
  stamps are hardware ones, and phc.mode is observe.
)";

std::string OptionHelp() {
  std::string text;
  for (const Option& option : Options()) {
    const std::string value = option.Default();
    absl::StrAppendFormat(&text, "  %s = %s\n      %s\n      %s\n", option.key,
                          value.empty() ? "..." : value, option.help, option.values);
  }
  absl::StrAppend(
      &text,
      "\n  In the file, output.shm and output.sock are lists: one [[output.shm]] "
      "table\n"
      "  for each unit, one [[output.sock]] table for each socket; without any, SHM\n"
      "  unit 2 is fed. --set output.shm.unit=12 (or .mode, or output.sock.path) "
      "leaves\n"
      "  one table in that list.\n"
      "\n"
      "  More than one interface or domain: one [[port]] table for each, at most ",
      kMostPorts,
      ". It\n"
      "  may have the keys of [ptp] (interface, domain, ...), those of [phc] and\n"
      "  [companion] in [port.phc] and [port.companion], and needs outputs of its "
      "own,\n"
      "  [[port.output.shm]] or [[port.output.sock]]; then there is no [[output.shm]]\n"
      "  or [[output.sock]]. [ptp], [phc] and [companion] are the ports' defaults;\n"
      "  everything else is common to them. --set changes those defaults and what is\n"
      "  common, not a [[port]] table.\n"
      "\n"
      "  Where an option means nothing, it keeps its default:\n");
  for (const auto& [role, name] :
       {std::pair(Role::kClient, "client"), std::pair(Role::kCompanion, "companion"),
        std::pair(Role::kGrandmaster, "grandmaster"), std::pair(Role::kAuto, "auto")}) {
    absl::StrAppend(&text, Filled(absl::StrCat(name, ": ", Useless(role))), "\n");
  }
  absl::StrAppend(&text, kRoleNotes);
  return text;
}

}  // namespace bridge
