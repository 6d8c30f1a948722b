#include "bridge/engine/clock_class.h"

#include <set>
#include <string>
#include <vector>

#include "bridge/time/waiting.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr MonoTime kStart = MonoTime::FromNanos(1'000'000'000'000);

ClockHealth Good() {
  return {.gnss = GnssState::kGood,
          .gnss_since = kStart,
          .synchronised = true,
          .max_error = TimeDelta::FromMicros(500),
          .estimated_error = TimeDelta::FromMicros(1),
          .offset_validated = true,
          .drift_ppb = 1.0,
          .stamp_error = TimeDelta::FromNanos(100),
          .jitter = TimeDelta::FromNanos(34)};
}
ClockHealth Lost() {
  ClockHealth health = Good();
  health.gnss = GnssState::kLost;
  health.synchronised = false;
  return health;
}

// A policy at `now`, told once a second.
struct Clock {
  explicit Clock(const ClockClassPolicy::Settings& settings = {}) : policy(settings) {}

  void Tell(const ClockHealth& health) {
    now = now + absl::Seconds(1);
    if (const auto change = policy.Update(health, now)) changes.push_back(*change);
  }
  void Run(const ClockHealth& health, int seconds) {
    for (int i = 0; i < seconds; ++i) Tell(health);
  }
  // The classes that were entered since the last time.
  std::vector<int> News() {
    std::vector<int> classes;
    for (const auto& change : changes) classes.push_back(change.to);
    changes.clear();
    return classes;
  }
  int clock_class() const { return policy.claim().quality.clock_class; }
  int accuracy() const { return policy.claim().quality.clock_accuracy; }

  ClockClassPolicy policy;
  MonoTime now = kStart;
  std::vector<ClockClassPolicy::Change> changes;
};

Clock In(ClockStanding standing, bool slave_capable = false) {
  Clock clock({.slave_capable = slave_capable});
  if (standing == ClockStanding::kFree) return clock;
  clock.Run(Good(), 61);
  if (standing != ClockStanding::kPrimary) clock.Tell(Lost());
  if (standing == ClockStanding::kDegraded) clock.Run(Lost(), 600);
  clock.changes.clear();
  EXPECT_EQ(clock.policy.standing(), standing);
  return clock;
}

TEST(ClockClass, BeginsAt248AndIsEarnedByAMinuteWithoutFault) {
  Clock clock;
  EXPECT_EQ(clock.clock_class(), 248);
  EXPECT_EQ(clock.accuracy(), 0xfe);
  EXPECT_FALSE(clock.policy.claim().time_traceable);
  clock.Run(Good(), 60);
  EXPECT_EQ(clock.clock_class(), 248);
  EXPECT_FALSE(clock.policy.claim().frequency_traceable);
  clock.Tell(Good());
  EXPECT_EQ(clock.clock_class(), 6);
  EXPECT_TRUE(clock.policy.claim().time_traceable);
  EXPECT_TRUE(clock.policy.claim().frequency_traceable);
  EXPECT_EQ(clock.policy.claim().quality, (ptp::ClockQuality{6, 0x24, 0x4e61}));
  ASSERT_EQ(clock.changes.size(), 1u);
  EXPECT_EQ(clock.changes[0].from, 248);
  EXPECT_EQ(clock.changes[0].to, 6);
  EXPECT_THAT(clock.changes[0].why, HasSubstr("GNSS is good"));
}

TEST(ClockClass, IsNotEarnedWithoutAnyOneOfItsReasons) {
  std::vector<ClockHealth> lacking(7, Good());
  lacking[0].gnss = GnssState::kLost;
  lacking[1].gnss = GnssState::kUnknown;
  lacking[2].synchronised = false;
  lacking[3].offset_validated = false;
  lacking[4].estimated_error = TimeDelta::FromMicros(100);  // And the stamp's.
  lacking[5].stepped = true;
  lacking[6].contradicted = true;
  for (const ClockHealth& health : lacking) {
    Clock clock;
    clock.Run(health, 1000);
    EXPECT_EQ(clock.clock_class(), 248) << &health - lacking.data();
    // A single second of it makes the proof begin anew.
    clock.Run(Good(), 60);
    clock.Tell(health);
    clock.Run(Good(), 60);
    EXPECT_EQ(clock.clock_class(), 248) << &health - lacking.data();
    clock.Tell(Good());
    EXPECT_EQ(clock.clock_class(), 6) << &health - lacking.data();
  }
}

