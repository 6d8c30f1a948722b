#include "bridge/ptp/grandmaster_properties.h"

#include "bridge/time/utc_month.h"

namespace bridge::ptp {
namespace {

constexpr uint8_t kPrimaryReference = 6;
constexpr uint8_t kHoldoverOfIt = 7;
constexpr uint8_t kDefaultClass = 248;
constexpr TimeDelta kLeapNotice = TimeDelta::FromSeconds(12 * 3600);

ClockQuality HonestQuality(const GrandmasterProperties& properties) {
  ClockQuality quality = properties.quality;
  const bool primary =
      quality.clock_class == kPrimaryReference || quality.clock_class == kHoldoverOfIt;
  if (primary && !properties.current_utc_offset_valid) {
    quality.clock_class = kDefaultClass;
  }
  return quality;
}

}  // namespace

Announce AnnounceOf(const GrandmasterProperties& properties, ClockIdentity clock) {
  return {.origin = {},  // 0: no estimate.
          .current_utc_offset = properties.current_utc_offset,
          .grandmaster_priority1 = properties.priority1,
          .grandmaster_quality = HonestQuality(properties),
          .grandmaster_priority2 = properties.priority2,
          .grandmaster = clock,
          .steps_removed = 0,
          .time_source = static_cast<uint8_t>(properties.time_source)};
}

Flags AnnounceFlagsOf(const GrandmasterProperties& properties) {
  const bool valid = properties.current_utc_offset_valid;
  return {.leap61 = valid && properties.leap == LeapIndicator::kInsert,
          .leap59 = valid && properties.leap == LeapIndicator::kDelete,
          .current_utc_offset_valid = valid,
          .ptp_timescale = properties.ptp_timescale,
          .time_traceable = valid && properties.time_traceable,
          .frequency_traceable = properties.frequency_traceable};
}

LeapIndicator LeapToAnnounce(LeapIndicator leap, UtcTime now) {
  return NextMonthStart(now) - now <= kLeapNotice ? leap : LeapIndicator::kNone;
}

}  // namespace bridge::ptp
