// tests/estimate/exchanges.h
//
// Exchanges whose truth is known: recordings with an oscillator of our own added,
// and synthetic ones. Times in ns and seconds, counted from kTai / kUtc / kLocal.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "bridge/base/rng.h"
#include "bridge/estimate/offset_estimator.h"
#include "bridge/estimate/time_base.h"
#include "gtest/gtest.h"

namespace bridge {

inline constexpr auto kTai = TaiTime::FromNanos(1'800'000'037'000'000'000);
inline constexpr auto kUtc = UtcTime::FromNanos(1'800'000'000'000'000'000);
inline constexpr auto kLocal = LocalTime::FromNanos(4'000'000'000'000);

inline RawTime AsRaw(LocalTime local) { return RawTime() + local.SinceEpoch(); }
inline TimeDelta Ns(double ns) { return TimeDelta::FromNanosDouble(ns); }

// A free oscillator: constant rate, white FM, random-walk FM, day's sine.
class Oscillator {
 public:
  explicit Oscillator(Rng rng, double most_ppm = 100)
      : rng_(rng),
        rate_(rng_.Uniform(-most_ppm, most_ppm) * 1e3),
        phase_of_day_(rng_.Uniform(0, 2 * std::numbers::pi)) {}

  // Its error in ns `seconds` after the start; call in order.
  double At(double seconds) {
    const double dt = std::max(seconds - now_, 0.0);
    now_ = std::max(now_, seconds);
    rate_ += random_walk_ * std::sqrt(dt) * rng_.Gaussian();
    const double day =
        2000 * std::sin(2 * std::numbers::pi * now_ / 86'400 + phase_of_day_);
    error_ += (rate_ + day) * dt + white_ * std::sqrt(dt) * rng_.Gaussian();
    return error_;
  }
  void AddRate(double ns_per_second) { rate_ += ns_per_second; }

 private:
  Rng rng_;
  double rate_;
  double phase_of_day_;
  double white_ = 2;          // ns/sqrt(s)
  double random_walk_ = 0.5;  // ppb/sqrt(s)
  double now_ = 0;
  double error_ = 0;
};

// What ptp4l publishes: the last t2 - t1 minus the median of ten delays, given a
// local clock without error (which is kind to it).
class MedianDelayRule {
 public:
  void AddDelay(double z) {
    if (!last_sync_) return;
    delays_.push_back((*last_sync_ + z) / 2);
    if (delays_.size() > 10) delays_.erase(delays_.begin());
  }
  // The error it publishes.
  std::optional<double> AddSync(double z) {
    last_sync_ = z;
    if (delays_.empty()) return std::nullopt;
    std::vector<double> sorted = delays_;
    std::sort(sorted.begin(), sorted.end());
    const size_t n = sorted.size();
    return z - (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
  }

 private:
  std::optional<double> last_sync_;
  std::vector<double> delays_;
};

// Errors of what was published, with what was claimed.
class Errors {
 public:
  struct Point {
    double seconds;
    double error;
    double bound;
    double jitter;
  };
  void Add(Point p) { points_.push_back(p); }
  void Append(const Errors& other) {
    points_.insert(points_.end(), other.points_.begin(), other.points_.end());
  }

  Errors Between(double from, double to) const {
    Errors out;
    for (const Point& p : points_) {
      if (p.seconds >= from && p.seconds < to) out.Add(p);
    }
    return out;
  }
  Errors After(double from) const { return Between(from, 1e18); }

  size_t size() const { return points_.size(); }
  double Rms() const {
    double sum = 0;
    for (const Point& p : points_) sum += p.error * p.error;
    return std::sqrt(sum / static_cast<double>(points_.size()));
  }
  double Quantile(double q) const {
    std::vector<double> v;
    for (const Point& p : points_) v.push_back(std::abs(p.error));
    std::sort(v.begin(), v.end());
    return v.at(static_cast<size_t>(q * static_cast<double>(v.size() - 1)));
  }
  double Max() const { return Quantile(1); }
  size_t OutsideBound() const {
    return static_cast<size_t>(
        std::count_if(points_.begin(), points_.end(),
                      [](const Point& p) { return std::abs(p.error) > p.bound; }));
  }
  // Share of errors within `factor` times the claimed jitter.
  double Coverage(double factor) const {
    const auto n = std::count_if(points_.begin(), points_.end(), [=](const Point& p) {
      return std::abs(p.error) <= factor * p.jitter;
    });
    return static_cast<double>(n) / static_cast<double>(points_.size());
  }
  const std::vector<Point>& points() const { return points_; }

