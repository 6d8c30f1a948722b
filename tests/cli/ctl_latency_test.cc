#include "bridge/cli/ctl_latency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "bridge/base/rng.h"
#include "bridge/base/utf8.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/cli/ctl_latency_axis.h"
#include "bridge/ptp/message.h"
#include "bridge/telemetry/latency_statistics.h"
#include "bridge/telemetry/status_report.h"

namespace bridge::ctl {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Machine {
  uint64_t seed = 1;
  int messages = 2000;
  double slow = 1;  // How much longer than usual the program takes.
};

// A machine that takes 2 us in the kernel and 50 us to wake the program.
LatencyReport Measure(const Machine& machine) {
  LatencyStatistics statistics;
  Rng rng(machine.seed);
  const auto add = [&](LatencyStage stage, LatencyMessage message, double median) {
    statistics.Add({stage, message, LatencyTransport::kUdp4},
                   static_cast<int64_t>(median * std::exp(0.4 * rng.Gaussian())));
  };
  for (int i = 0; i < machine.messages; ++i) {
    add(LatencyStage::kDriverToStack, LatencyMessage::kSync, 2000);
    add(LatencyStage::kStackToSocket, LatencyMessage::kSync, 3000);
    add(LatencyStage::kSocketToUser, LatencyMessage::kSync, 50'000 * machine.slow);
    add(LatencyStage::kSendToRead, LatencyMessage::kDelayReq, 30'000);
    ++statistics.counters().rx_messages;
    ++statistics.counters().tx_messages;
  }
  statistics.AddDrop("NO_SOCKET", 3);
  return statistics.Report({.interface = "eth0",
                            .tier = "T2",
                            .tier_reason = "kernel tracepoints",
                            .seconds = 30.04});
}

std::string Text(const LatencyReport& report, const LatencyStyle& style = {}) {
  return LatencyText(report, style);
}

size_t Width(absl::string_view line) {
  size_t columns = 0;
  for (; !line.empty(); ++columns) line.remove_prefix(Utf8CharacterSize(line));
  return columns;
}

std::string ErrorOf(const std::string& text) {
  const auto read = ReadLatency(text);
  EXPECT_FALSE(read.ok()) << text;
  return std::string(read.status().message());
}

// The report's JSON with one part of it replaced; it has to be there.
std::string With(const std::string& from, const std::string& to) {
  std::string text = Measure({.messages = 20}).ToJson();
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(LatencyMessageNames, AreThoseOfOurMessages) {
  int known = 0;
  for (int i = 0; i < 16; ++i) {
    const std::string ours = ptp::MessageTypeName(static_cast<ptp::MessageType>(i));
    EXPECT_EQ(ours, Name(static_cast<LatencyMessage>(i))) << i;
    known += ours != "reserved" ? 1 : 0;
  }
  EXPECT_EQ(known, 10);
}

TEST(ReadLatency, GivesBackWhatWasWritten) {
  const LatencyReport report = Measure({});
  const auto read = ReadLatency(report.ToJson());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->ToJson(), report.ToJson());
  ASSERT_EQ(read->stages.size(), 4u);
  EXPECT_EQ(read->stages[0].p999_ns, report.stages[0].p999_ns);
  EXPECT_FALSE(read->advice.empty());
}

TEST(ReadLatency, TakesTheReportOutOfAStatus) {
  const LatencyReport report = Measure({.messages = 3});
  StatusReport status;
  const std::string none = status.ToJson();
  EXPECT_THAT(ErrorOf(none),
              HasSubstr("that measures no latencies: rx_latency is null"));
  const auto read = ReadLatency(absl::StrReplaceAll(
      none, {{"\"rx_latency\":null", "\"rx_latency\":" + report.ToJson()}}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->ToJson(), report.ToJson());
}

TEST(ReadLatency, SaysWhatIsNoReportAtAll) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("is empty"));
  EXPECT_THAT(ErrorOf("nonsense"), HasSubstr("is not JSON at octet"));
  EXPECT_THAT(ErrorOf("[1,2]"), HasSubstr("no report but a list of 2"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("no report of latencies: format is missing"));
  EXPECT_THAT(ErrorOf(R"({"format":"x"})"),
              HasSubstr("format is \"x\"; \"refclockd-latency\" would be right"));
  EXPECT_THAT(ErrorOf(With("\"version\":1,", "\"version\":2,")),
              HasSubstr("another version: version is 2; this refclockctl reads 1"));
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), HasSubstr("in the middle"));
}

TEST(ReadLatency, NoticesAFileCutShortWhereverItIs) {
  const std::string whole = Measure({.messages = 20}).ToJson();
  ASSERT_TRUE(ReadLatency(whole).ok());
  for (size_t size = 1; size < whole.size(); size += 7) {
    EXPECT_THAT(ErrorOf(whole.substr(0, size)), HasSubstr("ends in the middle"))
        << size;
  }
}

TEST(ReadLatency, NamesThePlaceOfAWrongFieldAndWhatWouldBeRight) {
  EXPECT_THAT(ErrorOf(With("\"interface\":\"eth0\"", "\"interface\":7")),
              HasSubstr("interface is 7; a text would be right"));
  EXPECT_THAT(ErrorOf(With("\"interface\":\"eth0\",", "")),
              HasSubstr("interface is missing"));
  EXPECT_THAT(ErrorOf(With("\"stage\":\"stack-to-socket\"", "\"stage\":\"stack\"")),
              HasSubstr("stages[1].stage is \"stack\"; one of nic-to-driver, "));
  EXPECT_THAT(ErrorOf(With("\"direction\":\"rx\"", "\"direction\":\"tx\"")),
              HasSubstr("stages[0].direction is \"tx\"; \"rx\" for this stage"));
  EXPECT_THAT(ErrorOf(With("\"message\":\"Sync\"", "\"message\":\"Snyc\"")),
              HasSubstr("series[0].message is \"Snyc\"; one of Sync, Delay_Req, "));
  EXPECT_THAT(ErrorOf(With("\"p90_ns\":", "\"p90_ns\":{},\"x\":")),
              HasSubstr("stages[0].p90_ns is an object; whole nanoseconds"));
  EXPECT_THAT(ErrorOf(With("\"below_zero\":0", "\"below_zero\":-1")),
              HasSubstr("stages[0].below_zero is -1; a count"));
  EXPECT_THAT(ErrorOf(With("\"exact\":true", "\"exact\":null")),
              HasSubstr("stages[0].exact is null; true or false"));
  EXPECT_THAT(
      ErrorOf(With("\"histogram\":[[", "\"histogram\":[[1],[")),
      HasSubstr("stages[0].histogram[0] is a list of 1; [from_ns, to_ns, count]"));
  EXPECT_THAT(ErrorOf(With("\"NO_SOCKET\":3", "\"NO\\u001b\":\"x\"")),
              HasSubstr("drops.NO? is \"x\"; a count"));
}

TEST(ReadLatency, RefusesNumbersThatCannotBe) {
  EXPECT_THAT(ErrorOf(With("\"min_ns\":", "\"min_ns\":1e400,\"x\":")),
              HasSubstr("a number that is too large"));
  for (const char* number : {"18446744073709551615", "-9223372036854775808", "1.5"}) {
    EXPECT_THAT(
        ErrorOf(With("\"min_ns\":", absl::StrCat("\"min_ns\":", number, ",\"x\":"))),
        AllOf(HasSubstr("stages[0].min_ns is "), HasSubstr("whole nanoseconds")))
        << number;
  }
  EXPECT_THAT(
      ErrorOf(With("\"rx_messages\":20", "\"rx_messages\":18446744073709551615")),
      HasSubstr("counters.rx_messages is 18446744073709551615; a count"));
  EXPECT_THAT(ErrorOf(With("\"seconds\":30.04", "\"seconds\":-1")),
              HasSubstr("seconds is -1"));
}

TEST(ReadLatency, RefusesFiguresThatContradictEachOther) {
  EXPECT_THAT(ErrorOf(With("\"count\":20", "\"count\":21")),
              HasSubstr("stages[0].histogram holds 20 values; the count is 21"));
  EXPECT_THAT(ErrorOf(With("\"count\":20", "\"count\":0")), HasSubstr("1 or more"));
  EXPECT_THAT(ErrorOf(With("\"p90_ns\":", "\"p90_ns\":3,\"x\":")),
              HasSubstr("stages[0].p90_ns is 3, less than a lower figure"));
  EXPECT_THAT(ErrorOf(With("\"max_ns\":", "\"max_ns\":1000000,\"x\":")),
              HasSubstr("does not reach from min_ns to max_ns"));
  EXPECT_THAT(
      ErrorOf(With("\"stage\":\"stack-to-socket\"", "\"stage\":\"driver-to-stack\"")),
      HasSubstr("stages[1].stage is there twice"));
}

TEST(LatencyColumns, HoldEveryMessage) {
  const LatencyReport report = Measure({});
  const LatencySummary* all[] = {&report.stages[0], &report.stages[2]};
  const LatencyAxis axis = AxisOf(all);
  EXPECT_LE(std::pow(10, axis.low), static_cast<double>(report.stages[0].min_ns));
  EXPECT_GE(std::pow(10, axis.high), static_cast<double>(report.stages[2].max_ns));
  for (const LatencySummary* summary : all) {
    for (const size_t width : {1u, 7u, 60u, 500u}) {
      const std::vector<double> columns = Columns(*summary, axis, width);
      ASSERT_EQ(columns.size(), width);
      EXPECT_NEAR(std::accumulate(columns.begin(), columns.end(), 0.0), 2000, 1e-6);
    }
  }
}

TEST(LatencyText, FitsTheTerminal) {
  const LatencyReport report = Measure({});
  for (const size_t width : {60u, 80u, 132u}) {
    size_t widest = 0;
    for (const absl::string_view line :
         absl::StrSplit(Text(report, {.width = width, .detail = true}), '\n')) {
      widest = std::max(widest, Width(line));
      EXPECT_LE(Width(line), std::max<size_t>(width, 78)) << line;
    }
    EXPECT_GT(widest, width * 3 / 4);  // And uses it.
  }
}

TEST(LatencyText, HasNoCharacterBeyondAsciiWhereThatIsAsked) {
  const auto beyond = [](const std::string& text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
      return static_cast<unsigned char>(c) >= 0x7f || (c < 0x20 && c != '\n');
    });
  };
  const LatencyReport report = Measure({});
  ASSERT_TRUE(beyond(Text(report)));
  EXPECT_FALSE(beyond(Text(report, {.ascii = true, .detail = true})));
}

