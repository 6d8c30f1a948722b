// bridge/ptp/sync_pairing.h
//
// Makes t1 and t2 of one master's Syncs: pairs each two-step Sync with its
// Follow_Up by sequenceId. Event and general messages come from two sockets, so
// either may come first.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "bridge/ptp/exchange.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

class SyncPairing {
 public:
  // Forgets all exchanges; from now on only `master` counts, nobody if nothing.
  void Follow(std::optional<PortIdentity> master);

  // Forgets all exchanges.
  void Forget() { exchanges_ = {}; }

  // Each appends SyncMeasured when both halves are there, or Dropped.
  void OnSync(const Header& header, const Sync& sync, std::optional<LocalTime> received,
              PortActions& out);
  void OnFollowUp(const Header& header, const FollowUp& follow_up, PortActions& out);

 private:
  struct Exchange {
    SequenceId sequence;
    bool has_sync = false;
    bool has_follow_up = false;
    bool over = false;  // Measured, or will never be.
    TaiTime t1;         // Of the Follow_Up, its correction applied.
    TimeDelta sync_correction;
    LocalTime t2;
  };

  std::optional<DropReason> Refusal(const Header& header) const;
  Exchange& At(SequenceId sequence, PortActions& out);
  void Complete(Exchange& exchange, TaiTime t1, PortActions& out);

  std::optional<PortIdentity> master_;
  std::array<std::optional<Exchange>, kMaxExchanges> exchanges_;
  size_t oldest_ = 0;
};

}  // namespace bridge::ptp
