#include "bridge/sim/servo_day.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "bridge/estimate/offset_estimator.h"
#include "bridge/estimate/phc_time_base.h"
#include "bridge/sim/phc_clock.h"
#include "bridge/sim/pi_servo.h"

namespace bridge::sim {
namespace {

constexpr auto kStart = TaiTime::FromNanos(1'800'000'037'000'000'000);
constexpr auto kRaw = RawTime::FromNanos(86'400'000'000'000);
constexpr TimeDelta kDelay = TimeDelta::FromMicros(2);
constexpr double kPpmPerDegree = -0.15;
constexpr size_t kSettling = 60;  // s

// Degrees Celsius at the crystal.
class Temperature {
 public:
  Temperature(const ServoDaySettings& settings, Rng rng)
      : settings_(settings), rng_(rng) {}

  // A second later.
  double Next() {
    if (seconds_ >= next_change_) {
      busy_ = !busy_;
      next_change_ += busy_ ? rng_.Uniform(300, 1'200) : rng_.Uniform(600, 5'400);
    }
    const double room =
        21 + 4 * std::sin(2 * std::numbers::pi * (seconds_ / 86'400 - 0.25));
    heat_ += ((busy_ ? settings_.load_degrees : 0) - heat_) / settings_.load_seconds;
    ++seconds_;
    return room + 20 + heat_;
  }

 private:
  const ServoDaySettings settings_;
  Rng rng_;
  double seconds_ = 0;
  double next_change_ = 900;
  bool busy_ = false;
  double heat_ = 0;
};

void Apply(PhcClock& phc, TaiTime now, const PhcCommand& command) {
  if (const auto* step = std::get_if<StepPhc>(&command)) {
    phc.Step(now, step->by);
  } else {
    phc.Dial(now, std::get<SetPhcFrequency>(command).ppb);
  }
}

// As source/native_source and engine/client_engine join these.
class OwnLoop {
 public:
  void Read(PhcTime shown, RawTime raw) {
    raw_ = raw;
    base_.AddReading(shown, raw, TimeDelta::FromNanos(800));
  }
  // In each turn, before its stamps.
  void Turn(RawTime raw) { raw_ = raw; }
  void Sync(PhcClock& phc, TaiTime now, PhcTime t2, TaiTime t1) {
    const auto local = base_.Carry(t2, raw_);
    if (!local) return;
    estimator_.AddSync(*local, t1);
    const auto map = estimator_.Map();
    if (!map || estimator_.suspicious()) return;
    if (servo_.locked() && now < next_) return;
    next_ = now + TimeDelta::FromMillis(900);
    const TaiTime tai = *map->Map(*local, map->era());
    const auto command =
        servo_.Update({.offset = base_.Shown(*local).SinceEpoch() - tai.SinceEpoch(),
                       .frequency_ppb = -estimator_.frequency_ppb(),
                       .frequency_error = estimator_.frequency_error_ppb()});
    if (!command) return;
    const PhcTime at = *base_.Predict(raw_);
    if (const auto* step = std::get_if<StepPhc>(&*command)) {
      Read(phc.Read(now), raw_);
      base_.OnStep(*base_.Predict(raw_), step->by);
    } else {
      base_.OnFrequency(at, std::get<SetPhcFrequency>(*command).ppb);
    }
    Apply(phc, now, *command);
  }
  void Delay(PhcTime t3, TaiTime t4) {
    if (const auto local = base_.Carry(t3, raw_)) estimator_.AddDelay(*local, t4);
  }

 private:
  PhcTimeBase base_;
  OffsetEstimator estimator_{{.stamps = StampKind::kHardware}};
  PhcServo servo_{{}};
  RawTime raw_;
  TaiTime next_;
};

class PiLoop {
 public:
  explicit PiLoop(double sync_interval) : servo_(sync_interval) {}

  void Sync(PhcClock& phc, TaiTime now, PhcTime t2, TaiTime t1) {
    forward_ = t2.SinceEpoch() - t1.SinceEpoch();
    const auto delay = delay_.Median();
    if (!delay) return;
    for (const PhcCommand& command : servo_.Update(t2, *forward_ - *delay)) {
      Apply(phc, now, command);
      if (std::holds_alternative<StepPhc>(command)) forward_.reset();
    }
  }
  void Delay(PhcTime t3, TaiTime t4) {
    if (!forward_) return;
    delay_.Add((*forward_ + (t4.SinceEpoch() - t3.SinceEpoch())).Half());
  }

 private:
  PiServo servo_;
  MedianDelay delay_;
  std::optional<TimeDelta> forward_;
};

// The same crystal, the same exchanges, two servos.
class Race {
 public:
  explicit Race(const ServoDaySettings& settings)
      : settings_(settings),
        rng_(settings.seed),
        temperature_(settings, rng_.Fork()),
        raw_({.ppm = 10}, kStart, kRaw, rng_.Fork()),
        crystal_(rng_.Fork()),
        own_phc_(Phc(), kStart, crystal_),
        pi_phc_(Phc(), kStart, crystal_),
        pi_(settings.sync_interval) {}

  ServoSecond Next() {
    const double celsius = temperature_.Next();
    for (PhcClock* clock : {&own_phc_, &pi_phc_}) {
      clock->SetCrystalPpm(-8 + kPpmPerDegree * (celsius - 40));
    }
    // The PHC beside CLOCK_MONOTONIC_RAW, off by what the window allows.
    const TimeDelta off = TimeDelta::FromNanosDouble(rng_.Uniform(-200, 200));
    own_.Read(own_phc_.Read(begin_) + off, raw_.Read(begin_));
    pi_phc_.Read(begin_);
    for (; next_sync_ < 1; next_sync_ += settings_.sync_interval) {
      Exchange(begin_ + Seconds(next_sync_));
    }
    next_sync_ -= 1;
    next_delay_ -= 1;
    begin_ = begin_ + TimeDelta::FromSeconds(1);
    const TaiTime end = begin_ - TimeDelta::FromMillis(1);
    const auto error = [end](PhcClock& clock) {
      return static_cast<float>(
          (clock.Read(end).SinceEpoch() - end.SinceEpoch()).NanosDouble());
    };
    return {error(own_phc_), error(pi_phc_), static_cast<float>(celsius)};
  }

 private:
  static TimeDelta Seconds(double s) { return TimeDelta::FromNanosDouble(s * 1e9); }
  PhcSettings Phc() const {
    return {.crystal = {.ppm = 0},
            .dial_ppb = settings_.dial_ppb,
            .stamp_noise_ns = settings_.stamp_noise_ns};
  }
  TimeDelta Noise() {
    return TimeDelta::FromNanosDouble(settings_.stamp_noise_ns * rng_.Gaussian());
  }

  // A Sync, and at times a Delay_Req after it.
  void Exchange(TaiTime sent) {
    const TaiTime t1 = sent + Noise();
    const TaiTime sync = sent + kDelay;
    const PhcTime own_t2 = own_phc_.Stamp(sync), pi_t2 = pi_phc_.Stamp(sync);
    const TaiTime turn = sync + TimeDelta::FromMicros(200);
    own_.Turn(raw_.Read(turn));
    own_.Sync(own_phc_, turn, own_t2, t1);
    pi_.Sync(pi_phc_, turn, pi_t2, t1);
    if (next_delay_ > next_sync_) return;
    next_delay_ += settings_.delay_interval;
    const TaiTime request = sync + TimeDelta::FromMillis(1);
    const TaiTime t4 = request + kDelay + Noise();
    own_.Turn(raw_.Read(request));
    own_.Delay(own_phc_.Stamp(request), t4);
    pi_.Delay(pi_phc_.Stamp(request), t4);
  }

  const ServoDaySettings settings_;
  Rng rng_;
  Temperature temperature_;
  Oscillator raw_;
  const Rng crystal_;
  PhcClock own_phc_;
  PhcClock pi_phc_;
  OwnLoop own_;
  PiLoop pi_;
  TaiTime begin_ = kStart;
  double next_sync_ = 0.1;  // s after begin_.
  double next_delay_ = 0.1;
};

}  // namespace

ServoDay PlayServoDay(const ServoDaySettings& settings) {
  ServoDay day{settings, {}};
  Race race(settings);
  const auto length = static_cast<size_t>(settings.hours * 3600);
  day.seconds.reserve(length);
  for (size_t i = 0; i < length; ++i) day.seconds.push_back(race.Next());
  return day;
}

ServoFigures Figures(const ServoDay& day) {
  ServoFigures figures{};
  double count = 0;
  for (size_t i = kSettling; i < day.seconds.size(); ++i, ++count) {
    const double own = day.seconds[i].own_ns, pi = day.seconds[i].pi_ns;
    figures.own_rms_ns += own * own;
    figures.pi_rms_ns += pi * pi;
    figures.own_max_ns = std::max(figures.own_max_ns, std::fabs(own));
    figures.pi_max_ns = std::max(figures.pi_max_ns, std::fabs(pi));
  }
  count = std::max(count, 1.0);
  figures.own_rms_ns = std::sqrt(figures.own_rms_ns / count);
  figures.pi_rms_ns = std::sqrt(figures.pi_rms_ns / count);
  return figures;
}

}  // namespace bridge::sim
