// bridge/refclock/withhold_reason.h
//
// Every reason for which no sample is published. Each has a counter, a sentence
// that says what to do next (`refclockctl explain reasons`) and a test.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bridge {

enum class WithholdReason : uint8_t {
  kNoMaster,            // No qualified master.
  kGrandmasterQuality,  // ptp.max_clock_class, ptp.max_clock_accuracy.
  kNotCalibrated,       // Master known, not enough measurements yet.
  kMeasurementsStale,   // Nothing good measured for too long.
  kSuspectMeasurement,  // A jump that is not confirmed yet: hold, not withdraw.
  kUtcOffsetUnknown,
  kUtcOffsetUnconfirmed,  // One source only.
  kUtcOffsetContested,
  kUtcOffsetExpired,
  kTimescaleArbitrary,  // ptpTimescale = 0 and no word from the operator.
  kNearLeapSecond,
  kLeapSecondUnconfirmed,  // One was announced; the new offset is not there.
  kMasterTimeJumped,       // By whole seconds, against what was published.
  kMasterUnproven,         // Another master does not go on where the old one was.
  kSystemClockDisagrees,   // Before the first sample.
  kNoCrossTimestamp,       // The clock could not be read.
  kCrossTimestampWide,
  kErrorBoundExceeded,  // output.max_error.
  kEpochInsane,         // Before the release of this version, or after 2100.
  kSystemClockStepped,  // Between reading and store.
  kPhcStepped,          // By somebody else.
  kInterfaceDown,
  kPtp4lSilent,   // A companion's ptp4l.
  kNotFollowing,  // Role auto: serving, or not decided yet.
  kGnssReturned,  // Role auto: the NTP daemon has to do without us.
  kStopping,
};
inline constexpr size_t kWithholdReasonCount = 26;

struct WithholdReasonText {
  WithholdReason reason;
  const char* name;      // "utc-offset-contested": counters, JSON.
  const char* sentence;  // What it means and what to do next.
};
extern const std::array<WithholdReasonText, kWithholdReasonCount> kWithholdReasons;

const char* WithholdReasonName(WithholdReason reason);

// A held sample leaves the last one valid; any other reason withdraws it.
constexpr bool Withdraws(WithholdReason reason) {
  return reason != WithholdReason::kSuspectMeasurement &&
         reason != WithholdReason::kCrossTimestampWide;
}

}  // namespace bridge
