#include "bridge/time/clock_map.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

// The timeline: RAW counts from boot; at `kRaw` it was `kTai`.
constexpr auto kRaw = RawTime::FromNanos(5'000'000'000);
constexpr auto kTai = TaiTime::FromNanos(1'800'000'000'000'000'000);
constexpr Era kEra = Era().Next();
constexpr TimeDelta kHour = TimeDelta::FromSeconds(3600);

TEST(Era, IsOneOfASequence) {
  EXPECT_EQ(Era().number(), 0u);
  EXPECT_EQ(kEra.number(), 1u);
  EXPECT_NE(kEra, kEra.Next());
  EXPECT_EQ(Era().Next(), kEra);
}

TEST(ClockMap, MapsItsOwnPairExactlyWhateverTheRate) {
  for (double rate : {0.0, 1e-4, -1e-4}) {
    const ClockMap<Raw, Tai> map(kRaw, kTai, rate, kEra);
    EXPECT_EQ(map.Map(kRaw, kEra), kTai);
  }
}

TEST(ClockMap, RefusesAnotherEra) {
  const ClockMap<Raw, Tai> map(kRaw, kTai, 0, kEra);
  ASSERT_TRUE(map.Map(kRaw, kEra).has_value());
  EXPECT_EQ(map.Map(kRaw, kEra.Next()), std::nullopt);
  EXPECT_EQ(map.Map(kRaw, Era()), std::nullopt);
  EXPECT_EQ(map.era(), kEra);
}

TEST(ClockMap, CarriesAnInstantAlongTheRateInBothDirections) {
  const ClockMap<Raw, Tai> map(kRaw, kTai, 10e-6, kEra);  // RAW is 10 ppm slow.
  const TimeDelta gained = TimeDelta::FromMillis(36);     // 10 ppm of an hour.
  EXPECT_EQ(map.rate(), 10e-6);
  EXPECT_EQ((*map.Map(kRaw + kHour, kEra) - (kTai + kHour + gained)).Nanos(), 0);
  EXPECT_EQ((*map.Map(kRaw - kHour, kEra) - (kTai - kHour - gained)).Nanos(), 0);
}

TEST(ClockMap, KeepsFractionsOfANanosecond) {
  const TimeDelta tick = TimeDelta::FromScaledNanos(1);
  const ClockMap<Raw, Tai> map(kRaw, kTai, 0, kEra);
  EXPECT_EQ(*map.Map(kRaw + tick, kEra) - kTai, tick);
}

TEST(ClockMap, MapsThereAndBackWithinATick) {
  const double rate = 37.5e-6;
  const ClockMap<Raw, Tai> there(kRaw, kTai, rate, kEra);
  const ClockMap<Tai, Raw> back(kTai, kRaw, 1 / (1 + rate) - 1, kEra);
  const RawTime later = kRaw + kHour;
  const auto returned = back.Map(*there.Map(later, kEra), kEra);
  ASSERT_TRUE(returned.has_value());
  EXPECT_LE((*returned - later).Abs(), TimeDelta::FromNanosDouble(0.01));
}

TEST(ClockMap, TellsItsAge) {
  const ClockMap<Raw, Tai> map(kRaw, kTai, 0, kEra);
  EXPECT_EQ(map.Age(kRaw), TimeDelta());
  EXPECT_EQ(map.Age(kRaw + kHour), kHour);
  EXPECT_EQ(map.Age(kRaw - kHour), -kHour);
}

}  // namespace
}  // namespace bridge
