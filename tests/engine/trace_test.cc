// The grammar of a trace, what a reader says of a broken one, and the recorded
// runs under tests/golden/trace, played again.
#include "bridge/engine/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "bridge/engine/client_engine.h"
#include "bridge/engine/trace_replay.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto kNow = MonoTime::FromNanos(86'400'000'000'001);

// ---- The grammar.

TimeDelta Scaled(int64_t nanos, int rest) {
  return TimeDelta::FromNanos(nanos) + TimeDelta::FromScaledNanos(rest);
}

std::string Written(const trace::Input& input) {
  std::string text;
  TraceWriter([&text](absl::string_view line) { text = std::string(line); }, "")
      .Input(kNow, input);
  return text;
}

std::string Written(const Action& action) {
  std::string text;
  TraceWriter([&text](absl::string_view line) { text = std::string(line); }, "")
      .Decided(action);
  return text;
}

// A reader that stands within a run.
TraceReader InRun() {
  TraceReader reader;
  EXPECT_TRUE(reader.Read("refclockd-trace 1").ok());
  EXPECT_TRUE(reader.Read("begin").ok());
  return reader;
}

const CrossTimestamp<Raw> kPair{RawTime::FromNanos(5),
                                UtcTime() + Scaled(1'795'262'400'000'000'000, 0xabc),
                                TimeDelta::FromNanos(160)};