TEST(LatencyText, ShowsTheFiguresOfEachStageAndWhatCameOfThem) {
  const LatencyReport report = Measure({});
  const std::string p50 = Nanoseconds(static_cast<double>(*report.stages[2].p50_ns));
  EXPECT_THAT(
      Text(report),
      AllOf(StartsWith("latency on eth0: 30.0 s, 2000 messages received, 2000 sent\n"
                       "measured at T2: kernel tracepoints\n"),
            HasSubstr("socket-to-user        2000   " + p50), HasSubstr("\nsent  "),
            HasSubstr("time stamps  0 never came, 0 came too late, 0 out of order\n"),
            HasSubstr("dropped      3 NO_SOCKET\n"),
            HasSubstr("advice       this NIC needs 1 ms: tx_timestamp_timeout 1.")));
  EXPECT_THAT(Text(report, {.detail = true}),
              HasSubstr("\n  Sync udp4           2000"));
}

TEST(LatencyText, ShowsADashForAQuantileOfTooFewMessages) {
  EXPECT_THAT(
      Text(Measure({.messages = 12})),
      ::testing::ContainsRegex("driver-to-stack +12 +[^-\n]+us +[^-\n]+us +- +- "));
}

TEST(LatencyText, TellsWhatTheFiguresAreNotGoodFor) {
  LatencyStatistics statistics(/*exact_per_key=*/1);
  for (const int64_t ns : {-20, 900}) {
    statistics.Add(
        {LatencyStage::kNicToDriver, LatencyMessage::kSync, LatencyTransport::kL2}, ns);
  }
  statistics.counters().ring_lost = 4;
  EXPECT_THAT(Text(statistics.Report({.clock_error_ns = 420})),
              AllOf(HasSubstr("what begins at the NIC is right within 420 ns"),
                    HasSubstr("1 of 2 nic-to-driver are below zero"),
                    HasSubstr("4 records lost"), HasSubstr("within 3 %")));
}

