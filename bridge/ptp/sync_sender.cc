#include "bridge/ptp/sync_sender.h"

#include "bridge/ptp/exchange.h"
#include "bridge/time/waiting.h"

namespace bridge::ptp {

void SyncSender::Send(MonoTime now, Sender& sender, PortActions& out) {
  sequence_ = sequence_.Next();
  auto& place = waiting_[sequence_.value % kMaxWaiting];
  if (place && !place->stamped) {
    out.push_back(Dropped{DropReason::kTransmitTimestampMissing});
  }
  Message sync = sender.NewMessage(MessageType::kSync, sequence_, Sync{});
  sync.header.flags.two_step = true;
  sync.header.log_interval = interval_;
  place = Waiting{.token = sender.Send(sync, out), .sequence = sequence_, .since = now};
}

bool SyncSender::OnTransmitted(TxToken token, std::optional<TaiTime> sent, MonoTime now,
                               Sender& sender, PortActions& out) {
  for (auto& sync : waiting_) {
    if (!sync || sync->token != token || now - kForgetAfter > sync->since) continue;
    const auto drop = [&out](DropReason reason) { out.push_back(Dropped{reason}); };
    if (sync->stamped) {
      drop(DropReason::kDuplicate);
    } else if (sync->stamped = true; !sent) {
      drop(DropReason::kTimeUnknown);
    } else {
      Message follow_up = sender.NewMessage(MessageType::kFollowUp, sync->sequence,
                                            FollowUp{.precise_origin = *sent});
      follow_up.header.correction = FractionOfNano(*sent);
      follow_up.header.log_interval = interval_;
      sender.Send(follow_up, out);
    }
    return true;
  }
  return false;
}

}  // namespace bridge::ptp
