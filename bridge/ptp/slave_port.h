// bridge/ptp/slave_port.h
//
// A slave-only PTP port: messages and timestamps in, measurements and messages
// to send out. It chooses the master, pairs Sync with Follow_Up and Delay_Req
// with Delay_Resp, and knows nothing of sockets, filters or UTC.
//
// Local stamps come in as RawTime, already carried to a clock nobody steers
// (estimate/time_base.h). Measuring starts with the first Sync of a candidate,
// before its Announces have qualified it, so the first sample can go out the
// moment it is qualified.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "bridge/base/rng.h"
#include "bridge/ptp/drop_reason.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_state.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

enum class DelayMechanism : uint8_t { kE2E = 1, kP2P = 2 };

// Which send a transmit timestamp belongs to. Single use, never reused.
struct TxToken {
  uint64_t value = 0;
  friend constexpr bool operator==(TxToken, TxToken) = default;
};

struct SlavePortSettings {
  PortIdentity identity;
  DomainNumber domain;
  SdoId sdo;
  uint8_t minor_version = 0;
  DelayMechanism delay_mechanism = DelayMechanism::kE2E;
  LogInterval announce_interval{1};  // Until the wire tells another one.
  LogInterval delay_interval{0};     // logMin(P)DelayReqInterval, likewise.
  int announce_receipt_timeout = 3;
  std::vector<ClockIdentity> allowed_masters;  // Grandmasters; empty = any.
};

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
};

// ---- What comes out.

// Sync: all corrections applied, so z = t2 - t1 holds offset + path delay.
struct SyncMeasured {
  PortIdentity master;
  SequenceId sequence;
  TaiTime t1;
  RawTime t2;
};
// Delay_Req/Delay_Resp: z = t4 - t3 holds path delay - offset.
struct DelayMeasured {
  PortIdentity master;
  SequenceId sequence;
  RawTime t3;
  TaiTime t4;
};
// Pdelay exchange: half of (t4 - t1) - (t3 - t2) - corrections; `at` is t4.
struct PeerDelayMeasured {
  TimeDelta mean_link_delay;
  RawTime at;
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
};

using PortAction =
    std::variant<SyncMeasured, DelayMeasured, PeerDelayMeasured, MeasuringRestarted,
                 StateChanged, ParentChanged, Dropped, Send>;
// At most a few per input; more than 8 would allocate.
using PortActions = absl::InlinedVector<PortAction, 8>;

class SlavePort {
 public:
  // `rng` spreads Delay_Req and Announce timeouts.
  SlavePort(SlavePortSettings settings, Rng rng);
  ~SlavePort();
  SlavePort(SlavePort&&) noexcept;

  // The interface is up / down. Begins in INITIALIZING; Start leads to
  // LISTENING, Stop to FAULTY, forgetting all masters.
  void Start(MonoTime now, PortActions& out);
  void Stop(MonoTime now, PortActions& out);

  // A parsed message. `received`: when an event message passed the timestamp
  // point; nothing if the stamp is missing (counted; not fatal).
  void OnMessage(const Message& message, std::optional<RawTime> received, MonoTime now,
                 PortActions& out);
  // The transmit timestamp of an event message, whenever it comes. Late,
  // unknown and duplicate tokens are counted drops.
  void OnTransmitted(TxToken token, RawTime sent, MonoTime now, PortActions& out);
  // Call when now >= Deadline().
  void OnTime(MonoTime now, PortActions& out);
  std::optional<MonoTime> Deadline() const;

  // The estimator has (lost) enough measurements to trust: UNCALIBRATED <-> SLAVE.
  void OnCalibrated(bool calibrated, MonoTime now, PortActions& out);

  PortState state() const;
  // The qualified parent; nothing in LISTENING.
  const std::optional<ParentInfo>& parent() const;
  // As adopted from the wire.
  LogInterval sync_interval() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bridge::ptp
