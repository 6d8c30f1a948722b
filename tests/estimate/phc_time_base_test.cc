#include "bridge/estimate/phc_time_base.h"

#include <cmath>

#include "bridge/base/rng.h"
#include "gtest/gtest.h"
#include "tests/support/allocations.h"

namespace bridge {
namespace {

using Verdict = PhcTimeBase::Verdict;

constexpr auto kRaw = RawTime::FromNanos(4'000'000'000'000);
constexpr auto kPhc = PhcTime::FromNanos(1'800'000'037'000'000'000);
constexpr TimeDelta kWindow = TimeDelta::FromNanos(800);

TimeDelta Seconds(double s) { return TimeDelta::FromNanosDouble(s * 1e9); }

// A PHC beside CLOCK_MONOTONIC_RAW: a crystal, and what is done to it.
class Machine {
 public:
  explicit Machine(double crystal_ppm = 0, double warming_ppb = 0)
      : crystal_(crystal_ppm * 1e-6), warming_(warming_ppb * 1e-9) {}

  // In steps of at most a second, so that doubles hold small spans only.
  void Run(double seconds) {
    while (seconds > 0) {
      const double step = std::min(seconds, 1.0);
      const TimeDelta raw = Seconds(step);
      const TimeDelta ticks =
          raw + TimeDelta::FromNanosDouble(raw.NanosDouble() *
                                           (crystal_ + warming_ * (age_ + step / 2)));
      raw_ = raw_ + raw;
      age_ += step;
      untouched_ = untouched_ + ticks;
      phc_ =
          phc_ + ticks + TimeDelta::FromNanosDouble(ticks.NanosDouble() * frequency_);
      seconds -= step;
    }
  }
  Verdict Read(TimeDelta window = kWindow, double off = 0) {
    return base.AddReading(phc_ + TimeDelta::FromNanosDouble(off), raw_, window);
  }
  // For some time, with a reading each second.
  void RunAndRead(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      Run(1);
      ASSERT_EQ(Read(), Verdict::kGood) << "after " << i << " s";
    }
  }
  void Dial(double ppb) { frequency_ = ppb * 1e-9; }
  void Step(TimeDelta by) { phc_ = phc_ + by; }

  PhcTime phc() const { return phc_; }
  RawTime raw() const { return raw_; }
  // What the PHC would show, had nobody touched it.
  PhcTime untouched() const { return untouched_; }

  PhcTimeBase base;

 private:
  double crystal_;
  double warming_;
  double age_ = 0;
  double frequency_ = 0;
  RawTime raw_ = kRaw;
  PhcTime phc_ = kPhc;
  PhcTime untouched_ = kPhc;
};

// How far the carried clock has moved against the untouched one, ns.
class Drift {
 public:
  explicit Drift(Machine& machine)
      : machine_(machine), untouched_(machine.untouched()), local_(Carried()) {}
  double operator()() const {
    return ((Carried() - local_) - (machine_.untouched() - untouched_)).NanosDouble();
  }

 private:
  LocalTime Carried() const {
    return *machine_.base.Carry(machine_.phc(), machine_.raw());
  }

