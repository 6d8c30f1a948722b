#include "bridge/estimate/time_base.h"

#include <cmath>

#include "bridge/base/rng.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using Verdict = SteadyTimeBase::PairVerdict;

constexpr auto kUtc = UtcTime::FromNanos(1'800'000'000'000'000'000);
constexpr auto kRaw = RawTime::FromNanos(4'000'000'000'000);
constexpr auto kWindow = TimeDelta::FromNanos(160);

// RAW and REALTIME this many microseconds after a common start.
RawTime Raw(int64_t us) { return kRaw + TimeDelta::FromMicros(us); }
UtcTime Real(int64_t us) { return kUtc + TimeDelta::FromMicros(us); }

Verdict AddPair(SteadyTimeBase& base, int64_t raw_us, int64_t real_us,
                TimeDelta window = kWindow) {
  return base.AddPair({Raw(raw_us), Real(real_us), window});
}

TEST(SteadyTimeBase, CarriesNothingBeforeTheFirstPair) {
  SteadyTimeBase base;
  EXPECT_FALSE(base.Carry(Real(0)).has_value());
}

TEST(SteadyTimeBase, CarriesAroundASinglePair) {
  SteadyTimeBase base;
  EXPECT_EQ(AddPair(base, 1'000, 1'000), Verdict::kGood);
  EXPECT_EQ(base.Carry(Real(900)), Raw(900));
  EXPECT_EQ(base.Carry(Real(1'100)), Raw(1'100));
}

TEST(SteadyTimeBase, InterpolatesBetweenTheTwoNearestPairs) {
  SteadyTimeBase base;
  AddPair(base, 0, 0);
  AddPair(base, 100'000, 101'000);  // +1 %
  AddPair(base, 200'000, 201'000);  // and level.
  EXPECT_EQ(base.Carry(Real(50'500)), Raw(50'000));
  EXPECT_EQ(base.Carry(Real(151'000)), Raw(150'000));
  EXPECT_EQ(base.Carry(Real(101'000)), Raw(100'000));
}

TEST(SteadyTimeBase, ExtrapolatesWithTheLastSlope) {
  SteadyTimeBase base;
  AddPair(base, 0, 0);
  AddPair(base, 100'000, 110'000);
  EXPECT_NEAR(static_cast<double>(base.Carry(Real(121'000))->Nanos()),
              static_cast<double>(Raw(110'000).Nanos()), 1);
}

TEST(SteadyTimeBase, DoesNotTakeASlopeFromPairsNearEachOther) {
  SteadyTimeBase base;
  AddPair(base, 0, 0);
  base.AddPair({Raw(10), Real(10) + TimeDelta::FromNanos(150), kWindow});
  const RawTime carried = *base.Carry(Real(100'010));
  EXPECT_LT((carried - Raw(100'010)).Abs(), TimeDelta::FromNanos(200));
}

TEST(SteadyTimeBase, RefusesFarStamps) {
  SteadyTimeBase base;
  AddPair(base, 0, 0);
  EXPECT_TRUE(base.Carry(Real(9'000'000)).has_value());
  EXPECT_FALSE(base.Carry(Real(11'000'000)).has_value());
  EXPECT_FALSE(base.Carry(Real(-11'000'000)).has_value());
}

TEST(SteadyTimeBase, DoesNotUseWidePairs) {
  SteadyTimeBase base;
  for (int i = 0; i < 10; ++i) AddPair(base, i * 100'000, i * 100'000);
  // Off by 5 us, as a reading that was interrupted may be.
  EXPECT_EQ(AddPair(base, 1'000'000, 1'000'005, TimeDelta::FromMicros(10)),
            Verdict::kWide);
  EXPECT_EQ(base.Carry(Real(1'000'000)), Raw(1'000'000));
}

TEST(SteadyTimeBase, WidePairsAreBetterThanNoneForASecond) {
  SteadyTimeBase base;
  for (int i = 0; i < 10; ++i) AddPair(base, i * 100'000, i * 100'000);
  const auto wide = TimeDelta::FromMicros(10);
  EXPECT_EQ(AddPair(base, 1'850'000, 1'850'000, wide), Verdict::kWide);
  EXPECT_EQ(AddPair(base, 1'950'000, 1'950'000, wide), Verdict::kGood);
}

TEST(SteadyTimeBase, APairThatDoesNotAdvanceIsNotUsed) {
  SteadyTimeBase base;
  AddPair(base, 1'000, 1'000);
  EXPECT_EQ(AddPair(base, 1'000, 1'000), Verdict::kWide);
  EXPECT_EQ(AddPair(base, 900, 900), Verdict::kWide);
}

TEST(SteadyTimeBase, AStepForwardIsANewEra) {
  SteadyTimeBase base;
  AddPair(base, 0, 0);
  AddPair(base, 100'000, 100'000);
  const Era before = base.system_era();
  EXPECT_EQ(AddPair(base, 200'000, 1'200'000), Verdict::kStepped);
  EXPECT_EQ(base.system_era(), before.Next());
  EXPECT_FALSE(base.Carry(Real(150'000)).has_value()) << "of the old era";
  EXPECT_FALSE(base.Carry(Real(700'000)).has_value()) << "never shown";
  EXPECT_EQ(base.Carry(Real(1'200'010)), Raw(200'010));
  EXPECT_EQ(AddPair(base, 300'000, 1'300'000), Verdict::kGood);
  EXPECT_EQ(base.Carry(Real(1'250'000)), Raw(250'000));
}

TEST(SteadyTimeBase, AStepBackMakesTheOldErasLastStampsAmbiguous) {
  SteadyTimeBase base;
  AddPair(base, 0, 0);
  AddPair(base, 100'000, 100'000);
  EXPECT_EQ(AddPair(base, 200'000, -800'000), Verdict::kStepped);
  EXPECT_FALSE(base.Carry(Real(150'000)).has_value()) << "made before the step";
  EXPECT_FALSE(base.Carry(Real(-810'000)).has_value());
  EXPECT_EQ(AddPair(base, 300'000, -700'000), Verdict::kGood);
  EXPECT_EQ(base.Carry(Real(-750'000)), Raw(250'000));
}

TEST(SteadyTimeBase, AWidePairCanShowAStep) {
  SteadyTimeBase base;
  for (int i = 0; i < 10; ++i) AddPair(base, i * 100'000, i * 100'000);
  EXPECT_EQ(AddPair(base, 1'000'000, 2'000'000, TimeDelta::FromMicros(10)),
            Verdict::kStepped);
}

// chrony slews by up to 83333 ppm, adjtimex(2) by 100000, at any distance.
TEST(SteadyTimeBase, SlewingIsNeverAStep) {
  for (const double slew : {500e-6, -500e-6, 0.083333, -0.083333, 0.1005, -0.1005}) {
    Rng rng(7);
    SteadyTimeBase base;
    int64_t raw = 0;
    for (int i = 0; i < 500; ++i) {
      raw += static_cast<int64_t>(std::exp(rng.Uniform(std::log(500), std::log(2e9))));
      const auto real = static_cast<int64_t>(static_cast<double>(raw) * (1 + slew));
      const auto noise = static_cast<int64_t>(rng.Uniform(-80, 80));
      const auto verdict =
          base.AddPair({kRaw + TimeDelta::FromNanos(raw),
                        kUtc + TimeDelta::FromNanos(real + noise), kWindow});
      ASSERT_EQ(verdict, Verdict::kGood) << slew << " at " << i;
    }
    EXPECT_EQ(base.system_era(), Era());
  }
}

TEST(SteadyTimeBase, ABurstOfPairsDoesNotPushOlderOnesOut) {
  SteadyTimeBase base;
  AddPair(base, 0, 0);
  AddPair(base, 100'000, 101'000);
  for (int i = 1; i <= 100; ++i) AddPair(base, 100'000 + 5 * i, 101'000 + 5 * i);
  EXPECT_EQ(base.Carry(Real(50'500)), Raw(50'000));
}

TEST(SteadyTimeBase, ResetForgetsThePairsAndIsANewEra) {
  SteadyTimeBase base;
  AddPair(base, 1'000, 1'000);
  const Era before = base.system_era();
  base.Reset();
  EXPECT_FALSE(base.Carry(Real(1'000)).has_value());
  EXPECT_EQ(base.system_era(), before.Next());
  EXPECT_EQ(AddPair(base, 500, 90'000'000), Verdict::kGood);
  EXPECT_EQ(base.Carry(Real(90'000'000)), Raw(500));
}

}  // namespace
}  // namespace bridge
