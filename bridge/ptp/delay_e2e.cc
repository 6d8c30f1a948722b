#include "bridge/ptp/delay_e2e.h"

#include "bridge/time/waiting.h"

namespace bridge::ptp {

DelayE2e::DelayE2e(const PortSettings& settings, Rng rng)
    : self_(settings.identity),
      configured_interval_(settings.delay_interval),
      interval_(settings.delay_interval),
      rng_(rng) {}

void DelayE2e::Follow(std::optional<PortIdentity> master) {
  master_ = master;
  interval_ = configured_interval_;
  next_request_.reset();
  Forget();
}

void DelayE2e::OnDelayResp(const Header& header, const DelayResp& response,
                           MonoTime now, PortActions& out) {
  const auto drop = [&out](DropReason reason) { out.push_back(Dropped{reason}); };
  if (response.requesting_port != self_) return drop(DropReason::kNotForUs);
  if (header.source != master_) return drop(DropReason::kNotFromParent);
  auto& x = exchanges_[header.sequence.value % kMaxExchanges];
  if (!x || x->sequence != header.sequence || now - kForgetAfter > x->requested) {
    return drop(DropReason::kUnmatched);
  }
  if (x->t4) return drop(DropReason::kDuplicate);
  if (!IsPlausibleCorrection(header.correction)) {
    return drop(DropReason::kCorrectionOutOfRange);
  }
  // The residence times of the request on its way to the master (11.3.2).
  x->t4 = response.receive - header.correction;
  CompleteIfBoth(*x, out);
  AdoptInterval(header, now);
}

bool DelayE2e::OnTransmitted(TxToken token, LocalTime sent, MonoTime now,
                             PortActions& out) {
  for (auto& x : exchanges_) {
    if (!x || x->token != token || now - kForgetAfter > x->requested) continue;
    if (x->t3) {
      out.push_back(Dropped{DropReason::kDuplicate});
    } else {
      x->t3 = sent;
      CompleteIfBoth(*x, out);
    }
    return true;
  }
  return false;
}

void DelayE2e::CompleteIfBoth(const Exchange& x, PortActions& out) const {
  if (x.t3 && x.t4) out.push_back(DelayMeasured{*master_, x.sequence, *x.t3, *x.t4});
}

void DelayE2e::OnSyncHeard(MonoTime now, Sender& sender, PortActions& out) {
  if (!next_request_) Request(now, sender, out);
}

void DelayE2e::OnTime(MonoTime now, Sender& sender, PortActions& out) {
  if (next_request_ && *next_request_ <= now) Request(now, sender, out);
}

void DelayE2e::Request(MonoTime now, Sender& sender, PortActions& out) {
  sequence_ = sequence_.Next();
  const TxToken token = sender.Send(
      sender.NewMessage(MessageType::kDelayReq, sequence_, DelayReq{}), out);
  exchanges_[sequence_.value % kMaxExchanges] = Exchange{
      .sequence = sequence_, .token = token, .requested = now, .t3 = {}, .t4 = {}};
  ScheduleRequest(now);
}

void DelayE2e::ScheduleRequest(MonoTime now) {
  // Uniform with the interval as its mean (9.5.11.2); never at once.
  next_request_ = now + (1 - rng_.Uniform()) * 2 * interval_.ToDuration();
}

void DelayE2e::AdoptInterval(const Header& header, MonoTime now) {
  const LogInterval told = header.log_interval;
  if (header.flags.unicast || !told.IsPlausible() || told == interval_) return;
  interval_ = told;
  if (next_request_) ScheduleRequest(now);
}

}  // namespace bridge::ptp
