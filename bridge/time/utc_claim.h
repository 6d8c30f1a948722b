// bridge/time/utc_claim.h
//
// What somebody says TAI-UTC is, and what that word is worth.
#pragma once

#include <array>
#include <optional>

#include "bridge/time/leap.h"

namespace bridge {

enum class UtcSource {
  kAnnounce,     // The grandmaster's currentUtcOffset and leap flags.
  kLeapFile,     // leap-seconds.list.
  kRelease,      // What was known when this version was released (release_leaps.h).
  kKernel,       // The kernel's TAI offset (adjtimex; 0 = never set, no claim).
  kSystemClock,  // Whole-second check against a system clock that something
                 // other than us has synchronised.
  kGnss,         // gpsd's leapseconds + 19.
  kPin,          // The operator's word (policy "pin").
};
inline constexpr int kUtcSourceCount = 7;
const char* UtcSourceName(UtcSource source);  // "announce", "leap-file", ...

struct UtcClaim {
  UtcSource source;
  int offset;  // TAI-UTC, seconds.
  // A leap second that the source expects.
  LeapIndicator pending = LeapIndicator::kNone;
  // Announce: currentUtcOffsetValid. Tables: not expired, and
  // proven whole by their hash. System clock: compared in
  // this UTC month, and not on its first day. Others: true.
  bool valid = true;
  // Tables: a leap second ended less than a minute ago.
  bool just_leapt = false;
};

using UtcClaims = std::array<std::optional<UtcClaim>, kUtcSourceCount>;

inline const std::optional<UtcClaim>& Of(const UtcClaims& claims, UtcSource source) {
  return claims[static_cast<size_t>(source)];
}

// A table of leap seconds that has not expired: it knows all of them.
inline bool IsCurrentTable(const UtcClaim& claim) {
  return claim.valid &&
         (claim.source == UtcSource::kLeapFile || claim.source == UtcSource::kRelease);
}

}  // namespace bridge
