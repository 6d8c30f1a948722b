#include "bridge/sim/consumer.h"

#include <algorithm>
#include <cmath>

#include "shm/segment_reader.h"

namespace bridge::sim {
namespace {

constexpr size_t kPoll = 4;  // Samples, one a second: chrony's "poll 2".

}  // namespace

void Consumer::Poll(UtcTime now, RawTime raw, SystemClock& clock) {
  const ntpshm::Reading reading = ntpshm::Read(segment_);
  if (reading.result != ntpshm::ReadResult::kSample) {
    if (reading.valid) ++rejected_;
    return;
  }
  segment_->valid = 0;  // As every real consumer does.
  const ntpshm::Sample& sample = reading.sample;
  // ntpd compares whole seconds and accepts 0 to 5 of them.
  const int64_t age = now.Split().seconds - sample.receive_seconds;
  if (age < 0 || age > 5) {
    ++rejected_;
    return;
  }
  ++accepted_;
  leap_seen_ |= sample.leap != 0;
  offsets_ns_.push_back(
      static_cast<double>(sample.clock_seconds - sample.receive_seconds) * 1e9 +
      static_cast<double>(sample.clock_nanos) -
      static_cast<double>(sample.receive_nanos));
  if (offsets_ns_.size() >= kPoll) Steer(raw, clock);
}

void Consumer::Steer(RawTime raw, SystemClock& clock) {
  std::nth_element(offsets_ns_.begin(), offsets_ns_.begin() + kPoll / 2,
                   offsets_ns_.end());
  const double offset_ns = offsets_ns_[kPoll / 2];
  offsets_ns_.clear();
  if (steering_ == Steering::kNone) return;
  if (steering_ == Steering::kStepThenSlew && std::fabs(offset_ns) > 10e6) {
    clock.Step(raw, TimeDelta::FromNanosDouble(offset_ns));
    clock.SetSlew(raw, 0);
    ++steps_;
    return;
  }
  const double limit = steering_ == Steering::kSlew1000 ? 1000e-6 : 500e-6;
  // Half of the offset within the next poll, and a tenth of what is left is
  // taken for a frequency error: slow, but it cannot ring.
  const double rate = offset_ns * 1e-9 / static_cast<double>(kPoll);
  if (std::fabs(rate) < limit) {
    frequency_ = std::clamp(frequency_ + rate / 10, -limit, limit);
    clock.SetFrequency(raw, frequency_);
  }
  clock.SetSlew(raw, std::clamp(rate / 2, -limit, limit));
}

}  // namespace bridge::sim