  Machine& machine_;
  PhcTime untouched_;
  LocalTime local_;
};

TEST(PhcTimeBase, CarriesNothingBeforeTheFirstReading) {
  PhcTimeBase base;
  EXPECT_FALSE(base.Carry(kPhc, kRaw));
  EXPECT_FALSE(base.Predict(kRaw));
  EXPECT_EQ(base.AddReading(kPhc, kRaw, kWindow), Verdict::kGood);
  EXPECT_TRUE(base.Carry(kPhc, kRaw));
}

TEST(PhcTimeBase, UndoesHoursOfAdjustmentsToATenthOfANanosecond) {
  Machine machine(12);
  Rng rng(1);
  machine.Read();
  const Drift drift(machine);
  double ppb = 0;
  for (int i = 0; i < 6 * 3600; ++i) {
    machine.Run(0.7);
    ppb = i % 100 == 0 ? rng.Uniform(-500'000, 500'000) : ppb + rng.Uniform(-500, 500);
    machine.Dial(ppb);
    machine.base.OnFrequency(machine.phc(), ppb);
    if (i % 1000 == 500) {
      const TimeDelta by = Seconds(rng.Uniform(-40, 40));
      machine.base.OnStep(machine.phc(), by);
      machine.Step(by);
    }
    machine.Run(0.3);
    ASSERT_EQ(machine.Read(), Verdict::kGood) << i;
  }
  EXPECT_LT(std::fabs(drift()), 0.1);
  EXPECT_EQ(machine.base.era().number(), 0u);
}

TEST(PhcTimeBase, CarriesALateStampByTheFrequencyOfItsTime) {
  Machine machine;
  machine.Read();
  const Drift drift(machine);
  machine.Run(0.2);
  const PhcTime stamp = machine.phc();
  const LocalTime at_once = *machine.base.Carry(stamp, machine.raw());
  // 400 us per second, for 0.4 s: 160 us, if it were carried by the new one.
  for (const double ppb : {400'000., -400'000., 300'000.}) {
    machine.Dial(ppb);
    machine.base.OnFrequency(machine.phc(), ppb);
    machine.Run(0.13);
    const auto late = machine.base.Carry(stamp, machine.raw());
    ASSERT_TRUE(late) << ppb;
    EXPECT_EQ(*late, at_once) << ppb;
  }
  EXPECT_NEAR(drift(), 0, 0.001);
}

TEST(PhcTimeBase, RefusesStampsOfNoPossibleTime) {
  Machine machine;
  machine.Read();
  machine.RunAndRead(5);
  const auto carry = [&](double off) {
    return machine.base.Carry(machine.phc() + Seconds(off), machine.raw());
  };
  EXPECT_TRUE(carry(-0.49));
  EXPECT_FALSE(carry(-0.51));
  EXPECT_TRUE(carry(0.000'5));
  EXPECT_FALSE(carry(0.002));
  EXPECT_FALSE(carry(37));
  EXPECT_FALSE(carry(-37));
}

class OwnStep : public ::testing::TestWithParam<double> {};

TEST_P(OwnStep, IsInvisibleOnTheLocalClock) {
  Machine machine(-30);
  machine.Read();
  machine.RunAndRead(5);
  const Drift drift(machine);
  const TimeDelta by = Seconds(GetParam());
  machine.base.OnStep(machine.phc(), by);
  machine.Step(by);
  EXPECT_EQ(machine.Read(), Verdict::kWide) << "CLOCK_MONOTONIC_RAW has not moved";
  machine.Run(0.000'1);
  EXPECT_EQ(machine.Read(), Verdict::kGood);
  machine.Run(0.6);
  EXPECT_NEAR(drift(), 0, 0.001);
  machine.RunAndRead(5);
  EXPECT_NEAR(drift(), 0, 0.001);
  EXPECT_EQ(machine.base.era().number(), 0u);
}

TEST_P(OwnStep, IsMeasuredByTheNextReadingWhenTheDriverWasInexact) {
  for (const double inexact : {8e-6, -300e-6, 20e-3}) {
    Machine machine(-30);
    machine.Read();
    machine.RunAndRead(5);
    const Drift drift(machine);
    machine.base.OnStep(machine.phc(), Seconds(GetParam()));
    machine.Step(Seconds(GetParam() + inexact));
    machine.Run(0.000'1);
    EXPECT_EQ(machine.Read(), Verdict::kGood) << inexact;
    machine.Run(0.6);
    EXPECT_NEAR(drift(), 0, 0.1) << inexact;
    machine.RunAndRead(5);
    EXPECT_EQ(machine.base.era().number(), 0u) << inexact;
  }
}

TEST_P(OwnStep, RefusesWhatMayHaveBeenStampedBeforeIt) {
  Machine machine;
  machine.Read();
  machine.RunAndRead(5);
  const PhcTime before = machine.phc() - TimeDelta::FromMillis(1);
  machine.base.OnStep(machine.phc(), Seconds(GetParam()));
  machine.Step(Seconds(GetParam()));
  for (int i = 0; i < 490; ++i) {  // As long as a stamp may take.
    machine.Run(0.001);
    ASSERT_FALSE(machine.base.Carry(before, machine.raw())) << i;
  }
  machine.Run(0.1);
  EXPECT_TRUE(machine.base.Carry(machine.phc(), machine.raw()));
}

INSTANTIATE_TEST_SUITE_P(Seconds, OwnStep,
                         ::testing::Values(-1.8e9, -37, -0.51, -0.4, -0.003, 20e-6, 0.2,
                                           1, 37, 1.8e9));

TEST(PhcTimeBase, AnUnknownRateIsNotTakenForAnInexactStep) {
  Machine machine(100);
  machine.Read();
  const Drift drift(machine);
  machine.base.OnStep(machine.phc(), Seconds(37));
  machine.Step(Seconds(37));
  machine.Run(0.001);  // 100 ns off by the rate.
  EXPECT_EQ(machine.Read(), Verdict::kGood);
  EXPECT_NEAR(drift(), 0, 0.001);
}

TEST(PhcTimeBase, AnOwnStepThatWasNotMeasuredBeginsAnEra) {
  Machine no_rate(100);
  no_rate.Read();
  no_rate.Run(1);
  no_rate.base.OnStep(no_rate.phc(), Seconds(37));
  no_rate.Step(Seconds(37));
  EXPECT_EQ(no_rate.base.era().number(), 0u);
  no_rate.Run(0.001);
  EXPECT_EQ(no_rate.Read(), Verdict::kUncertain);
  EXPECT_EQ(no_rate.base.era().number(), 1u);
  no_rate.RunAndRead(10);

  Machine slow;
  slow.Read(Seconds(5e-3));
  slow.base.OnStep(slow.phc(), Seconds(37));
  slow.Step(Seconds(37.001));
  slow.Run(0.01);
  EXPECT_EQ(slow.Read(Seconds(5e-3)), Verdict::kUncertain);
  EXPECT_TRUE(slow.base.Carry(slow.phc(), slow.raw()));
}

TEST(PhcTimeBase, AStepBetweenOwnStepAndReadingIsStillNoticed) {
  Machine machine;
  machine.Read();
  machine.RunAndRead(5);
  machine.base.OnStep(machine.phc(), Seconds(3));
  machine.Step(Seconds(3 + 0.2));
  machine.Run(0.1);
  EXPECT_EQ(machine.Read(), Verdict::kStepped);
}

class ForeignStep : public ::testing::TestWithParam<double> {};

TEST_P(ForeignStep, IsFoundByTheNextReadingAndBeginsAnEra) {
  Machine machine(100, 20);
  machine.Read();
  machine.RunAndRead(10);
  const PhcTime before = machine.phc() - TimeDelta::FromMicros(1);
  const LocalTime local = *machine.base.Carry(machine.phc(), machine.raw());
  machine.Step(Seconds(GetParam()));
  machine.Run(1.25);
  EXPECT_EQ(machine.Read(), Verdict::kStepped);
  EXPECT_EQ(machine.base.era().number(), 1u);
  EXPECT_FALSE(machine.base.Carry(before, machine.raw()));
  machine.Run(0.6);
  const auto after = machine.base.Carry(machine.phc(), machine.raw());
  ASSERT_TRUE(after);
  // The local clock goes on, to within what the rate leaves open.
  EXPECT_NEAR((*after - local).SecondsDouble(), 1.85, 0.001);
  machine.RunAndRead(10);
  EXPECT_EQ(machine.base.era().number(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Seconds, ForeignStep,
                         ::testing::Values(-1.8e9, -37, -1, -0.3, -1e-3, -30e-6, 30e-6,
                                           1e-3, 0.3, 1, 37, 1.8e9));

TEST(PhcTimeBase, AFrequencyByAnotherThatNoCrystalHasBeginsAnEra) {
  for (const double ppb : {-500'000., -5'000., 5'000., 500'000.}) {
    Machine machine(50);
    machine.Read();
    machine.RunAndRead(10);
    machine.Dial(ppb);
    machine.Run(1.25);
    EXPECT_EQ(machine.Read(), Verdict::kStepped) << ppb;
    machine.RunAndRead(10);
    EXPECT_EQ(machine.base.era().number(), 1u) << ppb;
  }
}

// Readings of a rising and falling quality and interval: no step is seen in them.
struct Quiet {
  const char* name;
  double crystal_ppm;
  double warming_ppb;
  double window;  // s
  double interval;
  int readings;
};

class NoStep : public ::testing::TestWithParam<Quiet> {};

TEST_P(NoStep, IsSeenInHonestReadings) {
  const Quiet& quiet = GetParam();
  Rng rng(2);
  Machine machine(quiet.crystal_ppm, quiet.warming_ppb);
  double ppb = 0;
  int good = 0;
  for (int i = 0; i < quiet.readings; ++i) {
    machine.Run(quiet.interval * rng.Uniform(0.5, 1.5));
    // Now and then interrupted; as far off as the window allows.
    const double window = quiet.window * (rng.Chance(0.02) ? 8 : rng.Uniform(0.8, 1.2));
    const double off = window * 1e9 / 2 * (rng.Chance(0.5) ? 1 : -1);
    const Verdict verdict = machine.Read(Seconds(window), off);
    ASSERT_NE(verdict, Verdict::kStepped) << "reading " << i;
    good += verdict == Verdict::kGood;
    ppb += rng.Uniform(-20, 20);
    machine.Dial(ppb);
    machine.base.OnFrequency(*machine.base.Predict(machine.raw()), ppb);
  }
  EXPECT_GT(good, quiet.readings * 9 / 10);
  EXPECT_EQ(machine.base.era().number(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Readings, NoStep,
                         ::testing::Values(Quiet{"nic", 20, 0, 1e-6, 1, 5000},
                                           Quiet{"crystal", -100, 0, 1e-6, 1, 5000},
                                           Quiet{"warm_up", 100, 20, 1e-6, 1, 600},
                                           Quiet{"tight", 20, 1, 100e-9, 1, 600},
                                           Quiet{"basic", 20, 1, 20e-6, 1, 5000},
                                           Quiet{"mdio", 20, 5, 5e-3, 1, 5000},
                                           Quiet{"often", 20, 5, 1e-6, 0.06, 5000},
                                           Quiet{"half_minutes", -100, 5, 1e-6, 30,
                                                 100},
                                           Quiet{"minutes", 100, 5, 1e-6, 180, 20}),
                         [](const auto& test) { return test.param.name; });

TEST(PhcTimeBase, AStepOfASecondIsFoundThroughWindowsOfMilliseconds) {
  Machine machine(20);
  machine.Read(Seconds(5e-3));
  for (int i = 0; i < 60; ++i) {
    machine.Run(1);
    ASSERT_EQ(machine.Read(Seconds(5e-3), i % 2 == 0 ? 2e6 : -2e6), Verdict::kGood);
  }
  machine.Step(Seconds(-1));
  machine.Run(1);
  EXPECT_EQ(machine.Read(Seconds(5e-3)), Verdict::kStepped);
}

TEST(PhcTimeBase, DatesAnAdjustmentByTheRawClock) {
  Machine machine(100);
  machine.Read();
  machine.Run(0.5);
  EXPECT_NEAR((*machine.base.Predict(machine.raw()) - machine.phc()).NanosDouble(), 0,
              51e3);
  machine.Run(0.5);
  machine.RunAndRead(10);
  machine.Run(1);
  EXPECT_NEAR((*machine.base.Predict(machine.raw()) - machine.phc()).NanosDouble(), 0,
              1);
}

TEST(PhcTimeBase, ReadingsThatFailForLongLeaveTheLedgerRight) {
  Machine machine(10);
  machine.Read();
  machine.RunAndRead(10);
  const Drift drift(machine);
  for (int i = 0; i < 100; ++i) {  // More than the ledger holds.
    const double ppb = 1'000. * (i % 7);
    machine.Dial(ppb);
    machine.base.OnFrequency(*machine.base.Predict(machine.raw()), ppb);
    machine.Run(1);
  }
  EXPECT_NEAR(drift(), 0, 0.1);
  EXPECT_EQ(machine.Read(), Verdict::kGood);
}

TEST(PhcTimeBase, AFrequencyFromBeforeTheFirstReadingCounts) {
  Machine machine;
  machine.Dial(90'000);
  machine.base.OnFrequency(PhcTime(), 90'000);
  EXPECT_EQ(machine.base.frequency_ppb(), 90'000);
  machine.Read();
  const Drift drift(machine);
  machine.Run(1);
  EXPECT_NEAR(drift(), 0, 0.001);
}

TEST(PhcTimeBase, AResetIsANewEraThatKeepsTheFrequency) {
  Machine machine;
  machine.Dial(50'000);
  machine.base.OnFrequency(PhcTime(), 50'000);
  machine.Read();
  machine.base.Reset();
  EXPECT_EQ(machine.base.era().number(), 1u);
  EXPECT_FALSE(machine.base.Carry(machine.phc(), machine.raw()));
  EXPECT_NEAR(machine.base.frequency_ppb(), 50'000, 1e-6);
  machine.Step(Seconds(99));
  machine.Run(1);
  EXPECT_EQ(machine.Read(), Verdict::kGood) << "what was before is forgotten";
}

TEST(PhcTimeBase, ShownIsTheInverseOfCarrying) {
  Machine machine;
  machine.Read();
  for (const double ppb : {0., 3e5, -2e5, 1e3}) {
    machine.base.OnFrequency(machine.phc(), ppb);
    machine.Dial(ppb);
    machine.Run(0.1);
    const PhcTime shown =
        machine.base.Shown(*machine.base.Carry(machine.phc(), machine.raw()));
    EXPECT_NEAR((shown - machine.phc()).NanosDouble(), 0, 0.001);
  }
  const PhcTime earlier = machine.phc() - Seconds(0.35);
  EXPECT_NEAR(
      (machine.base.Shown(machine.base.CarryReading(earlier)) - earlier).NanosDouble(),
      0, 0.001);
}

TEST(PhcTimeBase, AllocatesNothing) {
  Machine machine;
  const uint64_t before = testing_support::Allocations();
  for (int i = 0; i < 100; ++i) {
    machine.Run(1);
    machine.Read();
    machine.base.OnFrequency(machine.phc(), 10);
    machine.base.Carry(machine.phc(), machine.raw());
    if (i % 10 == 0) machine.base.OnStep(machine.phc(), TimeDelta());
  }
  EXPECT_EQ(testing_support::Allocations(), before);
}

}  // namespace
}  // namespace bridge
