#include "bridge/refclock/sampler.h"

#include <functional>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using enum WithholdReason;

// 2026-11-21 00:00:00 UTC; the master is right and the system clock 250 ns slow.
constexpr int64_t kNow = 1'795'219'200;
constexpr int kTaiMinusUtc = 37;
constexpr LocalTime kRaw = LocalTime::FromNanos(5'000'000'000);
constexpr TimeDelta kSlow = TimeDelta::FromNanos(250);

UtcTime Utc(int64_t seconds) { return UtcTime() + TimeDelta::FromSeconds(seconds); }
TaiTime Tai(int64_t utc_seconds) {
  return TaiTime() + TimeDelta::FromSeconds(utc_seconds + kTaiMinusUtc);
}

// Everything a sample rests on, in order; each test breaks something.
struct World {
  SourceView source;
  std::optional<CrossTimestamp<Local>> cross;
  bool stepped = false;
  UtcAuthority authority{UtcAuthority::Settings{}};
  SamplerLimits limits;

  World() {
    source.tracking = true;
    source.jitter = TimeDelta::FromNanos(100);
    source.error_bound = TimeDelta::FromMicros(20);
    source.sync_age = absl::Milliseconds(130);
    source.sync_age_limit = absl::Seconds(2);
    SetTime(kNow);
    Claim(UtcSource::kAnnounce, kTaiMinusUtc);
    Claim(UtcSource::kLeapFile, kTaiMinusUtc);
  }
  void SetTime(int64_t utc_seconds) {
    source.map.emplace(kRaw, Tai(utc_seconds), 0.0, Era());
    cross =
        CrossTimestamp<Local>{kRaw, Utc(utc_seconds) - kSlow, TimeDelta::FromMicros(2)};
  }
  void Claim(UtcSource claimant, int offset, bool valid = true,
             LeapIndicator pending = LeapIndicator::kNone) {
    authority.Set(
        {.source = claimant, .offset = offset, .pending = pending, .valid = valid},
        MonoTime());
  }
  SampleOrReason Make() const {
    return MakeSample(source, cross, stepped, authority, limits);
  }
};

std::optional<WithholdReason> ReasonOf(const SampleOrReason& result) {
  const auto* reason = std::get_if<WithholdReason>(&result);
  return reason ? std::optional(*reason) : std::nullopt;
}

TEST(Sampler, MakesASampleOfACrossTimestamp) {
  const World world;
  ASSERT_EQ(Withheld(world.source, world.authority), std::nullopt);

  const auto result = world.Make();
  const auto* sample = std::get_if<RefclockSample>(&result);

  ASSERT_NE(sample, nullptr) << WithholdReasonName(*ReasonOf(result));
  EXPECT_EQ(sample->system, Utc(kNow) - kSlow);
  EXPECT_EQ(sample->reference, Utc(kNow));
  EXPECT_EQ(sample->Offset(), kSlow);
  EXPECT_EQ(sample->leap, LeapIndicator::kNone);
  EXPECT_EQ(sample->precision, -23);  // 100 ns is just under 2^-23 s.
  EXPECT_EQ(sample->error_bound, TimeDelta::FromMicros(21));
}

TEST(Sampler, FollowsTheMapToTheInstantOfTheReading) {
  World world;
  world.source.map.emplace(kRaw - TimeDelta::FromSeconds(1), Tai(kNow - 1), 1e-6,
                           Era());

  const auto result = world.Make();

  ASSERT_EQ(ReasonOf(result), std::nullopt);
  EXPECT_EQ(std::get<RefclockSample>(result).reference,
            Utc(kNow) + TimeDelta::FromMicros(1));
}

TEST(Sampler, PassesOnAConfirmedLeapSecond) {
  World world;
  world.Claim(UtcSource::kAnnounce, kTaiMinusUtc, true, LeapIndicator::kInsert);
  world.Claim(UtcSource::kLeapFile, kTaiMinusUtc, true, LeapIndicator::kInsert);
  world.SetTime(1'798'761'600 - 3'600);  // An hour before 2027-01-01.

  const auto result = world.Make();

  ASSERT_EQ(ReasonOf(result), std::nullopt);
  EXPECT_EQ(std::get<RefclockSample>(result).leap, LeapIndicator::kInsert);
}

// The ways to break a sample, most fundamental first, holding reasons last.
struct Fault {
  WithholdReason reason;
  std::function<void(World&)> apply;
};
const std::vector<Fault>& Faults() {
  static const std::vector<Fault> faults = {
      {kInterfaceDown, [](World& w) { w.source.interface_up = false; }},
      {kNoMaster, [](World& w) { w.source.tracking = false; }},
      {kNotCalibrated, [](World& w) { w.source.map.reset(); }},
      {kMeasurementsStale,
       [](World& w) { w.source.sync_age = absl::Milliseconds(2001); }},
      {kUtcOffsetContested, [](World& w) { w.Claim(UtcSource::kGnss, 38); }},
      {kNoCrossTimestamp, [](World& w) { w.cross.reset(); }},
      {kSystemClockStepped, [](World& w) { w.stepped = true; }},
      {kErrorBoundExceeded,
       [](World& w) { w.source.error_bound = TimeDelta::FromMicros(1'001); }},
      {kSuspectMeasurement, [](World& w) { w.source.suspicious = true; }},
      {kCrossTimestampWide,
       [](World& w) {
         if (w.cross) w.cross->window = TimeDelta::FromMicros(101);
       }},
  };
  return faults;
}

TEST(Sampler, EachFaultAloneWithholdsForItsOwnReason) {
  for (const Fault& fault : Faults()) {
    World world;
    fault.apply(world);
    EXPECT_EQ(ReasonOf(world.Make()), fault.reason) << WithholdReasonName(fault.reason);
  }
}

TEST(Sampler, OfTwoFaultsTheMoreFundamentalIsNamed) {
  const auto& faults = Faults();
  for (size_t first = 0; first < faults.size(); ++first) {
    for (size_t second = first + 1; second < faults.size(); ++second) {
      World world;
      faults[first].apply(world);
      faults[second].apply(world);
      EXPECT_EQ(ReasonOf(world.Make()), faults[first].reason)
          << WithholdReasonName(faults[first].reason) << " with "
          << WithholdReasonName(faults[second].reason);
    }
  }
}

TEST(Sampler, AReasonThatHoldsNeverHidesOneThatWithdraws) {
  bool holding = false;
  for (const Fault& fault : Faults()) {
    holding |= !Withdraws(fault.reason);
    EXPECT_EQ(holding, !Withdraws(fault.reason)) << WithholdReasonName(fault.reason);
  }
}

TEST(Sampler, SaysWhatNeedsNoClockBeforeReadingOne) {
  for (const Fault& fault : Faults()) {
    World world;
    fault.apply(world);
    const bool standing =
        fault.reason != kNoCrossTimestamp && fault.reason != kSystemClockStepped &&
        fault.reason != kErrorBoundExceeded && fault.reason != kCrossTimestampWide;
    EXPECT_EQ(Withheld(world.source, world.authority),
              standing ? std::optional(fault.reason) : std::nullopt);
  }
}

TEST(Sampler, EachVerdictButValidatedHasItsReason) {
  World world;
  world.authority.Withdraw(UtcSource::kLeapFile);
  EXPECT_EQ(ReasonOf(world.Make()), kUtcOffsetUnconfirmed);
  world.authority.Withdraw(UtcSource::kAnnounce);
  EXPECT_EQ(ReasonOf(world.Make()), kUtcOffsetUnknown);
  world.Claim(UtcSource::kLeapFile, 37, false);
  EXPECT_EQ(ReasonOf(world.Make()), kUtcOffsetExpired);
  world.authority.SetPtpTimescale(false);
  EXPECT_EQ(ReasonOf(world.Make()), kTimescaleArbitrary);
}

// The rows of what today's tools publish when the grandmaster is wrong.
TEST(Sampler, AGrandmasterThatLiesAboutUtcMeansSilenceOrTheRightSecond) {
  for (const int lie : {0, 36, 38}) {
    for (const bool flagged : {false, true}) {
      World world;
      world.Claim(UtcSource::kAnnounce, lie, flagged);
      EXPECT_EQ(ReasonOf(world.Make()), kUtcOffsetContested) << lie;

      world.Claim(UtcSource::kSystemClock, kTaiMinusUtc);
      const auto result = world.Make();
      ASSERT_EQ(ReasonOf(result), std::nullopt) << lie;
      EXPECT_EQ(std::get<RefclockSample>(result).Offset(), kSlow);
    }
  }
}

TEST(Sampler, ALoneLeapFlagOnAnOrdinaryDayChangesNothing) {
  World world;
  world.Claim(UtcSource::kAnnounce, kTaiMinusUtc, true, LeapIndicator::kInsert);

  const auto result = world.Make();

  ASSERT_EQ(ReasonOf(result), std::nullopt);
  EXPECT_EQ(std::get<RefclockSample>(result).leap, LeapIndicator::kNone);
  EXPECT_EQ(std::get<RefclockSample>(result).Offset(), kSlow);
}

TEST(Sampler, IsSilentAroundALeapSecond) {
  constexpr int64_t kNewYear = 1'798'761'600;  // 2027-01-01
  World world;
  world.Claim(UtcSource::kLeapFile, kTaiMinusUtc, true, LeapIndicator::kInsert);
  for (const auto& [second, reason] :
       {std::pair{-7, std::optional<WithholdReason>()},
        {-6, kNearLeapSecond},
        {0, kNearLeapSecond},
        {6, kNearLeapSecond},
        // The table still expects it: its offset is not the new one.
        {7, kLeapSecondUnconfirmed}}) {
    world.SetTime(kNewYear + second);
    EXPECT_EQ(ReasonOf(world.Make()), reason) << second;
  }
}

TEST(Sampler, RefusesTimeBeforeThisVersionAndAfter2100) {
  World world;
  // 1970, an uptime, the day before the release's table, 2100, 2106 and the last
  // second that PTP can say.
  for (const int64_t insane :
       {int64_t{0}, int64_t{86'400}, int64_t{1'783'295'999}, int64_t{4'102'444'800},
        int64_t{4'294'967'295}, int64_t{281'474'976'710'000}}) {
    world.source.map.emplace(
        kRaw,
        TaiTime::FromSecondsAndNanos(static_cast<uint64_t>(insane + kTaiMinusUtc), 0),
        0.0, Era());
    EXPECT_EQ(ReasonOf(world.Make()), kEpochInsane) << insane;
  }
  for (const int64_t sane : {int64_t{1'783'296'000}, int64_t{4'102'444'799}}) {
    world.SetTime(sane);
    EXPECT_EQ(ReasonOf(world.Make()), std::nullopt) << sane;
  }
}

TEST(Sampler, TheErrorBoundIncludesHalfTheWindow) {
  World world;
  world.cross->window = TimeDelta::FromMicros(100);
  world.source.error_bound = TimeDelta::FromMicros(950);
  EXPECT_EQ(ReasonOf(world.Make()), std::nullopt) << "exactly the limit";

  world.source.error_bound = TimeDelta::FromMicros(950) + TimeDelta::FromNanos(1);
  EXPECT_EQ(ReasonOf(world.Make()), kErrorBoundExceeded);
}

TEST(Sampler, AWideReadingHoldsThoughItsShareWouldExceedTheBound) {
  World world;
  world.cross->window = TimeDelta::FromMillis(5);

  EXPECT_EQ(ReasonOf(world.Make()), kCrossTimestampWide);
}

TEST(SyncAgeLimit, IsFourIntervalsButAtLeastTwoSeconds) {
  EXPECT_EQ(SyncAgeLimit(absl::Milliseconds(125)), absl::Seconds(2));
  EXPECT_EQ(SyncAgeLimit(absl::Milliseconds(500)), absl::Seconds(2));
  EXPECT_EQ(SyncAgeLimit(absl::Seconds(1)), absl::Seconds(4));
  EXPECT_EQ(SyncAgeLimit(absl::Seconds(16)), absl::Seconds(64));
}

TEST(PrecisionFromJitter, IsNeverBetterThanTheJitter) {
  // 2^-20 s is 62,500,000 units of 2^-16 ns, exactly.
  const auto power = TimeDelta::FromScaledNanos(62'500'000);
  const auto unit = TimeDelta::FromScaledNanos(1);
  EXPECT_EQ(PrecisionFromJitter(power), -20);
  EXPECT_EQ(PrecisionFromJitter(power + unit), -19);
  EXPECT_EQ(PrecisionFromJitter(power - unit), -20);
  EXPECT_EQ(PrecisionFromJitter(TimeDelta::FromMicros(1)), -19);
  EXPECT_EQ(PrecisionFromJitter(TimeDelta::FromNanos(100)), -23);
}

TEST(PrecisionFromJitter, StaysWithinANanosecondAndASecond) {
  EXPECT_EQ(PrecisionFromJitter(TimeDelta()), -30);
  EXPECT_EQ(PrecisionFromJitter(TimeDelta::FromScaledNanos(1)), -30);
  EXPECT_EQ(PrecisionFromJitter(TimeDelta::FromSeconds(1)), 0);
  EXPECT_EQ(PrecisionFromJitter(TimeDelta::FromSeconds(100)), 0);
}

// ---- RateLimit.

constexpr MonoTime kStart = MonoTime::FromNanos(1'000'000'000'000);

// When samples go out if Syncs come at `sync_rate` for `seconds`, each early or
// late by up to `jitter` of their interval.
std::vector<MonoTime> Sent(double rate, double sync_rate, int seconds, double jitter) {
  RateLimit limit(rate);
  std::minstd_rand random(1);
  std::uniform_real_distribution<double> uniform(-jitter, jitter);
  std::vector<MonoTime> sent;
  for (int i = 0; i < seconds * sync_rate; ++i) {
    const auto now =
        kStart + TimeDelta::FromNanosDouble((i + uniform(random)) / sync_rate * 1e9);
    const bool due = limit.Due(now);
    EXPECT_EQ(limit.Due(now), due) << "asking changes nothing";
    EXPECT_EQ(limit.Allow(now), due);
    if (due) sent.push_back(now);
  }
  return sent;
}

TEST(RateLimit, OneInASecondOfEightSyncsASecond) {
  for (const double jitter : {0.0, 0.001, 0.1, 0.25}) {
    const auto sent = Sent(1, 8, 1'000, jitter);
    EXPECT_NEAR(static_cast<double>(sent.size()), 1'000, 1) << jitter;
    // After the first gap, which the early-half rule may shorten, evenly.
    for (size_t i = 2; i < sent.size(); ++i) {
      EXPECT_NEAR((sent[i] - sent[i - 1]).SecondsDouble(), 1, 0.126 + jitter / 4);
    }
  }
}

TEST(RateLimit, LetsEverySyncThroughWhenTheRateIsTheirs) {
  for (const double jitter : {0.0, 0.001, 0.1, 0.24}) {
    EXPECT_EQ(Sent(8, 8, 1'000, jitter).size(), 8'000u) << jitter;
    EXPECT_EQ(Sent(1, 1, 1'000, jitter).size(), 1'000u) << jitter;
  }
}

TEST(RateLimit, LetsEverySyncThroughWhenTheyAreRarer) {
  EXPECT_EQ(Sent(1, 0.5, 1'000, 0.1).size(), 500u);
  EXPECT_EQ(Sent(16, 8, 1'000, 0.1).size(), 8'000u);
}

TEST(RateLimit, KeepsTheAverageWhenTheRhythmsDoNotFit) {
  for (const double syncs : {1.1, 1.3, 1.5, 1.9, 3.0, 7.0, 128.0}) {
    EXPECT_NEAR(static_cast<double>(Sent(1, syncs, 1'000, 0.05).size()), 1'000, 2)
        << syncs;
  }
}

TEST(RateLimit, KeepsTheAverageWhenTheMastersSecondIsLonger) {
  EXPECT_EQ(Sent(1, 0.9999, 5'000, 0.01).size(), 5'000u);
  EXPECT_NEAR(static_cast<double>(Sent(1, 1.0001, 20'000, 0.01).size()), 20'000, 2);
}

TEST(RateLimit, DoesNotMakeUpForAnOutage) {
  RateLimit limit(1);
  ASSERT_TRUE(limit.Allow(kStart));
  int sent = 0;
  for (int i = 0; i < 10 * 8; ++i) {
    sent += limit.Allow(kStart + TimeDelta::FromSeconds(100) +
                        TimeDelta::FromMillis(125 * i));
  }
  EXPECT_GE(sent, 10);
  EXPECT_LE(sent, 11);
}

TEST(RateLimit, NeverTwoWithinHalfAnInterval) {
  RateLimit limit(1);
  ASSERT_TRUE(limit.Allow(kStart));
  // Late for its slot at 1 s; the slot at 2 s may be filled from 1.5 s on.
  const MonoTime late = kStart + TimeDelta::FromMillis(1'450);
  ASSERT_TRUE(limit.Allow(late));
  EXPECT_FALSE(limit.Allow(late + TimeDelta::FromMillis(125)));
  EXPECT_FALSE(limit.Allow(late + TimeDelta::FromMillis(499)));
  EXPECT_TRUE(limit.Allow(late + TimeDelta::FromMillis(500)));
}

TEST(RateLimit, NeverTwoAtOneInstant) {
  RateLimit limit(1e9);
  ASSERT_TRUE(limit.Allow(kStart));
  EXPECT_FALSE(limit.Allow(kStart));
  EXPECT_TRUE(limit.Allow(kStart + TimeDelta::FromNanos(1)));
}

}  // namespace
}  // namespace bridge
