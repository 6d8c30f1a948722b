// bridge/source/companion_actions.h
//
// What a companion asks its executor for, beyond what any engine does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "absl/container/inlined_vector.h"
#include "bridge/base/log.h"
#include "bridge/estimate/offset_estimator.h"
#include "bridge/ptp/management.h"

namespace bridge {

// The management socket of the ptp4l that a companion stands beside. A read-only one
// answers fewer questions and pushes nothing.
enum class ManagementSocket { kClosed, kReadOnly, kReadWrite };

// Send this datagram to ptp4l's management socket. What comes back goes to
// OnManagement; a socket that is gone to OnManagementSocket.
struct SendManagement {
  std::array<uint8_t, ptp::kMaxManagement> buffer;
  size_t size;
  std::span<const uint8_t> octets() const { return std::span(buffer).first(size); }
};

// The clock that ptp4l's stamps are of. From now on the answer to ReadCrossTimestamp
// holds its PHC, if it can be read; without one, stamps are CLOCK_REALTIME's. Of
// interface and index, each may be unknown.
struct UseClock {
  StampKind stamps = StampKind::kSoftware;
  std::string interface;
  std::optional<int> phc_index;
  friend bool operator==(const UseClock&, const UseClock&) = default;
};

using CompanionAction = std::variant<SendManagement, UseClock, LogLine>;
using CompanionActions = absl::InlinedVector<CompanionAction, 8>;

}  // namespace bridge
