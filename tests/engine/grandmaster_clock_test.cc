// What a grandmaster announces of its clock, second by second. Leap seconds are known
// as of this version's release: none until 2027-06-28, nothing after that.
#include "bridge/engine/grandmaster_clock.h"

#include <gtest/gtest.h>

#include <optional>

#include "absl/time/civil_time.h"
#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr int64_t Unix(absl::CivilSecond utc) {
  return utc - absl::CivilSecond(1970, 1, 1);
}
constexpr absl::CivilSecond kNoon(2026, 11, 21, 12);
constexpr absl::CivilSecond kAfterRelease(2027, 7, 31, 23, 50);

struct Told {
  explicit Told(absl::CivilSecond begin, int leaps = 18)
      : leap_seconds(leaps), utc(UtcTime::FromNanos(Unix(begin) * 1'000'000'000)) {
    Config config;
    config.gnss.gpsd = "localhost:2947";
    clock.emplace(config, false);
    clock->OnGnss(GnssConnection{true}, now);
    EXPECT_FALSE(clock->OnLeapFile(absl::NotFoundError("no list")).ok());
  }

  void Pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now = now + TimeDelta::FromSeconds(1);
      utc = utc + TimeDelta::FromSeconds(1);
      GnssFix heard;
      heard.device = "/dev/gnss0";
      heard.mode = fix ? 3 : 1;
      if (fix) {
        heard.time = utc;
        heard.leap_seconds = leap_seconds;
      }
      clock->OnGnss(heard, now);
      if (other_leaps) {
        heard.device = "/dev/gnss1";
        heard.leap_seconds = other_leaps;
        clock->OnGnss(heard, now);
      }
      if (ahead) {
        clock->OnGnss(
            GnssPulse{.device = "/dev/gnss0", .real = utc - *ahead, .clock = utc}, now);
      }
      KernelClock kernel{.synchronized = true, .max_error = TimeDelta::FromMicros(300)};
      kernel.discipline.emplace();
      kernel.discipline->estimated_error = TimeDelta::FromMicros(updates ? i % 3 : 0);
      if (!updates) kernel.max_error = TimeDelta::FromMicros(300 + 500 * i);
      clock->OnKernelClock(kernel, now);
      seen.tai =
          TaiTime() + (utc.SinceEpoch() + TimeDelta::FromSeconds(37) + served_ahead);
      seen.system = utc;
      clock->Update(seen, now, news);
    }
  }
  const ptp::GrandmasterProperties& said() const { return clock->properties(); }
  int clock_class() const { return said().quality.clock_class; }

  int leap_seconds;
  std::optional<int> other_leaps;  // Of a second receiver.
  std::optional<TimeDelta> ahead;  // The system clock, by pulses; nothing: no pulses.
  TimeDelta served_ahead;          // Of the system clock.
  bool fix = true;
  bool updates = true;
  UtcTime utc;
  MonoTime now = MonoTime::FromNanos(86'400'000'000'000);
  GrandmasterClock::Seen seen;
  std::optional<GrandmasterClock> clock;
  std::vector<LogLine> news;
};

TEST(GrandmasterClock, BeginsAsAnyClockAndEarnsItsClass) {
  Told told(kNoon);
  EXPECT_EQ(told.clock_class(), 248);
  told.Pass(60);
  EXPECT_EQ(told.clock_class(), 248);
  EXPECT_FALSE(told.said().time_traceable);
  told.Pass(30);
  EXPECT_EQ(told.clock_class(), 6);
  EXPECT_EQ(told.said().time_source, ptp::TimeSource::kGnss);
  EXPECT_EQ(told.said().current_utc_offset, 37);
  EXPECT_TRUE(told.said().current_utc_offset_valid);
  EXPECT_TRUE(told.said().time_traceable);
  ASSERT_EQ(told.news.size(), 1u);
  EXPECT_EQ(told.clock->class_changes(), 1u);
}

