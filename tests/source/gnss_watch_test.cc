#include "bridge/source/gnss_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "bridge/time/utc_month.h"
#include "bridge/time/waiting.h"

namespace bridge {

void PrintTo(GnssReason reason, std::ostream* out) { *out << TextOf(reason).name; }
void PrintTo(GnssState state, std::ostream* out) { *out << GnssStateName(state); }

namespace {

using R = GnssReason;
using S = GnssState;
using testing::Optional;

constexpr MonoTime kStart = MonoTime::FromNanos(5'000'000'000);
// 2026-11-21 12:00:00: far from a month's end.
constexpr UtcTime kNoon = UtcTime::FromNanos(1'795'262'400'000'000'000);
constexpr absl::string_view kTty = "/dev/ttyS0";
constexpr absl::string_view kUsb = "/dev/ttyACM0";
constexpr absl::string_view kPps = "/dev/pps0";

// One second after the other, in which receivers say what the test has them say.
class GnssWatchTest : public testing::Test {
 protected:
  struct Receiver {
    absl::string_view device = kTty;
    int mode = 3;
    int status = 0;
    std::optional<int> satellites = 9;
    std::optional<int> leap_seconds = std::nullopt;
    std::optional<absl::Duration> ept = absl::Milliseconds(5);
    bool time = true;
    bool fixes = true;
    bool pulses = false;
    absl::Duration ahead = absl::ZeroDuration();  // Its time.
  };

  explicit GnssWatchTest(GnssWatch::Settings settings = {}) : watch_(settings, kStart) {
    watch_.OnReport(GnssConnection{.up = true}, now_);
  }

  UtcTime Utc() const { return utc_start_ + (now_ - kStart); }

  void Say(const Receiver& r) {
    if (r.satellites) watch_.OnReport(GnssSky{r.device, r.satellites}, now_);
    if (r.fixes) {
      GnssFix fix;
      fix.device = r.device;
      fix.mode = r.mode;
      fix.status = r.status;
      if (r.time) fix.time = Utc() + ToTimeDelta(r.ahead);
      fix.ept = r.ept;
      fix.leap_seconds = r.leap_seconds;
      watch_.OnReport(fix, now_);
    }
    if (r.pulses) {
      watch_.OnReport(GnssPulse{r.device, Utc(), Utc() + TimeDelta::FromNanos(250)},
                      now_);
    }
  }
  void Second(std::initializer_list<Receiver> receivers) {
    now_ = now_ + absl::Seconds(1);
    for (const Receiver& r : receivers) Say(r);
    if (const auto change = watch_.Update(now_)) changes_.push_back(*change);
  }
  void Run(int seconds, std::initializer_list<Receiver> receivers) {
    for (int i = 0; i < seconds; ++i) Second(receivers);
  }
  // Until it is good, which it must become.
  void RunUntilGood(std::initializer_list<Receiver> receivers) {
    Run(12, receivers);
    ASSERT_EQ(watch_.reason(), R::kGood);
  }
  // How many seconds it stays good.
  int SecondsGood(std::initializer_list<Receiver> receivers) {
    for (int seconds = 0; seconds < 100; ++seconds) {
      Second(receivers);
      if (watch_.state() != S::kGood) return seconds;
    }
    return 100;
  }

  MonoTime now_ = kStart;
  UtcTime utc_start_ = kNoon;
  GnssWatch watch_;
  std::vector<GnssWatch::Change> changes_;
};

TEST_F(GnssWatchTest, KnowsNothingBeforeAnybodyTells) {
  GnssWatch watch({}, kStart);
  EXPECT_EQ(watch.state(), S::kUnknown);
  EXPECT_EQ(watch.reason(), R::kNoGpsd);
  EXPECT_EQ(watch.since(), kStart);
  EXPECT_EQ(watch.Status().device, "");
  EXPECT_FALSE(watch.LeapClaim());
  EXPECT_FALSE(watch.Update(kStart));
}

TEST_F(GnssWatchTest, GpsdWithoutAReceiverIsUnknownToo) {
  Run(3, {});
  EXPECT_EQ(watch_.state(), S::kUnknown);
  EXPECT_EQ(watch_.reason(), R::kNoDevice);
  watch_.OnReport(GnssDevice{kTty, true}, now_);
  EXPECT_EQ(watch_.reason(), R::kNoDevice) << "it has said nothing yet";
}

TEST_F(GnssWatchTest, EarnsItsStateByTenGoodSeconds) {
  Second({{}});
  EXPECT_EQ(watch_.state(), S::kLost);
  EXPECT_EQ(watch_.reason(), R::kSettling);
  const MonoTime first = now_;
  Run(9, {{}});
  EXPECT_EQ(watch_.reason(), R::kSettling);
  Second({{}});
  EXPECT_EQ(watch_.state(), S::kGood);
  EXPECT_EQ(watch_.since(), first + absl::Seconds(10));
  Run(100, {{}});
  EXPECT_EQ(watch_.since(), first + absl::Seconds(10)) << "without interruption";
  ASSERT_EQ(changes_.size(), 2u);
  EXPECT_EQ(changes_[1].from, S::kLost);
  EXPECT_EQ(changes_[1].to, S::kGood);
}

TEST_F(GnssWatchTest, TellsWhatItRestsOn) {
  RunUntilGood({{.pulses = true}});
  const GnssStatus status = watch_.Status();
  EXPECT_EQ(status.state, S::kGood);
  EXPECT_EQ(status.device, kTty);
  EXPECT_FALSE(status.time_only);
  EXPECT_THAT(status.satellites, Optional(9));
  EXPECT_THAT(status.time_error, Optional(absl::Milliseconds(5)));
  EXPECT_THAT(status.fixed, Optional(now_));
  EXPECT_THAT(status.pulsed, Optional(now_));
  EXPECT_THAT(status.system_ahead, Optional(TimeDelta::FromNanos(250)));
}

// What each thing that may be amiss leads to, and how soon.
struct Trouble {
  const char* name;
  R reason;
  int seconds_good;  // Until it shows.
  int mode = 3;
  int status = 0;
  std::optional<int> satellites = 9;
  std::optional<absl::Duration> ept = std::nullopt;
  bool time = true;
  bool fixes = true;
  absl::Duration ahead = absl::ZeroDuration();
};

class GnssTroubleTest : public GnssWatchTest,
                        public testing::WithParamInterface<Trouble> {};

TEST_P(GnssTroubleTest, IsNamedAndEndsAfterTheGoodHasSettled) {
  const Trouble& t = GetParam();
  RunUntilGood({{}});
  const Receiver bad{.mode = t.mode,
                     .status = t.status,
                     .satellites = t.satellites,
                     .ept = t.ept,
                     .time = t.time,
                     .fixes = t.fixes,
                     .ahead = t.ahead};
  EXPECT_EQ(SecondsGood({bad}), t.seconds_good);
  EXPECT_EQ(watch_.reason(), t.reason);
  EXPECT_EQ(watch_.state(), TextOf(t.reason).state);
  EXPECT_EQ(watch_.since(), now_);
  // A jump back is one, too: the ten seconds begin when its own are over.
  const bool jumped = t.reason == R::kTimeJumped;
  Run(jumped ? 19 : 10, {{}});
  EXPECT_EQ(watch_.reason(), R::kSettling);
  Run(jumped ? 2 : 1, {{}});
  EXPECT_EQ(watch_.reason(), R::kGood);
  EXPECT_EQ(watch_.since(), now_);
}

INSTANTIATE_TEST_SUITE_P(
    Each, GnssTroubleTest,
    testing::Values(
        Trouble{.name = "NoFix", .reason = R::kNoFix, .seconds_good = 5, .mode = 1},
        Trouble{
            .name = "ModeNotSeen", .reason = R::kNoFix, .seconds_good = 5, .mode = 0},
        Trouble{
            .name = "Silent", .reason = R::kSilent, .seconds_good = 5, .fixes = false},
        Trouble{.name = "Simulated",
                .reason = R::kSimulated,
                .seconds_good = 0,
                .status = kGnssSimulated},
        Trouble{.name = "SimulatedWithoutAFix",
                .reason = R::kSimulated,
                .seconds_good = 0,
                .mode = 1,
                .status = kGnssSimulated},
        Trouble{.name = "DeadReckoning",
                .reason = R::kDeadReckoning,
                .seconds_good = 5,
                .status = kGnssDeadReckoning},
        Trouble{.name = "Timeless",
                .reason = R::kTimeless,
                .seconds_good = 5,
                .time = false},
        Trouble{.name = "TimeUncertain",
                .reason = R::kTimeUncertain,
                .seconds_good = 5,
                .ept = absl::Milliseconds(51)},
        Trouble{.name = "TimeErrorWithoutEnd",
                .reason = R::kTimeUncertain,
                .seconds_good = 5,
                .ept = absl::InfiniteDuration()},
        Trouble{.name = "FewSatellites",
                .reason = R::kFewSatellites,
                .seconds_good = 5,
                .satellites = 3},
        Trouble{.name = "NoSatellites",
                .reason = R::kFewSatellites,
                .seconds_good = 5,
                .satellites = 0},
        Trouble{.name = "JumpedForward",
                .reason = R::kTimeJumped,
                .seconds_good = 0,
                .ahead = absl::Seconds(18)},
        Trouble{.name = "JumpedBackByTenBitsOfWeeks",
                .reason = R::kTimeJumped,
                .seconds_good = 0,
                .ahead = -absl::Hours(1024 * 7 * 24)}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(GnssWatchTest, ATimeThatStandsIsNoFix) {
  RunUntilGood({{}});
  Receiver stuck;
  for (int i = 0; i < 3; ++i) {
    stuck.ahead -= absl::Seconds(1);
    Second({stuck});
  }
  EXPECT_EQ(watch_.state(), S::kGood);
  for (int i = 0; i < 3; ++i) {
    stuck.ahead -= absl::Seconds(1);
    Second({stuck});
  }
  // Against the time that passed it falls behind: that shows first.
  EXPECT_EQ(watch_.state(), S::kLost);
  EXPECT_EQ(watch_.reason(), R::kTimeJumped);
  for (int i = 0; i < 12; ++i) {
    stuck.ahead -= absl::Seconds(1);
    Second({stuck});
  }
  EXPECT_EQ(watch_.state(), S::kLost);
}

TEST_F(GnssWatchTest, SeveralMessagesOfOneSecondAreNoStandingTime) {
  for (int i = 0; i < 30; ++i) {
    now_ = now_ + absl::Seconds(1);
    const UtcTime time = Utc();
    for (int part = 0; part < 4; ++part) {
      GnssFix fix;
      fix.device = kTty;
      fix.mode = 3;
      fix.time = time;
      watch_.OnReport(fix, now_ + absl::Milliseconds(100 * part));
    }
  }
  EXPECT_EQ(watch_.reason(), R::kGood);
}

TEST_F(GnssWatchTest, OneBadMessageIsNoLoss) {
  RunUntilGood({{}});
  const MonoTime since = watch_.since();
  for (int i = 0; i < 50; ++i) {
    Second({{.mode = 1}});
    Second({{}});
  }
  EXPECT_EQ(watch_.state(), S::kGood);
  EXPECT_EQ(watch_.since(), since);
}

TEST_F(GnssWatchTest, AFixThatFlapsInLongerSpellsIsNeverGood) {
  RunUntilGood({{}});
  Run(6, {{.mode = 1}});
  const size_t before = changes_.size();
  for (int i = 0; i < 20; ++i) {
    Run(9, {{}});
    Run(6, {{.mode = 1}});
    EXPECT_EQ(watch_.state(), S::kLost);
  }
  EXPECT_EQ(changes_.size(), before);
}

TEST_F(GnssWatchTest, SilenceBetweenTwoLooksIsAnInterruption) {
  RunUntilGood({{}});
  now_ = now_ + absl::Seconds(6);  // Nobody looked meanwhile.
  Say({});
  EXPECT_EQ(watch_.reason(), R::kSettling);
  EXPECT_EQ(watch_.since(), now_);
}

TEST_F(GnssWatchTest, AQueueOfOldMessagesHasToSettle) {
  RunUntilGood({{}});
  now_ = now_ + absl::Seconds(4);  // The daemon stood still, and then reads what waits.
  for (int i = 1; i < 4; ++i) Say({.ahead = -absl::Seconds(4 - i)});
  EXPECT_EQ(watch_.state(), S::kGood) << "no gap longer than max_age";
  now_ = now_ + absl::Seconds(60);
  for (int i = 1; i < 60; ++i) Say({.ahead = -absl::Seconds(60 - i)});
  EXPECT_NE(watch_.state(), S::kGood);
}

TEST_F(GnssWatchTest, GpsdThatIsBackInTimeIsNotMissed) {
  RunUntilGood({{}});
  const MonoTime since = watch_.since();
  watch_.OnReport(GnssDevice{kTty, false}, now_);
  watch_.OnReport(GnssConnection{.up = false}, now_);
  Run(4, {});
  EXPECT_EQ(watch_.state(), S::kGood);
  watch_.OnReport(GnssConnection{.up = true}, now_);
  Run(3, {{}});
  EXPECT_EQ(watch_.state(), S::kGood);
  EXPECT_EQ(watch_.since(), since);
}

TEST_F(GnssWatchTest, GpsdThatStaysAwayIsNamed) {
  RunUntilGood({{}});
  watch_.OnReport(GnssConnection{.up = false}, now_);
  EXPECT_EQ(SecondsGood({}), 5);
  EXPECT_EQ(watch_.state(), S::kUnknown);
  EXPECT_EQ(watch_.reason(), R::kNoGpsd);
  watch_.OnReport(GnssConnection{.up = true}, now_);
  EXPECT_EQ(watch_.reason(), R::kSilent);
}

TEST_F(GnssWatchTest, AnUnpluggedDeviceIsNamedAndMayComeBack) {
  RunUntilGood({{}});
  watch_.OnReport(GnssDevice{kTty, false}, now_);
  EXPECT_EQ(SecondsGood({}), 5);
  EXPECT_EQ(watch_.state(), S::kUnknown);
  EXPECT_EQ(watch_.reason(), R::kDeviceGone);
  RunUntilGood({{}});
}

// ---- Pulses.

TEST_F(GnssWatchTest, PulsesAreDemandedOnceSeen) {
  RunUntilGood({{.pulses = true}});
  EXPECT_EQ(SecondsGood({{}}), 5);
  EXPECT_EQ(watch_.reason(), R::kNoPulse);
  EXPECT_EQ(watch_.state(), S::kLost);
  // Also of a gpsd that was restarted.
  watch_.OnReport(GnssConnection{.up = false}, now_);
  Run(6, {});
  watch_.OnReport(GnssConnection{.up = true}, now_);
  Run(30, {{}});
  EXPECT_EQ(watch_.reason(), R::kNoPulse);
  RunUntilGood({{.pulses = true}});
}

TEST_F(GnssWatchTest, ADeviceOfPulsesAloneServesThoseWithoutTheirOwn) {
  const Receiver pulses{
      .device = kPps, .satellites = std::nullopt, .fixes = false, .pulses = true};
  RunUntilGood({pulses, {}});
  EXPECT_EQ(watch_.Status().device, kTty);
  EXPECT_THAT(watch_.Status().pulsed, Optional(now_));
  EXPECT_EQ(SecondsGood({{}}), 5);
  EXPECT_EQ(watch_.reason(), R::kNoPulse);
}

TEST_F(GnssWatchTest, PulsesOfAnotherReceiverDoNotCount) {
  RunUntilGood({{.pulses = true}});
  EXPECT_EQ(SecondsGood({{}, {.device = kUsb, .mode = 1, .pulses = true}}), 5);
  EXPECT_EQ(watch_.reason(), R::kNoPulse);
}

class RequiredPulses : public GnssWatchTest {
 protected:
  RequiredPulses() : GnssWatchTest({.pulses = GnssWatch::Pulses::kRequired}) {}
};
TEST_F(RequiredPulses, HaveToBeThere) {
  Run(60, {{}});
  EXPECT_EQ(watch_.reason(), R::kNoPulse);
  RunUntilGood({{.pulses = true}});
}

class IgnoredPulses : public GnssWatchTest {
 protected:
  IgnoredPulses() : GnssWatchTest({.pulses = GnssWatch::Pulses::kIgnored}) {}
};
TEST_F(IgnoredPulses, MayEnd) {
  RunUntilGood({{.pulses = true}});
  Run(60, {{}});
  EXPECT_EQ(watch_.reason(), R::kGood);
}

// ---- Satellites.

TEST_F(GnssWatchTest, ReceiversThatDoNotCountSatellitesAreTrusted) {
  RunUntilGood({{.satellites = std::nullopt}});
  watch_.OnReport(GnssSky{kTty, std::nullopt}, now_);
  EXPECT_EQ(watch_.reason(), R::kGood);
}

TEST_F(GnssWatchTest, AnOldCountOfSatellitesIsForgotten) {
  Run(12, {{.satellites = 2}});
  EXPECT_EQ(watch_.reason(), R::kFewSatellites);
  Run(30, {{.satellites = std::nullopt}});
  EXPECT_EQ(watch_.reason(), R::kFewSatellites);
  Run(11, {{.satellites = std::nullopt}});
  EXPECT_EQ(watch_.reason(), R::kGood);
}

TEST_F(GnssWatchTest, ATwoDimensionalFixNeedsFourSatellitesToo) {
  RunUntilGood({{.mode = 2, .satellites = 4}});
  Run(6, {{.mode = 2, .satellites = 3}});
  EXPECT_EQ(watch_.reason(), R::kFewSatellites);
}

TEST_F(GnssWatchTest, ATimeOnlyReceiverIsToldApartAndNeedsOneSatellite) {
  const Receiver timing{.mode = 3, .status = kGnssTimeOnly, .satellites = 1};
  RunUntilGood({timing});
  EXPECT_TRUE(watch_.Status().time_only);
  // Some leave the mode at "no fix": they don't solve for a position.
  Run(60, {{.mode = 1, .status = kGnssTimeOnly, .satellites = 1}});
  EXPECT_EQ(watch_.reason(), R::kGood);
  EXPECT_EQ(SecondsGood({{.status = kGnssTimeOnly, .satellites = 0}}), 5);
  EXPECT_EQ(watch_.reason(), R::kFewSatellites);
}

// ---- Several devices.

TEST_F(GnssWatchTest, AnyGoodDeviceIsEnoughAndItStaysTheChosenOne) {
  RunUntilGood({{.device = kTty}});
  const MonoTime since = watch_.since();
  Run(30, {{.device = kUsb}, {.device = kTty}});
  EXPECT_EQ(watch_.Status().device, kTty);
  Run(30, {{.device = kUsb}, {.device = kTty, .mode = 1}});
  EXPECT_EQ(watch_.Status().device, kUsb);
  Run(30, {{.device = kUsb}, {.device = kTty}});
  EXPECT_EQ(watch_.Status().device, kUsb);
  EXPECT_EQ(watch_.state(), S::kGood);
  EXPECT_EQ(watch_.since(), since) << "never interrupted";
}

TEST_F(GnssWatchTest, WithoutAGoodDeviceTheNearestToItIsNamed) {
  Run(20, {{.device = kTty, .mode = 1}, {.device = kUsb, .satellites = 3}});
  EXPECT_EQ(watch_.Status().device, kUsb);
  EXPECT_EQ(watch_.reason(), R::kFewSatellites);
}

TEST_F(GnssWatchTest, ASimulatorBesideAGoodDeviceIsNotChosen) {
  RunUntilGood({{.device = kUsb, .status = kGnssSimulated}, {.device = kTty}});
  EXPECT_EQ(watch_.Status().device, kTty);
}

TEST_F(GnssWatchTest, MoreDevicesThanCanBeMakeNoHarm) {
  RunUntilGood({{}});
  for (int i = 0; i < 1000; ++i) {
    watch_.OnReport(GnssDevice{"/dev/nonsense" + std::to_string(i), true}, now_);
  }
  RunUntilGood({{}});
}

// ---- Leap seconds.

TEST_F(GnssWatchTest, AGoodDeviceClaimsTaiMinusUtc) {
  Run(5, {{.leap_seconds = 18}});
  EXPECT_FALSE(watch_.LeapClaim()) << "not settled";
  RunUntilGood({{.leap_seconds = 18}});
  const auto leaps = watch_.LeapClaim();
  ASSERT_TRUE(leaps);
  EXPECT_EQ(leaps->claim.source, UtcSource::kGnss);
  EXPECT_EQ(leaps->claim.offset, 37);
  EXPECT_TRUE(leaps->claim.valid);
  EXPECT_EQ(leaps->heard, now_);
}

TEST_F(GnssWatchTest, TheClaimIsAsOldAsItsFixAndGoesWithIt) {
  RunUntilGood({{.leap_seconds = 18}});
  const MonoTime heard = now_;
  Run(3, {});
  ASSERT_TRUE(watch_.LeapClaim());
  EXPECT_EQ(watch_.LeapClaim()->heard, heard);
  Run(3, {});
  EXPECT_FALSE(watch_.LeapClaim());
}

TEST_F(GnssWatchTest, NoClaimWithoutTheReceiversWord) {
  RunUntilGood({{}});
  EXPECT_FALSE(watch_.LeapClaim());
  RunUntilGood({{.leap_seconds = 18}});
  Second({{}});
  EXPECT_FALSE(watch_.LeapClaim()) << "it does not know any more";
  Second({{.mode = 1, .leap_seconds = 18}});
  EXPECT_EQ(watch_.state(), S::kGood);
  EXPECT_FALSE(watch_.LeapClaim()) << "not by a bad fix";
}

TEST_F(GnssWatchTest, DevicesThatDifferClaimNothing) {
  RunUntilGood({{.leap_seconds = 18}, {.device = kUsb, .leap_seconds = 18}});
  EXPECT_TRUE(watch_.LeapClaim());
  EXPECT_FALSE(watch_.LeapsDiffer());
  Second({{.leap_seconds = 18}, {.device = kUsb, .leap_seconds = 17}});
  EXPECT_FALSE(watch_.LeapClaim());
  EXPECT_TRUE(watch_.LeapsDiffer());
  // Who is not good has no say.
  Run(7, {{.leap_seconds = 18}, {.device = kUsb, .mode = 1, .leap_seconds = 17}});
  EXPECT_TRUE(watch_.LeapClaim());
}

TEST_F(GnssWatchTest, NoClaimInTheFirstQuarterOfAnHourOfAMonth) {
  utc_start_ = NextMonthStart(kNoon) - TimeDelta::FromSeconds(60);
  RunUntilGood({{.leap_seconds = 18}});
  EXPECT_TRUE(watch_.LeapClaim());
  int silent = 0;
  for (int i = 0; i < 1000; ++i) {
    Second({{.leap_seconds = 18}});
    if (!watch_.LeapClaim()) ++silent;
  }
  EXPECT_EQ(silent, 900);
}

TEST_F(GnssWatchTest, ALeapSecondIsNoJump) {
  RunUntilGood({{}});
  for (const absl::Duration ahead : {-absl::Seconds(1), absl::ZeroDuration()}) {
    Run(60, {{.ahead = ahead}});
    EXPECT_EQ(watch_.reason(), R::kGood);
  }
}

// ---- The table.

TEST(GnssReasons, StandInOrderWithNamesOfTheirOwn) {
  std::set<std::string> names;
  for (size_t i = 0; i < GnssReasons().size(); ++i) {
    const GnssReasonText& row = GnssReasons()[i];
    EXPECT_EQ(static_cast<size_t>(row.reason), i);
    EXPECT_EQ(&TextOf(row.reason), &row);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_GT(std::string(row.sentence).size(), 20u);
    EXPECT_EQ(row.state == S::kGood, row.reason == R::kGood);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(R::kGood) + 1);
}

}  // namespace
}  // namespace bridge