TEST(LatencyText, SaysSoWhenThereIsNothing) {
  EXPECT_THAT(Text(LatencyStatistics().Report({})),
              HasSubstr("no PTP message has been measured yet"));
}

TEST(LatencyText, LetsNobodyWriteToTheTerminal) {
  LatencyReport report = Measure({.messages = 3});
  report.interface = "e\x1b[2Jth";
  report.tier_reason = "\xff\xc2\x9b \"can't\"";
  report.drops = {{"A\nB", 1}};
  EXPECT_THAT(Text(report), AllOf(HasSubstr("latency on e?[2Jth"),
                                  HasSubstr(": ?? \"can't\"\n"), HasSubstr("1 A?B")));
}

TEST(LatencyPlot, IsXmlWhateverTheNamesAre) {
  LatencyReport report = Measure({.messages = 30});
  report.interface = "<a&b\"\x01\xff>";
  const NamedLatency both[] = {{"x<y", &report}, {"z", &report}};
  for (const std::string& svg : {LatencyPlot({both, 1}), LatencyPlot(both)}) {
    EXPECT_THAT(svg, AllOf(StartsWith("<svg "), HasSubstr("</svg>\n"),
                           HasSubstr("on &#60;a&#38;b&#34;\ufffd\ufffd&#62;"),
                           HasSubstr("socket-to-user"), Not(HasSubstr("nan")),
                           Not(HasSubstr("x<y"))));
    EXPECT_EQ(std::count(svg.begin(), svg.end(), '<'),
              std::count(svg.begin(), svg.end(), '>'));
  }
}

