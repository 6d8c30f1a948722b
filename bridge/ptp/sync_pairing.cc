#include "bridge/ptp/sync_pairing.h"

namespace bridge::ptp {

void SyncPairing::Follow(std::optional<PortIdentity> master) {
  master_ = master;
  Forget();
}

void SyncPairing::OnSync(const Header& header, const Sync& sync,
                         std::optional<LocalTime> received, PortActions& out) {
  if (const auto refusal = Refusal(header)) return out.push_back(Dropped{*refusal});
  Exchange& x = At(header.sequence, out);
  if (x.has_sync) return out.push_back(Dropped{DropReason::kDuplicate});
  x.has_sync = true;
  if (!received) {
    x.over = true;  // So that its Follow_Up does not wait for another Sync.
    return out.push_back(Dropped{DropReason::kNoReceiveTimestamp});
  }
  x.t2 = *received;
  x.sync_correction = header.correction;
  if (!header.flags.two_step) {
    Complete(x, sync.origin, out);
  } else if (x.has_follow_up) {
    Complete(x, x.t1, out);
  }
}

void SyncPairing::OnFollowUp(const Header& header, const FollowUp& follow_up,
                             PortActions& out) {
  if (const auto refusal = Refusal(header)) return out.push_back(Dropped{*refusal});
  Exchange& x = At(header.sequence, out);
  if (x.has_follow_up) return out.push_back(Dropped{DropReason::kDuplicate});
  // Its Sync had no receive timestamp, or was one-step.
  if (x.over) return out.push_back(Dropped{DropReason::kUnmatched});
  x.has_follow_up = true;
  x.t1 = follow_up.precise_origin + header.correction;
  if (x.has_sync) Complete(x, x.t1, out);
}

std::optional<DropReason> SyncPairing::Refusal(const Header& header) const {
  if (header.source != master_) return DropReason::kNotFromParent;
  if (!IsPlausibleCorrection(header.correction)) {
    return DropReason::kCorrectionOutOfRange;
  }
  return {};
}

SyncPairing::Exchange& SyncPairing::At(SequenceId sequence, PortActions& out) {
  for (auto& x : exchanges_) {
    if (x && x->sequence == sequence) return *x;
  }
  auto& slot = exchanges_[oldest_];
  oldest_ = (oldest_ + 1) % exchanges_.size();
  // One half was lost on the way.
  if (slot && !slot->over) out.push_back(Dropped{DropReason::kUnmatched});
  slot = Exchange{};
  slot->sequence = sequence;
  return *slot;
}

void SyncPairing::Complete(Exchange& x, TaiTime t1, PortActions& out) {
  x.over = true;
  // t2 - t1 = offset + path delay; the residence times on the way are no part of
  // the path delay, so they move t1 (11.2 and 11.3).
  out.push_back(SyncMeasured{*master_, x.sequence, t1 + x.sync_correction, x.t2});
}

}  // namespace bridge::ptp
