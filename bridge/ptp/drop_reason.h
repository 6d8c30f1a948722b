// bridge/ptp/drop_reason.h
//
// Every reason for which a received message or timestamp goes no further. Each
// has a counter (telemetry), a sentence (`refclockctl explain reasons`) and a
// test. Dropping never logs by itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bridge::ptp {

enum class DropReason : uint8_t {
  // Form.
  kTooShort,
  kWrongVersion,
  kReservedType,
  kLengthMismatch,
  kMalformedTlv,
  kBadTimestamp,
  // Addressing.
  kOtherDomain,
  kOtherSdo,
  kOwnMessage,
  kAlternateMaster,
  kNotForUs,
  kNotExpected,
  // Masters.
  kMasterNotAllowed,
  kTooManyMasters,
  kStepsRemoved,
  kStaleAnnounce,
  kNotFromParent,
  // Exchanges.
  kNoReceiveTimestamp,
  kDuplicate,
  kUnmatched,
  kCorrectionOutOfRange,
  kMultipleResponders,
  kTransmitTimestampLate,
  // Replies of a ptp4l.
  kManagementMalformed,
  kManagementError,
  kOtherClock,
  kIngressImplausible,
  // A master's.
  kTransmitTimestampMissing,
  kTimeUnknown,
  kRateLimited,
  kNotInserted,
};
inline constexpr size_t kDropReasonCount = 31;

struct DropReasonText {
  DropReason reason;
  const char* name;      // "not-from-parent": counters, JSON.
  const char* sentence;  // What happened and what to do, if anything.
};
extern const std::array<DropReasonText, kDropReasonCount> kDropReasons;

const char* DropReasonName(DropReason reason);

}  // namespace bridge::ptp
