// bridge/ptp/grandmaster_properties.h
//
// What our Announces say while we are grandmaster (IEEE 1588-2019, 8.2.1, 8.2.4
// and 9.4). Whoever knows our clock sets it; it may change at any time.
#pragma once

#include <cstdint>
#include <optional>

#include "bridge/ptp/message.h"
#include "bridge/ptp/types.h"
#include "bridge/time/leap.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

// IEEE 1588-2019, table 6.
enum class TimeSource : uint8_t {
  kAtomicClock = 0x10,
  kGnss = 0x20,
  kTerrestrialRadio = 0x30,
  kSerialTimeCode = 0x39,
  kPtp = 0x40,
  kNtp = 0x50,
  kHandSet = 0x60,
  kOther = 0x90,
  kInternalOscillator = 0xa0,
};

struct GrandmasterProperties {
  uint8_t priority1 = 128;
  uint8_t priority2 = 128;
  ClockQuality quality;  // Class 248 until it is earned.
  TimeSource time_source = TimeSource::kInternalOscillator;
  // TAI-UTC in seconds: validated, or the best that is known.
  int16_t current_utc_offset = 0;
  bool current_utc_offset_valid = false;
  LeapIndicator leap = LeapIndicator::kNone;
  bool ptp_timescale = true;  // False: what we send is not TAI (ARB).
  bool time_traceable = false;
  bool frequency_traceable = false;
  friend bool operator==(const GrandmasterProperties&,
                         const GrandmasterProperties&) = default;
};

// Body and flags of an Announce of `clock`'s. Without a valid currentUtcOffset none of
// what rests on it is claimed, whatever is asked for: no leap second, no traceable
// time, and 248 instead of the classes of a primary reference and its holdover.
Announce AnnounceOf(const GrandmasterProperties& properties, ClockIdentity clock);
Flags AnnounceFlagsOf(const GrandmasterProperties& properties);

// What of `leap`, announced for the end of the UTC month that `now` is in, is to be in
// our flags: they are set 12 h before at the earliest (9.4).
LeapIndicator LeapToAnnounce(LeapIndicator leap, UtcTime now);

}  // namespace bridge::ptp
