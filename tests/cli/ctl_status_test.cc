#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/cli/ctl_command.h"
#include "bridge/refclock/withhold_reason.h"
#include "bridge/telemetry/status_report.h"

namespace bridge::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

StatusReport Report() {
  StatusReport report;
  report.version = "9.8.7";
  report.role = "client";
  report.state = "SLAVE";
  report.interface = "eth0";
  report.timestamping = "software";
  report.transport = "l2";
  report.utc.verdict = "contested";
  report.utc.leap = "none";
  report.utc.claims = {{"announce", 36, false, "none", "contradicts", 0.4},
                       {"leap-file", 37, true, "insert", "contradicts", 12.3},
                       {"kernel", 37, true, "none", "contradicts", 0.1},
                       {"release", 37, false, "none", "overruled", 1.0},
                       {"pin", 37, true, "none", "vouches", std::nullopt}};
  report.counters = {{"frames", 9},
                     {"dropped.duplicate", 2},
                     {"dropped.unmatched", 30},
                     {"dropped.not-expected", 0}};
  return report;
}

std::string Table(const StatusReport& report) {
  const auto table = StatusTable(report.ToJson());
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? *table : "";
}

TEST(StatusTable, ExplainsEveryReasonToWithhold) {
  for (const WithholdReasonText& text : kWithholdReasons) {
    StatusReport report = Report();
    report.withheld = text.name;
    const std::string sentence = Wrapped(text.sentence, 13);
    ASSERT_FALSE(sentence.empty());
    EXPECT_THAT(Table(report), AllOf(HasSubstr(text.name), HasSubstr(sentence)));
  }
}

TEST(StatusTable, ShowsADashForWhatIsNotKnown) {
  EXPECT_THAT(Table(Report()),
              AllOf(HasSubstr("grandmaster  none\n"), HasSubstr("offset       -\n"),
                    HasSubstr("jitter       -\n"), HasSubstr("frequency    -\n"),
                    HasSubstr("TAI-UTC      contested\n")));
}

TEST(StatusTable, ShowsMeasurementsMasterAndOutputs) {
  StatusReport report = Report();
  report.publishing = true;
  report.grandmaster = {"0x001122fffe334455", 6, 0x21, 128, 1};
  report.offset_ns = -1234.5;
  report.error_bound_ns = 2'200'000;
  report.outputs = {{"shm", 2, {}, 42, 0.5, {}}, {"sock", {}, "/run/x", 0, {}, false}};
  EXPECT_THAT(
      Table(report),
      AllOf(HasSubstr("publishing   yes"), HasSubstr("0x001122fffe334455, class 6"),
            HasSubstr("accuracy 0x21"), HasSubstr("-1.23 us"), HasSubstr("2.20 ms"),
            HasSubstr("SHM unit 2: 42 samples, last 0.5 s ago"),
            HasSubstr("SOCK /run/x: 0 samples; chronyd does not listen")));
}

TEST(StatusTable, NamesBothPartiesOfAContradiction) {
  EXPECT_THAT(
      Table(Report()),
      AllOf(HasSubstr("announce says 36 (not flagged as valid), 0.4 s ago: "
                      "contradicts"),
            HasSubstr("leap-file says 37, leap second: insert, 12 s ago"),
            HasSubstr("release says 37 (expired, or without #h), 1.0 s ago: overruled"),
            HasSubstr("pin says 37: vouches\n")));
}

TEST(StatusTable, ListsWhatWasDroppedMostFrequentFirst) {
  EXPECT_THAT(Table(Report()), AllOf(HasSubstr("unmatched 30, duplicate 2\n"),
                                     Not(HasSubstr("not-expected"))));
}

TEST(StatusTable, SurvivesAnswersThatAreNoStatus) {
  for (const char* text : {"", "x", "[]", "3", "{"}) {
    EXPECT_FALSE(StatusTable(text).ok()) << text;
  }
  for (
      const char* text :
      {"{}", R"({"state":3,"utc":7,"outputs":{"a":1},"counters":[1],"grandmaster":[]})",
       R"({"utc":{"claims":[1,null]},"outputs":[1,"x"],"counters":{"dropped.x":"y"}})"}) {
    EXPECT_TRUE(StatusTable(text).ok()) << text;
  }
}

TEST(Nanoseconds, ChoosesTheUnitAPersonWould) {
  EXPECT_EQ(Nanoseconds(0), "0 ns");
  EXPECT_EQ(Nanoseconds(-51.2), "-51 ns");
  EXPECT_EQ(Nanoseconds(999.6), "1.00 us");
  EXPECT_EQ(Nanoseconds(-1234.5), "-1.23 us");
  EXPECT_EQ(Nanoseconds(12345), "12.3 us");
  EXPECT_EQ(Nanoseconds(123456), "123 us");
  EXPECT_EQ(Nanoseconds(37e9), "37.000 s");
}

TEST(Wrapped, KeepsLinesShort) {
  EXPECT_EQ(Wrapped("a b", 4), "a b");
  const std::string word(40, 'x');
  EXPECT_EQ(Wrapped(word + " " + word, 4), word + "\n    " + word);
}

}  // namespace
}  // namespace bridge::ctl