TEST(ClockClass, IsNotEarnedWhileGnssComesAndGoesBetweenUpdates) {
  Clock clock;
  ClockHealth health = Good();
  for (int i = 0; i < 1000; ++i) {
    if (i % 30 == 0) health.gnss_since = clock.now + absl::Milliseconds(500);
    clock.Tell(health);
  }
  EXPECT_EQ(clock.clock_class(), 248);
}

TEST(ClockClass, IsProvenAnewAfterAGapInWhatIsKnown) {
  Clock clock;
  clock.Run(Good(), 60);
  clock.now = clock.now + absl::Seconds(30);
  clock.Run(Good(), 60);
  EXPECT_EQ(clock.clock_class(), 248);
  clock.Tell(Good());
  EXPECT_EQ(clock.clock_class(), 6);
}

TEST(ClockClass, FallsToHoldoverAtOnceAndSaysWhy) {
  std::vector<ClockHealth> reasons(3, Good());
  reasons[0].gnss = GnssState::kLost;
  reasons[1].gnss = GnssState::kUnknown;
  reasons[2].synchronised = false;
  std::set<std::string> whys;
  for (const ClockHealth& health : reasons) {
    Clock clock = In(ClockStanding::kPrimary);
    clock.Tell(health);
    EXPECT_EQ(clock.clock_class(), 7);
    EXPECT_TRUE(clock.policy.claim().time_traceable);
    ASSERT_EQ(clock.changes.size(), 1u);
    EXPECT_EQ(clock.changes[0].from, 6);
    whys.insert(clock.changes[0].why);
  }
  EXPECT_EQ(whys.size(), 3u);
}

TEST(ClockClass, LastsInHoldoverForTheTimeThatIsSpecified) {
  ClockHealth health = Lost();
  health.drift_ppb = 0.1;
  Clock clock = In(ClockStanding::kPrimary);
  clock.Run(health, 600);
  EXPECT_EQ(clock.clock_class(), 7);
  clock.Tell(health);
  EXPECT_EQ(clock.clock_class(), 52);
  EXPECT_THAT(clock.changes.back().why, HasSubstr("grandmaster.holdover"));
  EXPECT_FALSE(clock.policy.claim().time_traceable);
  EXPECT_FALSE(clock.policy.claim().frequency_traceable);
}

TEST(ClockClass, LastsInHoldoverUntilTheDriftThatIsSpecified) {
  ClockHealth health = Lost();
  health.drift_ppb = 10;  // 1 us in 100 s.
  Clock clock = In(ClockStanding::kPrimary);
  clock.Run(health, 100);
  EXPECT_EQ(clock.clock_class(), 7);
  clock.Tell(health);
  EXPECT_EQ(clock.clock_class(), 52);
  EXPECT_THAT(clock.changes.back().why, HasSubstr("max_holdover_error"));
}

TEST(ClockClass, DoesNotDwellInHoldoverWhenTheDriftIsUnknown) {
  ClockHealth health = Lost();
  health.drift_ppb.reset();
  Clock clock = In(ClockStanding::kPrimary);
  clock.Tell(health);
  EXPECT_EQ(clock.clock_class(), 52);
  ASSERT_EQ(clock.changes.size(), 1u);
  EXPECT_EQ(clock.changes[0].from, 6);
}

