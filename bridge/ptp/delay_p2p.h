// bridge/ptp/delay_p2p.h
//
// The peer-to-peer delay mechanism (IEEE 1588-2019, 11.4), both sides. As the
// requester it measures the link, whoever is master; as the responder it lets the
// neighbour do the same.
//
// A responder whose stamps are of a clock that shows no TAI answers in the way that
// needs only their difference: both timestamps zero, t3 - t2 in the correctionField of
// the Pdelay_Resp_Follow_Up (11.4.2 c) 8). A master tells t2 and t3.
//
// t4 - t1 and t3 - t2 are of two clocks, neither of which is steered to the other. A
// neighbour 20 ppm away that takes 10 ms to answer would so add 100 ns to the link.
// Its rate is measured from its own stamps (neighborRateRatio of IEEE 802.1AS-2020,
// 10.2.5.7, between its t3 and our t4); one that sends none, and one not measured yet,
// is taken to run as TAI does.
#pragma once

#include <array>
#include <cstddef>
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

class DelayP2p {
 public:
  DelayP2p(const PortSettings& settings, Rng rng);

  // Start sends the first request.
  void Start(MonoTime now, Sender& sender, PortActions& out);
  void Stop();
  // Forgets all exchanges.
  void Forget();

  // Requester: appends PeerDelayMeasured when an exchange is complete, or Dropped.
  // Pdelay_Resp and its Follow_Up may come in any order.
  void OnPdelayResp(const Header& header, const PdelayResp& response,
                    std::optional<LocalTime> received, MonoTime now, PortActions& out);
  void OnPdelayRespFollowUp(const Header& header, const PdelayRespFollowUp& follow_up,
                            MonoTime now, PortActions& out);
  // Responder. `t2`: what TAI `received` was, in whole ns, if that is known.
  void OnPdelayReq(const Header& header, std::optional<LocalTime> received,
                   std::optional<TaiTime> t2, MonoTime now, Sender& sender,
                   PortActions& out);

  // False: not a token of ours, or forgotten.
  bool OnTransmitted(TxToken token, LocalTime sent, MonoTime now, Sender& sender,
                     PortActions& out);
  void OnTime(MonoTime now, Sender& sender, PortActions& out);
  std::optional<MonoTime> Deadline() const { return next_request_; }

  // d(TAI)/d(local) - 1, as far as known.
  void set_local_rate(double rate) { local_rate_ = rate; }

 private:
  struct Exchange {
    SequenceId sequence;
    TxToken token;
    MonoTime requested;
    std::optional<PortIdentity> responder;
    std::optional<LocalTime> t1, t4;
    std::optional<TaiTime> t2, t3;  // Both zero when one-step.
    TimeDelta corrections;
    bool spoiled = false;  // Two responders, or no receive timestamp.
  };
  // A Pdelay_Resp that waits for its transmit timestamp.
  struct Answer {
    TxToken token;
    MonoTime requested;
    PortIdentity requester;
    SequenceId sequence;
    LocalTime received;
    std::optional<TaiTime> t2;  // As it was told.
    TimeDelta request_correction;
  };

  void Request(MonoTime now, Sender& sender, PortActions& out);
  // The exchange that `header` belongs to, or nullptr after appending Dropped.
  Exchange* Match(const Header& header, const PortIdentity& requesting_port,
                  MonoTime now, PortActions& out);
  void CompleteIfAll(const Exchange& exchange, PortActions& out);
  void LearnNeighborRate(const Exchange& exchange);
  void SendFollowUp(const Answer& answer, LocalTime sent, Sender& sender,
                    PortActions& out);

  // One end of the base line of the neighbour's rate.
  struct Mark {
    PortIdentity responder;
    TaiTime t3;  // On the neighbour's clock.
    LocalTime t4;
  };

  PortIdentity self_;
  LogInterval interval_;
  bool behind_answers_;
  Rng rng_;
  std::optional<MonoTime> next_request_;  // At the latest,
  MonoTime earliest_;                     // and behind an answer of ours.
  bool neighbor_asks_ = false;            // Since the last request.
  SequenceId sequence_;
  std::array<std::optional<Exchange>, kMaxExchanges> exchanges_;  // By sequenceId.
  bool contested_ = false;  // Two responders since the latest request ...
  bool suspect_ = false;    // ... or the one before it.
  double local_rate_ = 0;
  std::optional<Mark> mark_;
  std::optional<double> neighbor_rate_;  // d(neighbour)/d(local) - 1.
  std::array<std::optional<Answer>, kMaxExchanges> answers_;
  size_t oldest_answer_ = 0;
};

}  // namespace bridge::ptp
