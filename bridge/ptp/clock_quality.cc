#include "bridge/ptp/clock_quality.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace bridge::ptp {
namespace {

constexpr uint8_t kBest = 0x17;
constexpr uint8_t kMoreThan10s = 0x31;

constexpr int64_t kPs = 1'000;  // In femtoseconds.
constexpr int64_t kNs = 1'000 * kPs;
constexpr int64_t kUs = 1'000 * kNs;
constexpr int64_t kMs = 1'000 * kUs;
constexpr int64_t kS = 1'000 * kMs;

// Of 0x17 and those after it.
constexpr std::array kLimits = {
    kPs, 5 * kPs / 2, 10 * kPs, 25 * kPs, 100 * kPs, 250 * kPs,  //
    kNs, 5 * kNs / 2, 10 * kNs, 25 * kNs, 100 * kNs, 250 * kNs,  //
    kUs, 5 * kUs / 2, 10 * kUs, 25 * kUs, 100 * kUs, 250 * kUs,  //
    kMs, 5 * kMs / 2, 10 * kMs, 25 * kMs, 100 * kMs, 250 * kMs,  //
    kS,  10 * kS};
static_assert(kBest + kLimits.size() == kMoreThan10s);

// floor(512 log2(x)), digit by digit: the library's logarithm differs between machines
// in the last bit, which can be this one's last. x > 0.
int Log512(double x) {
  int result = 0;
  double rest = 2 * std::frexp(x, &result);  // [1, 2)
  --result;
  for (int digit = 0; digit < 9; ++digit) {
    rest *= rest;
    result *= 2;
    if (rest >= 2) {
      rest /= 2;
      ++result;
    }
  }
  return result;
}

}  // namespace

uint8_t ClockAccuracyOf(TimeDelta error) {
  // A cut at twice the largest limit, lest the product overflow.
  const TimeDelta e = std::min(error.Abs(), TimeDelta::FromSeconds(20));
  const auto within = [&](int64_t femtoseconds) {
    return e.scaled_nanos() * kNs <= absl::int128(femtoseconds) << 16;
  };
  const auto first = std::find_if(kLimits.begin(), kLimits.end(), within);
  return static_cast<uint8_t>(kBest + (first - kLimits.begin()));
}

uint16_t OffsetScaledLogVariance(TimeDelta deviation) {
  const double seconds = deviation.Abs().SecondsDouble();
  if (seconds == 0) return 0;
  return static_cast<uint16_t>(std::clamp(0x8000 + Log512(seconds), 0, 0xffff));
}

}  // namespace bridge::ptp