TEST(ClockClass, FallsWhenOtherServersPullTheClockAwayInHoldover) {
  Clock clock = In(ClockStanding::kHoldover);
  ClockHealth health = Lost();
  health.synchronised = true;  // With servers of the network.
  health.estimated_error = TimeDelta::FromMicros(2);
  clock.Tell(health);
  EXPECT_EQ(clock.clock_class(), 7);  // 1 us more than it was.
  health.estimated_error = TimeDelta::FromNanos(2'001);
  clock.Tell(health);
  EXPECT_EQ(clock.clock_class(), 52);
}

// chronyd and the kernel set 16 s when they have no source.
TEST(ClockClass, HoldsOverWhenTheNtpDaemonSaysThatItKnowsNothing) {
  Clock clock = In(ClockStanding::kPrimary);
  ClockHealth health = Good();
  health.synchronised = false;
  health.max_error = health.estimated_error = TimeDelta::FromSeconds(16);
  clock.Run(health, 600);
  EXPECT_THAT(clock.News(), ElementsAre(7));
  clock.Tell(health);
  EXPECT_THAT(clock.News(), ElementsAre(52));
  EXPECT_LE(clock.accuracy(), 0x25);  // By its drift alone.
}

TEST(ClockClass, IsDegradedUntilTheErrorOrTheTimeIsTooMuch) {
  Clock by_error = In(ClockStanding::kDegraded);
  ClockHealth health = Lost();
  health.drift_ppb = 1'000;
  by_error.Run(health, 390);  // 990 us + 1.1 us.
  EXPECT_EQ(by_error.clock_class(), 52);
  by_error.Run(health, 10);
  EXPECT_EQ(by_error.clock_class(), 248);

  Clock by_time = In(ClockStanding::kDegraded);
  by_time.Run(Lost(), 24 * 3600 - 601);
  EXPECT_EQ(by_time.clock_class(), 52);
  by_time.Tell(Lost());
  EXPECT_EQ(by_time.clock_class(), 248);
}

TEST(ClockClass, OfAClockThatMayFollowIs187WhenDegraded) {
  EXPECT_EQ(In(ClockStanding::kDegraded, true).clock_class(), 187);
  EXPECT_EQ(In(ClockStanding::kDegraded, false).clock_class(), 52);
}

TEST(ClockClass, ReturnsFromEachStandingOnlyAfterTheProof) {
  for (const ClockStanding standing :
       {ClockStanding::kFree, ClockStanding::kHoldover, ClockStanding::kDegraded}) {
    Clock clock = In(standing);
    ClockHealth health = Good();
    health.gnss_since = clock.now;
    clock.Run(health, 59);
    EXPECT_NE(clock.clock_class(), 6);
    clock.Run(health, 2);
    EXPECT_EQ(clock.clock_class(), 6);
    EXPECT_EQ(clock.changes.back().to, 6);
  }
}

TEST(ClockClass, IsLostFromEveryStandingWithTheOffsetOrByAStepOrToAContradiction) {
  for (const ClockStanding standing :
       {ClockStanding::kPrimary, ClockStanding::kHoldover, ClockStanding::kDegraded}) {
    ClockHealth health = Good();
    health.offset_validated = false;
    Clock clock = In(standing);
    clock.Tell(health);
    EXPECT_EQ(clock.clock_class(), 248);
    EXPECT_THAT(clock.changes.back().why, HasSubstr("TAI-UTC"));

    health = Good();
    health.stepped = true;
    Clock stepped = In(standing);
    stepped.Tell(health);
    EXPECT_EQ(stepped.clock_class(), 248);
    EXPECT_THAT(stepped.changes.back().why, HasSubstr("stepped"));

    health = Good();
    health.contradicted = true;
    Clock contradicted = In(standing);
    contradicted.Tell(health);
    EXPECT_EQ(contradicted.clock_class(), 248);
    EXPECT_THAT(contradicted.changes.back().why, HasSubstr("GNSS pulses"));
    contradicted.Run(Good(), 60);
    EXPECT_EQ(contradicted.clock_class(), 248);
    contradicted.Tell(Good());
    EXPECT_EQ(contradicted.clock_class(), 6);
  }
}

TEST(ClockClass, HasHysteresisInTheErrorOfClass6) {
  Clock clock = In(ClockStanding::kPrimary);
  ClockHealth health = Good();
  health.stamp_error = TimeDelta();
  health.estimated_error = TimeDelta::FromMicros(200);
  clock.Run(health, 1000);
  EXPECT_EQ(clock.clock_class(), 6);  // Would not be earned.
  health.estimated_error = TimeDelta::FromMicros(201);
  clock.Tell(health);
  EXPECT_EQ(clock.clock_class(), 52);
  health.estimated_error = TimeDelta::FromMicros(101);
  clock.Run(health, 1000);
  EXPECT_EQ(clock.clock_class(), 52);
  health.estimated_error = TimeDelta::FromMicros(100);
  clock.Run(health, 61);
  EXPECT_EQ(clock.clock_class(), 6);
}

TEST(ClockClass, ReportsEachChangeOnceThroughALossAndARecovery) {
  Clock clock;
  clock.Run(Good(), 300);
  EXPECT_THAT(clock.News(), ElementsAre(6));
  clock.Run(Lost(), 3600);
  EXPECT_THAT(clock.News(), ElementsAre(7, 52));
  clock.Run(Lost(), 24 * 3600);
  EXPECT_THAT(clock.News(), ElementsAre(248));
  clock.Run(Good(), 3600);
  EXPECT_THAT(clock.News(), ElementsAre(6));
}

TEST(ClockClass, FlapsNoMoreThanOnceAProofWhateverGnssDoes) {
  Clock clock = In(ClockStanding::kPrimary);
  for (int i = 0; i < 600; ++i) clock.Tell(i % 2 == 0 ? Lost() : Good());
  EXPECT_THAT(clock.News(), ElementsAre(7));
}

// ---- clockAccuracy ----

TEST(ClockAccuracyClaim, FollowsTheErrorBudgetDownAtOnce) {
  Clock clock = In(ClockStanding::kPrimary);
  EXPECT_EQ(clock.accuracy(), 0x24);  // 1.1 us
  ClockHealth health = Good();
  health.estimated_error = TimeDelta::FromMicros(9);
  clock.Tell(health);
  EXPECT_EQ(clock.accuracy(), 0x25);  // 10 us
  health.estimated_error = TimeDelta::FromMicros(10);
  clock.Tell(health);
  EXPECT_EQ(clock.accuracy(), 0x26);
}

TEST(ClockAccuracyClaim, ImprovesAfterAWhileToTheWorstOfThatWhile) {
  Clock clock = In(ClockStanding::kPrimary);
  ClockHealth health = Good();
  health.estimated_error = TimeDelta::FromMicros(90);
  clock.Tell(health);
  ASSERT_EQ(clock.accuracy(), 0x27);
  ClockHealth middling = Good();
  middling.estimated_error = TimeDelta::FromMicros(5);
  for (int i = 0; i < 60; ++i) {
    clock.Tell(i == 30 ? middling : Good());
    EXPECT_EQ(clock.accuracy(), 0x27) << i;
  }
  clock.Tell(Good());
  EXPECT_EQ(clock.accuracy(), 0x25);
  clock.Run(Good(), 61);
  EXPECT_EQ(clock.accuracy(), 0x24);
}

TEST(ClockAccuracyClaim, GrowsWithTheDriftSinceTheLoss) {
  Clock clock = In(ClockStanding::kPrimary);
  ClockHealth health = Lost();
  health.drift_ppb = 100;
  clock.Run(health, 10);
  EXPECT_NEAR(clock.policy.error().value().NanosDouble(), 1'100 + 1'000, 1);
  clock.Run(health, 990);
  EXPECT_NEAR(clock.policy.error().value().NanosDouble(), 1'100 + 100'000, 1);
  EXPECT_EQ(clock.accuracy(), 0x28);
}

TEST(ClockAccuracyClaim, IsNoWorseThanWhatTheNtpDaemonWarrants) {
  Clock clock = In(ClockStanding::kPrimary);
  ClockHealth health = Lost();
  health.synchronised = true;
  health.drift_ppb = 100'000;
  clock.Run(health, 100);
  EXPECT_TRUE(clock.policy.error() == health.max_error + health.stamp_error);
}

TEST(ClockAccuracyClaim, OfAFreeClockIsWhatTheNtpDaemonWarrantsOrUnknown) {
  Clock clock;
  ClockHealth health = Lost();
  clock.Run(health, 100);
  EXPECT_EQ(clock.accuracy(), 0xfe);
  EXPECT_FALSE(clock.policy.error().has_value());
  health.synchronised = true;
  clock.Run(health, 61);
  EXPECT_EQ(clock.accuracy(), 0x29);  // 500.1 us
}

TEST(ClockAccuracyClaim, KeepsItsVarianceWhileClassAndAccuracyStay) {
  Clock clock = In(ClockStanding::kPrimary);
  const uint16_t before = clock.policy.claim().quality.offset_scaled_log_variance;
  ClockHealth health = Good();
  health.jitter = TimeDelta::FromNanos(500);
  clock.Run(health, 100);
  EXPECT_EQ(clock.policy.claim().quality.offset_scaled_log_variance, before);
  health.gnss = GnssState::kLost;
  clock.Tell(health);
  EXPECT_GT(clock.policy.claim().quality.offset_scaled_log_variance, before);
}

// ---- All there is ----

std::vector<ClockHealth> AllHealths() {
  std::vector<ClockHealth> all;
  for (const GnssState gnss : {GnssState::kUnknown, GnssState::kLost, GnssState::kGood})
    for (const bool synchronised : {false, true})
      for (const bool validated : {false, true})
        for (const int wrong : {0, 1, 2})
          for (const int est_us : {1, 150, 300, 5'000})
            for (const int max_us : {1, 500, 20'000})
              for (const double drift : {0.0, 1.0, 50.0, 1e5}) {
                ClockHealth health = Good();
                health.gnss = gnss;
                health.synchronised = synchronised;
                health.offset_validated = validated;
                health.stepped = wrong == 1;
                health.contradicted = wrong == 2;
                health.estimated_error = TimeDelta::FromMicros(est_us);
                health.max_error = TimeDelta::FromMicros(max_us);
                if (drift == 0) {
                  health.drift_ppb.reset();
                } else {
                  health.drift_ppb = drift;
                }
                all.push_back(health);
              }
  return all;
}

void ExpectHonest(const Clock& clock, const ClockHealth& health) {
  const ClockClaim& claim = clock.policy.claim();
  const int clock_class = claim.quality.clock_class;
  if (clock_class == 6) {
    EXPECT_EQ(health.gnss, GnssState::kGood);
    EXPECT_TRUE(health.synchronised);
  }
  EXPECT_TRUE(health.offset_validated || clock_class > 7);
  EXPECT_TRUE(!health.stepped || clock_class == 248);
  EXPECT_TRUE(!health.contradicted || clock_class == 248);
  EXPECT_EQ(claim.time_traceable, clock_class == 6 || clock_class == 7);
  EXPECT_EQ(claim.frequency_traceable, claim.time_traceable);
}

TEST(ClockClass, IsHonestInEveryHealthFromEveryStandingAndSettlesAtOnce) {
  std::set<const char*> whys;
  for (const ClockStanding standing :
       {ClockStanding::kFree, ClockStanding::kPrimary, ClockStanding::kHoldover,
        ClockStanding::kDegraded}) {
    const Clock before = In(standing);
    for (const ClockHealth& health : AllHealths()) {
      Clock clock = before;
      clock.Tell(health);
      ExpectHonest(clock, health);
      for (const auto& change : clock.changes) whys.insert(change.why);
      EXPECT_LE(clock.changes.size(), 1u);
      EXPECT_EQ(clock.clock_class() != before.clock_class(), !clock.changes.empty());
      // One second never raises anything.
      EXPECT_GE(clock.clock_class(), before.clock_class());
      // And the same again changes nothing.
      const auto standing_then = clock.policy.standing();
      EXPECT_FALSE(clock.policy.Update(health, clock.now).has_value());
      EXPECT_EQ(clock.policy.standing(), standing_then);
    }
  }
  EXPECT_GE(whys.size(), 8u);
}

TEST(ClockClass, IsHonestThroughARandomYear) {
  const std::vector<ClockHealth> all = AllHealths();
  uint64_t state = 1;
  std::set<std::pair<int, int>> seen;
  Clock clock;
  for (int i = 0; i < 60'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t draw = state >> 33;
    const ClockHealth& health = draw % 4 == 0 ? all[draw / 4 % all.size()] : Good();
    for (uint64_t s = 0; s < draw / 7 % 90; ++s) {
      clock.Tell(health);
      ExpectHonest(clock, health);
    }
  }
  for (const auto& change : clock.changes) {
    seen.insert({change.from, change.to});
    EXPECT_NE(change.from, change.to);
  }
  for (size_t i = 1; i < clock.changes.size(); ++i) {
    EXPECT_EQ(clock.changes[i].from, clock.changes[i - 1].to);
  }
  EXPECT_TRUE(seen.count({248, 6}) && seen.count({6, 7}) && seen.count({7, 52}) &&
              seen.count({7, 6}) && seen.count({52, 6}) && seen.count({6, 248}));
}

TEST(ClockClass, HasATableInWhichEveryRowLeadsElsewhereAndSaysWhy) {
  std::set<std::pair<ClockStanding, ClockStandingEvent>> seen;
  ASSERT_GE(ClockStandingTransitions().size(), 15u);
  for (const ClockStandingTransition& row : ClockStandingTransitions()) {
    EXPECT_TRUE(seen.insert({row.from, row.event}).second);
    EXPECT_NE(row.from, row.to);
    EXPECT_FALSE(std::string(row.why).empty());
    // Up leads only proof, and only to class 6.
    EXPECT_EQ(ClockClassOf(row.to, false) < ClockClassOf(row.from, false),
              row.event == ClockStandingEvent::kProven);
  }
}

}  // namespace
}  // namespace bridge
