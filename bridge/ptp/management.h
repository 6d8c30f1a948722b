// bridge/ptp/management.h
//
// PTP management messages (IEEE 1588-2019, clause 15) as a ptp4l speaks them on its
// management sockets: the standard's data sets that a companion needs, and ptp4l's own
// (_NP). Parsing judges form and what no sender could mean; whether the values fit
// together is the business of whoever uses them.
//
//   const ManagementResult result = ParseManagement(octets);
//   if (const auto* reply = std::get_if<ManagementMessage>(&result)) ...
//   else  ... std::get<DropReason>(result)
//
// Pure; no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "absl/strings/string_view.h"
#include "bridge/ptp/drop_reason.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/ptp/port_state.h"
#include "bridge/ptp/types.h"
#include "bridge/time/time_delta.h"

namespace bridge::ptp {

// actionField (IEEE 1588-2019, table 57).
enum class ManagementAction : uint8_t {
  kGet = 0,
  kSet = 1,
  kResponse = 2,
  kCommand = 3,
  kAcknowledge = 4,
};

// managementId (IEEE 1588-2019, table 59); from 0xc000 on ptp4l's own.
enum class ManagementId : uint16_t {
  kDefaultDataSet = 0x2000,
  kCurrentDataSet = 0x2001,
  kParentDataSet = 0x2002,
  kTimePropertiesDataSet = 0x2003,
  kPortDataSet = 0x2004,
  kTimeStatusNp = 0xc000,
  kGrandmasterSettingsNp = 0xc001,
  kSubscribeEventsNp = 0xc003,
  kPortPropertiesNp = 0xc004,
  kPortHwclockNp = 0xc009,
};

// ---- Data sets: each knows its id. What is left out is not read and written as 0.

struct DefaultDataSet {
  static constexpr ManagementId kId = ManagementId::kDefaultDataSet;
  uint16_t number_ports = 0;
  uint8_t priority1 = 128;
  ClockQuality quality{};
  uint8_t priority2 = 128;
  ClockIdentity identity{};
  DomainNumber domain{};
  friend bool operator==(const DefaultDataSet&, const DefaultDataSet&) = default;
};

struct CurrentDataSet {
  static constexpr ManagementId kId = ManagementId::kCurrentDataSet;
  uint16_t steps_removed = 0;
  TimeDelta offset_from_master{};  // Positive: the local clock is ahead.
  TimeDelta mean_path_delay{};
  friend bool operator==(const CurrentDataSet&, const CurrentDataSet&) = default;
};

struct ParentDataSet {
  static constexpr ManagementId kId = ManagementId::kParentDataSet;
  PortIdentity parent{};
  uint8_t priority1 = 128;
  ClockQuality quality{};
  uint8_t priority2 = 128;
  ClockIdentity grandmaster{};
  friend bool operator==(const ParentDataSet&, const ParentDataSet&) = default;
};

struct TimePropertiesDataSet {
  static constexpr ManagementId kId = ManagementId::kTimePropertiesDataSet;
  int16_t current_utc_offset = 0;
  Flags flags{};  // Those of an Announce's second octet.
  uint8_t time_source = 0xa0;
  friend bool operator==(const TimePropertiesDataSet&,
                         const TimePropertiesDataSet&) = default;
};

struct PortDataSet {
  static constexpr ManagementId kId = ManagementId::kPortDataSet;
  PortIdentity port{};
  PortState state = PortState::kInitializing;
  LogInterval min_delay_req_interval{};
  LogInterval announce_interval{};
  uint8_t announce_receipt_timeout = 3;
  LogInterval sync_interval{};  // As configured, not as it is on the wire.
  DelayMechanism delay_mechanism = DelayMechanism::kE2E;
  LogInterval min_pdelay_req_interval{};
  friend bool operator==(const PortDataSet&, const PortDataSet&) = default;
};

struct TimeStatusNp {
  static constexpr ManagementId kId = ManagementId::kTimeStatusNp;
  TimeDelta master_offset{};  // Whole ns; positive: the local clock is ahead.
  TimeDelta ingress_time{};   // Of the newest Sync, on the local clock since its epoch.
  bool gm_present = false;
  ClockIdentity grandmaster{};
  friend bool operator==(const TimeStatusNp&, const TimeStatusNp&) = default;
};

// What ptp4l would announce, were it grandmaster.
struct GrandmasterSettingsNp {
  static constexpr ManagementId kId = ManagementId::kGrandmasterSettingsNp;
  ClockQuality quality{};
  int16_t utc_offset = 0;  // The TAI-UTC that it works with itself.
  Flags flags{};           // ptp_timescale unless its clock is CLOCK_REALTIME.
  uint8_t time_source = 0xa0;
  friend bool operator==(const GrandmasterSettingsNp&,
                         const GrandmasterSettingsNp&) = default;
};

struct SubscribeEventsNp {
  static constexpr ManagementId kId = ManagementId::kSubscribeEventsNp;
  uint16_t duration = 0;         // s
  bool port_state = false;       // Brings PortDataSet; all versions.
  bool time_sync = false;        // TimeStatusNp, with each Sync; from 4.0.
  bool parent_data_set = false;  // ParentDataSet; from 4.2.
  friend bool operator==(const SubscribeEventsNp&, const SubscribeEventsNp&) = default;
};

struct PortPropertiesNp {
  static constexpr ManagementId kId = ManagementId::kPortPropertiesNp;
  // 0: software, 1: hardware, 2: hardware, told in the system's time, 3 and 4:
  // hardware.
  bool hardware() const { return timestamping != 0 && timestamping != 2; }