TEST(GrandmasterClock, KnowsTaiMinusUtcWhileGnssIsSilent) {
  Told told(kNoon);
  told.Pass(90);
  told.fix = false;
  told.Pass(6);
  EXPECT_EQ(told.clock_class(), 52);  // Its drift is not known yet.
  EXPECT_TRUE(told.said().current_utc_offset_valid);
  // Beyond the month's end, too, by a table that has not expired.
  told.utc =
      UtcTime::FromNanos(Unix(absl::CivilSecond(2026, 12, 1, 1)) * 1'000'000'000);
  told.Pass(5);
  EXPECT_TRUE(told.said().current_utc_offset_valid);
}

TEST(GrandmasterClock, WithATableThatHasExpiredKnowsItToTheMonthsEndOnly) {
  Told told(kAfterRelease);
  told.Pass(300);
  ASSERT_EQ(told.clock_class(), 6);
  told.fix = false;
  told.Pass(290);
  EXPECT_TRUE(told.said().current_utc_offset_valid);
  told.Pass(60);
  EXPECT_FALSE(told.said().current_utc_offset_valid);
  EXPECT_EQ(told.clock_class(), 248);
}

// A quarter of an hour after that receivers are believed again.
TEST(GrandmasterClock, WithATableThatHasExpiredHasToHearFromGnssEachMonth) {
  Told told(kAfterRelease);
  told.Pass(600 + 60);
  EXPECT_EQ(told.clock_class(), 248);
  told.Pass(900 + 70);
  EXPECT_EQ(told.clock_class(), 6);
}

TEST(GrandmasterClock, ClaimsNothingWhenGnssAndTheTableDiffer) {
  Told told(kNoon, 19);
  told.Pass(300);
  EXPECT_EQ(told.clock_class(), 248);
  EXPECT_FALSE(told.said().current_utc_offset_valid);
  ASSERT_FALSE(told.news.empty());
  EXPECT_NE(told.news.back().text.find("disputed"), std::string::npos);
}

TEST(GrandmasterClock, ReceiversThatDifferTakeBackWhatOneHadSaid) {
  Told told(kNoon);
  told.other_leaps = 18;
  told.Pass(120);
  ASSERT_EQ(told.clock_class(), 6);
  told.other_leaps = 17;
  told.Pass(2);
  EXPECT_EQ(told.clock_class(), 248);
  EXPECT_FALSE(told.said().current_utc_offset_valid);
}

TEST(GrandmasterClock, IsNotVouchedForByAnNtpDaemonThatLivesOnOurSamples) {
  Told told(kNoon);
  told.seen.fed_until = told.now + absl::Seconds(202);
  told.Pass(200);
  EXPECT_EQ(told.clock_class(), 248);
  // Nobody else updates the clock; that is noticed minutes later, which is too late.
  told.updates = false;
  told.Pass(250);
  EXPECT_TRUE(told.clock->ntp().disciplined());
  EXPECT_EQ(told.clock_class(), 248);
  told.updates = true;
  told.Pass(70);
  EXPECT_EQ(told.clock_class(), 6);
}

TEST(GrandmasterClock, IsContradictedByTenPulsesOfAnotherSecond) {
  Told told(kNoon);
  told.ahead = TimeDelta::FromMicros(40);
  told.Pass(90);
  ASSERT_EQ(told.clock_class(), 6);
  told.ahead = TimeDelta::FromSeconds(1);
  told.Pass(9);
  EXPECT_EQ(told.clock_class(), 6);
  told.Pass(1);
  EXPECT_EQ(told.clock_class(), 248);
  EXPECT_TRUE(told.said().current_utc_offset_valid);  // Of that it says nothing.
  told.ahead = TimeDelta();
  told.Pass(10 + 59);
  EXPECT_EQ(told.clock_class(), 248);
  told.Pass(2);
  EXPECT_EQ(told.clock_class(), 6);
}

// Until it has heard the almanac a receiver may be a second off.
TEST(GrandmasterClock, DoesNotCountWholeSecondsInTheFirstQuarterHourOfAMonth) {
  Told told(absl::CivilSecond(2026, 11, 30, 23, 55));
  told.ahead = TimeDelta();
  told.Pass(300);
  ASSERT_EQ(told.clock_class(), 6);
  told.ahead = -TimeDelta::FromSeconds(1);
  told.Pass(14 * 60);
  EXPECT_EQ(told.clock_class(), 6);
  told.Pass(80);
  EXPECT_EQ(told.clock_class(), 248);
}

TEST(GrandmasterClock, WhenServedFromAPhcIsHeldAgainstPulsesItself) {
  Told told(kNoon);
  told.ahead = TimeDelta::FromMillis(20);
  told.served_ahead = -TimeDelta::FromMillis(20);
  told.Pass(90);
  EXPECT_EQ(told.clock_class(), 6);  // The system clock's own error is not served.
  told.served_ahead = TimeDelta();
  told.Pass(5);
  EXPECT_EQ(told.clock_class(), 248);
}

TEST(GrandmasterClock, IsNeitherPrimaryNorValidWhileItContradictsItsSystemClock) {
  Told told(kNoon);
  told.Pass(90);
  ASSERT_EQ(told.clock_class(), 6);
  told.seen.consistent = false;
  told.Pass(1);
  EXPECT_EQ(told.clock_class(), 248);
  EXPECT_FALSE(told.said().current_utc_offset_valid);
}

}  // namespace
}  // namespace bridge
