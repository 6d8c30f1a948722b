#include "bridge/os/phc_reading.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bridge::os {
namespace {

template <typename Time>
Time ToTime(const ptp_clock_time& t) {
  return Time::FromNanos(t.sec * 1'000'000'000 + t.nsec);
}

// Keeps the narrowest of what it is shown.
class Selection {
 public:
  void Add(const ptp_clock_time& before, const ptp_clock_time& phc,
           const ptp_clock_time& after) {
    const UtcTime first = ToTime<UtcTime>(before);
    const TimeDelta window = ToTime<UtcTime>(after) - first;
    if (window < TimeDelta() || (best_ && best_->window <= window)) return;
    best_ = {ToTime<PhcTime>(phc), first + window.Half(), window};
  }
  const std::optional<CrossTimestamp<Phc>>& best() const { return best_; }

 private:
  std::optional<CrossTimestamp<Phc>> best_;
};

timex StepRequest(int64_t nanos) {
  timex request{};
  request.modes = ADJ_SETOFFSET | ADJ_NANO;
  int64_t seconds = nanos / 1'000'000'000;
  int64_t rest = nanos % 1'000'000'000;
  if (rest < 0) {  // The kernel takes no negative nanoseconds.
    rest += 1'000'000'000;
    --seconds;
  }
  request.time.tv_sec = static_cast<decltype(request.time.tv_sec)>(seconds);
  request.time.tv_usec = static_cast<decltype(request.time.tv_usec)>(rest);
  return request;
}

}  // namespace

CrossTimestamp<Phc> FromPrecise(const ptp_sys_offset_precise& answer) {
  return {ToTime<PhcTime>(answer.device), ToTime<UtcTime>(answer.sys_realtime),
          kPreciseWindow};
}

std::optional<CrossTimestamp<Phc>> Narrowest(const ptp_sys_offset_extended& answer) {
  Selection selection;
  for (unsigned i = 0; i < std::min(answer.n_samples, unsigned{PTP_MAX_SAMPLES}); ++i) {
    selection.Add(answer.ts[i][0], answer.ts[i][1], answer.ts[i][2]);
  }
  return selection.best();
}

std::optional<CrossTimestamp<Phc>> Narrowest(const ptp_sys_offset& answer) {
  Selection selection;  // system, PHC, system, PHC, system, ...
  for (unsigned i = 0; i < std::min(answer.n_samples, unsigned{PTP_MAX_SAMPLES}); ++i) {
    selection.Add(answer.ts[2 * i], answer.ts[2 * i + 1], answer.ts[2 * i + 2]);
  }
  return selection.best();
}

int ReadingsFor(absl::Duration cost) {
  constexpr absl::Duration kAim = absl::Microseconds(50);
  constexpr int kMost = 5;  // More narrow the window by little.
  if (cost * kMost <= kAim) return kMost;
  return std::max(1, static_cast<int>(absl::FDivDuration(kAim, cost)));
}

absl::Duration SmoothedCost(absl::Duration before, absl::Duration latest) {
  if (latest < before) return latest;
  return before + (std::min(latest, 2 * before) - before) / 8;
}

PhcRequest MakeRequest(const PhcCommand& command, double max_ppb) {
  if (const auto* step = std::get_if<StepPhc>(&command)) {
    const int64_t nanos = step->by.Nanos();
    return {StepRequest(nanos), StepPhc{TimeDelta::FromNanos(nanos)}};
  }
  timex request{};
  request.modes = ADJ_FREQUENCY;
  // `freq` is a long: with 32 bits it ends at 32'767'999 ppb.
  using Frequency = decltype(request.freq);
  constexpr auto kMost = static_cast<double>(std::numeric_limits<Frequency>::max());
  const auto limit =
      static_cast<int64_t>(std::min(std::floor(max_ppb * 65.536), kMost));
  const int64_t scaled =
      std::clamp(std::get<SetPhcFrequency>(command).Scaled(), -limit, limit);
  request.freq = static_cast<Frequency>(scaled);
  return {request, SetPhcFrequency::FromScaled(scaled)};
}

}  // namespace bridge::os
