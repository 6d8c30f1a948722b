#include "bridge/source/system_source.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr int kOffset = 37;
constexpr auto kRaw = RawTime::FromNanos(86'400'000'000'000);
constexpr auto kMono = MonoTime::FromNanos(5'000'000'000'000);
constexpr auto kUtc = UtcTime::FromNanos(1'800'000'000'000'000'000);
constexpr auto kTai = TaiTime::FromNanos(1'800'000'037'000'000'000);
constexpr auto kPhc = PhcTime::FromNanos(7'000'000'000);
constexpr TimeDelta kWindow = TimeDelta::FromNanos(100);

// A machine whose clocks all run at one rate, read four times a second.
struct Machine {
  explicit Machine(const SystemSource::Settings& settings) : source(settings) {}

  // Whether it was noticed that a clock was stepped.
  bool Read(int times) {
    bool stepped = false;
    for (int i = 0; i < times; ++i) {
      passed = passed + TimeDelta::FromMillis(250);
      ClockReading reading{.pair = Pair()};
      reading.phc = CrossTimestamp<bridge::Phc>{Phc(), System(), kWindow};
      passed = passed + TimeDelta::FromMicros(2);
      reading.pair = Pair();
      const auto read = source.OnReading(reading, Now());
      stepped |= read.stepped;
      if (read.local) source.Learn(*read.local);
    }
    return stepped;
  }
  CrossTimestamp<Raw> Pair() const { return {kRaw + passed, System(), kWindow}; }
  MonoTime Now() const { return kMono + passed; }
  UtcTime System() const { return kUtc + passed + system_step; }
  PhcTime Phc() const { return kPhc + passed + phc_step; }
  TaiTime Tai() const { return kTai + passed; }
  // Of what a frame that is stamped now is said to be, ns.
  double Error(EventStamp stamp) {
    const auto local = source.Received(stamp, Now());
    const auto map = source.ToTai(kOffset);
    if (!local || !map) return 1e18;
    return (*map->Map(*local, map->era()) - Tai()).NanosDouble();
  }

  SystemSource source;
  TimeDelta passed;
  TimeDelta system_step;
  TimeDelta phc_step;
};

TEST(SystemSource, TurnsSoftwareStampsIntoTai) {
  Machine machine({.stamps = StampKind::kSoftware});
  EXPECT_FALSE(machine.source.ToTai(kOffset));
  EXPECT_FALSE(machine.Read(10));
  EXPECT_LT(std::fabs(machine.Error(machine.System())), 1);
  EXPECT_EQ(machine.source.error(), kWindow.Half());
  EXPECT_FALSE(machine.source.Received(machine.Phc(), machine.Now()));
  EXPECT_EQ(machine.source.stamps_refused(), 1u);
}

TEST(SystemSource, TurnsHardwareStampsIntoTai) {
  Machine machine({.stamps = StampKind::kHardware});
  EXPECT_FALSE(machine.Read(20));
  EXPECT_LT(std::fabs(machine.Error(machine.Phc())), 1);
  EXPECT_FALSE(machine.source.Received(machine.System(), machine.Now()));
}

TEST(SystemSource, HasLatenciesBetweenTheStampAndTheWire) {
  Machine machine({.stamps = StampKind::kHardware,
                   .ingress_latency = TimeDelta::FromNanos(300),
                   .egress_latency = TimeDelta::FromNanos(500)});
  machine.Read(20);
  const auto in = machine.source.Received(machine.Phc(), machine.Now());
  const auto out = machine.source.Sent(machine.Phc(), machine.Now());
  ASSERT_TRUE(in && out);
  EXPECT_EQ(*out - *in, TimeDelta::FromNanos(800));
}

TEST(SystemSource, NoticesAStepOfEitherClockAndBeginsAnew) {
  for (const bool phc : {false, true}) {
    Machine machine({.stamps = StampKind::kHardware});
    ASSERT_FALSE(machine.Read(40));
    (phc ? machine.phc_step : machine.system_step) = TimeDelta::FromMillis(300);
    EXPECT_TRUE(machine.Read(1)) << phc;
    EXPECT_FALSE(machine.source.ToTai(kOffset));
    EXPECT_FALSE(machine.Read(10));
    EXPECT_TRUE(machine.source.ToTai(kOffset));
  }
  Machine machine({.stamps = StampKind::kSoftware});
  ASSERT_FALSE(machine.Read(4));
  machine.passed = machine.passed + TimeDelta::FromMillis(1);
  machine.system_step = TimeDelta::FromSeconds(-1);
  EXPECT_TRUE(machine.source.OnPair(machine.Pair(), machine.Now()));
  EXPECT_FALSE(machine.source.ToTai(kOffset));
}

TEST(SystemSource, TakesAPhcThatAnotherProgramDisciplinesAtItsWord) {
  Machine machine({.stamps = StampKind::kHardware, .serves_phc = true});
  machine.phc_step = kTai.SinceEpoch() - kPhc.SinceEpoch();
  EXPECT_FALSE(machine.Read(20));
  EXPECT_EQ(machine.Error(machine.Phc()), 0);
  // Nobody but the system clock says how good it is.
  EXPECT_EQ(machine.source.error(), kWindow.Half());
  machine.phc_step = machine.phc_step + TimeDelta::FromMicros(50);
  EXPECT_FALSE(machine.Read(20));
  EXPECT_EQ(machine.source.error(), kWindow.Half() + TimeDelta::FromMicros(50));
  machine.phc_step = machine.phc_step + TimeDelta::FromSeconds(1);
  EXPECT_TRUE(machine.Read(1));
  EXPECT_FALSE(machine.Read(1));
}

}  // namespace
}  // namespace bridge
