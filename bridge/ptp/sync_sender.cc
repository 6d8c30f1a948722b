#include "bridge/ptp/sync_sender.h"

#include "bridge/ptp/exchange.h"
#include "bridge/time/waiting.h"

namespace bridge::ptp {

void SyncSender::Send(const std::optional<OneStepFields>& one_step, MonoTime now,
                      Sender& sender, PortActions& out) {
  sequence_ = sequence_.Next();
  auto& place = waiting_[sequence_.value % kMaxWaiting];
  if (place && !place->stamped && !place->one_step) {
    out.push_back(Dropped{DropReason::kTransmitTimestampMissing});
  }
  Sync body{};
  if (one_step) body.origin = one_step->origin;
  Message sync = sender.NewMessage(MessageType::kSync, sequence_, body);
  sync.header.flags.two_step = !one_step;
  if (one_step) sync.header.correction = one_step->correction;
  sync.header.log_interval = interval_;
  place = Waiting{.token = sender.Send(sync, out),
                  .sequence = sequence_,
                  .since = now,
                  .one_step = one_step.has_value()};
}

bool SyncSender::OnTransmitted(TxToken token, std::optional<TaiTime> sent, MonoTime now,
                               Sender& sender, PortActions& out) {
  for (auto& sync : waiting_) {
    if (!sync || sync->token != token || now - kForgetAfter > sync->since) continue;
    const auto drop = [&out](DropReason reason) { out.push_back(Dropped{reason}); };
    if (sync->stamped) {
      drop(DropReason::kDuplicate);
    } else if (sync->one_step) {
      sync->stamped = true;
      drop(DropReason::kNotInserted);
    } else if (sync->stamped = true; !sent) {
      drop(DropReason::kTimeUnknown);
    } else {
      Message follow_up = sender.NewMessage(MessageType::kFollowUp, sync->sequence,
                                            FollowUp{.precise_origin = *sent});
      follow_up.header.log_interval = interval_;
      sender.Send(follow_up, out);
    }
    return true;
  }
  return false;
}

}  // namespace bridge::ptp
