#include "bridge/time/clock_map.h"

#include "gtest/gtest.h"

namespace bridge {
namespace {

// The timeline: RAW counts from boot; at `kLocal` it was `kTai`.
constexpr auto kLocal = LocalTime::FromNanos(5'000'000'000);
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
    const ClockMap<Local, Tai> map(kLocal, kTai, rate, kEra);
    EXPECT_EQ(map.Map(kLocal, kEra), kTai);
  }
}

TEST(ClockMap, RefusesAnotherEra) {
  const ClockMap<Local, Tai> map(kLocal, kTai, 0, kEra);
  ASSERT_TRUE(map.Map(kLocal, kEra).has_value());
  EXPECT_EQ(map.Map(kLocal, kEra.Next()), std::nullopt);
  EXPECT_EQ(map.Map(kLocal, Era()), std::nullopt);
  EXPECT_EQ(map.era(), kEra);
}

TEST(ClockMap, CarriesAnInstantAlongTheRateInBothDirections) {
  const ClockMap<Local, Tai> map(kLocal, kTai, 10e-6, kEra);  // RAW is 10 ppm slow.
  const TimeDelta gained = TimeDelta::FromMillis(36);         // 10 ppm of an hour.
  EXPECT_EQ(map.rate(), 10e-6);
  EXPECT_EQ((*map.Map(kLocal + kHour, kEra) - (kTai + kHour + gained)).Nanos(), 0);
  EXPECT_EQ((*map.Map(kLocal - kHour, kEra) - (kTai - kHour - gained)).Nanos(), 0);
}

TEST(ClockMap, KeepsFractionsOfANanosecond) {
  const TimeDelta tick = TimeDelta::FromScaledNanos(1);
  const ClockMap<Local, Tai> map(kLocal, kTai, 0, kEra);
  EXPECT_EQ(*map.Map(kLocal + tick, kEra) - kTai, tick);
}

TEST(ClockMap, MapsThereAndBackWithinATick) {
  const double rate = 37.5e-6;
  const ClockMap<Local, Tai> there(kLocal, kTai, rate, kEra);
  const ClockMap<Tai, Local> back(kTai, kLocal, 1 / (1 + rate) - 1, kEra);
  const LocalTime later = kLocal + kHour;
  const auto returned = back.Map(*there.Map(later, kEra), kEra);
  ASSERT_TRUE(returned.has_value());
  EXPECT_LE((*returned - later).Abs(), TimeDelta::FromNanosDouble(0.01));
}

TEST(ClockMap, TellsItsAge) {
  const ClockMap<Local, Tai> map(kLocal, kTai, 0, kEra);
  EXPECT_EQ(map.Age(kLocal), TimeDelta());
  EXPECT_EQ(map.Age(kLocal + kHour), kHour);
  EXPECT_EQ(map.Age(kLocal - kHour), -kHour);
}

}  // namespace
}  // namespace bridge