// The quantiles of one distribution, drawn anew each time: how often its own interval
// holds the true value.
TEST(IntervalOf, HoldsTheTruthAsOftenAsItSays) {
  constexpr int kTrials = 600;
  int held = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const LatencyReport report =
        Measure({.seed = 100 + static_cast<uint64_t>(trial), .messages = 500});
    const LatencyInterval interval = IntervalOf(report.stages[0], 500);
    ASSERT_TRUE(interval.low_ns && interval.high_ns);
    held += *interval.low_ns <= 2000 && 2000 <= *interval.high_ns ? 1 : 0;
  }
  EXPECT_GE(held, kTrials * 99 / 100);
}

TEST(IntervalOf, IsOpenWhereTooFewMessagesAreBeyond) {
  const LatencyReport few = Measure({.messages = 300});
  EXPECT_FALSE(IntervalOf(few.stages[0], 990).high_ns);
  EXPECT_TRUE(IntervalOf(few.stages[0], 990).low_ns);
  EXPECT_TRUE(IntervalOf(few.stages[0], 500).high_ns);
  EXPECT_TRUE(IntervalOf(Measure({.messages = 2000}).stages[0], 990).high_ns);
}

struct Compared {
  LatencyReport before, after;
  LatencyComparison result;
};
Compared Compare(const Machine& a, const Machine& b, const LatencyStyle& style = {}) {
  Compared compared{Measure(a), Measure(b), {}};
  const auto result =
      CompareLatency({"a.json", &compared.before}, {"b.json", &compared.after}, style);
  EXPECT_TRUE(result.ok()) << result.status();
  if (result.ok()) compared.result = *result;
  return compared;
}

