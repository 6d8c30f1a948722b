// bridge/ptp/port_actions.h
//
// What comes out of a port: measurements, news and messages to send.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "absl/container/inlined_vector.h"
#include "bridge/ptp/addressing.h"
#include "bridge/ptp/drop_reason.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_state.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

// Which send a transmit timestamp belongs to. Single use, never reused.
struct TxToken {
  uint64_t value = 0;
  friend constexpr bool operator==(TxToken, TxToken) = default;
};
// A master port counts its tokens from here, so that they differ from those of a slave
// port beside it.
inline constexpr TxToken kMasterTokens{uint64_t{1} << 63};

// What the parent's latest Announce says.
struct ParentInfo {
  PortIdentity port;
  ClockIdentity grandmaster;
  uint8_t priority1 = 128;
  uint8_t priority2 = 128;
  ClockQuality quality;
  uint16_t steps_removed = 0;
  uint8_t time_source = 0xa0;
  int16_t current_utc_offset = 0;
  Flags flags;  // Leap, validity, timescale and traceability flags.
  friend bool operator==(const ParentInfo&, const ParentInfo&) = default;
};

// Sync: all corrections applied, so z = t2 - t1 holds offset + path delay.
struct SyncMeasured {
  PortIdentity master;
  SequenceId sequence;
  TaiTime t1;
  LocalTime t2;
};
// Delay_Req/Delay_Resp: z = t4 - t3 holds path delay - offset.
struct DelayMeasured {
  PortIdentity master;
  SequenceId sequence;
  LocalTime t3;
  TaiTime t4;
};
// Pdelay exchange: half of (t4 - t1) - (t3 - t2) - corrections; `at` is t4.
struct PeerDelayMeasured {
  TimeDelta mean_link_delay;
  LocalTime at;
  PortIdentity responder;
  // Of a responder that sends its stamps, and all that is to be known of them: there
  // were no corrections. Its clock need not be the one that its Syncs are of.
  std::optional<TaiTime> t3;
};
// Everything measured so far belongs to another master: forget it.
struct MeasuringRestarted {
  PortIdentity master;
};
struct StateChanged {
  PortState from;
  PortState to;
  PortEvent why;
};
// The parent was elected or its Announce contents changed; or it is gone.
struct ParentChanged {
  std::optional<ParentInfo> parent;
};
struct Dropped {
  DropReason reason;
};

// A message to send. Event messages' transmit timestamps come back by token.
struct Send {
  std::array<uint8_t, kMaxPlainMessage> octets;
  uint8_t size;
  MessageType type;
  TxToken token;
  // To this address alone; nothing: to the group of the message type.
  std::optional<PortAddress> to = {};
};

using PortAction =
    std::variant<SyncMeasured, DelayMeasured, PeerDelayMeasured, MeasuringRestarted,
                 StateChanged, ParentChanged, Dropped, Send>;
// At most a few per input; more than 8 would allocate.
using PortActions = absl::InlinedVector<PortAction, 8>;

}  // namespace bridge::ptp
