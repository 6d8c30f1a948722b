// bridge/ptp/delay_e2e.h
//
// The delay request-response mechanism (IEEE 1588-2019, 11.3), slave side: sends
// Delay_Req at random times and makes t3 and t4 of them. A Delay_Resp is matched
// in OnDelayResp().
//
// The first request goes out with the first Sync of a master, so that a sample
// need not wait for a second.
#pragma once

#include <array>
#include <optional>

#include "bridge/base/rng.h"
#include "bridge/ptp/exchange.h"
#include "bridge/ptp/message.h"
#include "bridge/ptp/port_actions.h"
#include "bridge/ptp/port_settings.h"
#include "bridge/ptp/sender.h"
#include "bridge/ptp/types.h"
#include "bridge/time/timestamp.h"

namespace bridge::ptp {

class DelayE2e {
 public:
  DelayE2e(const PortSettings& settings, Rng rng);

  // Forgets all exchanges; from now on only `master` counts, nobody if nothing.
  // Nothing is asked before its first Sync.
  void Follow(std::optional<PortIdentity> master);
  // Forgets all exchanges.
  void Forget() { exchanges_ = {}; }
  // The master's Syncs have stopped: stop asking until they come again.
  void Pause() { next_request_.reset(); }

  void OnSyncHeard(MonoTime now, Sender& sender, PortActions& out);
  // Appends DelayMeasured if the transmit timestamp is there already, or Dropped.
  void OnDelayResp(const Header& header, const DelayResp& response, MonoTime now,
                   PortActions& out);
  // Likewise the other way round. False: not a token of ours, or forgotten.
  bool OnTransmitted(TxToken token, LocalTime sent, MonoTime now, PortActions& out);
  void OnTime(MonoTime now, Sender& sender, PortActions& out);
  std::optional<MonoTime> Deadline() const { return next_request_; }

 private:
  struct Exchange {
    SequenceId sequence;
    TxToken token;
    MonoTime requested;
    std::optional<LocalTime> t3;
    std::optional<TaiTime> t4;
  };

  void Request(MonoTime now, Sender& sender, PortActions& out);
  void ScheduleRequest(MonoTime now);
  void AdoptInterval(const Header& header, MonoTime now);
  void CompleteIfBoth(const Exchange& exchange, PortActions& out) const;

  PortIdentity self_;
  LogInterval configured_interval_;
  LogInterval interval_;  // logMinDelayReqInterval: the mean between requests.
  Rng rng_;
  std::optional<PortIdentity> master_;
  std::optional<MonoTime> next_request_;  // Nothing: waiting for a Sync.
  SequenceId sequence_;
  std::array<std::optional<Exchange>, kMaxExchanges> exchanges_;  // By sequenceId.
};

}  // namespace bridge::ptp
