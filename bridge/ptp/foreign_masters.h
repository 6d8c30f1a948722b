// bridge/ptp/foreign_masters.h
//
// Who announces itself as a master (IEEE 1588-2019, 9.3.2.4): a bounded table
// keyed by sender. A sender is qualified by its second Announce within four
// announce intervals and forgotten when its Announces stop.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "absl/time/time.h"
#include "bridge/base/rng.h"
#include "bridge/ptp/best_master.h"
#include "bridge/ptp/drop_reason.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

// What its latest Announce said, and when.
struct ForeignMaster {
  DataSet data_set;
  Flags flags;
  SequenceId sequence;
  absl::Duration announce_interval;
  MonoTime heard;
  MonoTime expires;  // Unless another Announce comes.
  bool qualified = false;

  const PortIdentity& port() const { return data_set.sender; }
};

class ForeignMasters {
 public:
  static constexpr size_t kCapacity = 8;

  ForeignMasters(const PortSettings& settings, Rng rng);

  // Nothing if the Announce was taken, else why not. An Announce that rules its
  // sender out (not allowed, too many steps) also ends the sender's record.
  std::optional<DropReason> OnAnnounce(const Header& header, const Announce& announce,
                                       MonoTime now);
  // Forgets those whose Announces have stopped.
  void Expire(MonoTime now);
  void Clear();

  // Pointers are good until the next call of a member that is not const.
  const ForeignMaster* Find(const PortIdentity& port) const;
  // The best of the qualified, or if none is, the best of all.
  const ForeignMaster* Best() const;
  std::optional<MonoTime> NextExpiry() const;
  size_t size() const;

 private:
  using Slot = std::optional<ForeignMaster>;

  std::optional<DropReason> Refusal(const Announce& announce) const;
  absl::Duration IntervalOf(const Header& header) const;
  Slot* SlotOf(const PortIdentity& port);
  Slot* VacantSlot(MonoTime now);

  PortSettings settings_;
  Rng rng_;
  std::array<Slot, kCapacity> slots_;
};

}  // namespace bridge::ptp
