// bridge/ptp/master_port.h
//
// The port of an ordinary clock that is, or wants to be, grandmaster (IEEE 1588-2019,
// 9.2, 9.3, 9.5, 11.3, 11.4): it listens, sends Announce, Sync and Follow_Up while
// nobody better does, and answers requests. It knows nothing of sockets, of GNSS, or of
// how TAI comes about.
//
// Local stamps come in as LocalTime, already carried to a clock nobody steers;
// set_clock() says what TAI that is. While it is not said, stamps are worth nothing:
// there is no Follow_Up and no Delay_Resp, and each is counted.
//
// Nothing that comes from the network, and no stamp that does not come, stops it from
// serving. What it sends and remembers is bounded, whatever is asked.
//
// With `slave_capable`, UNCALIBRATED means: now a slave port (slave_port.h) beside this
// one is to be started and given all messages too, and stopped when the state is left.
// Until then this port neither sends, answers nor counts anything.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "bridge/base/rng.h"
#include "bridge/ptp/addressing.h"
#include "bridge/ptp/delay_p2p.h"
#include "bridge/ptp/foreign_masters.h"
#include "bridge/ptp/grandmaster_properties.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/ptp/port_state.h"
#include "bridge/ptp/request_limiter.h"
#include "bridge/ptp/sender.h"
#include "bridge/ptp/sync_sender.h"
#include "bridge/ptp/types.h"
#include "bridge/time/clock_map.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

class MasterPort {
 public:
  // `rng` spreads Announce timeouts.
  MasterPort(MasterPortSettings settings, const GrandmasterProperties& properties,
             Rng rng);

  // The interface is up / down. Begins in INITIALIZING; Start leads to
  // LISTENING, Stop to FAULTY, forgetting all masters.
  void Start(MonoTime now, PortActions& out);
  void Stop(MonoTime now, PortActions& out);

  // A parsed message. `received`: when an event message passed the timestamp point,
  // nothing if the stamp is missing. `from`: whom an answer to a unicast request goes
  // to, and what tells sources apart besides their identity; nothing if the
  // transport cannot tell: all answers then go to the group.
  void OnMessage(const Message& message, std::optional<LocalTime> received,
                 const std::optional<PortAddress>& from, MonoTime now,
                 PortActions& out);
  // The transmit timestamp of an event message, whenever it comes. Late,
  // unknown and duplicate tokens are counted drops.
  void OnTransmitted(TxToken token, LocalTime sent, MonoTime now, PortActions& out);
  // Call when now >= Deadline().
  void OnTime(MonoTime now, PortActions& out);
  std::optional<MonoTime> Deadline() const;

  // What we are worth and what we announce: decides at once whether we still are the
  // best; others hear of it in the next Announce.
  void SetProperties(const GrandmasterProperties& properties, MonoTime now,
                     PortActions& out);
  const GrandmasterProperties& properties() const { return properties_; }

  // What TAI local stamps are, as measured last; nothing: not known.
  void set_clock(const std::optional<ClockMap<Local, Tai>>& clock);
  // From now on Syncs are one-step: the hardware puts its time into them, which is TAI.
  // Nothing: two-step, as at the start.
  struct OneStep {
    TaiTime tai;  // At `at`, a moment ago.
    MonoTime at;
    TimeDelta correction;  // OneStepFields::correction
  };
  void set_one_step(const std::optional<OneStep>& one_step) { one_step_ = one_step; }
  // Local stamps that have come so far mean nothing any more.
  void ForgetStamps();

  PortState state() const { return state_; }
  // The best of the other masters that have qualified, better than us or not; nullptr
  // if there is none. Good until the next input.
  const ForeignMaster* other_master() const;

 private:
  bool running() const;
  bool p2p() const { return settings_.delay_mechanism == DelayMechanism::kP2P; }
  // Whether a slave port has taken over.
  bool stands_back() const { return state_ == PortState::kUncalibrated; }

  void OnAnnounce(const Header& header, const Announce& announce, MonoTime now,
                  PortActions& out);
  void OnDelayReq(const Header& header, std::optional<LocalTime> received,
                  const std::optional<PortAddress>& from, MonoTime now,
                  PortActions& out);
  void OnPeerDelay(const Message& message, std::optional<LocalTime> received,
                   const std::optional<PortAddress>& from, MonoTime now,
                   PortActions& out);
  // Counted; by the slave port where that has taken over.
  void Drop(DropReason reason, PortActions& out) const;
  std::optional<TaiTime> ToTai(LocalTime stamp) const;

  void Decide(MonoTime now, PortActions& out);
  void Enter(PortEvent event, MonoTime now, PortActions& out);
  void SetTimers(MonoTime now);
  void SendSync(MonoTime now, PortActions& out);
  void SendAnnounce(PortActions& out);

  MasterPortSettings settings_;
  GrandmasterProperties properties_;
  Rng rng_;
  Sender sender_;
  ForeignMasters foreign_;
  RequestLimiter limiter_;
  SyncSender sync_sender_;
  DelayP2p delay_p2p_;

  PortState state_ = PortState::kInitializing;
  std::optional<ClockMap<Local, Tai>> clock_;
  std::optional<OneStep> one_step_;
  std::optional<MonoTime> listened_at_;   // In LISTENING: when that was long enough.
  std::optional<MonoTime> qualified_at_;  // In PRE_MASTER.
  std::optional<MonoTime> next_announce_, next_sync_;  // In MASTER.
  SequenceId announce_sequence_;
};

}  // namespace bridge::ptp
