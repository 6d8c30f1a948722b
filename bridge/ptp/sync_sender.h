// bridge/ptp/sync_sender.h
//
// A master's Syncs (IEEE 1588-2019, 9.5.9 and 9.5.10). A two-step one waits for its
// transmit timestamp, and its Follow_Up goes out when that has come. A stamp that is
// late or never comes costs this one Follow_Up and nothing else.
//
// Into a one-step Sync the hardware puts the time at which it leaves, and it has no
// Follow_Up. No stamp of it comes back (HWTSTAMP_TX_ONESTEP_SYNC, linux/net_tstamp.h);
// if one does, nothing was inserted.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "bridge/ptp/message.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/ptp/sender.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

// What a one-step Sync holds before the hardware deals with it. Drivers write the
// originTimestamp anew, or both that and the correctionField.
struct OneStepFields {
  TaiTime origin;        // TAI to within a second; fits its field.
  TimeDelta correction;  // From where the hardware takes its time to the wire.
};

class SyncSender {
 public:
  explicit SyncSender(const MasterPortSettings& settings)
      : interval_(settings.sync_interval) {}

  // One-step if `one_step` is there.
  void Send(const std::optional<OneStepFields>& one_step, MonoTime now, Sender& sender,
            PortActions& out);
  // Whether `token` is a Sync's that waits for it. Appends the Follow_Up, or Dropped if
  // `sent` is nothing: when that was in TAI is not known; or if the Sync is one-step.
  bool OnTransmitted(TxToken token, std::optional<TaiTime> sent, MonoTime now,
                     Sender& sender, PortActions& out);
  // Forgets the Syncs that wait.
  void Forget() { waiting_ = {}; }

 private:
  // At 2^-7 s a stamp may so take 125 ms; some adapters need 100 ms.
  static constexpr size_t kMaxWaiting = 16;

  struct Waiting {
    TxToken token;
    SequenceId sequence;
    MonoTime since;
    bool one_step = false;
    bool stamped = false;
  };

  LogInterval interval_;
  SequenceId sequence_;
  std::array<std::optional<Waiting>, kMaxWaiting> waiting_;  // By sequenceId.
};

}  // namespace bridge::ptp