  PortIdentity port{};
  PortState state = PortState::kInitializing;
  uint8_t timestamping = 0;
  absl::string_view interface {};  // Points into the octets that were parsed.
  friend bool operator==(const PortPropertiesNp&, const PortPropertiesNp&) = default;
};

// From 4.0 on.
struct PortHwclockNp {
  static constexpr ManagementId kId = ManagementId::kPortHwclockNp;
  PortIdentity port{};
  std::optional<int32_t> phc_index{};  // Never negative.
  bool virtual_clock = false;
  friend bool operator==(const PortHwclockNp&, const PortHwclockNp&) = default;
};

// A question: the id alone.
struct ManagementQuestion {
  ManagementId id = ManagementId::kDefaultDataSet;
  friend bool operator==(const ManagementQuestion&,
                         const ManagementQuestion&) = default;
};

// MANAGEMENT_ERROR_STATUS (IEEE 1588-2019, 15.5.4).
struct ManagementError {
  uint16_t error = 0;  // 2: no such id, 6: not supported, ...
  ManagementId id = ManagementId::kDefaultDataSet;
  friend bool operator==(const ManagementError&, const ManagementError&) = default;
};

using ManagementData =
    std::variant<ManagementQuestion, ManagementError, DefaultDataSet, CurrentDataSet,
                 ParentDataSet, TimePropertiesDataSet, PortDataSet, TimeStatusNp,
                 GrandmasterSettingsNp, SubscribeEventsNp, PortPropertiesNp,
                 PortHwclockNp>;

ManagementId IdOf(const ManagementData& data);

struct ManagementMessage {
  SdoId sdo{};
  DomainNumber domain{};
  PortIdentity source{};
  SequenceId sequence{};
  PortIdentity target = kAllPorts;
  ManagementAction action = ManagementAction::kGet;
  ManagementData data{};
  friend bool operator==(const ManagementMessage&, const ManagementMessage&) = default;
};

// Gives what ParseMessage() gives, kNotExpected for another message and for an id that
// is none of the above, and kManagementMalformed for a data set of another size or with
// impossible contents. TLVs behind the first are not looked at.
using ManagementResult = std::variant<ManagementMessage, DropReason>;
ManagementResult ParseManagement(std::span<const uint8_t> octets);

// The octets written, or an empty span when the buffer is too small or a value does
// not fit its field.
std::span<const uint8_t> SerializeManagement(const ManagementMessage& message,
                                             std::span<uint8_t> buffer);

// Enough for every message of the above.
inline constexpr size_t kMaxManagement = 128;

}  // namespace bridge::ptp
