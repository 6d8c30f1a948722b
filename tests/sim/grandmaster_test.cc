// Grandmasters and clocks of role auto, as whole machines on a simulated network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bridge/engine/trace_replay.h"
#include "bridge/sim/box.h"
#include "bridge/sim/lan.h"

namespace bridge::sim {
namespace {

using testing::IsEmpty;

Config Master(Role role = Role::kGrandmaster) {
  Config config;
  config.role = role;
  config.ptp.announce_interval = 0;
  config.ptp.sync_interval = -3;
  config.ptp.delay_interval = -2;
  return config;
}

Config Client() { return Master(Role::kClient); }

std::optional<PhcSettings> Phc(bool hardware, double ppm = -15) {
  if (!hardware) return std::nullopt;
  return PhcSettings{.crystal = {.ppm = ppm}};
}

BoxSettings MasterBox(uint64_t identity, bool hardware,
                      Role role = Role::kGrandmaster) {
  BoxSettings settings;
  settings.identity = identity;
  settings.config = Master(role);
  settings.phc = Phc(hardware);
  return settings;
}

// A client that has no other source of time.
BoxSettings ClientBox(bool hardware) {
  BoxSettings settings;
  settings.identity = 0x5;
  settings.config = Client();
  settings.crystal.ppm = -17;
  settings.phc = Phc(hardware, 21);
  settings.ntp.has_gnss = false;
  return settings;
}

void ExpectClean(const Lan& lan) {
  for (const Box* box : lan.boxes()) {
    EXPECT_THAT(box->violations(), IsEmpty()) << box->Log();
  }
}

std::vector<int> Classes(const Box& box) {
  std::vector<int> classes;
  for (const Box::ClassChange& change : box.classes()) {
    classes.push_back(change.clock_class);
  }
  return classes;
}

// ns, of those from `since` on.
double Worst(const std::vector<Box::Error>& errors, TaiTime since) {
  double worst = 0;
  for (const Box::Error& error : errors) {
    if (error.when >= since) worst = std::max(worst, std::fabs(error.ns));
  }
  return worst;
}

// The largest difference between neighbours, ns.
double LargestStep(const std::vector<Box::Error>& errors, TaiTime since) {
  double largest = 0;
  for (size_t i = 1; i < errors.size(); ++i) {
    if (errors[i - 1].when < since) continue;
    largest = std::max(largest, std::fabs(errors[i].ns - errors[i - 1].ns));
  }
  return largest;
}

// The master's clocks are right from the first second on, so what is between starting
// and class 6 is proof.
TEST(Grandmaster, EarnsClassSixAndIsFollowedWithinTheBoundOfWhatIsPublished) {
  for (const bool hardware : {false, true}) {
    for (const DelayChoice delay : {DelayChoice::kE2E, DelayChoice::kP2P}) {
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE(testing::Message()
                     << hardware << ' ' << int(delay) << ' ' << seed);
        Lan lan({.seed = seed});
        BoxSettings serves = MasterBox(0xa, hardware);
        BoxSettings follows = ClientBox(hardware);
        serves.config.ptp.delay = follows.config.ptp.delay = delay;
        Box master(lan, serves);
        Box slave(lan, follows);
        lan.RunFor(absl::Minutes(10));
        ExpectClean(lan);
        EXPECT_THAT(Classes(master), testing::ElementsAre(248, 6));
        EXPECT_GT(master.classes().back().age, absl::Seconds(70));  // 10 and 60.
        EXPECT_LT(master.classes().back().age, absl::Seconds(90));
        // As good as the system clock, which is 200 ns of noise off.
        EXPECT_GT(master.served().size(), 4'500u);
        EXPECT_LT(Worst(master.served(), TaiTime()), 600);
        EXPECT_GT(slave.samples().size(), 550u);
        for (const Box::Error& sample : slave.samples()) {
          EXPECT_LE(std::fabs(sample.ns), sample.bound_ns);
        }
        const TaiTime late = lan.now() - TimeDelta::FromSeconds(300);
        EXPECT_LT(Worst(slave.samples(), late), 2'000);
      }
    }
  }
}

TEST(Grandmaster, SteersThePhcToTaiOrLeavesItAlone) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Lan lan({.seed = seed});
    BoxSettings settings = MasterBox(0xa, true);
    settings.ntp.noise_ns = 20;
    settings.crystal.white_fm = 2;
    Box steers(lan, settings);
    settings.identity = 0xb;
    settings.config.ptp.domain = 1;
    settings.config.phc.mode = PhcMode::kObserve;
    Box observes(lan, settings);
    lan.RunFor(absl::Minutes(10));
    ExpectClean(lan);
    const TaiTime late = lan.now() - TimeDelta::FromSeconds(300);
    EXPECT_LT(Worst(steers.phc_errors(), late), 300);
    EXPECT_GT(steers.phc_adjustments(), 500u);
    EXPECT_EQ(observes.phc_adjustments(), 0u);
    EXPECT_GT(Worst(observes.phc_errors(), late), 1e9);
    EXPECT_GT(steers.served().size(), 4'000u);
  }
}

TEST(Auto, TwoBoxesHandOverTenTimesWithoutAStep) {
  for (const bool hardware : {false, true}) {
    SCOPED_TRACE(hardware);
    Lan lan({.seed = 1});
    BoxSettings settings = MasterBox(0xa, hardware, Role::kAuto);
    settings.quiet = true;
    Box a(lan, settings);
    settings = MasterBox(0xb, hardware, Role::kAuto);
    settings.crystal.ppm = -17;
    settings.quiet = true;
    Box b(lan, settings);
    TimeDelta both, longest;
    std::function<void()> watch = [&] {
      const TimeDelta step = TimeDelta::FromMillis(50);
      both = a.serves() && b.serves() ? both + step : TimeDelta();
      longest = std::max(longest, both);
      lan.After(step, watch);
    };
    watch();
    lan.RunFor(absl::Minutes(40));
    const TaiTime settled = lan.now();
    ASSERT_TRUE(a.serves());
    ASSERT_EQ(b.master().role_state(), RoleState::kStandby) << b.Log();
    for (int i = 0; i < 10; ++i) {
      SCOPED_TRACE(i);
      const size_t samples = a.samples().size();
      a.SetFix(false);
      lan.RunFor(absl::Seconds(60));
      EXPECT_EQ(a.clock_class(), 7);
      EXPECT_EQ(a.master().role_state(), RoleState::kStandby);
      lan.RunFor(absl::Minutes(15));
      EXPECT_EQ(a.clock_class(), 187);
      EXPECT_EQ(a.master().role_state(), RoleState::kFollowing);
      EXPECT_TRUE(b.serves());
      EXPECT_TRUE(a.publishing());
      EXPECT_EQ(a.ntp().source(), NtpDaemon::Source::kSamples);
      EXPECT_GT(a.samples().size(), samples + 60);
      a.SetFix(true);
      lan.RunFor(absl::Minutes(6));
      EXPECT_TRUE(a.serves());
      EXPECT_EQ(a.clock_class(), 6);
      EXPECT_FALSE(a.publishing());
      EXPECT_EQ(b.master().role_state(), RoleState::kStandby);
    }
    ExpectClean(lan);
    EXPECT_LT(longest, TimeDelta::FromSeconds(5));
    for (const Box* box : lan.boxes()) {
      EXPECT_LT(LargestStep(box->samples(), settled), 1'000);
      EXPECT_LT(LargestStep(box->phc_errors(), settled), 1'000);
      EXPECT_LT(LargestStep(box->served(), settled), 1'000);
    }
  }
}

// When `box` first had `clock_class` after `since`.
std::optional<absl::Duration> FirstHad(const Box& box, int clock_class,
                                       absl::Duration since) {
  for (const Box::ClassChange& change : box.classes()) {
    if (change.age >= since && change.clock_class == clock_class) return change.age;
  }
  return std::nullopt;
}

TEST(Grandmaster, GoesThroughHoldoverToDegradedAndBackOnlyWithProof) {
  for (const Role role : {Role::kGrandmaster, Role::kAuto}) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      SCOPED_TRACE(seed);
      Lan lan({.seed = seed});
      BoxSettings settings = MasterBox(0xa, seed == 2, role);
      settings.config.grandmaster.holdover = TimeDelta::FromSeconds(120);
      settings.config.grandmaster.max_holdover_error = TimeDelta::FromMicros(50);
      Box master(lan, settings);
      lan.RunFor(absl::Minutes(30));
      ASSERT_EQ(master.clock_class(), 6);
      const absl::Duration lost = lan.age();
      master.SetFix(false);
      lan.RunFor(absl::Minutes(5));
      const absl::Duration back = lan.age();
      master.SetFix(true);
      lan.RunFor(absl::Minutes(5));
      ExpectClean(lan);
      const int degraded = role == Role::kAuto ? 187 : 52;
      ASSERT_THAT(Classes(master), testing::ElementsAre(248, 6, 7, degraded, 6))
          << master.Log();
      const auto at = [&](size_t i) { return master.classes()[i].age; };
      EXPECT_LE(at(2) - lost, absl::Seconds(7));
      EXPECT_GE(at(3) - lost, absl::Seconds(120));
      EXPECT_LE(at(3) - lost, absl::Seconds(129));
      EXPECT_GE(at(4) - back, absl::Seconds(70));
      EXPECT_LE(at(4) - back, absl::Seconds(90));
    }
  }
}

TEST(Grandmaster, LeavesHoldoverWhenTheDriftItHasLearntMayHaveAddedUp) {
  Lan lan({.seed = 1});
  Box master(lan, MasterBox(0xa, true));
  lan.RunFor(absl::Minutes(30));
  const auto status = master.engine().Status(MonoTime());
  ASSERT_TRUE(status.own_clock && status.own_clock->drift_ppb);
  const double drift = *status.own_clock->drift_ppb;
  const absl::Duration lost = lan.age();
  master.SetFix(false);
  lan.RunFor(absl::Minutes(15));
  const auto degraded = FirstHad(master, 52, lost);
  ASSERT_TRUE(degraded);
  EXPECT_NEAR(absl::ToDoubleSeconds(*degraded - lost),
              std::min(600., 1'000 / drift) + 7, 4);
  ExpectClean(lan);
}

TEST(Grandmaster, IsNeverPrimaryWhenReceiverAndTableDisagreeAboutTaiMinusUtc) {
  Lan lan({.seed = 1});
  Box master(lan, MasterBox(0xa, true));
  master.SetReceiverLeaps(1);
  lan.RunFor(absl::Minutes(10));
  EXPECT_THAT(Classes(master), testing::ElementsAre(248));
  ASSERT_GT(master.announced().size(), 500u);
  for (const auto& announced : master.announced()) {
    EXPECT_FALSE(announced.flags.current_utc_offset_valid);
    EXPECT_FALSE(announced.flags.time_traceable);
  }
  // A receiver that changes its mind costs what it had earned.
  master.SetReceiverLeaps(0);
  lan.RunFor(absl::Minutes(5));
  ASSERT_EQ(master.clock_class(), 6) << master.Log();
  master.SetReceiverLeaps(-1);
  lan.RunFor(absl::Seconds(5));
  EXPECT_EQ(master.clock_class(), 248);
  ExpectClean(lan);
}

TEST(Grandmaster, FallsWhenGpsdIsGoneAndWhenTheNtpDaemonIs) {
  Lan lan({.seed = 1});
  BoxSettings settings = MasterBox(0xa, true);
  settings.config.grandmaster.max_holdover_error = TimeDelta::FromMillis(1);
  Box master(lan, settings);
  lan.RunFor(absl::Minutes(20));
  ASSERT_EQ(master.clock_class(), 6);
  master.SetGpsd(false);
  lan.RunFor(absl::Seconds(7));
  EXPECT_EQ(master.clock_class(), 7);
  master.SetGpsd(true);
  lan.RunFor(absl::Seconds(65));
  EXPECT_EQ(master.clock_class(), 7);
  lan.RunFor(absl::Seconds(25));
  EXPECT_EQ(master.clock_class(), 6);
  master.ntp().SetRunning(false);
  lan.RunFor(absl::Seconds(303));
  EXPECT_EQ(master.clock_class(), 7);
  lan.RunFor(absl::Seconds(610));
  EXPECT_EQ(master.clock_class(), 52);
  ExpectClean(lan);
}

TEST(Grandmaster, WhoseSystemClockIsSteppedSaysSoAndProvesItselfAnew) {
  for (const bool hardware : {false, true}) {
    SCOPED_TRACE(hardware);
    Lan lan({.seed = 1});
    Box master(lan, MasterBox(0xa, hardware));
    lan.RunFor(absl::Minutes(5));
    ASSERT_EQ(master.clock_class(), 6);
    master.StepSystem(TimeDelta::FromMillis(50));
    lan.RunFor(absl::Seconds(3));
    EXPECT_EQ(master.clock_class(), 248);
    lan.RunFor(absl::Minutes(10));
    EXPECT_EQ(master.clock_class(), 6) << master.Log();
    EXPECT_LT(std::fabs(master.served().back().ns), 1'000);
    ExpectClean(lan);
  }
}

// The NTP daemon goes on saying that all is well.
TEST(Grandmaster, WhoseNtpDaemonIsPulledAwayFromGnssFallsByThePulses) {
  for (const bool hardware : {false, true}) {
    SCOPED_TRACE(hardware);
    Lan lan({.seed = 1});
    Box master(lan, MasterBox(0xa, hardware));
    lan.RunFor(absl::Minutes(5));
    ASSERT_EQ(master.clock_class(), 6);
    const auto pull = [&](int us) {
      for (int i = 0; i <= 200; ++i) {
        master.SetNtpSource(TimeDelta::FromMicros(us > 0 ? us * i : us * (i - 200)));
        lan.RunFor(absl::Seconds(1));
      }
    };
    pull(10);
    ASSERT_GT(master.SystemError(), 1.9e6);
    EXPECT_EQ(master.master().clock().ntp().reason(), NtpReason::kDisciplined);
    EXPECT_THAT(Classes(master), testing::ElementsAre(248, 6, 248)) << master.Log();
    EXPECT_THAT(master.Log(), testing::HasSubstr("6 -> 248: GNSS pulses"));
    EXPECT_THAT(master.Log(), testing::HasSubstr("GNSS pulses: off, "));
    lan.RunFor(absl::Minutes(30));
    EXPECT_EQ(master.clock_class(), 248);
    const auto status = master.engine().Status(MonoTime());
    EXPECT_EQ(status.gnss->pulses, "off");
    EXPECT_NEAR(*status.gnss->system_ahead_ns, 2e6, 1e4);
    pull(-10);
    lan.RunFor(absl::Seconds(90));
    EXPECT_THAT(Classes(master), testing::ElementsAre(248, 6, 248, 6)) << master.Log();
    ExpectClean(lan);
  }
}

TEST(Grandmaster, IsNeverPrimaryInAnotherSecondThanGnss) {
  for (const int seconds : {-1, 1, 37}) {
    SCOPED_TRACE(seconds);
    Lan lan({.seed = 1});
    BoxSettings settings = MasterBox(0xa, true);
    settings.system_error = TimeDelta::FromSeconds(seconds);
    Box master(lan, settings);
    master.SetNtpSource(TimeDelta::FromSeconds(seconds));
    lan.RunFor(absl::Minutes(10));
    EXPECT_THAT(Classes(master), testing::ElementsAre(248));
    EXPECT_NEAR(master.SystemError(), 1e9 * seconds, 1e4);
    EXPECT_EQ(master.master().clock().ntp().reason(), NtpReason::kDisciplined);
    EXPECT_EQ(master.engine().Status(MonoTime()).gnss->pulses, "other-second");
    // The daemon finds out and sets the clock.
    master.SetNtpSource(TimeDelta());
    lan.RunFor(absl::Minutes(10));
    EXPECT_THAT(Classes(master), testing::ElementsAre(248, 6)) << master.Log();
    // And is led astray again: what it was says nothing of what it is.
    master.SetNtpSource(TimeDelta::FromSeconds(seconds));
    lan.RunFor(absl::Minutes(20));
    EXPECT_THAT(Classes(master), testing::ElementsAre(248, 6, 7, 248)) << master.Log();
    ExpectClean(lan);
  }
}

TEST(Grandmaster, DoesNotMindPulsesThatAreGivenTheSecondBeforeNowAndThen) {
  Lan lan({.seed = 1});
  Box master(lan, MasterBox(0xa, true));
  master.SetLateLabels(0.3);
  lan.RunFor(absl::Hours(2));
  EXPECT_THAT(Classes(master), testing::ElementsAre(248, 6)) << master.Log();
  ExpectClean(lan);
  // Always: either may be wrong, and nobody knows which.
  master.SetLateLabels(1);
  lan.RunFor(absl::Seconds(12));
  EXPECT_EQ(master.clock_class(), 248);
}

TEST(Auto, NeverEarnsItsClassByItsOwnSamples) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Lan lan({.seed = seed});
    BoxSettings settings = MasterBox(0xa, seed == 2, Role::kAuto);
    settings.ntp.has_gnss = false;  // Though gpsd says that all is well.
    Box a(lan, settings);
    Box b(lan, MasterBox(0xb, seed == 2, Role::kAuto));
    lan.RunFor(absl::Hours(2));
    ExpectClean(lan);
    EXPECT_TRUE(b.serves());
    EXPECT_EQ(b.clock_class(), 6);
    EXPECT_FALSE(FirstHad(a, 6, absl::ZeroDuration()));
    // Three quarters of an hour without; were its pauses all of one length, a whole
    // one.
    EXPECT_GT(a.samples().size(), 4'200u) << a.Log();
    EXPECT_LT(std::fabs(a.SystemError()), 50'000);
  }
}

// After a power cut: one has the time of its battery and serves as there is no better,
// the other waits for its receiver, too.
TEST(Auto, FeedsNothingOfAMasterThatVouchesForNothing) {
  for (const bool any : {false, true}) {
    SCOPED_TRACE(any);
    Lan lan({.seed = 1});
    BoxSettings settings = MasterBox(0xa, true, Role::kAuto);
    settings.system_error = -TimeDelta::FromSeconds(100);
    settings.quiet = true;
    Box wrong(lan, settings);
    wrong.SetFix(false);
    settings = MasterBox(0xb, true, Role::kAuto);
    if (any) settings.config.ptp.max_clock_class = 255;
    Box waits(lan, settings);
    waits.SetFix(false);
    lan.RunFor(absl::Minutes(10));
    EXPECT_TRUE(wrong.serves());
    ASSERT_EQ(waits.master().role_state(), RoleState::kFollowing) << waits.Log();
    if (any) {
      EXPECT_NEAR(Worst(waits.samples(), TaiTime()), 100e9, 1e6);
      EXPECT_GT(waits.samples().size(), 100u);
      continue;
    }
    EXPECT_EQ(waits.engine().Status(MonoTime()).withheld, "grandmaster-quality");
    EXPECT_THAT(waits.samples(), IsEmpty());
    // GNSS comes for one of them, and its word is worth something.
    waits.SetFix(true);
    lan.RunFor(absl::Minutes(10));
    EXPECT_TRUE(waits.serves()) << waits.Log();
    EXPECT_EQ(waits.clock_class(), 6);
    EXPECT_EQ(wrong.master().role_state(), RoleState::kFollowing);
    EXPECT_GT(wrong.samples().size(), 100u);
    EXPECT_LT(std::fabs(wrong.SystemError()), 1e6);
    for (const Box* box : lan.boxes()) {
      EXPECT_LT(Worst(box->samples(), TaiTime()), 1e5) << box->Log();
    }
  }
}

TEST(Auto, DoesNotFlapWithItsGnss) {
  for (const int seconds : {3, 7, 20}) {
    SCOPED_TRACE(seconds);
    Lan lan({.seed = 1});
    Box first(lan, MasterBox(0xa, true, Role::kAuto));
    Box second(lan, MasterBox(0xb, true, Role::kAuto));
    lan.RunFor(absl::Minutes(20));
    // By the variance that each has measured, if nothing else.
    Box& a = first.serves() ? first : second;
    ASSERT_TRUE(a.serves() && first.serves() != second.serves());
    const size_t before = a.log().size();
    for (int i = 0; i < 1'200 / seconds; ++i) {
      a.SetFix(i % 2 == 1);
      lan.RunFor(absl::Seconds(seconds));
    }
    int changes = 0, roles = 0;
    for (size_t i = before; i < a.log().size(); ++i) {
      changes += a.log()[i].find("clockClass") != std::string::npos;
      roles += a.log()[i].find(" role ") != std::string::npos;
    }
    EXPECT_LE(changes, 2) << a.Log();
    // An NTP daemon that never trusts GNSS for long is given samples again in between.
    EXPECT_LE(roles, 4);
    ExpectClean(lan);
  }
}

TEST(Grandmaster, ServesAPhcThatSomebodyElseDisciplines) {
  Lan lan({.seed = 1});
  BoxSettings settings = MasterBox(0xa, true);
  settings.config.grandmaster.source = GrandmasterSource::kPhc;
  Box master(lan, settings);
  Box slave(lan, ClientBox(true));
  master.DisciplinePhc();
  lan.RunFor(absl::Minutes(5));
  ExpectClean(lan);
  EXPECT_EQ(master.clock_class(), 6) << master.Log();
  EXPECT_EQ(master.phc_adjustments(), 0u);
  const TaiTime late = lan.now() - TimeDelta::FromSeconds(60);
  EXPECT_LT(Worst(master.served(), late), 100);
  EXPECT_GT(slave.samples().size(), 200u);
  EXPECT_LT(Worst(slave.samples(), late), 1'000);
  // Another second than the system clock's: which of them is wrong nobody knows.
  master.StepPhc(TimeDelta::FromSeconds(1));
  lan.RunFor(absl::Milliseconds(1'500));
  EXPECT_EQ(master.clock_class(), 248) << master.Log();
}

BoxSettings OneStepBox(uint64_t identity, Role role = Role::kGrandmaster) {
  BoxSettings settings = MasterBox(identity, true, role);
  settings.config.grandmaster.one_step = OneStepUse::kAuto;
  settings.one_step = true;
  // A system clock worth a PHC's while.
  settings.ntp.noise_ns = 20;
  settings.crystal.white_fm = 2;
  return settings;
}

TEST(Grandmaster, ServesOneStepAsWellAsTwoStep) {
  for (const GrandmasterSource source :
       {GrandmasterSource::kSystem, GrandmasterSource::kPhc}) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      SCOPED_TRACE(testing::Message() << int(source) << ' ' << seed);
      Lan lan({.seed = seed});
      BoxSettings settings = OneStepBox(0xa);
      settings.config.grandmaster.source = source;
      Box master(lan, settings);
      Box slave(lan, ClientBox(true));
      if (source == GrandmasterSource::kPhc) master.DisciplinePhc();
      lan.RunFor(absl::Minutes(10));
      ExpectClean(lan);
      EXPECT_EQ(master.clock_class(), 6) << master.Log();
      EXPECT_EQ(master.one_step().state(), OneStepState::kOn) << master.Log();
      EXPECT_GT(master.one_step_syncs(), 4'000u) << master.Log();
      // Who disciplines that PHC begins with an error of microseconds.
      const TaiTime late = lan.now() - TimeDelta::FromSeconds(300);
      EXPECT_LT(
          Worst(master.served(), source == GrandmasterSource::kPhc ? late : TaiTime()),
          600);
      EXPECT_LT(Worst(slave.samples(), late), 1'000);
    }
  }
}

// At any moment between two Syncs.
TEST(Grandmaster, SendsNoWrongOneStepSyncWhenThePhcIsStepped) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Lan lan({.seed = seed});
    Box master(lan, OneStepBox(0xa));
    lan.RunFor(absl::Minutes(3) + absl::Milliseconds(25) * seed);
    ASSERT_TRUE(master.one_step().on()) << master.Log();
    const size_t before = master.served().size();
    const uint64_t one_step = master.one_step_syncs();
    master.StepPhc(TimeDelta::FromSeconds(-37));
    lan.RunFor(absl::Minutes(3));
    ExpectClean(lan);
    EXPECT_TRUE(master.one_step().on()) << master.Log();
    EXPECT_GT(master.one_step_syncs(), one_step + 500);
    EXPECT_LT(master.one_step_syncs() - one_step, master.served().size() - before);
    for (size_t i = before; i < master.served().size(); ++i) {
      ASSERT_LT(std::fabs(master.served()[i].ns), 2'000) << i - before << master.Log();
    }
  }
}

// Following another, it sends no Syncs; returned, it begins with two steps.
TEST(Auto, IsOneStepAgainAfterItHasFollowed) {
  Lan lan({.seed = 2});
  Box a(lan, OneStepBox(0xa, Role::kAuto));
  Box b(lan, OneStepBox(0xb, Role::kAuto));
  lan.RunFor(absl::Minutes(5));
  ASSERT_NE(a.serves(), b.serves());
  Box& first = a.serves() ? a : b;
  Box& second = a.serves() ? b : a;
  ASSERT_TRUE(first.one_step().on()) << first.Log();
  first.SetFix(false);
  lan.RunFor(absl::Minutes(20));
  ASSERT_EQ(first.master().role_state(), RoleState::kFollowing) << first.Log();
  EXPECT_FALSE(first.one_step().on());
  EXPECT_TRUE(second.serves() && second.one_step().on()) << second.Log();
  first.SetFix(true);
  second.SetFix(false);
  lan.RunFor(absl::Minutes(20));
  EXPECT_TRUE(first.serves() && first.one_step().on()) << first.Log();
  EXPECT_LT(Worst(first.served(), TaiTime()), 1'000);
  EXPECT_LT(Worst(second.served(), TaiTime()), 1'000);
  ExpectClean(lan);
}

constexpr int64_t kMidnight = UnixSecond(absl::CivilSecond(2028, 1, 1));

struct Night {
  const char* name;
  LeapIndicator what;
  bool kernel_leaps;
  bool fix;  // GNSS is there.
  GrandmasterSource source = GrandmasterSource::kSystem;
};

class LeapNight : public testing::TestWithParam<Night> {};
INSTANTIATE_TEST_SUITE_P(
    Of, LeapNight,
    testing::Values(Night{"Insert", LeapIndicator::kInsert, true, true},
                    Night{"Delete", LeapIndicator::kDelete, true, true},
                    Night{"KernelFails", LeapIndicator::kInsert, false, true},
                    Night{"WithoutGnss", LeapIndicator::kInsert, true, false},
                    Night{"None", LeapIndicator::kNone, true, true},
                    Night{"OfAPhcInsert", LeapIndicator::kInsert, true, true,
                          GrandmasterSource::kPhc},
                    Night{"OfAPhcDelete", LeapIndicator::kDelete, true, true,
                          GrandmasterSource::kPhc},
                    Night{"OfAPhcKernelFails", LeapIndicator::kInsert, false, true,
                          GrandmasterSource::kPhc},
                    Night{"OfAPhcWithoutGnss", LeapIndicator::kInsert, true, false,
                          GrandmasterSource::kPhc}),
    [](const auto& test) { return test.param.name; });

TEST_P(LeapNight, TaiGoesOnAndOnlyTheOffsetChanges) {
  const Night& night = GetParam();
  const bool leap = night.what != LeapIndicator::kNone;
  const int64_t start = kMidnight - 12 * 3600 - 600;
  Lan lan(leap ? Lan::Settings{.start = start, .leap = {{night.what, kMidnight}}}
               : Lan::Settings{.start = start});
  BoxSettings settings = MasterBox(0xa, true);
  settings.config.ptp.sync_interval = 0;
  settings.config.grandmaster.max_holdover_error = TimeDelta::FromMillis(1);
  settings.config.grandmaster.holdover = TimeDelta::FromSeconds(7200);
  settings.ntp.kernel_leaps = night.kernel_leaps;
  settings.config.grandmaster.source = night.source;
  Box master(lan, settings);
  if (night.source == GrandmasterSource::kPhc) master.DisciplinePhc();
  lan.RunFor(lan.AgeAt(kMidnight - 600) - lan.age());
  ASSERT_EQ(master.clock_class(), 6);
  const auto flagged = [&] {
    const ptp::Flags& flags = master.announced().back().flags;
    return flags.leap61   ? LeapIndicator::kInsert
           : flags.leap59 ? LeapIndicator::kDelete
                          : LeapIndicator::kNone;
  };
  EXPECT_EQ(flagged(), night.what);
  size_t flags = 0;
  for (const auto& announced : master.announced()) {
    flags += announced.flags.leap61 || announced.flags.leap59;
  }
  if (leap) {
    EXPECT_NEAR(static_cast<double>(flags), 12 * 3600 - 600, 5);
  }
  if (!night.fix) master.SetFix(false);
  const absl::Duration before = lan.age();
  lan.RunFor(absl::Minutes(9) + absl::Seconds(57));
  EXPECT_EQ(flagged(), night.what);
  lan.RunFor(absl::Seconds(16));
  EXPECT_EQ(flagged(), LeapIndicator::kNone);
  const int good = night.fix ? 6 : 7;
  if (night.kernel_leaps) {
    EXPECT_EQ(master.clock_class(), good) << master.Log();
  }
  lan.RunFor(absl::Minutes(30));
  EXPECT_EQ(master.announced().back().body.current_utc_offset,
            lan.truth().OffsetAt(lan.now()));
  EXPECT_TRUE(master.announced().back().flags.current_utc_offset_valid);
  if (night.kernel_leaps) {
    const auto classes =
        night.fix ? std::vector<int>{248, 6} : std::vector<int>{248, 6, 7};
    EXPECT_EQ(Classes(master), classes) << master.Log();
  } else {
    EXPECT_TRUE(FirstHad(master, 248, before));
    EXPECT_EQ(master.clock_class(), 6) << master.Log();
  }
  ExpectClean(lan);
  EXPECT_GT(master.served().size(), 42'000u);
  // A kernel that fails leaves the clock to itself for five minutes.
  // Who disciplines a PHC here is no better than half a microsecond.
  const bool of_a_phc = night.source == GrandmasterSource::kPhc;
  const bool steered = night.fix && night.kernel_leaps;
  const double limit = of_a_phc ? 1'000 : steered ? 2'000 : 50'000;
  const TaiTime settled = master.phc_errors()[800].when;
  EXPECT_LT(Worst(master.served(), of_a_phc ? settled : TaiTime()), limit)
      << master.Log();
  EXPECT_LT(Worst(master.phc_errors(), settled), limit);
}

// With all the noise there is, and somebody who follows whoever serves.
TEST(Auto, HandsOverAndEverybodyStaysWithinWhatIsClaimed) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    const bool hardware = seed % 2 == 0;
    Lan lan({.seed = seed});
    Box a(lan, MasterBox(0xa, hardware, Role::kAuto));
    BoxSettings settings = MasterBox(0xb, hardware, Role::kAuto);
    settings.crystal.ppm = -17;
    settings.transmit_stamp_loss = 0.01;
    settings.link.loss = 0.01;
    Box b(lan, settings);
    Box slave(lan, ClientBox(hardware));
    lan.RunFor(absl::Minutes(20));
    for (int i = 0; i < 3; ++i) {
      Box& loses = i % 2 == 0 ? a : b;
      loses.SetFix(false);
      lan.RunFor(absl::Minutes(15));
      EXPECT_EQ(loses.master().role_state(), RoleState::kFollowing) << loses.Log();
      loses.SetFix(true);
      lan.RunFor(absl::Minutes(8));
      EXPECT_EQ(loses.clock_class(), 6) << loses.Log();
      if (i == 1) slave.Plug(false);
      lan.RunFor(absl::Minutes(1));
      if (i == 1) slave.Plug(true);
    }
    ExpectClean(lan);
    for (const Box* box : lan.boxes()) {
      EXPECT_GT(box->samples().size(), 10u);
      for (const Box::Error& sample : box->samples()) {
        EXPECT_LE(std::fabs(sample.ns), sample.bound_ns);
      }
    }
    EXPECT_GT(slave.samples().size(), 4'500u) << slave.Log();
    EXPECT_LT(Worst(slave.samples(), TaiTime()), 20'000);
  }
}

TEST(Auto, IsUndecidedWithItsCableOutAndServesAgainWithItIn) {
  Lan lan({.seed = 1});
  Box a(lan, MasterBox(0xa, true, Role::kAuto));
  lan.RunFor(absl::Minutes(5));
  ASSERT_TRUE(a.serves());
  const uint64_t served = a.served().size();
  a.Plug(false);
  lan.RunFor(absl::Minutes(2));
  EXPECT_EQ(a.master().role_state(), RoleState::kUndecided);
  EXPECT_EQ(a.served().size(), served);
  a.Plug(true);
  lan.RunFor(absl::Seconds(10));
  EXPECT_TRUE(a.serves());
  EXPECT_EQ(a.clock_class(), 6);  // The clock was well all the time.
  ExpectClean(lan);
}

// Once recorded and once played to an engine that knows nothing of the network.
TEST(TraceOfABox, ReplaysBitForBit) {
  for (const Role role : {Role::kGrandmaster, Role::kAuto}) {
    for (const bool hardware : {false, true}) {
      std::string text;
      TraceWriter recorder(
          [&text](absl::string_view line) { absl::StrAppend(&text, line, "\n"); },
          "test");
      {
        Lan lan({.seed = 5});
        BoxSettings settings = MasterBox(0xb, hardware, role);
        settings.config.grandmaster.holdover = TimeDelta::FromSeconds(20);
        settings.recorder = &recorder;
        settings.one_step = true;
        settings.config.grandmaster.one_step = OneStepUse::kAuto;
        Box recorded(lan, settings);
        Box better(lan, MasterBox(0xa, hardware));
        lan.RunFor(absl::Minutes(3));
        recorded.SetFix(false);
        lan.RunFor(absl::Minutes(2));
        EXPECT_EQ(recorded.publishing(), role == Role::kAuto);
        recorded.SetFix(true);
        better.Plug(false);
        lan.RunFor(absl::Minutes(4));
        EXPECT_EQ(recorded.clock_class(), 6) << recorded.Log();
        EXPECT_EQ(recorded.one_step_syncs() > 0, hardware);
        recorded.Stop();
        recorder.End();
      }
      TraceReplay replay("test");
      ASSERT_TRUE(replay.Feed(text).ok());
      ASSERT_TRUE(replay.Finish().ok());
      const TraceReplay::Result& result = replay.result();
      EXPECT_GT(result.inputs, 5'000u);
      EXPECT_FALSE(result.difference)
          << result.difference->line << "\n recorded " << result.difference->recorded
          << "\n now " << result.difference->decided;
      EXPECT_EQ(result.unasked + result.unanswered, 0u);
      EXPECT_FALSE(result.cut_short);
    }
  }
}

}  // namespace
}  // namespace bridge::sim
