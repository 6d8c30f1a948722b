#include "bridge/estimate/offset_estimator.h"

#include <chrono>
#include <cmath>
#include <numbers>

#include "tests/estimate/exchanges.h"
#include "tests/support/allocations.h"

namespace bridge {
namespace {

constexpr double kDelay = 3'000;  // ns

// A link without noise; the local clock is 1 ms and `ppm` off.
class Exchanges {
 public:
  explicit Exchanges(OffsetEstimator::Settings settings = {}, double ppm = 0)
      : estimator(settings), ppm_(ppm) {}

  LocalTime Raw(double s) const { return kLocal + Ns(s * 1e9 + 1e6 + ppm_ * 1e3 * s); }
  TaiTime Tai(double s) const { return kTai + Ns(s * 1e9); }
  void Sync(double s, double extra = 0) {
    estimator.AddSync(Raw(s), Tai(s) - Ns(kDelay + extra));
  }
  void Delay(double s, double extra = 0) {
    estimator.AddDelay(Raw(s), Tai(s) + Ns(kDelay + extra));
  }
  void PeerDelay(double s, double extra = 0) {
    estimator.AddPeerDelay(Raw(s), Ns(kDelay + extra));
  }
  void Settle(double from, double to) {
    for (double s = from; s < to; s += 0.125) {
      Sync(s);
      Delay(s + 0.05);
    }
  }
  double Error(double s) const { return ErrorOf(estimator, Raw(s), Tai(s)); }
  double Bound(double s) const { return estimator.ErrorBound(Raw(s)).NanosDouble(); }
  double Jitter(double s) const { return estimator.Jitter(Raw(s)).NanosDouble(); }

  OffsetEstimator estimator;

