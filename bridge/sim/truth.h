// bridge/sim/truth.h
//
// What time it really is in a world: TAI-UTC, and the leap second that the world
// has, if it has one. Nobody in the world may look; it is what they are judged by.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/civil_time.h"
#include "bridge/time/leap.h"
#include "bridge/time/timestamp.h"

namespace bridge::sim {

// In every simulated world, as it begins: 10 s in 1972 and the 27 leap seconds up
// to 2017.
inline constexpr int kTaiMinusUtc = 10 + 27;

// Seconds since 1970 of a civil instant in UTC.
constexpr int64_t UnixSecond(absl::CivilSecond utc) {
  return utc - absl::CivilSecond(1970, 1, 1);
}

struct TrueLeap {
  LeapIndicator what = LeapIndicator::kInsert;  // Or kDelete.
  int64_t midnight = 0;  // Unix second of the new month's first 00:00:00.
};

class Truth {
 public:
  // `offset`: TAI-UTC before the leap second, if there is one.
  explicit Truth(int offset, std::optional<TrueLeap> leap = std::nullopt)
      : offset_(offset), leap_(leap) {
    if (leap_) new_month_ = At(leap_->midnight, NewOffset());
  }

  // TAI-UTC as PTP has it (IEEE 1588-2019, 7.2.4): during an inserted second the
  // old one, from the new month's 00:00:00 on the new one.
  int OffsetAt(TaiTime instant) const {
    return new_month_ && instant >= *new_month_ ? NewOffset() : offset_;
  }
  // POSIX time: 23:59:60 is shown as the new month's first second, which then
  // comes again.
  UtcTime Utc(TaiTime instant) const {
    return UtcTime() +
           (instant.SinceEpoch() - TimeDelta::FromSeconds(OffsetAt(instant)));
  }
  // When UTC shows this Unix second; of two passes the second.
  TaiTime Tai(int64_t unix_second) const {
    return At(unix_second,
              leap_ && unix_second >= leap_->midnight ? NewOffset() : offset_);
  }

  const std::optional<TrueLeap>& leap() const { return leap_; }
  // The new month's 00:00:00.
  std::optional<TaiTime> new_month() const { return new_month_; }
  // In the inserted second, or within `margin` of the leap second.
  bool NearLeap(TaiTime instant, TimeDelta margin) const {
    if (!new_month_) return false;
    const bool inserted = leap_->what == LeapIndicator::kInsert;
    const TimeDelta second = TimeDelta::FromSeconds(inserted ? 1 : 0);
    return instant > *new_month_ - second - margin && instant < *new_month_ + margin;
  }
  // What a leap bit may say at `instant`: in the day before the new month.
  LeapIndicator PendingAt(TaiTime instant) const {
    if (!new_month_ || instant >= *new_month_ ||
        *new_month_ - instant > TimeDelta::FromSeconds(86'401)) {
      return LeapIndicator::kNone;
    }
    return leap_->what;
  }

 private:
  int NewOffset() const {
    return offset_ + (leap_->what == LeapIndicator::kInsert ? 1 : -1);
  }
  static TaiTime At(int64_t unix_second, int offset) {
    return TaiTime() + TimeDelta::FromSeconds(unix_second + offset);
  }

  int offset_;
  std::optional<TrueLeap> leap_;
  std::optional<TaiTime> new_month_;
};

}  // namespace bridge::sim