TEST(CompareLatency, FindsTheStageThatGotSlowerAndNoOther) {
  const LatencyComparison result = Compare({}, {.seed = 2, .slow = 1.3}).result;
  EXPECT_TRUE(result.worse);
  EXPECT_THAT(result.text,
              AllOf(HasSubstr("before  a.json: eth0 at T2, 30.0 s, 2000 messages"),
                    HasSubstr("Better:  nothing that counts.\n"),
                    HasSubstr("Worse:   socket-to-user p50 "), HasSubstr("undecided"),
                    HasSubstr("  worse\n")));
  const auto json = nlohmann::json::parse(result.json);
  EXPECT_EQ(json["worse"], true);
  int worse = 0;
  for (const auto& change : json["changes"]) {
    if (change["verdict"] != "worse") continue;
    EXPECT_EQ(change["stage"], "socket-to-user");
    EXPECT_NEAR(change["ratio"], 1.3, 0.25);
    ++worse;
  }
  EXPECT_GE(worse, 1);
}

TEST(CompareLatency, CallsItBetterTheOtherWayRound) {
  const LatencyComparison result = Compare({.slow = 1.3}, {.seed = 2}).result;
  EXPECT_FALSE(result.worse);
  EXPECT_THAT(result.text, AllOf(HasSubstr("Better:  socket-to-user p50 "),
                                 HasSubstr("Worse:   nothing that counts.\n")));
}

TEST(CompareLatency, FindsNothingBetweenTwoRunsOfTheSameMachine) {
  for (uint64_t seed = 10; seed < 60; seed += 2) {
    const LatencyComparison result = Compare({.seed = seed}, {.seed = seed + 1}).result;
    EXPECT_THAT(result.text, AllOf(HasSubstr("Better:  nothing that counts.\n"),
                                   HasSubstr("Worse:   nothing that counts.\n")))
        << seed;
  }
}

TEST(CompareLatency, OfAFewMessagesDecidesNothingAndSaysWhy) {
  const LatencyComparison result =
      Compare({.messages = 5}, {.seed = 2, .messages = 5, .slow = 1.3}).result;
  EXPECT_FALSE(result.worse);
  EXPECT_THAT(result.text, AllOf(HasSubstr("too few"), Not(HasSubstr("  worse"))));
}

TEST(CompareLatency, WarnsOfWhatIsNotComparable) {
  const LatencyReport before = Measure({});
  LatencyReport after = Measure({});
  const auto text = [&] {
    return CompareLatency({"a", &before}, {"b", &after}, {})->text;
  };
  ASSERT_THAT(text(), Not(HasSubstr("Mind:")));
  after.interface = "eth1";
  after.tier = "T1";
  for (LatencySeries& series : after.series) {
    series.key.transport = LatencyTransport::kL2;
  }
  after.stages.erase(after.stages.begin());
  EXPECT_THAT(
      text(),
      AllOf(HasSubstr("Mind: they are not of the same interface, eth0 before "
                      "and eth1 after."),
            HasSubstr("T2 before and T1 after"),
            HasSubstr("Delay_Req udp4\n  before and Sync l2, Delay_Req l2 after."),
            HasSubstr("Mind: only one has driver-to-stack before.")));
  after.stages.clear();
  EXPECT_FALSE(CompareLatency({"a", &before}, {"b", &after}, {}).ok());
}

TEST(CompareLatency, ComparesKindsOfMessagesByThemselvesWhereThatIsAsked) {
  const std::string text = Compare({}, {}, {.detail = true}).result.text;
  EXPECT_THAT(text, AllOf(HasSubstr("\n  Sync"), HasSubstr("\n  udp4")));
}

TEST(Printable, LeavesWhatAPersonCanRead) {
  EXPECT_EQ(Printable("a \"ü\" €"), "a \"ü\" €");
  EXPECT_EQ(Printable("\x1b[\x7f\xc2\x85\xff\t"), "?[????");
}

}  // namespace
}  // namespace bridge::ctl
