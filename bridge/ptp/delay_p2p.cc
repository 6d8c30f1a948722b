#include "bridge/ptp/delay_p2p.h"

#include <cmath>
#include <utility>

#include "bridge/time/waiting.h"

namespace bridge::ptp {
namespace {

// Stamps of a microsecond's noise tell the rate to a ppm over the least, and better
// over the most; a neighbour that slews its clock is known after that.
constexpr TimeDelta kLeastBase = TimeDelta::FromMillis(500);
constexpr TimeDelta kMostBase = TimeDelta::FromSeconds(8);
// No clock is off by more, but a step looks like it.
constexpr double kMostRate = 1e-3;
// On a link corrections are what does not fit into a timestamp.
constexpr TimeDelta kFraction = TimeDelta::FromNanos(2);

TimeDelta Stretched(TimeDelta span, double rate) {
  return span + TimeDelta::FromNanosDouble(span.NanosDouble() * rate);
}

}  // namespace

DelayP2p::DelayP2p(const PortSettings& settings, Rng rng)
    : self_(settings.identity),
      interval_(settings.delay_interval),
      behind_answers_(settings.asks_behind_answers),
      rng_(rng) {}

void DelayP2p::Start(MonoTime now, Sender& sender, PortActions& out) {
  Request(now, sender, out);
}

void DelayP2p::Stop() {
  next_request_.reset();
  Forget();
  contested_ = suspect_ = false;
}

void DelayP2p::Forget() {
  exchanges_ = {};
  answers_ = {};
  mark_.reset();
  neighbor_rate_.reset();
}

void DelayP2p::OnTime(MonoTime now, Sender& sender, PortActions& out) {
  if (next_request_ && *next_request_ <= now) Request(now, sender, out);
}

void DelayP2p::Request(MonoTime now, Sender& sender, PortActions& out) {
  sequence_ = sequence_.Next();
  const TxToken token = sender.Send(
      sender.NewMessage(MessageType::kPdelayReq, sequence_, PdelayReq{}), out);
  auto& x = exchanges_[sequence_.value % kMaxExchanges];
  x = Exchange{};
  x->sequence = sequence_;
  x->token = token;
  x->requested = now;
  suspect_ = std::exchange(contested_, false);
  // A little off the beat, lest all ports of a bridge are asked at once; or behind the
  // neighbour's next request.
  const bool asked = std::exchange(neighbor_asks_, false) && behind_answers_;
  const absl::Duration interval = interval_.ToDuration();
  next_request_ =
      now + (asked ? rng_.Uniform(2, 2.2) : rng_.Uniform(0.9, 1.1)) * interval;
  earliest_ = now + 0.9 * interval;
}

DelayP2p::Exchange* DelayP2p::Match(const Header& header,
                                    const PortIdentity& requesting_port, MonoTime now,
                                    PortActions& out) {
  const auto drop = [&out](DropReason reason) {
    out.push_back(Dropped{reason});
    return nullptr;
  };
  if (requesting_port != self_) return drop(DropReason::kNotForUs);
  auto& x = exchanges_[header.sequence.value % kMaxExchanges];
  if (!x || x->sequence != header.sequence || now - kForgetAfter > x->requested) {
    return drop(DropReason::kUnmatched);
  }
  if (x->responder && *x->responder != header.source) {
    // Something between us forwards Pdelay messages: this is no link.
    x->spoiled = contested_ = true;
    return drop(DropReason::kMultipleResponders);
  }
  if (x->spoiled) return drop(DropReason::kUnmatched);
  if (!IsPlausibleCorrection(header.correction)) {
    return drop(DropReason::kCorrectionOutOfRange);
  }
  x->responder = header.source;
  return &*x;
}

void DelayP2p::OnPdelayResp(const Header& header, const PdelayResp& response,
                            std::optional<LocalTime> received, MonoTime now,
                            PortActions& out) {
  Exchange* x = Match(header, response.requesting_port, now, out);
  if (!x) return;
  if (x->t2) return out.push_back(Dropped{DropReason::kDuplicate});
  if (!received) {
    x->spoiled = true;
    return out.push_back(Dropped{DropReason::kNoReceiveTimestamp});
  }
  x->t4 = received;
  x->corrections += header.correction;
  if (header.flags.two_step) {
    x->t2 = response.request_receipt;
  } else {
    x->t2 = x->t3 = TaiTime();  // t3 - t2 is in the correctionField.
  }
  CompleteIfAll(*x, out);
}

void DelayP2p::OnPdelayRespFollowUp(const Header& header,
                                    const PdelayRespFollowUp& follow_up, MonoTime now,
                                    PortActions& out) {
  Exchange* x = Match(header, follow_up.requesting_port, now, out);
  if (!x) return;
  if (x->t3) return out.push_back(Dropped{DropReason::kDuplicate});
  x->t3 = follow_up.response_origin;
  x->corrections += header.correction;
  CompleteIfAll(*x, out);
}

void DelayP2p::CompleteIfAll(const Exchange& x, PortActions& out) {
  // A second answer often comes after the first is complete; so the exchange
  // after a contested one is not believed either.
  if (suspect_ || x.spoiled) return;
  if (!x.t1 || !x.t2 || !x.t3 || !x.t4) return;
  LearnNeighborRate(x);
  const TimeDelta away = Stretched(*x.t4 - *x.t1, neighbor_rate_.value_or(local_rate_));
  const TimeDelta round_trip = away - (*x.t3 - *x.t2) - x.corrections;
  PeerDelayMeasured measured{.mean_link_delay = round_trip.Half(),
                             .at = *x.t4,
                             .responder = *x.responder,
                             .t3 = {}};
  if (*x.t3 != TaiTime() && x.corrections.Abs() <= kFraction) measured.t3 = x.t3;
  out.push_back(measured);
}

void DelayP2p::LearnNeighborRate(const Exchange& x) {
  const bool stamps = *x.t3 != TaiTime();
  if (!stamps || !mark_ || mark_->responder != *x.responder) {
    neighbor_rate_.reset();
    mark_.reset();
    if (stamps) mark_ = Mark{*x.responder, *x.t3, *x.t4};
    return;
  }
  const TimeDelta base = *x.t4 - mark_->t4;
  if (base < kLeastBase) return;
  const double rate = ((*x.t3 - mark_->t3) - base).NanosDouble() / base.NanosDouble();
  if (std::fabs(rate) > kMostRate) {
    neighbor_rate_.reset();  // It was stepped.
  } else {
    neighbor_rate_ = rate;
    if (base < kMostBase) return;
  }
  mark_ = Mark{*x.responder, *x.t3, *x.t4};
}

void DelayP2p::OnPdelayReq(const Header& header, std::optional<LocalTime> received,
                           std::optional<TaiTime> t2, MonoTime now, Sender& sender,
                           PortActions& out) {
  if (!received) return out.push_back(Dropped{DropReason::kNoReceiveTimestamp});
  if (!IsPlausibleCorrection(header.correction)) {
    return out.push_back(Dropped{DropReason::kCorrectionOutOfRange});
  }
  Message response =
      sender.NewMessage(MessageType::kPdelayResp, header.sequence,
                        PdelayResp{.request_receipt = t2.value_or(TaiTime()),
                                   .requesting_port = header.source});
  response.header.flags.two_step = true;
  answers_[oldest_answer_] = Answer{.token = sender.Send(response, out),
                                    .requested = now,
                                    .requester = header.source,
                                    .sequence = header.sequence,
                                    .received = *received,
                                    .t2 = t2,
                                    .request_correction = header.correction};
  oldest_answer_ = (oldest_answer_ + 1) % answers_.size();
}

void DelayP2p::SendFollowUp(const Answer& answer, LocalTime sent, Sender& sender,
                            PortActions& out) {
  PdelayRespFollowUp body{.response_origin = {}, .requesting_port = answer.requester};
  TimeDelta correction = answer.request_correction;
  const TimeDelta turnaround = Stretched(sent - answer.received, local_rate_);
  // The clock was stepped between the stamps: better no answer than a wrong one.
  if (!IsPlausibleCorrection(turnaround)) return;
  if (answer.t2) {
    body.response_origin = RoundToNano(*answer.t2 + turnaround);
  } else {
    correction += turnaround;
  }
  Message follow_up =
      sender.NewMessage(MessageType::kPdelayRespFollowUp, answer.sequence, body);
  follow_up.header.correction = correction;
  sender.Send(follow_up, out);
}

bool DelayP2p::OnTransmitted(TxToken token, LocalTime sent, MonoTime now,
                             Sender& sender, PortActions& out) {
  for (auto& x : exchanges_) {
    if (!x || x->token != token || now - kForgetAfter > x->requested) continue;
    if (x->t1) {
      out.push_back(Dropped{DropReason::kDuplicate});
    } else {
      x->t1 = sent;
      CompleteIfAll(*x, out);
    }
    return true;
  }
  for (auto& answer : answers_) {
    if (!answer || answer->token != token) continue;
    const Answer due = *std::exchange(answer, std::nullopt);
    if (now - kForgetAfter > due.requested) return false;
    SendFollowUp(due, sent, sender, out);
    // Now we are as wide awake as the neighbour will be when it answers: with software
    // stamps both ways take equally long.
    neighbor_asks_ = true;
    if (behind_answers_ && next_request_ && now >= earliest_) Request(now, sender, out);
    return true;
  }
  return false;
}

}  // namespace bridge::ptp