 private:
  double ppm_;
};

TEST(OffsetEstimator, IsReadyFromTheSecondSyncOn) {
  Exchanges link({}, 40);
  EXPECT_FALSE(link.estimator.ready());
  EXPECT_FALSE(link.estimator.Map().has_value());
  link.Sync(1);
  link.Delay(1.001);
  EXPECT_FALSE(link.estimator.ready()) << "the rate is not known";
  EXPECT_FALSE(link.estimator.Map().has_value());
  link.Sync(2);
  EXPECT_TRUE(link.estimator.ready());
  EXPECT_LT(std::abs(link.Error(2)), 50);
}

TEST(OffsetEstimator, StartsWithADelayRequestThatLaterSyncsOvertook) {
  Exchanges link({.stamps = StampKind::kHardware}, 40);
  link.Sync(1);
  for (const double s : {1.125, 1.25, 1.375}) link.Sync(s);
  link.Delay(1.001);  // Its transmit stamp took 400 ms.
  EXPECT_TRUE(link.estimator.ready());
  EXPECT_EQ(link.estimator.last_sync(), link.Raw(1.375));
  EXPECT_LT(std::abs(link.Error(1.375)), 50);
  EXPECT_EQ(link.estimator.counters().measurements, 5u);
  EXPECT_EQ(link.estimator.counters().outliers, 0u);
}

TEST(OffsetEstimator, IsReadyWithALinkDelayInEitherOrder) {
  for (const bool link_first : {true, false}) {
    Exchanges link;
    if (link_first) link.PeerDelay(0.5);
    link.Sync(1);
    if (!link_first) link.PeerDelay(1.001);
    EXPECT_FALSE(link.estimator.ready());
    link.Sync(2);
    EXPECT_TRUE(link.estimator.ready());
    EXPECT_LT(std::abs(link.Error(2)), 50);
    EXPECT_NEAR(link.estimator.mean_path_delay().NanosDouble(), kDelay, 50);
  }
}

TEST(OffsetEstimator, AFirstLinkDelayThatWasLateIsPutRight) {
  Exchanges link;
  link.PeerDelay(0.5, 100'000);
  link.PeerDelay(0.8, 100'000);
  for (int s = 1; s <= 30; ++s) {
    link.Sync(s);
    link.PeerDelay(s + 0.5);
  }
  EXPECT_NEAR(link.estimator.mean_path_delay().NanosDouble(), kDelay, 100);
  EXPECT_LT(std::abs(link.Error(30)), 100);
}

TEST(OffsetEstimator, OneThatIsNearlyAnOutlierDoesNotEndASuspicion) {
  Exchanges link({.stamps = StampKind::kHardware});
  link.Settle(1, 60);
  const double before = link.Bound(60);
  link.Delay(60.05, 300);
  link.Sync(60.1);
  link.Delay(60.15, 300);
  link.Sync(60.2);
  EXPECT_GT(link.Bound(60.2), before + 250);
  link.Delay(60.25, 4);  // Four sigmas: used, but of the same story.
  link.Sync(60.3);
  EXPECT_GT(link.Bound(60.3), before + 3);
  link.Delay(60.35);
  link.Sync(60.4);
  EXPECT_LT(link.Bound(60.4), before + 3);
}

TEST(OffsetEstimator, LearnsRateAndDelay) {
  Exchanges link({.stamps = StampKind::kHardware}, -35);
  link.Settle(1, 30);
  // The local clock is 35 ppm slow: TAI gains on it.
  EXPECT_NEAR(link.estimator.frequency_ppb(), 35'000, 2);
  EXPECT_NEAR(link.estimator.mean_path_delay().NanosDouble(), kDelay, 1);
  EXPECT_LT(std::abs(link.Error(30)), 1);
  EXPECT_NEAR(link.estimator.Map()->rate(), 35e-6, 2e-9);
  EXPECT_EQ(link.estimator.counters().outliers, 0u);
}

TEST(OffsetEstimator, JitterGrowsWhileNothingIsMeasured) {
  Exchanges link;
  link.Settle(1, 20);
  const double now = link.Jitter(20);
  EXPECT_GT(link.Jitter(60), 2 * now);
  EXPECT_GT(link.Jitter(600), link.Jitter(60));
  EXPECT_GT(link.Bound(600), link.Bound(60));
}

TEST(OffsetEstimator, StartsWithADelayReqWhoseAnswerOvertookTheFollowUp) {
  Exchanges link;
  link.Delay(1.0001);
  link.Sync(1);
  link.Sync(1.125);
  EXPECT_TRUE(link.estimator.ready());
  EXPECT_LT(std::abs(link.Error(1.125)), 10);
}

TEST(OffsetEstimator, TheBoundHasAllOfTheDelayAtFirstAndHalfLater) {
  Exchanges link({.stamps = StampKind::kHardware});
  link.Sync(1);
  link.Delay(1.001);
  link.Sync(1.125);
  // The prior of the noise is 1 us; it may be uneven. One of the first two Syncs may
  // have been 250 us late.
  const double spike = 4 * 250'000 / 3.0;
  EXPECT_NEAR(link.Bound(1.125), 3 * link.Jitter(1.125) + kDelay + 1'000 + spike, 50);
  link.Settle(1.25, 10);
  // 72 Syncs: none of them was late. Noise of 1 ns, and as much again that the last
  // measurement moved the clock by.
  EXPECT_NEAR(link.Bound(10), 3 * link.Jitter(10) + kDelay / 2, 3);
}

TEST(OffsetEstimator, ClaimsNothingWrongWhenItStartsInAStorm) {
  int claimed = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    Exchanges link({.stamps = StampKind::kHardware}, rng.Uniform(-50, 50));
    const double storm = std::pow(10.0, rng.Uniform(3, 5));  // ns
    const double interval = rng.Chance(0.5) ? 2 : 0.5;
    const bool p2p = rng.Chance(0.3);
    for (double s = 1; s < 40 * interval; s += interval) {
      link.Sync(s, -storm * std::abs(rng.Gaussian()));
      if (p2p) {
        link.PeerDelay(s + 0.1, storm / 2 * rng.Gaussian());
      } else if (rng.Chance(0.5)) {
        link.Delay(s + 0.3, storm * std::abs(rng.Gaussian()));
      }
      if (!link.estimator.ready()) continue;
      const double at = s + 0.3;
      EXPECT_LT(std::abs(link.Error(at)), link.Bound(at)) << seed << ", " << at;
      if (link.Bound(at) < 1e6) ++claimed;
    }
  }
  EXPECT_GT(claimed, 4'000) << "nothing was claimed that a gate would let through";
}

// Sync every 8 s, link delay each second, and a crystal that swings by 2 ppm.
TEST(OffsetEstimator, P2pWithRareSyncsKeepsItsBoundWhileTheCrystalWarms) {
  Exchanges link({.stamps = StampKind::kHardware, .asymmetry_bound = TimeDelta()}, 20);
  Rng rng(1);
  const double turn = 2 * std::numbers::pi / 1'800;  // rad/s
  const auto swing = [&](double s) { return 2'000 / turn * std::sin(turn * s); };
  int late = 0;
  for (int s = 1; s < 7'200; ++s) {
    // The master's seconds swing here, which is the same.
    if (s % 8 == 0) link.Sync(s, swing(s) - 1'000 * std::abs(rng.Gaussian()));
    link.PeerDelay(s + 0.5, 500 * rng.Gaussian());
    if (s < 600 || s % 8 != 0) continue;
    const double error = std::abs(link.Error(s) + swing(s));
    EXPECT_LT(error, link.Bound(s)) << s;
    if (error > kDelay) ++late;
  }
  EXPECT_GT(late, 10) << "the filter did not lag: this shows nothing";
}

// Somebody dials the PHC by 5 ppm, in noise that hides it for some seconds.
TEST(OffsetEstimator, ARateThatJumpsIsInTheBoundBeforeItIsNoticed) {
  double most = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Rng rng(seed);
    const double noise = 10'000;
    Exchanges link({.stamps = StampKind::kHardware, .asymmetry_bound = Ns(2 * noise)});
    for (int s = 1; s < 640; ++s) {
      const double off = 5'000 * std::max(s - 600, 0);
      link.Sync(s, off + noise * rng.Gaussian());
      if (rng.Chance(0.3)) link.Delay(s + 0.3, -off + noise * rng.Gaussian());
      if (s < 500) continue;
      const double error = std::abs(link.Error(s) + off);
      EXPECT_LT(error, link.Bound(s)) << seed << ", " << s;
      most = std::max(most, error);
    }
  }
  EXPECT_GT(most, 3e4) << "it was followed at once: this shows nothing";
}

// Clocks of 25 MHz, 3.7 ns/s apart: each direction shows nothing for ten seconds, then
// 40 ns at once, and not both at the same time.
TEST(OffsetEstimator, FollowsClocksThatCountInCoarseSteps) {
  constexpr double kGrain = 40;
  const auto rounded = [](double ns) { return Ns(std::floor(ns / kGrain) * kGrain); };
  Rng rng(1);
  OffsetEstimator estimator({.stamps = StampKind::kHardware});
  double worst = 0, squares = 0, count = 0;
  for (int i = 0; i < 8 * 600; ++i) {
    const double sync = 0.125e9 * i, delay = sync + 1e6 * rng.Uniform(1, 120);
    estimator.AddSync(kLocal + rounded(sync + 500 + 3.7e-9 * sync), kTai + Ns(sync));
    const double local = delay * (1 + 3.7e-9);
    estimator.AddDelay(kLocal + rounded(local), kTai + rounded(delay + 500));
    const LocalTime now = kLocal + Ns(local);
    if (i < 80) continue;
    const double error = std::abs(ErrorOf(estimator, now, kTai + Ns(delay)));
    EXPECT_LE(error, estimator.ErrorBound(now).NanosDouble());
    worst = std::max(worst, error);
    squares += error * error;
    ++count;
  }
  EXPECT_LE(worst, 1.25 * kGrain) << "a grain of either direction, and the way to it";
  EXPECT_LE(std::sqrt(squares / count), kGrain / 2);
  EXPECT_GT(worst, 0);
  EXPECT_EQ(estimator.counters().one_way_moves, 0u);
  EXPECT_EQ(estimator.counters().clock_moves, 0u);
}

TEST(OffsetEstimator, AnAsymmetryBoundReplacesTheDelay) {
  Exchanges link(
      {.stamps = StampKind::kHardware, .asymmetry_bound = TimeDelta::FromNanos(70)});
  link.Settle(1, 10);
  EXPECT_NEAR(link.Bound(10), 3 * link.Jitter(10) + 70, 3);  // Noise: 1 ns.
}

TEST(OffsetEstimator, ASpikeIsUnderSuspicionUntilTheNextMeasurement) {
  Exchanges link;
  link.Settle(1, 20);
  EXPECT_FALSE(link.estimator.suspicious());
  const double before = link.Bound(20);
  link.Sync(20, 80'000);
  EXPECT_TRUE(link.estimator.suspicious());
  EXPECT_GT(link.Bound(20), before + 79'000);
  EXPECT_LT(std::abs(link.Error(20)), 100);
  link.Sync(20.125);
  EXPECT_FALSE(link.estimator.suspicious());
  EXPECT_LT(link.Bound(20.125), before + 100);
}

TEST(OffsetEstimator, AMoveOfTheClockIsInTheBoundUntilTheOldTimeIsForgotten) {
  constexpr double kMove = 200'000;
  Exchanges link;
  link.Settle(1, 20);
  double s = 20;
  for (; link.estimator.counters().clock_moves == 0 && s < 25; s += 0.125) {
    link.Sync(s, kMove);
    link.Delay(s + 0.05, -kMove);
  }
  ASSERT_EQ(link.estimator.counters().clock_moves, 1u);
  EXPECT_GT(link.Bound(s), kMove);
  // Four Syncs agree soon, but it takes sixteen until no limit of the old time is left.
  for (int i = 0; i < 16; ++i, s += 0.125) {
    if (i == 8) {
      EXPECT_GT(link.Bound(s), kMove / 4);
    }
    link.Sync(s, kMove);
    link.Delay(s + 0.05, -kMove);
  }
  EXPECT_LT(link.Bound(s), kMove / 4);
}

TEST(OffsetEstimator, TheOtherDirectionInFamilyClearsTheClock) {
  Exchanges link;
  link.Settle(1, 20);
  link.Delay(20, 80'000);
  EXPECT_TRUE(link.estimator.suspicious());
  for (int i = 1; i <= 4; ++i) link.Sync(20 + 0.1 * i);
  EXPECT_FALSE(link.estimator.suspicious()) << "a step would be seen by Sync too";
}

TEST(OffsetEstimator, LastSyncIsTheLastThatWasUsed) {
  Exchanges link;
  EXPECT_FALSE(link.estimator.last_sync().has_value());
  link.Settle(1, 20);
  EXPECT_EQ(link.estimator.last_sync(), link.Raw(19.875));
  link.Sync(20, 80'000);
  EXPECT_EQ(link.estimator.last_sync(), link.Raw(19.875));
}

TEST(OffsetEstimator, UsesWhatIsUpToASecondLate) {
  Exchanges link({.stamps = StampKind::kHardware}, 50);
  link.Settle(1, 10);
  link.Sync(10);
  link.Delay(9.5);  // 25 us off unless the rate is taken into account.
  EXPECT_EQ(link.estimator.counters().outliers, 0u);
  EXPECT_EQ(link.estimator.counters().out_of_order, 0u);
  link.Delay(8.5);
  EXPECT_EQ(link.estimator.counters().out_of_order, 1u);
  EXPECT_LT(std::abs(link.Error(10)), 1);
}

TEST(OffsetEstimator, ALocalClockThatWasSetBackIsANewStart) {
  Exchanges link;
  link.Settle(100, 110);
  link.Settle(50, 60);
  EXPECT_EQ(link.estimator.counters().out_of_order, 8u);
  EXPECT_TRUE(link.estimator.ready());
  EXPECT_LT(std::abs(link.Error(60)), 100);
}

TEST(OffsetEstimator, ADayWithoutMeasurementsIsANewStart) {
  Exchanges link;
  link.Settle(1, 10);
  link.Sync(100'000);
  EXPECT_FALSE(link.estimator.ready());
  link.Settle(100'000.1, 100'010);
  EXPECT_TRUE(link.estimator.ready());
  EXPECT_LT(std::abs(link.Error(100'010)), 100);
}

TEST(OffsetEstimator, ResetForgetsMeasurementsButNotCounters) {
  Exchanges link;
  link.Settle(1, 10);
  link.estimator.Reset();
  EXPECT_FALSE(link.estimator.ready());
  EXPECT_FALSE(link.estimator.last_sync().has_value());
  EXPECT_GT(link.estimator.counters().measurements, 100u);
}

TEST(OffsetEstimator, DoesNotStartFromHalvesOfDifferentWorlds) {
  Exchanges link;
  link.Sync(1, 1e20);
  link.Delay(1.001);
  link.Sync(2);
  EXPECT_FALSE(link.estimator.ready());
  link.Delay(2.001);
  link.Sync(3);
  EXPECT_TRUE(link.estimator.ready());
  EXPECT_LT(std::abs(link.Error(3)), 100);
}

void ExpectSane(const OffsetEstimator& estimator, LocalTime now) {
  ASSERT_GE(estimator.Jitter(now), TimeDelta());
  ASSERT_GE(estimator.ErrorBound(now), TimeDelta());
  ASSERT_TRUE(std::isfinite(estimator.frequency_ppb()));
  ASSERT_EQ(estimator.Map().has_value(), estimator.ready());
  if (estimator.ready()) {
    ASSERT_TRUE(std::isfinite(estimator.Map()->rate()));
  }
}

// Garbage of any size in any order; then the truth, which must be found again.
TEST(OffsetEstimator, SurvivesGarbage) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    OffsetEstimator::Settings settings;
    settings.stamps = rng.Chance(0.5) ? StampKind::kHardware : StampKind::kSoftware;
    Exchanges link(settings);
    const bool p2p = rng.Chance(0.3);
    link.Settle(1, rng.Uniform(1, 20));
    const auto garbage = [&] {
      const double size = std::exp(rng.Uniform(0, std::log(2.8e23)));
      return rng.Chance(0.3) ? 0 : rng.Chance(0.5) ? size : -size;
    };
    double s = 20;
    for (int i = 0; i < 300; ++i) {
      if (rng.Chance(0.7)) s += rng.Uniform(-1.2, 1.5);
      if (rng.Chance(0.01)) s += rng.Uniform(-1e6, 1e6);
      if (rng.Chance(0.4)) {
        link.Sync(s, garbage());
      } else if (p2p) {
        link.estimator.AddPeerDelay(link.Raw(s), Ns(garbage()));
      } else {
        link.Delay(s, garbage());
      }
      ASSERT_NO_FATAL_FAILURE(ExpectSane(link.estimator, link.Raw(s))) << seed;
    }
    s = 1e8;
    link.Settle(s, s + 5);  // More than a day later: a new start.
    ASSERT_TRUE(link.estimator.ready()) << seed;
    EXPECT_LT(std::abs(link.Error(s + 5)), 1'000) << seed;
  }
}

// The same without a gap: what is wrong now must be outlived.
TEST(OffsetEstimator, FindsBackFromALyingMasterWithoutANewStart) {
  for (const double lie : {5e3, 1e6, -1e9, 1e15, -2.8e23}) {
    for (const bool sync : {true, false}) {
      Exchanges link({.stamps = StampKind::kHardware});
      link.Settle(1, 10);
      for (double s = 10; s < 15; s += 0.125) {
        link.Sync(s, sync ? lie : 0);
        link.Delay(s + 0.05, sync ? 0 : lie);
      }
      link.Settle(15, 45);
      EXPECT_LT(std::abs(link.Error(45)), 1'000) << lie << sync;
      EXPECT_LT(link.Bound(45), 1e6) << lie << sync;
    }
  }
}

// A master that steps by seconds or decades and back, at any moment and amid stray
// outliers: whenever the estimator is not suspicious, its bound holds. From when both
// directions have seen the step: in one of them it looks like a queue.
TEST(OffsetEstimator, ClaimsNothingWrongWhileTheMasterStepsToAndFro) {
  for (const double step : {1e5, 1e6, 1e9, -1e9, 37e9, -2.5e18, 1.8e18}) {
    int wrong = 0;
    int claimed = 0;
    for (uint64_t seed = 1; seed <= 200; ++seed) {
      Rng rng(seed);
      Exchanges link;
      const double first = rng.Uniform(5, 6);
      const double second = first + rng.Uniform(3, 7);
      double sync = 1;
      double delay = 1.05;
      double last_sync = 0;
      double last_delay = 0;
      while (std::min(sync, delay) < second + 15) {
        const double s = std::min(sync, delay);
        const double off = s >= first && s < second ? step : 0;
        const double noise = 300 * rng.Gaussian() + (rng.Chance(0.03) ? 4'000 : 0);
        if (s == sync) {
          link.Sync(s, off + noise);
          last_sync = s;
          sync += 0.125;
        } else {
          link.Delay(s, -off + noise);
          last_delay = s;
          delay += rng.Uniform(0.01, 0.25);
        }
        const double step_at = s < second ? first : second;
        if (s >= first && std::min(last_sync, last_delay) < step_at) continue;
        if (!link.estimator.ready() || link.estimator.suspicious()) continue;
        const double bound = link.Bound(s);
        if (bound > 1e6) continue;  // output.max_error
        ++claimed;
        wrong += std::abs(link.Error(s) + off) > bound + 1'000;
      }
    }
    EXPECT_GT(claimed, 50'000) << step;
    EXPECT_EQ(wrong, 0) << step << ", of " << claimed;
  }
}

TEST(OffsetEstimator, DoesNotAllocateAndCostsLittle) {
  Exchanges link({}, 20);
  Rng rng(1);
  const int kMessages = 200'000;
  const size_t before = testing_support::Allocations();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kMessages / 2; ++i) {
    const double s = 1 + 0.125 * i;
    const double step = i > kMessages / 4 ? 1e6 : 0;
    const double queue = i % 50'000 > 25'000 && rng.Chance(0.4) ? 5'000 : 0;
    link.Sync(s, 500 * rng.Gaussian() + queue + step);
    link.Delay(s + 0.05, 500 * rng.Gaussian() + queue - step);
  }
  const std::chrono::duration<double, std::micro> took =
      std::chrono::steady_clock::now() - start;
  EXPECT_EQ(testing_support::Allocations(), before);
  EXPECT_GE(link.estimator.counters().clock_moves, 1u) << "nothing was replayed";
  std::printf("%.2f us a message, %zu octets\n", took.count() / kMessages,
              sizeof(OffsetEstimator));
  auto* counted = new int(0);
  EXPECT_GT(testing_support::Allocations(), before) << "the counter counts nothing";
  delete counted;
}

}  // namespace
}  // namespace bridge
