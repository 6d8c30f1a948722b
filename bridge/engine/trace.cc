#include "bridge/engine/trace.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <limits>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "bridge/base/status_macros.h"
#include "bridge/config/config_file.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr absl::string_view kFirstWord = "refclockd-trace";
constexpr int kFormat = 1;
constexpr absl::string_view kIndent = "  ";

// ---- Words on a line.

constexpr char kHexDigits[] = "0123456789abcdef";

int HexValue(char c) {
  const char* found = std::find(kHexDigits, kHexDigits + 16, c);
  return found == kHexDigits + 16 ? -1 : static_cast<int>(found - kHexDigits);
}

void AppendTime(std::string& line, TimeDelta time) {
  const absl::uint128 size(time.Abs().scaled_nanos());
  const auto rest = static_cast<unsigned>(size & 0xffff);
  const absl::uint128 nanos = size >> 16;
  absl::StrAppendFormat(&line, "%s%d.%09d", time < TimeDelta() ? "-" : "",
                        static_cast<uint64_t>(nanos / 1'000'000'000),
                        static_cast<uint64_t>(nanos % 1'000'000'000));
  if (rest != 0) absl::StrAppendFormat(&line, ":%04x", rest);
}

template <typename T>
bool ParseDigits(absl::string_view text, T& value, int base = 10) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

// Nothing for what AppendTime does not write, and beyond 2^63 ns: no clock of
// Linux shows more.
std::optional<TimeDelta> ParseTime(absl::string_view text) {
  const bool negative = absl::ConsumePrefix(&text, "-");
  uint32_t rest = 0;
  if (const size_t colon = text.find(':'); colon != absl::string_view::npos) {
    const absl::string_view digits = text.substr(colon + 1);
    if (digits.size() != 4 || !ParseDigits(digits, rest, 16)) return {};
    text = text.substr(0, colon);
  }
  const size_t point = text.find('.');
  uint64_t seconds = 0;
  uint32_t nanos = 0;
  if (point == absl::string_view::npos || text.size() - point != 10 ||
      !ParseDigits(text.substr(0, point), seconds) ||
      !ParseDigits(text.substr(point + 1), nanos) ||
      seconds > std::numeric_limits<int64_t>::max() / 1'000'000'000 - 1) {
    return {};
  }
  const auto whole = static_cast<int64_t>(seconds * 1'000'000'000 + nanos);
  const TimeDelta time = TimeDelta::FromNanos(whole) + TimeDelta::FromScaledNanos(rest);
  return negative ? -time : time;
}

void AppendEscaped(std::string& line, absl::string_view text) {
  for (const char c : text) {
    if (c == '\\' || absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&line, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
}

std::optional<std::string> Unescaped(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    uint8_t octet;
    if (text.size() - i < 4 || text[i + 1] != 'x' ||
        !ParseDigits(text.substr(i + 2, 2), octet, 16)) {
      return {};
    }
    out += static_cast<char>(octet);
    i += 3;
  }
  return out;
}

absl::Status Wrong(absl::string_view what, absl::string_view right) {
  return absl::InvalidArgumentError(absl::StrCat(what, "; ", right));
}

// What a hostile line may bring into a message.
std::string Shown(absl::string_view word) {
  constexpr size_t kShown = 40;
  std::string text = "\"";
  AppendEscaped(text, word.substr(0, kShown));
  return absl::StrCat(text, word.size() > kShown ? "..." : "", "\"");
}

// In the order of GnssReport.
constexpr const char* kReports[] = {"fix", "sky", "pulse", "device", "gpsd"};
static_assert(std::size(kReports) == std::variant_size_v<GnssReport>);

// ---- The fields of a line, in order. Each is written by Out and read by In, so
// that what stands in Fields() below is the grammar of both.

class Out {
 public:
  explicit Out(std::string& line) : line_(line) {}

  void Number(int64_t value) { absl::StrAppend(&line_, " ", value); }
  void Number(uint64_t value) { absl::StrAppend(&line_, " ", value); }
  void Number(int value) { Number(int64_t{value}); }
  void Time(TimeDelta time) {
    line_ += ' ';
    AppendTime(line_, time);
  }
  template <typename Scale>
  void Time(Timestamp<Scale> time) {
    Time(time.SinceEpoch());
  }
  // One of `words`, the first of which stands for `first`.
  template <typename T, size_t kSize>
  void Word(T value, const char* const (&words)[kSize], int first = 0) {
    const auto index = static_cast<size_t>(static_cast<int>(value) - first);
    absl::StrAppend(&line_, " ", index < kSize ? words[index] : "?");
  }
  template <typename T>
  void Maybe(const std::optional<T>& value) {
    if (value) {
      Fields(*this, *value);
    } else {
      line_ += " -";
    }
  }
  template <typename T>
  void MaybeLast(const std::optional<T>& value) {
    if (value) Fields(*this, *value);
  }
  void Span(const std::optional<absl::Duration>& span) {
    span ? Time(ToTimeDelta(*span)) : Octets({});
  }
  // "p" before one of a PHC.
  void Stamp(const EventStamp& stamp) {
    line_ += std::holds_alternative<PhcTime>(stamp) ? " p" : " ";
    std::visit([this](auto time) { AppendTime(line_, time.SinceEpoch()); }, stamp);
  }
  // A frequency stands as the kernel takes it, in 2^-16 ppm.
  void Command(const PhcCommand& command) {
    if (const auto* step = std::get_if<StepPhc>(&command)) {
      line_ += " step";
      return Time(step->by);
    }
    line_ += " frequency";
    Number(std::get<SetPhcFrequency>(command).Scaled());
  }
  void Octets(std::span<const uint8_t> octets) {
    line_ += octets.empty() ? " -" : " ";
    for (const uint8_t octet : octets) {
      line_ += kHexDigits[octet >> 4];
      line_ += kHexDigits[octet & 15];
    }
  }
  void Address(const ptp::PortAddress& address) {
    Octets(std::span(address.octets).first(address.size));
  }
  // To the end of the line.
  void Text(absl::string_view text) {
    line_ += ' ';
    AppendEscaped(line_, text);
  }
  // One word, "-" when empty.
  void Name(absl::string_view name) {
    line_ += name.empty() ? " -" : " ";
    for (const char c : name) {
      if (c == ' ') {
        line_ += "\\x20";
      } else {
        AppendEscaped(line_, absl::string_view(&c, 1));
      }
    }
  }
  template <typename Report>
  void OneOf(const Report& report) {
    absl::StrAppend(&line_, " ", kReports[report.index()]);
    std::visit([this](const auto& is) { Fields(*this, is); }, report);
  }
  void Table(const absl::StatusOr<LeapTable>* table) {
    if (!table->ok()) {
      line_ += " error";
      Number(table->status().raw_code());
      return Text(table->status().message());
    }
    line_ += (*table)->hash() == LeapTable::Hash::kGood ? " hashed" : " unhashed";
    Number((*table)->last_update().Split().seconds);
    Number((*table)->expires().Split().seconds);
    for (const LeapTable::Row& row : (*table)->rows()) {
      absl::StrAppend(&line_, " ", row.since.Split().seconds, "=", row.offset);
    }
  }

 private:
  std::string& line_;
};

// After the first mistake nothing is read any more; status() tells of that one.
class In {
 public:
  // `octets`, `name` and `table` keep what the items that are read point to.
  In(absl::string_view text, std::vector<uint8_t>& octets, std::string& name,
     std::optional<absl::StatusOr<LeapTable>>& table)
      : rest_(text), octets_(octets), name_(name), table_(table) {}

  template <typename T>
  requires std::integral<T>
  void Number(T& value) {
    const absl::string_view word = Next("a whole number");
    if (status_.ok() && !ParseDigits(word, value)) {
      Fail(word, "a whole number of that size stands here");
    }
  }
  void Time(TimeDelta& time) {
    const absl::string_view word = Next("a time");
    const auto parsed = ParseTime(word);
    if (parsed) {
      time = *parsed;
    } else {
      Fail(word, "a time is seconds.nanoseconds, as 86400.000000001");
    }
  }
  template <typename Scale>
  void Time(Timestamp<Scale>& time) {
    TimeDelta since_epoch;
    Time(since_epoch);
    time = Timestamp<Scale>() + since_epoch;
  }
  template <typename T, size_t kSize>
  void Word(T& value, const char* const (&words)[kSize], int first = 0) {
    const absl::string_view word = Next(words[0]);
    for (size_t i = 0; i < kSize; ++i) {
      if (word == words[i]) {
        value = static_cast<T>(static_cast<int>(i) + first);
        return;
      }
    }
    Fail(word, absl::StrCat("\"", words[0], "\" or another word of its kind"));
  }
  template <typename T>
  void Maybe(std::optional<T>& value) {
    value.reset();
    if (rest_ == "-" || absl::StartsWith(rest_, "- ")) {
      Next("-");
      return;
    }
    T read{};
    Fields(*this, read);
    value = read;
  }
  template <typename T>
  void MaybeLast(std::optional<T>& value) {
    value.reset();
    if (rest_.empty()) return;
    Fields(*this, value.emplace());
  }
  void Span(std::optional<absl::Duration>& span) {
    std::optional<UtcTime> read;
    Maybe(read);
    span.reset();
    if (read) span = ToDuration(read->SinceEpoch());
  }
  void Stamp(EventStamp& stamp) {
    if (absl::ConsumePrefix(&rest_, "p")) {
      Time(stamp.emplace<PhcTime>());
    } else {
      Time(stamp.emplace<UtcTime>());
    }
  }
  void Command(PhcCommand& command) {
    const absl::string_view word = Next("step or frequency");
    if (word == "step") {
      Time(command.emplace<StepPhc>().by);
    } else if (word == "frequency") {
      int64_t scaled = 0;
      Number(scaled);
      command = SetPhcFrequency::FromScaled(scaled);
    } else {
      Fail(word, "step or frequency stands here");
    }
  }
  void Octets(std::span<const uint8_t>& octets) {
    const absl::string_view word = Next("octets");
    octets_.clear();
    octets = {};
    if (word == "-") return;
    if (word.size() % 2 != 0) return Fail(word, "octets are two hex digits each");
    for (size_t i = 0; i < word.size(); i += 2) {
      const int high = HexValue(word[i]);
      const int low = HexValue(word[i + 1]);
      if (high < 0 || low < 0) return Fail(word, "octets are digits and a to f");
      octets_.push_back(static_cast<uint8_t>(high << 4 | low));
    }
    octets = octets_;
  }
  void Address(ptp::PortAddress& address) {
    // Octets() keeps only one value of a line, and the frame's stand before.
    const absl::string_view word = Next("an address");
    address = {};
    if (word.size() % 2 != 0 || word.size() > 2 * address.octets.size()) {
      return Fail(word, "an address is at most 16 octets, two hex digits each");
    }
    for (size_t i = 0; i < word.size(); i += 2) {
      if (!ParseDigits(word.substr(i, 2), address.octets[address.size++], 16)) {
        return Fail(word, "octets are digits and a to f");
      }
    }
  }
  void Text(std::string& text) {
    auto unescaped = Unescaped(std::exchange(rest_, {}));
    if (!unescaped) return Fail("\\", "it is followed by x and two hex digits");
    text = *std::move(unescaped);
  }
  void Name(absl::string_view& name) {
    const absl::string_view word = Next("a name");
    auto unescaped = Unescaped(word);
    if (!unescaped) return Fail("\\", "it is followed by x and two hex digits");
    name_ = word == "-" ? "" : *std::move(unescaped);
    name = name_;
  }
  template <typename Report>
  void OneOf(Report& report) {
    const absl::string_view word = Next(kReports[0]);
    const auto found = std::find(std::begin(kReports), std::end(kReports), word);
    if (found == std::end(kReports)) {
      return Fail(word, "fix, sky, pulse, device or gpsd stands here");
    }
    ReadAlternative(report, static_cast<size_t>(found - std::begin(kReports)),
                    std::make_index_sequence<std::size(kReports)>());
  }
  void Table(const absl::StatusOr<LeapTable>*& table) {
    table_ = ReadTable();
    table = &*table_;
  }

  // `variant` becomes its alternative number `index`, read from here.
  template <typename Variant, size_t... kIndices>
  void ReadAlternative(Variant& variant, size_t index,
                       std::index_sequence<kIndices...>) {
    const auto read = [this, &variant]<size_t kIndex>() {
      Fields(*this, variant.template emplace<kIndex>());
      return true;
    };
    (void)((index == kIndices && read.template operator()<kIndices>()) || ...);
  }

  // Of the line as a whole: good if everything was understood and nothing is left.
  absl::Status Finish() {
    if (!rest_.empty()) Fail(rest_, "nothing more belongs on this line");
    return status_;
  }
  absl::string_view Next(absl::string_view wanted) {
    if (!status_.ok()) return {};
    if (rest_.empty()) {
      status_ = Wrong("the line ends too early", absl::StrCat("next is ", wanted));
      return {};
    }
    const size_t space = std::min(rest_.find(' '), rest_.size());
    const absl::string_view word = rest_.substr(0, space);
    rest_.remove_prefix(std::min(space + 1, rest_.size()));
    return word;
  }
  void Fail(absl::string_view word, absl::string_view right) {
    if (status_.ok()) status_ = Wrong(absl::StrCat(Shown(word), " is wrong"), right);
  }

 private:
  absl::StatusOr<LeapTable> ReadTable() {
    const absl::string_view kind = Next("hashed, unhashed or error");
    if (kind == "error") {
      int code = 0;
      std::string message;
      Number(code);
      Text(message);
      if (code < 1 || code > 16) {
        Fail("error", "an error has a code of 1 to 16");
        code = 1;  // A StatusOr may not hold a status that is good.
      }
      return absl::Status(absl::StatusCode(code), message);
    }
    if (kind != "hashed" && kind != "unhashed") {
      Fail(kind, "hashed, unhashed or error stands here");
    }
    int64_t update = 0;
    int64_t expires = 0;
    Number(update);
    Number(expires);
    std::vector<LeapTable::Row> rows;
    while (status_.ok() && !rest_.empty()) {
      const absl::string_view row = Next("a row");
      const size_t equals = std::min(row.find('='), row.size());
      int64_t since = 0;
      int offset = 0;
      if (!ParseDigits(row.substr(0, equals), since) || equals == row.size() ||
          !ParseDigits(row.substr(equals + 1), offset)) {
        Fail(row, "a row is seconds since 1970, \"=\", TAI-UTC");
      }
      rows.push_back({Posix(since), offset});
    }
    auto table = LeapTable::FromRows(
        rows, Posix(update), Posix(expires),
        kind == "hashed" ? LeapTable::Hash::kGood : LeapTable::Hash::kAbsent);
    if (!table.ok()) Fail(kind, table.status().message());
    return table;
  }
  static UtcTime Posix(int64_t seconds) {
    return UtcTime() +
           TimeDelta::FromScaledNanos(absl::int128(seconds) * 1'000'000'000 * 65'536);
  }

  absl::string_view rest_;
  std::vector<uint8_t>& octets_;
  std::string& name_;
  std::optional<absl::StatusOr<LeapTable>>& table_;
  absl::Status status_;
};

// ---- The grammar.

template <typename T, typename U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

constexpr const char* kOffOn[] = {"off", "on"};
constexpr const char* kUpDown[] = {"down", "up"};
constexpr const char* kSynchronized[] = {"unsynchronized", "synchronized"};
constexpr const char* kActive[] = {"gone", "active"};
constexpr const char* kOurs[] = {"foreign", "maybe-ours"};
constexpr const char* kLeaps[] = {"none", "insert", "delete"};
constexpr const char* kSockets[] = {"closed", "read-only", "read-write"};
constexpr const char* kStamps[] = {"software", "hardware"};
constexpr const char* kSeverities[] = {"error", "warning", "notice", "info"};

template <typename Io>
void Fields(Io& io, Is<trace::Link> auto& link) {
  io.Word(link.up, kUpDown);
}
template <typename T>
concept IsCross = Is<T, CrossTimestamp<Raw>> || Is<T, CrossTimestamp<Phc>>;
template <typename Io>
void Fields(Io& io, IsCross auto& cross) {
  io.Time(cross.local);
  io.Time(cross.system);
  io.Time(cross.window);
}
template <typename Io>
void Fields(Io& io, Is<ClockReading> auto& reading) {
  Fields(io, reading.pair);
  io.MaybeLast(reading.phc);
}
template <typename Io>
void Fields(Io& io, Is<RawTime> auto& time) {
  io.Time(time);
}
template <typename Io>
void Fields(Io& io, Is<EventStamp> auto& stamp) {
  io.Stamp(stamp);
}
template <typename Io>
void Fields(Io& io, Is<trace::Pair> auto& pair) {
  Fields(io, pair.pair);
}
template <typename Io>
void Fields(Io& io, Is<ptp::PortAddress> auto& address) {
  io.Address(address);
}
template <typename Io>
void Fields(Io& io, Is<trace::Frame> auto& frame) {
  io.Maybe(frame.received);
  io.Octets(frame.octets);
  io.MaybeLast(frame.from);
}
template <typename Io>
void Fields(Io& io, Is<trace::Sent> auto& sent) {
  io.Number(sent.token.value);
  io.Stamp(sent.sent);
}
template <typename Io>
void Fields(Io& io, Is<trace::Cross> auto& cross) {
  io.Maybe(cross.reading);
}
template <typename Io>
void Fields(Io& io, Is<trace::Adjusted> auto& adjusted) {
  io.Command(adjusted.adjusted.command);
  io.Maybe(adjusted.adjusted.at);
}
template <typename Io>
void Fields(Io&, Is<trace::Time> auto&) {}
template <typename Io>
void Fields(Io& io, Is<trace::Leaps> auto& leaps) {
  io.Table(leaps.table);
}
template <typename Io>
void Fields(Io& io, Is<ClockDiscipline> auto& discipline) {
  io.Time(discipline.estimated_error);
  io.Number(discipline.frequency);
}
template <typename Io>
void Fields(Io& io, Is<trace::Kernel> auto& kernel) {
  io.Number(kernel.clock.tai_offset);
  io.Word(kernel.clock.synchronized, kSynchronized);
  io.Time(kernel.clock.max_error);
  io.Word(kernel.clock.may_be_ours, kOurs);
  io.MaybeLast(kernel.clock.discipline);
}
template <typename Io>
void Fields(Io&, Is<trace::Resume> auto&) {}
template <typename Io>
void Fields(Io&, Is<trace::Stop> auto&) {}
template <typename Io>
void Fields(Io& io, Is<trace::Socket> auto& socket) {
  io.Word(socket.socket, kSockets);
}
template <typename Io>
void Fields(Io& io, Is<trace::Managed> auto& managed) {
  io.Octets(managed.datagram);
}

template <typename Io>
void Fields(Io& io, Is<UtcTime> auto& time) {
  io.Time(time);
}
template <typename Io>
void Fields(Io& io, Is<int> auto& number) {
  io.Number(number);
}
template <typename Io>
void Fields(Io& io, Is<GnssFix> auto& fix) {
  io.Name(fix.device);
  io.Number(fix.mode);
  io.Number(fix.status);
  io.Maybe(fix.time);
  io.Span(fix.ept);
  io.Maybe(fix.leap_seconds);
}
template <typename Io>
void Fields(Io& io, Is<GnssSky> auto& sky) {
  io.Name(sky.device);
  io.Maybe(sky.used);
}
template <typename Io>
void Fields(Io& io, Is<GnssPulse> auto& pulse) {
  io.Name(pulse.device);
  io.Time(pulse.real);
  io.Time(pulse.clock);
}
template <typename Io>
void Fields(Io& io, Is<GnssDevice> auto& device) {
  io.Name(device.device);
  io.Word(device.active, kActive);
}
template <typename Io>
void Fields(Io& io, Is<GnssConnection> auto& connection) {
  io.Word(connection.up, kUpDown);
}
template <typename Io>
void Fields(Io& io, Is<trace::Gnss> auto& gnss) {
  io.OneOf(gnss.report);
}
template <typename Io>
void Fields(Io& io, Is<trace::OneStep> auto& one_step) {
  io.Word(one_step.on, kOffOn);
}

// In the order of trace::Input.
constexpr const char* kInputs[] = {
    "link",   "pair", "frame",    "sent",   "cross",   "time", "leaps",   "kernel",
    "resume", "stop", "adjusted", "socket", "managed", "gnss", "one-step"};
static_assert(std::size(kInputs) == std::variant_size_v<trace::Input>);

// Decisions are only written: a replay makes them anew and compares their text.
void Fields(Out& io, const SendMessage& send) {
  absl::string_view type = ptp::MessageTypeName(send.type);
  io.Text(type);
  io.Number(send.token.value);
  io.Octets(std::span(send.octets).first(send.size));
  io.MaybeLast(send.to);
}
void Fields(Out& io, const ReadCrossTimestamp& read) {
  if (read.pair_only) io.Text("pair");
}
void Fields(Out& io, const AdjustPhc& adjust) { io.Command(adjust.command); }
void Fields(Out& io, const Publish& publish) {
  io.Number(uint64_t{publish.output});
  io.Time(publish.sample.system);
  io.Time(publish.sample.reference);
  io.Word(publish.sample.leap, kLeaps);
  io.Number(publish.sample.precision);
  io.Time(publish.sample.error_bound);
}
void Fields(Out& io, const Withdraw& withdraw) { io.Number(uint64_t{withdraw.output}); }
void Fields(Out& io, const WriteLog& log) {
  io.Word(log.line.severity, kSeverities, static_cast<int>(Severity::kError));
  io.Text(log.line.text);
}

void Fields(Out& io, const SendManagement& send) { io.Octets(send.octets()); }
void Fields(Out& io, const UseClock& use) {
  io.Word(use.stamps, kStamps);
  use.phc_index ? io.Number(*use.phc_index) : io.Octets({});
  io.Text(use.interface);
}
void Fields(Out& io, const SetOneStep& set) { io.Word(set.on, kOffOn); }

// In the order of Action.
constexpr const char* kDecisions[] = {"send", "ask",    "adjust", "publish", "withdraw",
                                      "log",  "manage", "use",    "one-step"};
static_assert(std::size(kDecisions) == std::variant_size_v<Action>);

std::optional<ptp::PortIdentity> ParsePortIdentity(absl::string_view text) {
  const size_t dash = text.rfind('-');
  if (dash == absl::string_view::npos) return {};
  const auto clock = ptp::ClockIdentity::Parse(text.substr(0, dash));
  uint16_t port = 0;
  if (!clock || !ParseDigits(text.substr(dash + 1), port)) return {};
  return ptp::PortIdentity{*clock, port};
}

}  // namespace

// ---- Writing.

void TraceWriter::Emit() {
  sink_(line_);
  line_.clear();
}

void TraceWriter::Begin(const Config& config, ptp::PortIdentity identity,
                        uint64_t seed) {
  const auto emit = [this](auto... words) {
    absl::StrAppend(&line_, words...);
    Emit();
  };
  emit(kFirstWord, " ", kFormat);
  emit("version ", version_);
  emit("identity ", identity.ToString());
  emit("seed ", seed);
  const std::string text = ConfigText(config);
  for (absl::string_view rest = text; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    emit("config ", rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  emit("begin");
}

void TraceWriter::Input(MonoTime now, const trace::Input& input) {
  AppendTime(line_, now.SinceEpoch());
  absl::StrAppend(&line_, " ", kInputs[input.index()]);
  Out out(line_);
  std::visit([&out](const auto& is) { Fields(out, is); }, input);
  Emit();
}

void TraceWriter::Decided(const Action& action) {
  absl::StrAppend(&line_, kIndent, kDecisions[action.index()]);
  Out out(line_);
  std::visit([&out](const auto& is) { Fields(out, is); }, action);
  Emit();
}

void TraceWriter::End() {
  line_ = "end";
  Emit();
}

// ---- Reading.

absl::StatusOr<TraceReader::Item> TraceReader::Read(absl::string_view line) {
  absl::ConsumeSuffix(&line, "\r");
  if (line.empty() || line[0] == '#') return trace::Nothing{};
  // Also within a run: one that was cut short ends where the next begins.
  if (absl::StartsWith(line, kFirstWord)) {
    if (line != absl::StrCat(kFirstWord, " ", kFormat)) {
      return Wrong(
          absl::StrCat(Shown(line), " is another format than ", kFormat),
          "replay it with the version of refclockctl that belongs to its recorder");
    }
    header_ = {};
    place_ = Place::kHeader;
    return trace::Nothing{};
  }
  switch (place_) {
    case Place::kHeader:
      return ReadHeader(line);
    case Place::kRun:
      return ReadTurn(line);
    case Place::kOutside:
      break;
  }
  return Wrong(absl::StrCat("no run begins with ", Shown(line)),
               absl::StrCat("its first line is \"", kFirstWord, " ", kFormat, "\""));
}

absl::StatusOr<TraceReader::Item> TraceReader::ReadHeader(absl::string_view line) {
  if (line == "begin") {
    place_ = Place::kRun;
    return header_;
  }
  const size_t space = std::min(line.find(' '), line.size());
  const absl::string_view key = line.substr(0, space);
  const absl::string_view value = line.substr(std::min(space + 1, line.size()));
  if (key == "version") {
    header_.version = std::string(value);
  } else if (key == "identity") {
    const auto identity = ParsePortIdentity(value);
    if (!identity) {
      return Wrong(absl::StrCat("identity ", Shown(value)),
                   "a port identity is as 0x001122fffe334455-1");
    }
    header_.identity = *identity;
  } else if (key == "seed") {
    if (!ParseDigits(value, header_.seed)) {
      return Wrong(absl::StrCat("seed ", Shown(value)), "0 to 2^64 - 1");
    }
  } else if (key == "config") {
    absl::StrAppend(&header_.config, value, "\n");
  } else {
    return Wrong(absl::StrCat(Shown(key), " belongs in no header"),
                 "version, identity, seed, config or begin");
  }
  return trace::Nothing{};
}

absl::StatusOr<TraceReader::Item> TraceReader::ReadTurn(absl::string_view line) {
  if (line == "end") {
    place_ = Place::kOutside;
    return trace::End{};
  }
  if (absl::StartsWith(line, kIndent)) {
    const absl::string_view text = line.substr(kIndent.size());
    const absl::string_view word = text.substr(0, text.find(' '));
    if (std::find(std::begin(kDecisions), std::end(kDecisions), word) ==
        std::end(kDecisions)) {
      return Wrong(
          absl::StrCat(Shown(word), " is no decision"),
          "send, ask, adjust, publish, withdraw, log, manage, use or one-step");
    }
    return trace::Decision{line};
  }
  trace::Turn turn;
  In in(line, octets_, name_, table_);
  in.Time(turn.now);
  const absl::string_view name = in.Next("an input");
  const auto found = std::find(std::begin(kInputs), std::end(kInputs), name);
  if (found == std::end(kInputs)) {
    in.Fail(name,
            "an input is link, pair, frame, sent, cross, time, leaps, kernel, "
            "resume, stop, adjusted, socket, managed, gnss or one-step");
  } else {
    in.ReadAlternative(turn.input, static_cast<size_t>(found - std::begin(kInputs)),
                       std::make_index_sequence<std::size(kInputs)>());
  }
  RETURN_IF_ERROR(in.Finish());
  return turn;
}

}  // namespace bridge