 private:
  std::vector<Point> points_;
};

inline double ErrorOf(const OffsetEstimator& estimator, LocalTime at, TaiTime truth) {
  return (*estimator.Map()->Map(at, Era()) - truth).NanosDouble();
}

// Adds what the estimator would publish at `at`, if anything.
inline void Publish(const OffsetEstimator& estimator, double seconds, LocalTime at,
                    TaiTime truth, Errors* errors) {
  if (!estimator.ready()) return;
  errors->Add({seconds, ErrorOf(estimator, at, truth),
               estimator.ErrorBound(at).NanosDouble(),
               estimator.Jitter(at).NanosDouble()});
}

struct Replayed {
  Errors errors;
  Errors rule;
  OffsetEstimator::Counters counters;
  int steps_seen = 0;
};

// One line of a recording (tests/golden/estimate/README.md).
struct Event {
  char kind;
  double local;
  double far;
  double real = 0;
  double raw = 0;
  double window = 0;
};

inline std::vector<Event> ReadRecording(const std::string& name) {
  std::ifstream in(REFCLOCKD_SOURCE_DIR "/tests/golden/estimate/" + name + ".txt");
  std::vector<Event> events;
  std::string line;
  while (std::getline(in, line)) {
    Event e{};
    const int fields = std::sscanf(line.c_str(), "%c %lf %lf %lf %lf %lf", &e.kind,
                                   &e.local, &e.far, &e.real, &e.raw, &e.window);
    if (fields >= 3) events.push_back(e);
  }
  return events;
}

// RAW - REALTIME about event `i`: a single reading is up to 130 ns off, more so
// just after a wake-up (cold caches), which is the time base's to bear.
inline double RawOffset(const std::vector<Event>& events, size_t i) {
  const size_t first = i < 50 ? 0 : i - 50;
  const size_t last = std::min(events.size(), i + 50);
  std::vector<double> v;
  for (size_t k = first; k < last; ++k) v.push_back(events[k].raw);
  const auto middle = v.begin() + (v.end() - v.begin()) / 2;
  std::nth_element(v.begin(), middle, v.end());
  return *middle;
}

// Software stamps through the time base; the oscillator is in RAW. Published at
// the instant of the stamp, by a perfect reading of RAW.
inline Replayed ReplaySoftware(const std::vector<Event>& events, uint64_t seed) {
  Replayed run;
  SteadyTimeBase base;
  OffsetEstimator estimator({.stamps = StampKind::kSoftware});
  MedianDelayRule rule;
  Oscillator oscillator{Rng(seed)};
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& e = events[i];
    const double read_at = e.local + e.real;
    const double drift = oscillator.At(read_at * 1e-9);
    const LocalTime raw = kLocal + Ns(read_at + e.raw + drift);
    const auto verdict = base.AddPair({AsRaw(raw), kUtc + Ns(read_at), Ns(e.window)});
    run.steps_seen += verdict == SteadyTimeBase::PairVerdict::kStepped;
    const LocalTime at = AsLocal(base.Carry(kUtc + Ns(e.local)).value());
    const TaiTime far = kTai + Ns(e.local + e.far);
    const double seconds = (e.local - events[0].local) * 1e-9;
    if (e.kind == 'S') {
      estimator.AddSync(at, far);
      if (const auto error = rule.AddSync(-e.far))
        run.rule.Add({seconds, *error, 0, 0});
    } else {
      estimator.AddDelay(at, far);
      rule.AddDelay(e.far);
    }
    const LocalTime now = kLocal + Ns(read_at + RawOffset(events, i) + drift);
    Publish(estimator, seconds, now, kTai + Ns(read_at), &run.errors);
  }
  run.counters = estimator.counters();
  return run;
}

// Hardware stamps of a PHC that is `a + b t` ahead.
inline Replayed ReplayHardware(const std::vector<Event>& events, double a, double b) {
  Replayed run;
  OffsetEstimator estimator({.stamps = StampKind::kHardware});
  MedianDelayRule rule;
  const double start = events[0].local - 0.3e9;
  for (const Event& e : events) {
    const double ahead = a + b * (e.local - start) * 1e-9;
    const LocalTime at = kLocal + Ns(e.local);
    const TaiTime far = kTai + Ns(e.local + e.far);
    const double seconds = (e.local - events[0].local) * 1e-9;
    if (e.kind == 'S') {
      estimator.AddSync(at, far);
      if (const auto error = rule.AddSync(-e.far - ahead)) {
        run.rule.Add({seconds, *error, 0, 0});
      }
    } else {
      estimator.AddDelay(at, far);
      rule.AddDelay(e.far + ahead);
    }
    Publish(estimator, seconds, at, kTai + Ns(e.local - ahead), &run.errors);
  }
  run.counters = estimator.counters();
  return run;
}

// A synthetic link. Delays are given as functions of time, in ns, noise included.
struct Link {
  using Delay = std::function<double(double seconds, Rng& rng)>;
  StampKind stamps = StampKind::kHardware;
  double rate = 8;  // Sync and Delay_Req per second.
  double seconds = 120;
  Delay forward;
  Delay reverse;
  double loss = 0;
  // Error of the master and extra rate of the local clock, ns and ns/s.
  std::function<double(double)> master = [](double) { return 0; };
  std::function<double(double)> extra_rate = [](double) { return 0; };
  double most_ppm = 100;
  OffsetEstimator::Settings settings{};
  bool p2p = false;
};

inline Link::Delay Gaussian(double mean, double deviation) {
  return [=](double, Rng& rng) { return mean + deviation * rng.Gaussian(); };
}

inline Replayed Simulate(const Link& link, uint64_t seed) {
  Replayed run;
  Rng rng(seed);
  OffsetEstimator::Settings settings = link.settings;
  settings.stamps = link.stamps;
  OffsetEstimator estimator(settings);
  MedianDelayRule rule;
  Oscillator oscillator(rng.Fork(), link.most_ppm);
  double extra = 0, before = 0;
  // True time counts on; the local clock shows this many ns more.
  const auto local_error = [&](double t) {
    extra += link.extra_rate(t) * (t - before);
    before = t;
    return oscillator.At(t) + extra;
  };
  for (double sync = 1; sync < link.seconds; sync += 1 / link.rate) {
    // The first Delay_Req follows its Sync at once.
    const double delay =
        sync + (sync == 1 ? 0.001 : rng.Uniform(0.01, 0.99) / link.rate);
    double error = local_error(sync);
    double forward = link.forward(sync, rng);
    LocalTime at = kLocal + Ns(sync * 1e9 + error);
    if (!rng.Chance(link.loss)) {
      estimator.AddSync(at, kTai + Ns(sync * 1e9 - forward) + Ns(link.master(sync)));
      if (auto e = rule.AddSync(forward)) run.rule.Add({sync, *e, 0, 0});
    }
    Publish(estimator, sync, at, kTai + Ns(sync * 1e9) + Ns(link.master(sync)),
            &run.errors);

    error = local_error(delay);
    at = kLocal + Ns(delay * 1e9 + error);
    const double reverse = link.reverse(delay, rng);
    if (!rng.Chance(link.loss)) {
      if (link.p2p) {
        estimator.AddPeerDelay(at, Ns(reverse));
      } else {
        estimator.AddDelay(at,
                           kTai + Ns(delay * 1e9 + reverse) + Ns(link.master(delay)));
      }
      rule.AddDelay(reverse);
    }
    Publish(estimator, delay, at, kTai + Ns(delay * 1e9) + Ns(link.master(delay)),
            &run.errors);
  }
  run.counters = estimator.counters();
  return run;
}

inline void PrintFigures(const std::string& name, const Errors& settled,
                         const Errors& all, double rule) {
  std::printf(
      "%-22s rms %8.1f p95 %8.1f max %9.1f ns | rule %8.1f ratio %.3f | "
      "bound broken %zu of %zu, 1 sigma %.2f, 2 sigma %.2f\n",
      name.c_str(), settled.Rms(), settled.Quantile(0.95), settled.Max(), rule,
      settled.Rms() / rule, all.OutsideBound(), all.size(), settled.Coverage(1),
      settled.Coverage(2));
}

inline void PrintCounters(const OffsetEstimator::Counters& c) {
  std::printf("    outliers %d clock %d path %d one-way %d relevels %d drift %d\n",
              int(c.outliers), int(c.clock_moves), int(c.path_moves),
              int(c.one_way_moves), int(c.relevels), int(c.drift_alarms));
}

}  // namespace bridge
