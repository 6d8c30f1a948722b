#include "bridge/refclock/continuity.h"

namespace bridge {
namespace {

TimeDelta Part(TimeDelta elapsed, double parts_per_million) {
  return TimeDelta::FromNanosDouble(elapsed.NanosDouble() * parts_per_million * 1e-6);
}

// How far `now` is from where `then` leads.
TimeDelta Gap(const Continuity::Reading& then, const Continuity::Reading& now) {
  const TimeDelta elapsed = now.at - then.at;
  return (now.tai - (then.tai + elapsed + Part(elapsed, then.rate * 1e6))).Abs();
}

// How far that may be, by the noise of both and by what a crystal may do.
bool Agree(const Continuity::Reading& then, const Continuity::Reading& now) {
  constexpr double kSigmas = 4;
  const auto noise =
      TimeDelta::FromNanosDouble(kSigmas * (then.jitter + now.jitter).NanosDouble());
  return Gap(then, now) <=
         noise + TimeDelta::FromMicros(1) + Part((now.at - then.at).Abs(), 1);
}

// It had none and was not in holdover, and now it has one.
bool FoundItsReference(const Continuity::Reading& then,
                       const Continuity::Reading& now) {
  constexpr int kHoldover = 7;
  return now.grandmaster == then.grandmaster && then.clock_class > kHoldover &&
         now.clock_class < then.clock_class;
}

}  // namespace

Continuity::Verdict Continuity::Judge(const Reading& now) {
  if (!last_ || (now.at - last_->at).Abs() > kMemory || Agree(*last_, now)) {
    candidate_.reset();
    return Verdict::kContinues;
  }
  const TimeDelta jump = kJump + Part((now.at - last_->at).Abs(), 2);
  if (Gap(*last_, now) > jump && !FoundItsReference(*last_, now))
    return Verdict::kJumped;

  if (!candidate_ || !Agree(*candidate_, now)) candidate_ = now;
  const bool proven = now.syncs - candidate_->syncs >= kProofSyncs &&
                      now.at - candidate_->at >= kProofTime;
  if (!proven) return Verdict::kUnproven;
  candidate_.reset();
  return Verdict::kContinues;
}

void Continuity::Forget() {
  last_.reset();
  candidate_.reset();
}

}  // namespace bridge
