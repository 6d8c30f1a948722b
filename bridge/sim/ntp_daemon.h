// bridge/sim/ntp_daemon.h
//
// An NTP daemon and the kernel's clock under it: follows GNSS while it has it, else the
// samples that are published to it, else nothing, and then the clock goes on as it was
// last dialled. A model of what such a daemon does to clocks, not of any one.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "bridge/base/rng.h"
#include "bridge/engine/actions.h"
#include "bridge/sim/system_clock.h"

namespace bridge::sim {

struct NtpDaemonSettings {
  bool has_gnss = true;  // Among its sources, and preferred.
  // Standard deviation of what it measures GNSS against.
  double noise_ns = 200;
  int reselect = 10;  // Seconds that GNSS has to be good before it is followed again.
  int stepout = 300;  // Seconds after which it sets a clock that is far off.
  bool kernel_leaps = true;   // It arms the kernel's leap second.
  int kernel_tai_offset = 0;  // 0: never set.
};

class NtpDaemon {
 public:
  enum class Source { kNone, kGnss, kSamples };

  NtpDaemon(const NtpDaemonSettings& settings, RawTime raw, UtcTime shows, double rate,
            Rng rng)
      : settings_(settings),
        real_(raw, shows),
        mono_(raw, UtcTime() + TimeDelta::FromSeconds(86'400)),
        frequency_(rate),
        rng_(rng) {
    kernel_.tai_offset = settings.kernel_tai_offset;
    kernel_.max_error = TimeDelta::FromSeconds(16);
    kernel_.discipline.emplace();
    Steer(raw, 0);
  }

  UtcTime Real(RawTime raw) { return real_.Read(raw); }
  MonoTime Mono(RawTime raw) {
    return MonoTime::FromNanos(mono_.Read(raw).SinceEpoch().Nanos());
  }
  void Step(RawTime raw, TimeDelta by) { real_.Step(raw, by); }
  void ArmLeap(const TrueLeap& leap) {
    if (settings_.kernel_leaps) real_.ArmLeap(leap);
  }
  void SetRunning(bool running) { running_ = running; }
  NtpDaemonSettings& settings() { return settings_; }

  // What was published to it. It takes the newest at its next poll.
  void OnSample(TimeDelta offset, TimeDelta error) { sample_ = Sample{offset, error}; }

  // Once a second. `offset`: by GNSS, true UTC minus the system clock; nothing without.
  void Poll(const std::optional<TimeDelta>& offset, RawTime raw) {
    kernel_.max_error = std::min(kernel_.max_error + TimeDelta::FromMicros(500),
                                 TimeDelta::FromSeconds(16));
    if (kernel_.tai_offset != 0) {
      kernel_.tai_offset += real_.leaps_inserted() - leaps_;
    }
    leaps_ = real_.leaps_inserted();
    good_ = offset && settings_.has_gnss ? good_ + 1 : 0;
    const auto sample = std::exchange(sample_, std::nullopt);
    if (!running_) return;
    if (good_ > 0 && (good_ > settings_.reselect || source_ == Source::kGnss)) {
      const double noise = settings_.noise_ns * rng_.Gaussian();
      source_ = Source::kGnss;
      Follow(*offset + TimeDelta::FromNanosDouble(noise), TimeDelta(), raw);
    } else if (sample) {
      source_ = Source::kSamples;
      Follow(sample->offset, sample->error, raw);
    } else if (source_ != Source::kSamples || ++since_sample_ > 4) {
      source_ = Source::kNone;
      Steer(raw, 0);
    }
    if (sample) since_sample_ = 0;
  }

  Source source() const { return source_; }
  const KernelClock& kernel() const { return kernel_; }
  double frequency() const { return frequency_; }

 private:
  struct Sample {
    TimeDelta offset;
    TimeDelta error;
  };

  void Follow(TimeDelta offset, TimeDelta error, RawTime raw) {
    const double seconds = offset.SecondsDouble();
    // Leap seconds pass by themselves, and so do liars, if one waits.
    far_ = std::fabs(seconds) > 0.128 ? far_ + 1 : 0;
    if (far_ > 0) {
      Steer(raw, 0);
      if (far_ <= settings_.stepout) return;
      real_.Step(raw, offset);
      far_ = 0;
      return;
    }
    if (std::fabs(seconds) < 1e-3) {
      frequency_ = std::clamp(frequency_ + 0.02 * seconds, -5e-4, 5e-4);
    }
    Steer(raw, 0.25 * seconds);
    mean_square_ += (seconds * seconds - mean_square_) / 8;
    kernel_.synchronized = true;
    kernel_.max_error = TimeDelta::FromMicros(300) + error;
    kernel_.discipline->estimated_error =
        TimeDelta::FromMicros(std::llround(1e6 * std::sqrt(mean_square_)));
    kernel_.discipline->frequency = std::llround(frequency_ * 1e6 * 65'536);
  }

  void Steer(RawTime raw, double slew) {
    slew = std::clamp(slew, -5e-4, 5e-4);
    for (SystemClock* clock : {&real_, &mono_}) {
      clock->SetFrequency(raw, frequency_);
      clock->SetSlew(raw, slew);
    }
  }

  NtpDaemonSettings settings_;
  SystemClock real_;
  SystemClock mono_;  // Never stepped.
  double frequency_;
  Rng rng_;
  bool running_ = true;
  Source source_ = Source::kNone;
  int good_ = 0;  // Polls.
  int far_ = 0;
  int since_sample_ = 0;
  int leaps_ = 0;
  double mean_square_ = 0;
  std::optional<Sample> sample_;
  KernelClock kernel_;
};

}  // namespace bridge::sim
