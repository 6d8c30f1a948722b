// bridge/ptp/slave_port.h
//
// A slave-only PTP port: messages and timestamps in, measurements and messages
// to send out. It chooses the master, pairs Sync with Follow_Up and Delay_Req
// with Delay_Resp, and knows nothing of sockets, filters or UTC.
//
// Local stamps come in as LocalTime, already carried to a clock nobody steers
// (estimate/time_base.h). Measuring starts with the first Sync of a candidate,
// before its Announces have qualified it, so the first sample can go out the
// moment it is qualified.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "bridge/base/rng.h"
#include "bridge/ptp/delay_e2e.h"
#include "bridge/ptp/delay_p2p.h"
#include "bridge/ptp/foreign_masters.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/ptp/port_state.h"
#include "bridge/ptp/sender.h"
#include "bridge/ptp/sync_pairing.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

class SlavePort {
 public:
  // `rng` spreads Delay_Req and Announce timeouts.
  SlavePort(PortSettings settings, Rng rng);
  SlavePort(SlavePort&&) = default;

  // The interface is up / down. Begins in INITIALIZING; Start leads to
  // LISTENING, Stop to FAULTY, forgetting all masters.
  void Start(MonoTime now, PortActions& out);
  void Stop(MonoTime now, PortActions& out);

  // A parsed message. `received`: when an event message passed the timestamp
  // point; nothing if the stamp is missing (counted; not fatal).
  void OnMessage(const Message& message, std::optional<LocalTime> received,
                 MonoTime now, PortActions& out);
  // The transmit timestamp of an event message, whenever it comes. Late,
  // unknown and duplicate tokens are counted drops.
  void OnTransmitted(TxToken token, LocalTime sent, MonoTime now, PortActions& out);
  // Call when now >= Deadline().
  void OnTime(MonoTime now, PortActions& out);
  std::optional<MonoTime> Deadline() const;

  // Local stamps that have come so far mean nothing any more: exchanges under way are
  // forgotten.
  void ForgetStamps();

  // The estimator has (lost) enough measurements to trust: UNCALIBRATED <-> SLAVE.
  void OnCalibrated(bool calibrated, MonoTime now, PortActions& out);

  // d(TAI)/d(local) - 1 as far as known, 0 otherwise: link delays are measured with it.
  void set_local_rate(double rate) { delay_p2p_.set_local_rate(rate); }

  PortState state() const { return state_; }
  // The qualified parent; nothing in LISTENING.
  const std::optional<ParentInfo>& parent() const { return parent_; }
  // The parent's newest Announce. The pointer is good until the next input.
  const ForeignMaster* parent_announce() const {
    return parent_ ? foreign_.Find(parent_->port) : nullptr;
  }
  // As adopted from the wire.
  LogInterval sync_interval() const { return sync_interval_; }

 private:
  // Whose Syncs and Delay_Resps count: the parent, or before there is one a
  // candidate. Its grandmaster is unknown until its first Announce.
  struct Measured {
    PortIdentity port;
    std::optional<ClockIdentity> grandmaster;
  };

  bool running() const;
  bool e2e() const { return settings_.delay_mechanism == DelayMechanism::kE2E; }

  void OnAnnounce(const Header& header, const Announce& announce, MonoTime now,
                  PortActions& out);
  void OnSync(const Header& header, const Sync& sync, std::optional<LocalTime> received,
              MonoTime now, PortActions& out);
  void ChooseMaster(PortActions& out);
  void Follow(const ForeignMaster& master, PortActions& out);
  // True if the measured master or its grandmaster became another one.
  bool Measure(const Measured& master, PortActions& out);
  void StopMeasuring();
  absl::Duration SyncSilenceLimit() const;
  void Enter(PortEvent event, PortActions& out);

  PortSettings settings_;
  Sender sender_;
  ForeignMasters foreign_;
  SyncPairing pairing_;
  DelayE2e delay_e2e_;
  DelayP2p delay_p2p_;

  PortState state_ = PortState::kInitializing;
  std::optional<ParentInfo> parent_;  // Then parent_->port == measured_->port.
  std::optional<Measured> measured_;
  std::optional<MonoTime> sync_silent_at_;  // When its Syncs count as stopped.
  LogInterval sync_interval_;
  bool calibrated_ = false;  // The last word of OnCalibrated on measured_.
};

}  // namespace bridge::ptp
