// An NTP daemon that steers CLOCK_REALTIME, which stamps the packets, by what is
// published from them.
#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/estimate/exchanges.h"

namespace bridge {
namespace {

constexpr double kPoll = 4;          // s
constexpr double kMostSlew = 500e3;  // ns/s

// CLOCK_REALTIME: true UTC plus an error that the consumer slews.
class SteeredClock {
 public:
  double error(double t) const { return error_ + rate_ * (t - since_); }
  void SetRate(double t, double rate) {
    error_ = error(t);
    since_ = t;
    rate_ = rate;
  }
  double rate() const { return rate_; }

 private:
  double error_ = 5e6;  // 5 ms
  double rate_ = 50e3;  // 50 ppm
  double since_ = 0;
};

// Takes the median of a poll, slews it away and learns the frequency.
class Consumer {
 public:
  explicit Consumer(double most_slew) : most_slew_(most_slew) {}
  void Sample(double offset) { samples_.push_back(offset); }
  void Poll(double t, SteeredClock* clock) {
    if (samples_.size() < 3) return;
    std::sort(samples_.begin(), samples_.end());
    const double offset = samples_[samples_.size() / 2];
    samples_.clear();
    if (std::abs(offset) < 1e6) frequency_ += 0.15 * offset / kPoll;
    const double slew = std::clamp(0.6 * offset / kPoll, -most_slew_, most_slew_);
    clock->SetRate(t, 50e3 - frequency_ - slew);
  }

 private:
  double most_slew_;
  std::vector<double> samples_;
  double frequency_ = 0;
};

struct Loop {
  Errors published;
  Errors system;
  int steps_seen = 0;
  OffsetEstimator::Counters counters;
};

Loop RunLoop(uint64_t seed, double most_slew, bool carried, double seconds) {
  Loop loop;
  Rng rng(seed);
  Oscillator oscillator(rng.Fork());
  SteeredClock clock;
  Consumer consumer(most_slew);
  SteadyTimeBase base;
  OffsetEstimator estimator({});
  double next_poll = kPoll;
  const auto event = [&](double t, bool sync) {
    const double delay = 3'000 + 500 * rng.Gaussian();
    const double far = sync ? t * 1e9 - delay : t * 1e9 + delay;
    const UtcTime stamp = kUtc + Ns(t * 1e9 + clock.error(t));
    // The pair is read 100 us later.
    const double read = t + 1e-4;
    const LocalTime raw =
        kLocal + Ns(read * 1e9 + oscillator.At(read) + 20 * rng.Gaussian());
    const UtcTime real = kUtc + Ns(read * 1e9 + clock.error(read));
    loop.steps_seen += base.AddPair({AsRaw(raw), real, TimeDelta::FromNanos(160)}) ==
                       SteadyTimeBase::PairVerdict::kStepped;
    const auto direct = [](UtcTime u) { return kLocal + (u - kUtc); };
    const LocalTime at = carried ? AsLocal(base.Carry(stamp).value()) : direct(stamp);
    if (sync) {
      estimator.AddSync(at, kTai + Ns(far));
    } else {
      estimator.AddDelay(at, kTai + Ns(far));
    }
    if (!estimator.ready()) return;
    const LocalTime now = carried ? raw : direct(real);
    const double error = ErrorOf(estimator, now, kTai + Ns(read * 1e9));
    loop.published.Add({t, error, estimator.ErrorBound(now).NanosDouble(), 0});
    loop.system.Add({t, clock.error(t), 0, 0});
    consumer.Sample(clock.error(read) - error);
  };
  for (double t = 1; t < seconds; t += 0.125) {
    event(t, true);
    event(t + (t == 1 ? 0.001 : rng.Uniform(0.002, 0.12)), false);
    if (t >= next_poll) {
      consumer.Poll(t + 0.1225, &clock);
      next_poll += kPoll;
    }
  }
  loop.counters = estimator.counters();
  return loop;
}

TEST(ClosedLoop, CarriedStampsConvergeWhileTheConsumerSlews) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const Loop loop = RunLoop(seed, kMostSlew, true, 300);
    std::printf("closed loop: published rms %.1f ns, system %.1f ns\n",
                loop.published.After(60).Rms(), loop.system.After(150).Rms());
    EXPECT_GE(loop.system.Between(0, 5).Max(), 4e6) << "there was nothing to slew";
    EXPECT_LE(loop.published.After(60).Rms(), 80);
    EXPECT_LE(loop.system.After(150).Rms(), 150);
    EXPECT_EQ(loop.published.OutsideBound(), 0u);
    EXPECT_EQ(loop.steps_seen, 0);
    EXPECT_EQ(loop.counters.clock_moves, 0u);
  }
}

TEST(ClosedLoop, SlewingByTenPercentIsNoStep) {
  const Loop loop = RunLoop(1, 100e6, true, 120);
  EXPECT_LE(loop.published.After(60).Rms(), 80);
  EXPECT_EQ(loop.steps_seen, 0);
  EXPECT_EQ(loop.counters.clock_moves, 0u);
}

// Why stamps are carried at all: without, the same loop is far worse.
TEST(ClosedLoop, OnTheSteeredClockItselfItIsFarWorse) {
  const Loop direct = RunLoop(1, kMostSlew, false, 300);
  const Loop carried = RunLoop(1, kMostSlew, true, 300);
  EXPECT_GE(direct.published.After(60).Rms(), 3 * carried.published.After(60).Rms());
}

}  // namespace
}  // namespace bridge
