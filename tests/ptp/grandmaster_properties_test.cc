#include "bridge/ptp/grandmaster_properties.h"

#include "gtest/gtest.h"

namespace bridge::ptp {
namespace {

constexpr ClockIdentity kOwn{0x5000};

GrandmasterProperties Locked() {
  return {.priority1 = 10,
          .priority2 = 20,
          .quality = {6, 0x21, 0x4e5d},
          .time_source = TimeSource::kGnss,
          .current_utc_offset = 37,
          .current_utc_offset_valid = true,
          .leap = LeapIndicator::kInsert,
          .ptp_timescale = true,
          .time_traceable = true,
          .frequency_traceable = true};
}

TEST(GrandmasterProperties, AreWhatIsAnnounced) {
  const Announce announce = AnnounceOf(Locked(), kOwn);
  EXPECT_EQ(announce.current_utc_offset, 37);
  EXPECT_EQ(announce.grandmaster_priority1, 10);
  EXPECT_EQ(announce.grandmaster_priority2, 20);
  EXPECT_EQ(announce.grandmaster_quality, (ClockQuality{6, 0x21, 0x4e5d}));
  EXPECT_EQ(announce.grandmaster, kOwn);
  EXPECT_EQ(announce.steps_removed, 0);
  EXPECT_EQ(announce.time_source, 0x20);
  EXPECT_TRUE(announce.origin == TaiTime());
  EXPECT_EQ(AnnounceFlagsOf(Locked()), (Flags{.leap61 = true,
                                              .current_utc_offset_valid = true,
                                              .ptp_timescale = true,
                                              .time_traceable = true,
                                              .frequency_traceable = true}));
}

TEST(GrandmasterProperties, TellTheTwoLeapSecondsApart) {
  GrandmasterProperties properties = Locked();
  properties.leap = LeapIndicator::kDelete;
  EXPECT_TRUE(AnnounceFlagsOf(properties).leap59);
  EXPECT_FALSE(AnnounceFlagsOf(properties).leap61);
  properties.leap = LeapIndicator::kNone;
  EXPECT_FALSE(AnnounceFlagsOf(properties).leap59);
  EXPECT_FALSE(AnnounceFlagsOf(properties).leap61);
}

TEST(GrandmasterProperties, ClaimNothingOfTheKindWithoutAValidOffset) {
  GrandmasterProperties properties = Locked();
  properties.current_utc_offset_valid = false;
  EXPECT_EQ(AnnounceFlagsOf(properties),
            (Flags{.ptp_timescale = true, .frequency_traceable = true}));
  for (const int primary : {6, 7}) {
    properties.quality.clock_class = static_cast<uint8_t>(primary);
    EXPECT_EQ(AnnounceOf(properties, kOwn).grandmaster_quality.clock_class, 248);
  }
  for (const int other : {13, 52, 187, 248}) {
    properties.quality.clock_class = static_cast<uint8_t>(other);
    EXPECT_EQ(AnnounceOf(properties, kOwn).grandmaster_quality.clock_class, other);
  }
}

TEST(GrandmasterProperties, ByDefaultClaimNothing) {
  const Announce announce = AnnounceOf({}, kOwn);
  EXPECT_EQ(announce.grandmaster_quality, (ClockQuality{248, 0xfe, 0xffff}));
  EXPECT_EQ(announce.time_source, 0xa0);
  EXPECT_EQ(AnnounceFlagsOf({}), (Flags{.ptp_timescale = true}));
}

TEST(LeapToAnnounce, IsNewsInTheLastTwelveHoursOfTheMonthOnly) {
  // 2016-12-31 12:00:00 UTC; the month ends twelve hours later.
  constexpr UtcTime kNoon = UtcTime::FromNanos(1'483'185'600'000'000'000);
  constexpr TimeDelta kNano = TimeDelta::FromNanos(1);
  EXPECT_EQ(LeapToAnnounce(LeapIndicator::kInsert, kNoon - kNano),
            LeapIndicator::kNone);
  EXPECT_EQ(LeapToAnnounce(LeapIndicator::kInsert, kNoon), LeapIndicator::kInsert);
  EXPECT_EQ(LeapToAnnounce(LeapIndicator::kDelete, kNoon), LeapIndicator::kDelete);
  EXPECT_EQ(LeapToAnnounce(LeapIndicator::kNone, kNoon), LeapIndicator::kNone);
  const UtcTime midnight = kNoon + TimeDelta::FromSeconds(12 * 3600);
  EXPECT_EQ(LeapToAnnounce(LeapIndicator::kInsert, midnight - kNano),
            LeapIndicator::kInsert);
  EXPECT_EQ(LeapToAnnounce(LeapIndicator::kInsert, midnight), LeapIndicator::kNone);
}

}  // namespace
}  // namespace bridge::ptp
