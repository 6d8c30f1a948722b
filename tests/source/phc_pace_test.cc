#include "bridge/source/phc_pace.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using Verdict = PhcPace::Verdict;

constexpr TimeDelta kWindow = TimeDelta::FromNanos(800);

// A PHC that runs 100 ppm faster than CLOCK_MONOTONIC_RAW.
PhcTime PhcAt(RawTime raw) {
  const TimeDelta since = raw - RawTime();
  return PhcTime::FromNanos(1'000'000'000'000) + since +
         TimeDelta::FromNanosDouble(since.NanosDouble() * 1e-4);
}
RawTime At(int64_t ms) { return RawTime::FromNanos(ms * 1'000'000); }

Verdict Read(PhcPace& pace, RawTime raw, TimeDelta stepped = {}) {
  return pace.AddReading(PhcAt(raw) + stepped, raw, kWindow);
}

TEST(PhcPace, CarriesAStampBackFromTheNewestReadingByThePhcsOwnRate) {
  PhcPace pace;
  for (int64_t ms = 0; ms <= 3'000; ms += 1'000) {
    EXPECT_EQ(Read(pace, At(ms)), Verdict::kGood);
  }
  const auto raw = pace.Carry(PhcAt(At(2'980)));
  ASSERT_TRUE(raw);
  EXPECT_NEAR((*raw - At(2'980)).NanosDouble(), 0, 1);
}

TEST(PhcPace, CarriesNothingOldOrInTheFutureOrBeforeTheRateIsKnown) {
  PhcPace pace;
  EXPECT_FALSE(pace.Carry(PhcAt(At(0))));
  Read(pace, At(0));
  Read(pace, At(20));
  EXPECT_FALSE(pace.Carry(PhcAt(At(10))));  // 100 ppm of 10 ms would be a microsecond.
  EXPECT_TRUE(pace.Carry(PhcAt(At(18))));
  for (int64_t ms = 1'000; ms <= 5'000; ms += 1'000) Read(pace, At(ms));
  EXPECT_TRUE(pace.Carry(PhcAt(At(3'100))));
  EXPECT_FALSE(pace.Carry(PhcAt(At(2'900))));
  EXPECT_FALSE(pace.Carry(PhcAt(At(5'001))));
}

TEST(PhcPace, NoticesAStepAndForgetsWhatWasBefore) {
  for (const TimeDelta by : {TimeDelta::FromMillis(5), TimeDelta::FromMillis(-5),
                             TimeDelta::FromSeconds(-37)}) {
    PhcPace pace;
    for (int64_t ms = 0; ms <= 3'000; ms += 1'000) Read(pace, At(ms));
    EXPECT_EQ(Read(pace, At(4'000), by), Verdict::kStepped);
    EXPECT_FALSE(pace.Carry(PhcAt(At(3'999)) + by));  // Of before or after? Unknown.
    Read(pace, At(5'000), by);
    EXPECT_TRUE(pace.Carry(PhcAt(At(4'990)) + by));
  }
}

TEST(PhcPace, TakesAServosSlewingForNoStep) {
  PhcPace pace;
  TimeDelta slewed;
  for (int64_t ms = 0; ms <= 10'000; ms += 1'000) {
    slewed += TimeDelta::FromMicros(ms % 2'000 == 0 ? 500 : -500);
    EXPECT_NE(Read(pace, At(ms), slewed), Verdict::kStepped);
  }
}

TEST(PhcPace, DoesNotUseAReadingThatTookTooLong) {
  PhcPace pace;
  for (int64_t ms = 0; ms <= 3'000; ms += 1'000) Read(pace, At(ms));
  EXPECT_EQ(pace.AddReading(PhcAt(At(4'000)), At(4'000), TimeDelta::FromMicros(9)),
            Verdict::kWide);
  EXPECT_EQ(pace.window(), kWindow);
  EXPECT_FALSE(pace.Carry(PhcAt(At(3'999))));
}

// One that a servo steers as after ptp4l's start: by up to 100 ppm, at each Sync.
class Steered {
 public:
  void RunTo(RawTime raw) {
    const double elapsed = (raw - raw_).NanosDouble();
    phc_ = phc_ + (raw - raw_) +
           TimeDelta::FromNanosDouble(elapsed *
                                      ((1 + kCrystal) * (1 + dial_ppb * 1e-9) - 1));
    raw_ = raw;
  }
  PhcTime phc() const { return phc_; }
  double dial_ppb = 0;

 private:
  static constexpr double kCrystal = -15e-6;
  RawTime raw_;
  PhcTime phc_ = PhcTime::FromNanos(1'000'000'000'000);
};

// Syncs, each dealt with in a millisecond, and a reading 20 ms after one a second.
double WorstError(int syncs_per_second, bool dial_known, double turn_ppb, int from_s) {
  Steered clock;
  PhcPace pace;
  double worst = 0;
  for (int64_t i = 0; i < 30 * syncs_per_second; ++i) {
    const int64_t ms = i * 1'000 / syncs_per_second;
    clock.RunTo(At(ms));
    const PhcTime ingress = clock.phc();
    clock.RunTo(At(ms + 1));
    clock.dial_ppb = static_cast<double>(i * 7 % 11 - 5) / 5 * turn_ppb;
    if (i % syncs_per_second != 0) continue;
    clock.RunTo(At(ms + 20));
    const auto dial = dial_known ? std::optional(clock.dial_ppb) : std::nullopt;
    EXPECT_EQ(pace.AddReading(clock.phc(), At(ms + 20), kWindow, dial), Verdict::kGood);
    if (ms < 1'000 * from_s) continue;
    const auto raw = pace.Carry(ingress);
    EXPECT_TRUE(raw);
    if (raw) worst = std::max(worst, std::abs((*raw - At(ms)).NanosDouble()));
  }
  return worst;
}

TEST(PhcPace, CarriesByTheDialOfNowWhileAServoTurnsItAtEachSync) {
  constexpr double kWildly = 100'000;
  EXPECT_GT(WorstError(1, false, kWildly, 2), 1'000);
  // The first millisecond went by the dial before: 200 ns at most.
  EXPECT_LT(WorstError(1, true, kWildly, 2), 300);
  // Where it is turned unseen between readings, it is not known at first how much.
  EXPECT_LT(WorstError(8, true, kWildly, 2), 2'500);
  // As with a microsecond of noise.
  EXPECT_LT(WorstError(8, true, 1'300, 2), 40);
  EXPECT_LT(WorstError(8, true, 1'300, 20), 10);
}

TEST(PhcPace, CarriesAStampOfAMillisecondAgoByTheDialBefore) {
  Steered clock;
  PhcPace pace;
  for (int64_t i = 0; i < 40; ++i) {  // Pushed, right behind the servo's turn.
    clock.RunTo(At(i * 125));
    const PhcTime ingress = clock.phc();
    clock.RunTo(At(i * 125 + 2));
    clock.dial_ppb = 100'000 / static_cast<double>(i + 1);
    pace.AddReading(clock.phc(), At(i * 125 + 2), kWindow, clock.dial_ppb);
    if (i == 0) continue;
    const auto raw = pace.Carry(ingress);
    ASSERT_TRUE(raw);
    const double error = (*raw - At(i * 125)).NanosDouble();
    EXPECT_LT(std::abs(error), i < 30 ? 1'000 : 20) << i;
  }
}

TEST(PhcPace, LearnsAnewWhenTheDialIsNoLongerWhatItSays) {
  PhcPace pace;
  Steered clock;
  double error = 0;
  for (int64_t s = 0; s < 30; ++s) {
    clock.RunTo(At(s * 1'000));
    const PhcTime ingress = clock.phc();
    clock.RunTo(At(s * 1'000 + 20));
    pace.AddReading(clock.phc(), At(s * 1'000 + 20), kWindow, 0.0);
    if (s == 15) clock.dial_ppb = 50'000;  // Its driver says 0 still.
    if (s == 0) continue;
    error = std::abs((*pace.Carry(ingress) - At(s * 1'000)).NanosDouble());
    EXPECT_LT(error, s == 16 || s == 17 ? 1'500 : 1) << s;
  }
}

}  // namespace
}  // namespace bridge
