// The named pieces of the estimator, one by one.
#include <algorithm>
#include <cmath>
#include <vector>

#include "bridge/base/rng.h"
#include "bridge/estimate/drift_watch.h"
#include "bridge/estimate/flat_noise.h"
#include "bridge/estimate/floor_ring.h"
#include "bridge/estimate/gate.h"
#include "bridge/estimate/kalman.h"
#include "bridge/estimate/noise.h"
#include "bridge/estimate/restlessness.h"
#include "bridge/estimate/supervisor.h"
#include "gtest/gtest.h"

namespace bridge {
namespace {

using Cause = Explanation::Cause;

constexpr double kNoise = 100;  // ns^2

TEST(Kalman, StartsHalfWayBetweenTheDirections) {
  const Kalman k = Kalman::FromExchange(7'000, 3'000, 0.002, kNoise, kNoise);
  EXPECT_DOUBLE_EQ(k.state().x, 2'000);
  EXPECT_DOUBLE_EQ(k.state().d, 5'000);
  // 100 ppm over 2 ms is 200 ns; half of it is in x.
  EXPECT_DOUBLE_EQ(k.variance(Kalman::kX), kNoise / 2 + 100 * 100);
  EXPECT_DOUBLE_EQ(k.covariance(Kalman::kX, Kalman::kY), 1e10 * 0.002 / 2);
}

TEST(Kalman, StartsFromALinkDelay) {
  const Kalman k = Kalman::FromLinkDelay(7'000, 3'000, 0.002, kNoise, 50);
  EXPECT_DOUBLE_EQ(k.state().x, 4'000);
  EXPECT_DOUBLE_EQ(k.state().d, 3'000);
  EXPECT_DOUBLE_EQ(k.variance(Kalman::kX), kNoise + 50 + 200 * 200);
  EXPECT_DOUBLE_EQ(k.covariance(Kalman::kX, Kalman::kD), -50);
}

TEST(Kalman, TheSecondSyncTellsTheRate) {
  // 40 ppm, delay 5 us, no noise.
  Kalman k = Kalman::FromExchange(5'000, 5'000 - 40, 0.001, 1, 1);
  k.Predict(0.999, {.phase = 0.1});
  k.Update(kSyncRow, k.Innovation(kSyncRow, 40'000 + 5'000), 1);
  EXPECT_NEAR(k.state().y, 40'000, 5);
  EXPECT_NEAR(k.state().x, 40'000, 5);
  EXPECT_LT(std::sqrt(k.variance(Kalman::kY)), 10);
}

TEST(Kalman, RewindIsTheReverseOfPredictWithoutNoise) {
  Kalman k = Kalman::FromExchange(5'000, 4'000, 0.01, kNoise, kNoise);
  const double before = k.variance(Kalman::kX);
  k.Predict(2, {.phase = 0, .rate = 0, .path = 0});
  EXPECT_GT(k.variance(Kalman::kX), 100 * before);
  k.Rewind(2);
  EXPECT_NEAR(k.variance(Kalman::kX), before, 1e-3 * before);
}

TEST(Kalman, ScaleIsTheStartWithMoreNoise) {
  Kalman scaled = Kalman::FromExchange(0, 2'000, 0.3, 1e4, 1e4);
  scaled.Scale(25);
  const Kalman noisy = Kalman::FromExchange(0, 2'000, 0.3, 25e4, 25e4);
  for (const auto a : {Kalman::kX, Kalman::kY, Kalman::kD}) {
    for (const auto b : {Kalman::kX, Kalman::kY, Kalman::kD}) {
      const double expected = noisy.covariance(a, b);
      EXPECT_NEAR(scaled.covariance(a, b), expected, 1e-6 * std::abs(expected));
    }
  }
}

TEST(Kalman, StaysFiniteAndPositiveAfterAnyDoubt) {
  Kalman k = Kalman::FromExchange(0, 0, 0.01, 1, 1);
  for (const double doubt : {1e6, 1e18, 1e46}) {
    k.Doubt(Kalman::kX, doubt);
    for (int i = 0; i < 20; ++i) {
      k.Predict(0.1, {.phase = 0.1});
      k.Update(kSyncRow, k.Innovation(kSyncRow, 2'000), 1);
      k.Update(kDelayRow, k.Innovation(kDelayRow, 1'000), 1);
    }
    EXPECT_NEAR(k.state().x, 500, 1);
    EXPECT_GT(k.variance(Kalman::kX), 0);
    EXPECT_LT(k.variance(Kalman::kX), 2);
  }
}

TEST(DirectionNoise, FindsTheVarianceOfTheStamps) {
  Rng rng(1);
  DirectionNoise noise(1e6);
  double previous = 0;
  for (int i = 0; i < 500; ++i) {
    const double now = 20 * rng.Gaussian();
    if (i > 0) noise.Add(now - previous);
    previous = now;
  }
  // 1.5 times 400, made for correlated stamps.
  EXPECT_NEAR(noise.variance(), 600, 200);
}

TEST(DirectionNoise, EightDifferencesAreEnoughToLeaveAWrongPrior) {
  DirectionNoise noise(1e6);
  for (int i = 0; i < 7; ++i) noise.Add(10);
  EXPECT_GT(noise.variance(), 1e4);
  noise.Add(1e6);  // One spike among them.
  EXPECT_LT(noise.variance(), 1e3);
}

TEST(DirectionNoise, ASpikeCountsLittleAndNothingGoesBelowANanosecond) {
  DirectionNoise noise(100);
  for (int i = 0; i < 100; ++i) noise.Add(0);
  EXPECT_EQ(noise.variance(), 1);
  noise.Add(1e9);
  EXPECT_LT(noise.variance(), 2);
}

TEST(FloorRing, EvenScatterIsNotSkewed) {
  Rng rng(1);
  FloorRing ring;
  for (int i = 0; i < 300; ++i) ring.Push(3'000 + 20 * rng.Gaussian());
  ASSERT_TRUE(ring.ready());
  EXPECT_FALSE(ring.skewed());
  EXPECT_FALSE(ring.IsLate(1e9));
  EXPECT_NEAR(ring.cluster().mean, 3'000, 10);
  EXPECT_NEAR(ring.cluster().standard_error, 20.0 / 8, 1);
}

TEST(FloorRing, FindsTheFloorUnderAQueue) {
  Rng rng(1);
  FloorRing ring;
  for (int i = 0; i < 300; ++i) {
    ring.Push(3'000 + 20 * rng.Gaussian() +
              (rng.Chance(0.4) ? 9'000 * rng.Uniform() : 0));
  }
  EXPECT_TRUE(ring.skewed());
  EXPECT_NEAR(ring.cluster().mean, 3'000, 20);
  EXPECT_TRUE(ring.IsLate(4'000));
  EXPECT_FALSE(ring.IsLate(3'020));
  EXPECT_FALSE(ring.IsLate(-4'000)) << "no path delivers early";
}

TEST(FloorRing, NeedsTwentyFourValuesToJudge) {
  FloorRing ring;
  for (int i = 0; i < 23; ++i) ring.Push(i % 2 == 0 ? 100 : 9'000 + i);
  EXPECT_FALSE(ring.ready());
  EXPECT_FALSE(ring.skewed());
  ring.Push(9'000);
  EXPECT_TRUE(ring.ready());
  EXPECT_TRUE(ring.skewed());
}

TEST(FloorRing, ForgetsTheOldest) {
  FloorRing ring;
  for (int i = 0; i < 100; ++i) ring.Push(1e6 + i);
  for (size_t i = 0; i < FloorRing::kSize; ++i) ring.Push(5);
  EXPECT_NEAR(ring.cluster().mean, 5, 1e-9);
  ring.Shift(-3);
  ring.Push(2);
  EXPECT_NEAR(ring.cluster().mean, 2, 1e-9);
}

// Measurements of a clock that is 20 ppm fast, once a second.
template <typename Noise>
FlatWatch Watched(int n, Noise noise, double rate = 20'000) {
  FlatWatch watch;
  for (int i = 0; i < n; ++i) {
    const auto at = LocalTime() + TimeDelta::FromSeconds(i);
    watch.Push({at, TimeDelta::FromNanosDouble(20'000 * i + noise(i)), kSyncRow}, rate);
  }
  return watch;
}

// Of 200 runs of `n` measurements, how many are taken for flat.
template <typename Noise>
int FlatRuns(int n, Noise noise) {
  int flat = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    flat += Watched(n, [&](int) { return noise(rng); }).half_width().has_value();
  }
  return flat;
}

TEST(FlatWatch, TellsFlatNoiseFromOther) {
  const auto triangular = [](Rng& rng) {
    return rng.Uniform(0, 500) + rng.Uniform(0, 500);
  };
  const auto bimodal = [](Rng& rng) {
    return rng.Uniform(0, 300) + (rng.Chance(0.5) ? 700 : 0);
  };
  const auto uniform = [](Rng& rng) { return rng.Uniform(0, 1'000); };
  EXPECT_EQ(FlatRuns(47, uniform), 0) << "too few to say";
  EXPECT_GE(FlatRuns(64, uniform), 150);
  EXPECT_LE(FlatRuns(64, [](Rng& rng) { return 300 * rng.Gaussian(); }), 10);
  EXPECT_LE(FlatRuns(64, triangular), 20);
  EXPECT_LE(FlatRuns(64, bimodal), 10);
  EXPECT_EQ(FlatRuns(64, [](Rng&) { return 0; }), 0) << "less than a stamp's step";
}

TEST(FlatWatch, KnowsTheEndsAndWhenOneWasPassed) {
  const auto steps = [](int i) { return 100.0 * (i * 11 % 64); };
  const auto ramp = [](int i) { return 100.0 * i; };
  EXPECT_FALSE(Watched(64, ramp).half_width().has_value()) << "the same in order";
  EXPECT_FALSE(Watched(64, steps, 20'300).half_width().has_value()) << "another line";
  FlatWatch watch = Watched(64, steps);
  ASSERT_TRUE(watch.half_width().has_value());
  EXPECT_NEAR(*watch.half_width(), 50 * 64, 60);

  const auto push = [&watch](int i, double noise) {
    const Measurement m = {LocalTime() + TimeDelta::FromSeconds(i),
                           TimeDelta::FromNanosDouble(20'000 * i + noise), kSyncRow};
    watch.Push(m, 20'000);
    return m;
  };
  push(64, 12'000);
  Measurement newest{};
  for (int i = 65; i < 72; ++i) newest = push(i, 3'000);
  EXPECT_FALSE(watch.half_width().has_value());
  EXPECT_EQ(watch.remembered().size(), 64u);
  EXPECT_EQ(watch.remembered().front().at, LocalTime() + TimeDelta::FromSeconds(8));
  EXPECT_EQ(watch.remembered().back().z, newest.z);
  for (int i = 72; i < 300; ++i) newest = push(i, steps(i));
  EXPECT_TRUE(watch.half_width().has_value()) << "the late one is forgotten";
  EXPECT_EQ(watch.remembered().front().at, LocalTime() + TimeDelta::FromSeconds(236));
  EXPECT_EQ(watch.remembered().back().z, newest.z);
}

TEST(FlatEvidence, IsWhatBayesSays) {
  constexpr double kExpected = 900, kHalf = 500, kSoft = kHalf / 12;
  const auto share_below = [](double u) { return std::erfc(-u / std::sqrt(2)) / 2; };
  int checked = 0;
  for (double innovation = -580; innovation <= 580; innovation += 20) {
    const auto evidence = FlatEvidence(innovation, kExpected, kHalf);
    ASSERT_TRUE(evidence.has_value());
    if (!std::isfinite(evidence->noise)) continue;
    // Prior times likelihood, summed up.
    double sum = 0, first = 0, second = 0;
    for (double m = -300; m <= 300; m += 0.1) {
      const double miss = innovation - m;
      const double p =
          std::exp(-m * m / 2 / kExpected) *
          (share_below((miss + kHalf) / kSoft) - share_below((miss - kHalf) / kSoft));
      sum += p;
      first += p * m;
      second += p * m * m;
    }
    const double mean = first / sum;
    const double gain = kExpected / (kExpected + evidence->noise);
    EXPECT_NEAR(gain * evidence->innovation, mean, 0.01) << innovation;
    EXPECT_NEAR((1 - gain) * kExpected, second / sum - mean * mean, 0.5) << innovation;
    ++checked;
  }
  EXPECT_EQ(checked, 34) << "the others are in the middle";
}

TEST(FlatEvidence, SaysNothingInTheMiddleAndNothingOfWhatIsBeyond) {
  const auto middle = FlatEvidence(0, 100, 500);
  ASSERT_TRUE(middle.has_value());
  EXPECT_EQ(middle->innovation, 0);
  EXPECT_FALSE(std::isfinite(middle->noise));
  // Sigma is 43 ns: the end's softness, mostly.
  EXPECT_TRUE(FlatEvidence(625, 100, 500).has_value());
  EXPECT_FALSE(FlatEvidence(635, 100, 500).has_value());
  EXPECT_FALSE(FlatEvidence(-635, 100, 500).has_value());
}

OutlierRun RunOf(const std::vector<double>& innovations) {
  OutlierRun run;
  for (const double v : innovations) run.AddOutlier({}, v);
  return run;
}
OutlierRun InFamily(int n) {
  OutlierRun run;
  for (int i = 0; i < n; ++i) run.AddInFamily();
  return run;
}

TEST(Gate, OppositeDirectionsAreAClockThatMoved) {
  const Explanation e = Explain(RunOf({90, 100, 110}), RunOf({-100, -102}));
  EXPECT_EQ(e.cause, Cause::kClockMoved);
  EXPECT_DOUBLE_EQ(e.amount, 100.5);
  EXPECT_EQ(Explain(RunOf({-5, -10, -15}), RunOf({7, 12})).cause, Cause::kClockMoved);
}

TEST(Gate, TwoSyncsOrOneDelayReqAreTooFewForAClock) {
  EXPECT_EQ(Explain(RunOf({100, 100}), RunOf({-100, -100})).cause, Cause::kNone);
  EXPECT_EQ(Explain(RunOf({100, 100, 100}), RunOf({-100})).cause, Cause::kNone);
  EXPECT_EQ(Explain(RunOf({100, -100, 100}), RunOf({-100, -100})).cause, Cause::kNone);
}

TEST(Gate, BothDirectionsLaterAreAPathAfterSix) {
  const std::vector<double> six(6, 200), five(5, 200);
  const Explanation e = Explain(RunOf(six), RunOf(six));
  EXPECT_EQ(e.cause, Cause::kPathMoved);
  EXPECT_DOUBLE_EQ(e.amount, 200);
  EXPECT_EQ(Explain(RunOf(six), RunOf(five)).cause, Cause::kNone);
}

TEST(Gate, BothDirectionsEarlierAreAPathAfterFour) {
  const std::vector<double> four(4, -200), three(3, -200);
  EXPECT_EQ(Explain(RunOf(four), RunOf(four)).cause, Cause::kPathMoved);
  EXPECT_EQ(Explain(RunOf(four), RunOf(three)).cause, Cause::kNone);
}

TEST(Gate, ScatteredLatenessIsCongestion) {
  const std::vector<double> queue = {100, 300, 150, 700, 200, 120, 900, 400, 100, 250};
  EXPECT_EQ(Explain(RunOf(queue), RunOf(queue)).cause, Cause::kNone);
  EXPECT_EQ(Explain(RunOf(queue), InFamily(20)).cause, Cause::kNone);
}

TEST(Gate, OneDirectionAloneIsAOneWayPathAfterTen) {
  const std::vector<double> ten(10, 300), nine(9, 300);
  EXPECT_EQ(Explain(RunOf(ten), InFamily(4)).cause, Cause::kForwardMoved);
  EXPECT_EQ(Explain(InFamily(4), RunOf(ten)).cause, Cause::kReverseMoved);
  EXPECT_EQ(Explain(RunOf(nine), InFamily(4)).cause, Cause::kNone);
  EXPECT_EQ(Explain(RunOf(ten), InFamily(3)).cause, Cause::kNone);
}

TEST(Gate, P2pBelievesTheClockMovedOnlyWhenTheLinkWasMeasuredSince) {
  EXPECT_EQ(ExplainP2p(RunOf({100, 100, 100}), InFamily(1)).cause, Cause::kClockMoved);
  EXPECT_EQ(ExplainP2p(RunOf({100, 100, 100}), InFamily(0)).cause, Cause::kNone);
  const std::vector<double> six(6, 200);
  EXPECT_EQ(ExplainP2p(RunOf(six), RunOf(six)).cause, Cause::kPathMoved);
}

TEST(Gate, P2pALinkThatAloneMeasuresOtherwiseIsBelievedAfterTen) {
  const std::vector<double> ten(10, -300), nine(9, -300);
  const Explanation e = ExplainP2p(InFamily(4), RunOf(ten));
  EXPECT_EQ(e.cause, Cause::kReverseMoved);
  EXPECT_DOUBLE_EQ(e.amount, -300);
  EXPECT_EQ(ExplainP2p(InFamily(4), RunOf(nine)).cause, Cause::kNone);
  EXPECT_EQ(ExplainP2p(InFamily(3), RunOf(ten)).cause, Cause::kNone);
}

TEST(OutlierRun, RemembersTheNewestTwelve) {
  OutlierRun run;
  for (int i = 1; i <= 20; ++i) run.AddOutlier({}, i);
  EXPECT_EQ(run.length(), 20);
  ASSERT_EQ(run.remembered().size(), 12u);
  EXPECT_EQ(run.remembered().front().innovation, 9);
  EXPECT_EQ(run.Median(3), 19);
  run.AddInFamily();
  EXPECT_EQ(run.length(), 0);
  EXPECT_TRUE(run.remembered().empty());
}

TEST(DriftWatch, IsSilentForNoiseAndAlarmsForALean) {
  Rng rng(3);
  DriftWatch watch;
  for (int i = 0; i < 10'000; ++i) ASSERT_FALSE(watch.Add(rng.Gaussian())) << i;
  int alarms = 0;
  double lean = 0;
  for (int i = 0; i < 64; ++i) {
    if (const auto l = watch.Add(-1.5)) {
      ++alarms;
      lean = *l;
    }
  }
  EXPECT_GE(alarms, 1);
  EXPECT_LE(alarms, 2);
  EXPECT_LT(lean, -0.6);
}

// ---- Restlessness.

// A filter that measures x with noise of 100 ns, 16 times a second, of a rate that
// really gains `wander` ns/s a root second.
double LearnedVariance(double wander, uint64_t seed) {
  Rng rng(seed);
  Kalman filter = Kalman::FromLinkDelay(0, 0, 0, 1e4, 1);
  Restlessness restlessness;
  constexpr double kStep = 1.0 / 16;
  double x = 0;
  double y = 0;
  for (int i = 0; i < 16 * 1'800; ++i) {
    y += wander * std::sqrt(kStep) * rng.Gaussian();
    x += y * kStep;
    filter.Predict(kStep, {.phase = 0.1, .rate = restlessness.variance(), .path = 0});
    const double innovation = filter.Innovation(kSyncRow, x + 100 * rng.Gaussian());
    const double all = filter.Expected(kSyncRow) + 1e4;
    restlessness.Add(innovation / std::sqrt(all), 1 - 1e4 / all);
    filter.Update(kSyncRow, innovation, 1e4);
  }
  return restlessness.variance();
}

TEST(Restlessness, FindsHowMuchTheRateWanders) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_LT(LearnedVariance(0, seed), 0.1) << seed;
    EXPECT_NEAR(std::log(LearnedVariance(1, seed)), 0, std::log(5)) << seed;
    EXPECT_GT(LearnedVariance(10, seed), 10) << seed;
  }
}

TEST(Restlessness, OneBadMomentIsNotAHabit) {
  Restlessness restlessness;
  restlessness.Add(1'000, 0.5);
  EXPECT_LT(restlessness.variance(), 0.4);
}

TEST(Supervisor, MovesAFilterThatSettledOnTheQueueOnlyWhenItIsYoung) {
  FloorRing forward, reverse;
  Rng rng(5);
  for (int i = 0; i < 64; ++i) {
    const double queue = rng.Chance(0.4) ? 9'000 : 0;
    forward.Push(5'000 + queue + 20 * rng.Gaussian());
    reverse.Push(3'000 + 20 * rng.Gaussian());
  }
  ASSERT_TRUE(forward.skewed());
  // x = 0 is 1 us off and certain of it.
  Kalman filter = Kalman::FromExchange(5'500, 5'500, 0, kNoise, kNoise);
  Supervisor supervisor;
  const auto young = supervisor.Check(forward, reverse, filter, 100);
  ASSERT_TRUE(young.has_value());
  EXPECT_NEAR(young->dx, 1'000, 30);
  EXPECT_NEAR(young->dd, -1'500, 30);
  for (int i = 0; i < 255; ++i) {
    ASSERT_FALSE(supervisor.Check(forward, reverse, filter, 1'000)) << i;
  }
  EXPECT_TRUE(supervisor.Check(forward, reverse, filter, 1'000));
}

TEST(Supervisor, LeavesDirectLinksAlone) {
  FloorRing forward, reverse;
  Rng rng(5);
  for (int i = 0; i < 64; ++i) {
    forward.Push(5'000 + 20 * rng.Gaussian());
    reverse.Push(3'000 + 20 * rng.Gaussian());
  }
  Supervisor supervisor;
  const Kalman filter = Kalman::FromExchange(5'500, 5'500, 0, kNoise, kNoise);
  EXPECT_FALSE(supervisor.Check(forward, reverse, filter, 10));
}

}  // namespace
}  // namespace bridge