TEST(TraceGrammar, EveryInputIsReadAsItWasWritten) {
  const std::vector<uint8_t> octets{0x00, 0x7f, 0xff};
  const absl::StatusOr<LeapTable> list =
      LeapTable::Parse("#$ 3676924800\n#@ 4200000000\n2272060800 10\n2287785600 11\n");
  ASSERT_TRUE(list.ok()) << list.status();
  const auto hashed = LeapTable::FromRows(list->rows(), list->last_update(),
                                          list->expires(), LeapTable::Hash::kGood);
  const absl::StatusOr<LeapTable> none =
      absl::NotFoundError("no\nlist \\ \x01 \xc3\xa9");
  const KernelClock kernel{.tai_offset = -3,
                           .synchronized = true,
                           .max_error = TimeDelta::FromMicros(1500),
                           .may_be_ours = true};
  GnssFix no_fix;
  no_fix.mode = 1;
  const std::map<std::string, trace::Input> lines{
      {"86400.000000001 link up", trace::Link{true}},
      {"86400.000000001 link down", trace::Link{false}},
      {"86400.000000001 pair 0.000000005 1795262400.000000000:0abc 0.000000160",
       trace::Pair{kPair}},
      {"86400.000000001 frame -0.500000000:0001 007fff",
       trace::Frame{octets, UtcTime() - Scaled(500'000'000, 1)}},
      {"86400.000000001 frame - 007fff", trace::Frame{octets, {}}},
      {"86400.000000001 frame - -", trace::Frame{}},
      {"86400.000000001 sent 18446744073709551615 1.000000000",
       trace::Sent{{UINT64_MAX}, UtcTime::FromNanos(1'000'000'000)}},
      {"86400.000000001 cross 0.000000005 1795262400.000000000:0abc 0.000000160",
       trace::Cross{ClockReading{kPair}}},
      {"86400.000000001 cross 0.000000005 1795262400.000000000:0abc 0.000000160 "
       "7.000000000 1795262399.999999000 0.000002000",
       trace::Cross{ClockReading{
           kPair, CrossTimestamp<Phc>{PhcTime::FromNanos(7'000'000'000),
                                      UtcTime::FromNanos(1'795'262'399'999'999'000),
                                      TimeDelta::FromMicros(2)}}}},
      {"86400.000000001 cross -", trace::Cross{}},
      {"86400.000000001 frame p7.000000000 007fff",
       trace::Frame{octets, PhcTime::FromNanos(7'000'000'000)}},
      {"86400.000000001 adjusted step -0.000001000 0.000000005",
       trace::Adjusted{{StepPhc{TimeDelta::FromMicros(-1)}, RawTime::FromNanos(5)}}},
      {"86400.000000001 adjusted frequency -1311 -",
       trace::Adjusted{{SetPhcFrequency::FromScaled(-1311), {}}}},
      {"86400.000000001 time", trace::Time{}},
      {"86400.000000001 leaps unhashed 1467936000 1991011200 63072000=10 78796800=11",
       trace::Leaps{&list}},
      {"86400.000000001 leaps hashed 1467936000 1991011200 63072000=10 78796800=11",
       trace::Leaps{&hashed}},
      {"86400.000000001 leaps error 5 no\\x0alist \\x5c \\x01 \xc3\xa9",
       trace::Leaps{&none}},
      {"86400.000000001 kernel -3 synchronized 0.001500000 maybe-ours",
       trace::Kernel{kernel}},
      {"86400.000000001 kernel 0 unsynchronized 0.000000000 foreign", trace::Kernel{}},
      {"86400.000000001 resume", trace::Resume{}},
      {"86400.000000001 stop", trace::Stop{}},
      {"86400.000000001 socket closed", trace::Socket{}},
      {"86400.000000001 socket read-only", trace::Socket{ManagementSocket::kReadOnly}},
      {"86400.000000001 socket read-write",
       trace::Socket{ManagementSocket::kReadWrite}},
      {"86400.000000001 managed 007fff", trace::Managed{octets}},
      {"86400.000000001 managed -", trace::Managed{}},
      {"86400.000000001 frame - 007fff c0000201",
       trace::Frame{octets, {}, ptp::PortAddress{{192, 0, 2, 1}, 4}}},
      {"86400.000000001 kernel 0 synchronized 0.000200000 foreign 0.000002000 -786432",
       trace::Kernel{
           {.synchronized = true,
            .max_error = TimeDelta::FromMicros(200),
            .discipline = ClockDiscipline{TimeDelta::FromMicros(2), -786'432}}}},
      {"86400.000000001 gnss fix /dev/tty\\x20S0 3 7 1795262400.000000000 "
       "0.000005000 18",
       trace::Gnss{GnssFix{.device = "/dev/tty S0",
                           .mode = 3,
                           .status = kGnssTimeOnly,
                           .time = UtcTime::FromNanos(1'795'262'400'000'000'000),
                           .ept = absl::Microseconds(5),
                           .leap_seconds = 18}}},
      {"86400.000000001 gnss fix - 1 0 - - -", trace::Gnss{no_fix}},
      {"86400.000000001 gnss sky a 9", trace::Gnss{GnssSky{"a", 9}}},
      {"86400.000000001 gnss sky a -", trace::Gnss{GnssSky{"a", {}}}},
      {"86400.000000001 gnss pulse a 2.000000000 1.999999000",
       trace::Gnss{GnssPulse{"a", UtcTime::FromNanos(2'000'000'000),
                             UtcTime::FromNanos(1'999'999'000)}}},
      {"86400.000000001 gnss device a gone", trace::Gnss{GnssDevice{"a", false}}},
      {"86400.000000001 gnss gpsd up", trace::Gnss{GnssConnection{true}}},
      {"86400.000000001 one-step off", trace::OneStep{false}},
      {"86400.000000001 one-step on", trace::OneStep{true}},
  };
  std::vector<bool> seen(std::variant_size_v<trace::Input>);
  TraceReader reader = InRun();
  for (const auto& [line, input] : lines) {
    seen[input.index()] = true;
    EXPECT_EQ(Written(input), line);
    const auto item = reader.Read(line);
    ASSERT_TRUE(item.ok()) << line << ": " << item.status();
    const auto* turn = std::get_if<trace::Turn>(&*item);
    ASSERT_NE(turn, nullptr) << line;
    EXPECT_EQ(turn->now, kNow);
    EXPECT_EQ(turn->input.index(), input.index());
    EXPECT_EQ(Written(turn->input), line);
  }
  EXPECT_THAT(seen, testing::Each(true)) << "an input is missing from this test";
}

TEST(TraceGrammar, EveryDecisionIsALineTheReaderKnows) {
  ptp::Send send{};
  send.octets = {0x01, 0x02};
  send.size = 2;
  send.type = ptp::MessageType::kDelayReq;
  send.token = {7};
  const RefclockSample sample{.system = UtcTime::FromNanos(1'500'000'000),
                              .reference = UtcTime() + Scaled(1'500'000'001, 0x8000),
                              .leap = LeapIndicator::kInsert,
                              .precision = -22,
                              .error_bound = TimeDelta::FromNanos(900)};
  const std::map<std::string, Action> lines{
      {"  send Delay_Req 7 0102", send},
      {"  ask", ReadCrossTimestamp{}},
      {"  adjust frequency 65536", AdjustPhc{SetPhcFrequency{1'000}}},
      {"  publish 1 1.500000000 1.500000001:8000 insert -22 0.000000900",
       Publish{1, sample}},
      {"  withdraw 0", Withdraw{0}},
      {"  log warning two\\x0alines", WriteLog{{Severity::kWarning, "two\nlines"}}},
      {"  manage 0d02", SendManagement{{0x0d, 0x02}, 2}},
      {"  use hardware 3 eth0", UseClock{StampKind::kHardware, "eth0", 3}},
      {"  one-step on", SetOneStep{true}},
  };
  ASSERT_EQ(lines.size(), std::variant_size_v<Action>);
  TraceReader reader = InRun();
  for (const auto& [line, action] : lines) {
    EXPECT_EQ(Written(action), line);
    const auto item = reader.Read(line);
    ASSERT_TRUE(item.ok()) << line << ": " << item.status();
    ASSERT_TRUE(std::holds_alternative<trace::Decision>(*item));
    EXPECT_EQ(std::get<trace::Decision>(*item).text, line);
  }
}

TEST(TraceReader, SaysWhatIsWrongWithALineAndWhatWouldBeRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"86400 time", "a time is seconds.nanoseconds"},
      {"86400.5 time", "a time is seconds.nanoseconds"},
      {"86400.00000000x time", "\"86400.00000000x\" is wrong"},
      {"86400.000000000:1 time", "a time is seconds.nanoseconds"},
      {"9223372036.000000000 time", "a time is seconds.nanoseconds"},
      {"99999999999999999999.000000000 time", "a time is seconds.nanoseconds"},
      {"+1.000000000 time", "a time is seconds.nanoseconds"},
      {"1.000000000", "ends too early; next is an input"},
      {"1.000000000 fame - 00", "\"fame\" is wrong; an input is link, pair, frame"},
      {"1.000000000 time 5", "nothing more belongs on this line"},
      {"1.000000000 link sideways", "\"sideways\" is wrong; \"down\""},
      {"1.000000000 link", "ends too early"},
      {"1.000000000 pair 1.000000000 1.000000000", "next is a time"},
      {"1.000000000 frame - 0", "two hex digits each"},
      {"1.000000000 frame - 0G", "digits and a to f"},
      {"1.000000000 sent -1 1.000000000", "a whole number"},
      {"1.000000000 sent 18446744073709551616 1.000000000", "a whole number"},
      {"1.000000000 kernel 1 maybe 0.000000000 foreign", "unsynchronized"},
      {"1.000000000 leaps signed 1 2", "hashed, unhashed or error"},
      {"1.000000000 leaps error 0 x", "a code of 1 to 16"},
      {"1.000000000 leaps error 5 a\\b", "two hex digits"},
      {"1.000000000 leaps hashed 1467936000 1991011200", "no data rows"},
      {"1.000000000 leaps hashed 1467936000 1991011200 7", "a row is"},
      {"1.000000000 leaps hashed 1467936000 1991011200 7=10", "start of a UTC month"},
      {"  publsh 0", "is no decision; send, ask, adjust, publish"},
      {"hello", "a time is seconds.nanoseconds"},
  };
  for (const auto& [line, message] : cases) {
    TraceReader reader = InRun();
    const auto item = reader.Read(line);
    ASSERT_FALSE(item.ok()) << line;
    EXPECT_THAT(std::string(item.status().message()), HasSubstr(message)) << line;
  }
}

TEST(TraceReader, SaysWhatIsWrongWithAHeader) {
  const std::pair<const char*, const char*> cases[] = {
      {"1.000000000 time", "belongs in no header"},
      {"identity 0x0011", "a port identity is as 0x001122fffe334455-1"},
      {"identity 0x001122fffe334455-65536", "a port identity"},
      {"seed x", "0 to 2^64 - 1"},
      {"colour red", "version, identity, seed, config or begin"},
  };
  for (const auto& [line, message] : cases) {
    TraceReader reader;
    ASSERT_TRUE(reader.Read("refclockd-trace 1").ok());
    const auto item = reader.Read(line);
    ASSERT_FALSE(item.ok()) << line;
    EXPECT_THAT(std::string(item.status().message()), HasSubstr(message)) << line;
  }
}

TEST(TraceReader, RefusesAnotherFormatByName) {
  for (const char* line :
       {"refclockd-trace 2", "refclockd-trace", "refclockd-tracer"}) {
    const auto item = TraceReader().Read(line);
    ASSERT_FALSE(item.ok()) << line;
    EXPECT_THAT(std::string(item.status().message()),
                AllOf(HasSubstr(line), HasSubstr("another format than 1")));
  }
}

// ---- Recording and replaying an engine.

Config SmallConfig() {
  Config config;
  config.ptp.interface = "eth0";
  config.output.shm.resize(2);
  config.output.shm[1].unit = 3;
  return config;
}

// A short life without a master: three inputs, some of which decide something.
std::string Record() {
  std::string text;
  TraceWriter recorder(
      [&text](absl::string_view line) { absl::StrAppend(&text, line, "\n"); }, "9.9");
  ClientEngine engine(SmallConfig(), {{0x0011'22ff'fe33'4455}, 1}, 5);
  engine.set_recorder(&recorder);
  Actions out;
  engine.OnPair(kPair, kNow, out);
  engine.OnLink(true, kNow, out);
  engine.OnLink(false, kNow + absl::Seconds(1), out);
  engine.Stop(kNow + absl::Seconds(2), out);
  recorder.End();
  return text;
}

struct Played {
  absl::Status status;
  TraceReplay::Result result;
  std::string rewritten;
};

Played Play(const std::string& text, size_t piece = SIZE_MAX) {
  Played played;
  TraceReplay replay("9.9", nullptr, [&played](absl::string_view line) {
    absl::StrAppend(&played.rewritten, line, "\n");
  });
  for (size_t i = 0; i < text.size() && played.status.ok();) {
    const size_t size = std::min(piece, text.size() - i);
    played.status = replay.Feed(absl::string_view(text).substr(i, size));
    i += size;
  }
  if (played.status.ok()) played.status = replay.Finish();
  played.result = replay.result();
  return played;
}

void ExpectSame(const Played& played) {
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_FALSE(played.result.difference)
      << "line " << played.result.difference->line << "\n recorded "
      << played.result.difference->recorded << "\n now "
      << played.result.difference->decided;
}

TEST(TraceReplay, DecidesAsRecordedAndWritesTheSameFileAgain) {
  const std::string text = Record();
  ASSERT_THAT(text, AllOf(HasSubstr("\n  log "), HasSubstr("config unit = 3")));
  const Played played = Play(text);
  ExpectSame(played);
  EXPECT_EQ(played.result.runs, 1u);
  EXPECT_EQ(played.result.inputs, 4u);
  EXPECT_FALSE(played.result.cut_short);
  EXPECT_EQ(played.rewritten, text);
}

TEST(TraceReplay, TakesTheFileInPiecesOfAnySize) {
  const std::string text = Record();
  for (const size_t piece : {1u, 2u, 7u, 64u}) {
    const Played played = Play(text, piece);
    ExpectSame(played);
    EXPECT_EQ(played.rewritten, text) << piece;
  }
}

TEST(TraceReplay, ReadsLinesThatEndAsOnWindows) {
  const std::string text = Record();
  const Played played = Play(absl::StrReplaceAll(text, {{"\n", "\r\n"}}));
  ExpectSame(played);
  EXPECT_EQ(played.rewritten, text);
}

TEST(TraceReplay, KeepsComments) {
  const std::string text = "# Why.\n\n" + Record() + "# The end.\n";
  const Played played = Play(text);
  ExpectSame(played);
  EXPECT_EQ(played.rewritten, text);
}

TEST(TraceReplay, PlaysSeveralRunsOfOneFile) {
  const Played played = Play(Record() + Record());
  ExpectSame(played);
  EXPECT_EQ(played.result.runs, 2u);
  EXPECT_EQ(played.result.inputs, 8u);
}

TEST(TraceReplay, MakesDoWithAFileCutAnywhere) {
  const std::string text = Record();
  const size_t begin = text.find("begin\n") + 6;
  for (size_t size = begin; size < text.size(); ++size) {
    const Played played = Play(text.substr(0, size));
    ExpectSame(played);
    EXPECT_TRUE(played.result.cut_short) << size;
  }
  // Also when the next run follows.
  const size_t middle = text.find(" link down\n") + 11;
  ASSERT_LT(middle, text.size());
  const Played played = Play(text.substr(0, middle) + text);
  ExpectSame(played);
  EXPECT_EQ(played.result.runs, 2u);
  EXPECT_FALSE(played.result.cut_short);
}

TEST(TraceReplay, IsOverWithoutARun) {
  const std::string text = Record();
  for (const std::string& part :
       {std::string(), std::string("\n\n"), std::string("refclockd-trace 1\nbegin"),
        text.substr(0, text.find("begin\n"))}) {
    EXPECT_THAT(std::string(Play(part).status.message()),
                HasSubstr("ends before a run begins"));
  }
}

TEST(TraceReplay, NamesTheLineOfAnError) {
  std::vector<std::string> lines = absl::StrSplit(Record(), '\n');
  const auto at = std::find(lines.begin(), lines.end(), "begin") + 2;
  const auto number = at - lines.begin() + 1;
  *at = "1.0 link";
  EXPECT_THAT(std::string(Play(absl::StrJoin(lines, "\n")).status.message()),
              testing::StartsWith(absl::StrCat("line ", number, ": \"1.0\" is wrong")));
}

TEST(TraceReplay, RefusesALineWithoutEnd) {
  const std::string text = Record() + "#" + std::string(3 << 20, 'x');
  for (const size_t piece : {size_t{1} << 16, SIZE_MAX}) {
    EXPECT_THAT(std::string(Play(text, piece).status.message()),
                HasSubstr("over 1 MiB"));
  }
}

TEST(TraceReplay, RefusesAConfigurationThisVersionDoesNotKnow) {
  const std::string text =
      absl::StrReplaceAll(Record(), {{"config interface", "config intreface"}});
  EXPECT_THAT(std::string(Play(text).status.message()),
              AllOf(HasSubstr("unknown key ptp.intreface"), HasSubstr("did you mean")));
}

TEST(TraceReplay, RefusesAConfigurationOfPorts) {
  std::string text = Record();
  const size_t outputs = text.find("config [[output.");
  ASSERT_NE(outputs, std::string::npos);
  text.insert(outputs, "config [[port]]\n");
  text = absl::StrReplaceAll(text, {{"config [[output.", "config [[port.output."}});
  EXPECT_THAT(std::string(Play(text).status.message()),
              HasSubstr("a trace is of one port"));
}

// The first line that begins with `start` in a decision made otherwise.
std::string FirstLine(const std::string& text, absl::string_view start) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, start)) return std::string(line);
  }
  ADD_FAILURE() << "no line begins with " << start;
  return "";
}

TEST(TraceReplay, FindsADecisionThatWasChanged) {
  const std::string text = Record();
  const std::string line = FirstLine(text, "  log notice");
  const std::string other = absl::StrReplaceAll(line, {{"notice", "error"}});
  const Played played = Play(absl::StrReplaceAll(text, {{line, other}}));
  ASSERT_TRUE(played.status.ok()) << played.status;
  ASSERT_TRUE(played.result.difference);
  EXPECT_EQ(played.result.difference->recorded, other);
  EXPECT_EQ(played.result.difference->decided, line);
  EXPECT_EQ(played.result.different_inputs, 1u);
  EXPECT_EQ(played.rewritten, text) << "rewriting mends it";
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_EQ(lines[played.result.difference->line - 1], line);
}

TEST(TraceReplay, FindsADecisionThatIsMissing) {
  const std::string text = Record();
  for (const char* start : {"  log notice", "  withdraw 1"}) {
    const std::string line = FirstLine(text, start);
    const Played played = Play(absl::StrReplaceAll(text, {{line + "\n", ""}}));
    ASSERT_TRUE(played.status.ok()) << played.status;
    ASSERT_TRUE(played.result.difference) << start;
    EXPECT_EQ(played.result.difference->recorded, "");
    EXPECT_EQ(played.result.difference->decided, line);
    EXPECT_EQ(played.rewritten, text);
  }
}

TEST(TraceReplay, FindsADecisionTooMany) {
  const std::string text = Record();
  const Played played = Play(absl::StrReplaceAll(text, {{"end\n", "  ask\nend\n"}}));
  ASSERT_TRUE(played.status.ok()) << played.status;
  ASSERT_TRUE(played.result.difference);
  EXPECT_EQ(played.result.difference->recorded, "  ask");
  EXPECT_EQ(played.result.difference->decided, "");
}

// ---- The golden traces.

std::filesystem::path GoldenDirectory() {
  return std::filesystem::path(REFCLOCKD_SOURCE_DIR) / "tests/golden/trace";
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class GoldenTrace : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTrace, IsDecidedAsRecorded) {
  const Played played = Play(Read(GoldenDirectory() / GetParam()));
  ExpectSame(played);
  EXPECT_FALSE(played.result.cut_short);
  EXPECT_GT(played.result.inputs, 20u);
}

std::vector<std::string> GoldenNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(GoldenDirectory())) {
    if (entry.path().extension() == ".trace") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTrace, ::testing::ValuesIn(GoldenNames()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

// What one of them is about. The system clock was right to some milliseconds in all
// of them, so a sample that is far from it is wrong by whole seconds.
struct Watch : TraceReplay::Observer {
  void OnTurn(const trace::Turn& turn, std::span<const Action> decisions) override {
    const auto* frame = std::get_if<trace::Frame>(&turn.input);
    if (frame) OnFrame(*frame, turn.now);
    for (const Action& action : decisions) {
      if (const auto* publish = std::get_if<Publish>(&action)) {
        samples.push_back(publish->sample);
        last_sample = turn.now;
        standing = true;
      } else if (std::holds_alternative<Withdraw>(action)) {
        if (standing) withdrawn = turn.now;
        standing = false;
      } else if (const auto* log = std::get_if<WriteLog>(&action)) {
        absl::StrAppend(&log_text, log->line.text, "\n");
      }
    }
  }
  void OnFrame(const trace::Frame& frame, MonoTime now) {
    const ptp::ParseResult parsed = ptp::ParseMessage(frame.octets);
    const auto* message = std::get_if<ptp::Message>(&parsed);
    if (!message) return;
    if (message->header.type == ptp::MessageType::kSync) last_sync = now;
    if (const auto* announce = std::get_if<ptp::Announce>(&message->body)) {
      announced.insert(announce->current_utc_offset);
      leap61 |= message->header.flags.leap61;
      valid |= message->header.flags.current_utc_offset_valid;
    }
  }
  void ExpectNoWrongSecond() const {
    for (const RefclockSample& sample : samples) {
      EXPECT_LT(sample.Offset().Abs(), TimeDelta::FromMillis(250))
          << sample.reference.ToString();
    }
  }

  std::vector<RefclockSample> samples;
  std::set<int> announced;
  bool leap61 = false;
  bool valid = false;
  std::string log_text;
  bool standing = false;  // A sample stands published.
  std::optional<MonoTime> last_sync, last_sample, withdrawn;
};

Watch WatchGolden(const std::string& name) {
  Watch watch;
  TraceReplay replay("", &watch);
  const std::string text = Read(GoldenDirectory() / name);
  const absl::Status fed = replay.Feed(text);
  EXPECT_TRUE(fed.ok()) << fed;
  EXPECT_TRUE(replay.Finish().ok());
  return watch;
}

TEST(GoldenTraces, AStaleMasterIsWithdrawnAndNothingFollows) {
  const Watch watch = WatchGolden("stale-master.trace");
  ASSERT_GT(watch.samples.size(), 3u);
  ASSERT_TRUE(watch.last_sync && watch.last_sample && watch.withdrawn);
  watch.ExpectNoWrongSecond();
  EXPECT_LE(*watch.last_sample, *watch.last_sync + absl::Milliseconds(10));
  // Two Syncs a second: four of their intervals.
  EXPECT_LE(*watch.withdrawn, *watch.last_sync + absl::Milliseconds(2100));
  EXPECT_FALSE(watch.standing);
  EXPECT_THAT(watch.log_text, HasSubstr("publication ended: "));
}

// With currentUtcOffsetValid clear, and the truth not among them.
class GoldenUtcOffset : public ::testing::TestWithParam<int> {};

TEST_P(GoldenUtcOffset, IsNeverPublished) {
  const Watch watch = WatchGolden(absl::StrCat("utc-offset-", GetParam(), ".trace"));
  ASSERT_THAT(watch.announced, ElementsAre(GetParam()));
  ASSERT_FALSE(watch.valid);
  EXPECT_THAT(watch.samples, IsEmpty());
  EXPECT_THAT(watch.log_text, AllOf(HasSubstr("not publishing: utc-offset-"),
                                    Not(HasSubstr("publishing: offset"))));
}

INSTANTIATE_TEST_SUITE_P(Lies, GoldenUtcOffset, ::testing::Values(0, 36, 38, 40));

TEST(GoldenTraces, Leap61OnAnOrdinaryDayReachesNobody) {
  const Watch watch = WatchGolden("leap61.trace");
  ASSERT_TRUE(watch.leap61);
  EXPECT_GT(watch.samples.size(), 3u) << "the time of the master is right";
  watch.ExpectNoWrongSecond();
  for (const RefclockSample& sample : watch.samples) {
    EXPECT_EQ(sample.leap, LeapIndicator::kNone);
  }
}

}  // namespace
}  // namespace bridge
