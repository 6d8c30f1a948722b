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
using ::testing::StartsWith;

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

TEST(StatusTable, ShowsWhatAGrandmasterClaimsAndWhatThatRestsOn) {
  StatusReport report = Report();
  report.role = "grandmaster";
  report.state = "MASTER";
  report.counters.emplace_back("sent.Sync", 12);
  report.own_clock = {.clock_class = 7,
                      .clock_accuracy = 0x23,
                      .time_traceable = true,
                      .error_ns = 740,
                      .drift_ppb = 3,
                      .ntp = "abandoned",
                      .one_step = "off",
                      .auto_state = {}};
  EXPECT_THAT(Table(report),
              AllOf(HasSubstr("own clock    class 7, accuracy 0x23, traceable\n"),
                    HasSubstr("error up to 740 ns, drift in holdover +3.0 ppb\n"),
                    HasSubstr("NTP daemon   abandoned\n"),
                    HasSubstr("GNSS         not watched"),
                    HasSubstr("sent         since start: Sync 12\n"),
                    Not(HasSubstr("publishing")), Not(HasSubstr("offset  ")),
                    Not(HasSubstr("Sync  "))));
  report.own_clock->one_step = "on";
  EXPECT_THAT(Table(report), HasSubstr("Sync         one-step\n"));
  report.own_clock->one_step = "settling";
  EXPECT_THAT(Table(report),
              HasSubstr("Sync         two-step: settling\n             The PHC is "));
  report.gnss = {.state = "lost",
                 .reason = "no-fix",
                 .device = "/dev/ttyS0",
                 .satellites = 2,
                 .fix_age_s = 31.25,
                 .pulse_age_s = {},
                 .pulses = "unseen",
                 .system_ahead_ns = {}};
  EXPECT_THAT(Table(report),
              AllOf(HasSubstr("GNSS         lost: /dev/ttyS0, 2 satel"),
                    HasSubstr("fix 31.2 s ago\n"), HasSubstr("\n             no-fix: "),
                    Not(HasSubstr("pulses "))));
  report.gnss->state = report.gnss->reason = "good";
  report.gnss->pulses = "other-second";
  report.gnss->system_ahead_ns = 37e9;
  EXPECT_THAT(Table(report),
              AllOf(HasSubstr("\n             pulses other-second, system "
                              "time minus GNSS 37.000 s\n"),
                    HasSubstr("By GNSS pulses the clock is off by whole")));
  report.gnss->pulses = "agree";
  report.gnss->system_ahead_ns = 250;
  EXPECT_THAT(Table(report),
              AllOf(HasSubstr("pulses agree, system time minus GNSS 250 ns\n"),
                    Not(HasSubstr("confirm"))));
  report.own_clock->auto_state = "following";
  EXPECT_THAT(Table(report), AllOf(HasSubstr("state        MASTER, following\n"),
                                   HasSubstr("publishing   no")));
}

TEST(StatusTable, SplitsTheWayIntoPathKernelAndProgramWhereThatIsMeasured) {
  StatusReport report = Report();
  EXPECT_THAT(Table(report), Not(HasSubstr("latency")));
  report.rx_latency.emplace();
  report.rx_latency->tier = "T2";
  EXPECT_THAT(Table(report), Not(HasSubstr("latency")));
  report.rx_latency->budget = {
      .path_ns = 1700, .kernel_ns = 8410, .user_ns = 61'400, .from = "driver"};
  EXPECT_THAT(Table(report),
              HasSubstr("latency      path 1.70 us, kernel 8.41 us, program 61.4 us "
                        "(T2; refclockctl latency)\n"));
}

TEST(StatusTable, ShowsWhatIsAmissAlthoughItWorks) {
  StatusReport report = Report();
  EXPECT_THAT(Table(report), Not(HasSubstr("warning")));
  report.warnings.push_back({"ptp4l-steers-system-clock", "Both fight."});
  EXPECT_THAT(Table(report),
              HasSubstr("warning      ptp4l-steers-system-clock: Both fight.\n"));
}

TEST(StatusTable, SaysNothingOfAHardwareClockWithSoftwareTimeStamps) {
  EXPECT_THAT(Table(Report()), Not(HasSubstr("PHC")));
}

TEST(StatusTable, ShowsTheHardwareClockInTwoLinesAndItsQuirks) {
  StatusReport report = Report();
  report.phc.emplace();
  report.phc->device = "/dev/ptp0";
  report.phc->mode = "observe";
  EXPECT_THAT(
      Table(report),
      AllOf(HasSubstr("PHC          /dev/ptp0, observed: - from TAI, dialled -\n"),
            Not(HasSubstr("readings"))));
  report.phc->mode = "discipline";
  report.phc->offset_ns = -3.5;
  report.phc->frequency_ppb = 1234.5;
  report.phc->reading = "extended";
  report.phc->window_ns = 420;
  report.phc->cost_ns = 1800;
  report.phc->quirks = {{"tx-late", "Its transmit time stamps come late."},
                        {"starts-at-utc", "It was set to UTC by its driver."}};
  report.phc->clock_name = "macb";
  EXPECT_THAT(
      Table(report),
      HasSubstr("PHC          /dev/ptp0 (macb), disciplined: -4 ns from TAI, "
                "dialled +1234.5 ppb\n"
                "             extended readings, window 420 ns, each takes 1.80 "
                "us\n"
                "             tx-late: Its transmit time stamps come late.\n"
                "             starts-at-utc: It was set to UTC by its driver.\n"));
}

TEST(StatusTable, ShowsEveryPortWithItsOwnReasons) {
  std::vector<StatusReport> reports = {Report(), Report()};
  reports[0].publishing = true;
  reports[0].outputs = {{"shm", 2, {}, 42, 0.5, {}}};
  reports[1].interface = "eth1";
  reports[1].domain = 24;
  reports[1].state = "LISTENING";
  reports[1].withheld = "no-master";
  reports[1].outputs = {{"shm", 3, {}, 0, {}, {}}};
  const auto table = StatusTable(ToJson(reports));
  ASSERT_TRUE(table.ok()) << table.status();
  const size_t second = table->find("\nport 2 on eth1 (l2, domain 24, software time");
  ASSERT_NE(second, std::string::npos) << *table;
  EXPECT_THAT(
      table->substr(0, second),
      AllOf(StartsWith("refclockd 9.8.7, client with 2 ports\n\nport 1 on eth0"),
            HasSubstr("state        SLAVE"), HasSubstr("publishing   yes"),
            HasSubstr("SHM unit 2"), Not(HasSubstr("SHM unit 3"))));
  EXPECT_THAT(table->substr(second),
              AllOf(HasSubstr("state        LISTENING"),
                    HasSubstr("publishing   no: no-master"), HasSubstr("SHM unit 3"),
                    Not(HasSubstr("SHM unit 2"))));
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
       R"({"ports":[1,null,{}],"phc":{"quirks":3}})", R"({"ports":{}})",
       R"({"ports":[],"phc":{"quirks":[1,{"name":2}],"reading":"x"}})",
       R"({"phc":{"quirks":[1,{"name":2}],"reading":"x","clock_name":4}})",
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
