#include "bridge/refclock/continuity.h"

namespace bridge {

Continuity::Verdict Continuity::Judge(const Reading& now, const Proof& proof) const {
  if (!last_) return Verdict::kContinues;
  const TimeDelta elapsed = now.at - last_->at;
  if (elapsed.Abs() > kMemory) return Verdict::kContinues;

  const auto ppm = [&](double x) {
    return TimeDelta::FromNanosDouble(elapsed.Abs().NanosDouble() * x * 1e-6);
  };
  const TaiTime expected =
      last_->tai + elapsed +
      TimeDelta::FromNanosDouble(elapsed.NanosDouble() * last_->rate);
  const TimeDelta jump = (now.tai - expected).Abs();
  const bool improved = now.clock_class < last_->clock_class;
  if (jump > kJump + ppm(2) && !improved) return Verdict::kJumped;

  const bool within = jump <= last_->error_bound + now.error_bound + ppm(1);
  const bool proven = proof.syncs >= kProofSyncs && proof.time >= kProofTime;
  return within || proven ? Verdict::kContinues : Verdict::kUnproven;
}

}  // namespace bridge
