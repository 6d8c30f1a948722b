#include "bridge/refclock/sampler.h"

#include <algorithm>
#include <cmath>

#include "bridge/time/release_leaps.h"

namespace bridge {
namespace {

// 2100-01-01 00:00:00 UTC.
constexpr UtcTime kLatest = UtcTime::FromNanos(4'102'444'800'000'000'000);

std::optional<WithholdReason> ReasonOf(UtcVerdict verdict) {
  switch (verdict) {
    case UtcVerdict::kUnknown:
      return WithholdReason::kUtcOffsetUnknown;
    case UtcVerdict::kProvisional:
      return WithholdReason::kUtcOffsetUnconfirmed;
    case UtcVerdict::kValidated:
      return std::nullopt;
    case UtcVerdict::kContested:
      return WithholdReason::kUtcOffsetContested;
    case UtcVerdict::kExpired:
      return WithholdReason::kUtcOffsetExpired;
    case UtcVerdict::kArbitrary:
      return WithholdReason::kTimescaleArbitrary;
  }
  return WithholdReason::kUtcOffsetUnknown;
}

// The reasons that withdraw, most fundamental first: each later one means nothing
// while an earlier one holds.
std::optional<WithholdReason> Withdrawn(const SourceView& source,
                                        const UtcAuthority& authority) {
  if (source.forbidden) return source.forbidden;
  if (!source.interface_up) return WithholdReason::kInterfaceDown;
  if (!source.source_answers) return WithholdReason::kPtp4lSilent;
  if (!source.tracking) return WithholdReason::kNoMaster;
  if (!source.good_enough) return WithholdReason::kGrandmasterQuality;
  if (!source.map) return WithholdReason::kNotCalibrated;
  if (source.sync_age > source.sync_age_limit) {
    return WithholdReason::kMeasurementsStale;
  }
  if (!source.epoch_sane) return WithholdReason::kEpochInsane;
  if (const auto reason = ReasonOf(authority.verdict())) return reason;
  if (!source.utc_settled) return WithholdReason::kUtcOffsetContested;
  return std::nullopt;
}

}  // namespace

std::optional<WithholdReason> Withheld(const SourceView& source,
                                       const UtcAuthority& authority) {
  if (const auto reason = Withdrawn(source, authority)) return reason;
  // Last: it only holds, and must not hide a reason that withdraws.
  if (source.suspicious) return WithholdReason::kSuspectMeasurement;
  return std::nullopt;
}

SampleOrReason MakeSample(const SourceView& source,
                          const std::optional<CrossTimestamp<Local>>& cross,
                          bool system_stepped, const UtcAuthority& authority,
                          const SamplerLimits& limits) {
  if (const auto reason = Withdrawn(source, authority)) return *reason;
  if (!cross) return WithholdReason::kNoCrossTimestamp;
  if (system_stepped) return WithholdReason::kSystemClockStepped;
  const auto tai = source.map->Map(cross->local, source.map->era());
  if (!tai) return WithholdReason::kNotCalibrated;
  switch (authority.Hold(*tai)) {
    case LeapHold::kNear:
      return WithholdReason::kNearLeapSecond;
    case LeapHold::kUnconfirmed:
      return WithholdReason::kLeapSecondUnconfirmed;
    case LeapHold::kNone:
      break;
  }
  const auto utc = authority.ToUtc(*tai);
  if (!utc) return WithholdReason::kUtcOffsetUnknown;
  if (!IsSaneEpoch(*utc)) return WithholdReason::kEpochInsane;
  if (source.error_bound > limits.max_error) {
    return WithholdReason::kErrorBoundExceeded;
  }

  // Those that only hold come after all that withdraw. A wide reading is judged
  // before its share of the bound: the next one will be narrow again.
  if (source.suspicious) return WithholdReason::kSuspectMeasurement;
  if (cross->window > limits.max_window) return WithholdReason::kCrossTimestampWide;
  const TimeDelta error_bound = source.error_bound + cross->window.Half();
  if (error_bound > limits.max_error) return WithholdReason::kErrorBoundExceeded;

  return RefclockSample{.system = cross->system,
                        .reference = *utc,
                        .leap = authority.LeapAt(*tai),
                        .precision = PrecisionFromJitter(source.jitter),
                        .error_bound = error_bound};
}

bool IsSaneEpoch(UtcTime instant) {
  // The release-time floor: no true time is before it.
  return instant >= ReleaseLeaps().last_update() && instant < kLatest;
}

absl::Duration SyncAgeLimit(absl::Duration sync_interval) {
  // Asked for at each turn, and Durations are slow to add, more so to multiply.
  if (sync_interval <= absl::Milliseconds(500)) return absl::Seconds(2);
  const absl::Duration twice = sync_interval + sync_interval;
  return twice + twice;
}

int PrecisionFromJitter(TimeDelta jitter) {
  constexpr int kBest = -30;  // About 1 ns, the resolution of a sample.
  constexpr int kWorst = 0;
  if (jitter <= TimeDelta()) return kBest;
  // One division, so that a power of two stays one.
  const double seconds = static_cast<double>(jitter.scaled_nanos()) / 65536e9;
  int exponent;  // seconds = mantissa * 2^exponent, mantissa in [0.5, 1).
  const double mantissa = std::frexp(seconds, &exponent);
  return std::clamp(mantissa > 0.5 ? exponent : exponent - 1, kBest, kWorst);
}

RateLimit::RateLimit(double samples_per_second)
    : interval_(TimeDelta::FromNanosDouble(1e9 / samples_per_second)) {}

// Samples fall due on a grid of intervals and may be half an interval early: Syncs
// jitter, and a strict limit would skip one each time a Sync comes early.
bool RateLimit::Due(MonoTime now) const {
  if (!slot_) return true;
  const TimeDelta half = interval_.Half();
  return now >= *slot_ + half && now - last_ >= half;
}

MonoTime RateLimit::Latest() const {
  return *slot_ + interval_ + interval_.Half().Half();
}

bool RateLimit::Allow(MonoTime now) {
  if (!Due(now)) return false;
  // The grid stands (so the average is the rate asked for) until a sample is too
  // late for its slot: then a new grid begins, and nothing is made up for.
  const bool on_grid = slot_ && now <= *slot_ + interval_ + interval_.Half();
  slot_ = on_grid ? *slot_ + interval_ : now;
  last_ = now;
  return true;
}

}  // namespace bridge
