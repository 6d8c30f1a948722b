#include "bridge/estimate/time_base.h"

#include <algorithm>

namespace bridge {
namespace {

constexpr TimeDelta kFarthest = TimeDelta::FromSeconds(10);
constexpr TimeDelta kStarved = TimeDelta::FromSeconds(1);
// Nearer pairs than this don't help and would push the others out.
constexpr TimeDelta kNear = TimeDelta::FromMillis(1);
// A slope over less than this is mostly the windows' noise.
constexpr TimeDelta kSlopeBase = TimeDelta::FromMillis(50);

TimeDelta Scale(TimeDelta span, double factor) {
  return span + TimeDelta::FromNanosDouble(span.NanosDouble() * (factor - 1));
}

double Slope(const CrossTimestamp<Raw>& a, const CrossTimestamp<Raw>& b) {
  const TimeDelta system = b.system - a.system;
  if (system <= TimeDelta()) return 1;  // Too near each other.
  return (b.local - a.local).NanosDouble() / system.NanosDouble();
}

}  // namespace

SteadyTimeBase::PairVerdict SteadyTimeBase::AddPair(const CrossTimestamp<Raw>& pair) {
  const bool wide = windows_.IsWide(pair.window);
  if (count_ == 0) {
    StartEra(pair);
    return PairVerdict::kGood;
  }
  if (pair.local <= pairs().back().local) return PairVerdict::kWide;
  if (Stepped(pair)) {
    old_era_end_ = pairs().back().system + (pair.local - pairs().back().local);
    era_ = era_.Next();
    StartEra(pair);
    return PairVerdict::kStepped;
  }
  if (wide && pair.local - pairs().back().local < kStarved) return PairVerdict::kWide;
  Keep(pair);
  return PairVerdict::kGood;
}

// Slewing can't go beyond a tick's 10 % (adjtimex(2)); what moved further was
// stepped. A smaller step looks like a slew; it displaces a stamp made just
// before the later pair by a tenth of that distance at most.
bool SteadyTimeBase::Stepped(const CrossTimestamp<Raw>& pair) const {
  const CrossTimestamp<Raw>& last = pairs().back();
  const TimeDelta elapsed = pair.local - last.local;
  const TimeDelta slewed = (pair.system - last.system - elapsed).Abs();
  return slewed > Scale(elapsed, 0.125) + pair.window + last.window;
}

void SteadyTimeBase::StartEra(const CrossTimestamp<Raw>& pair) {
  era_start_ = pair.system;
  pairs_[0] = pair;
  count_ = 1;
}

void SteadyTimeBase::Keep(const CrossTimestamp<Raw>& pair) {
  if (count_ > 1 && pairs_[count_ - 1].local - pairs_[count_ - 2].local < kNear) {
    --count_;
  } else if (count_ == kPairs) {
    std::move(pairs_.begin() + 1, pairs_.end(), pairs_.begin());
    --count_;
  }
  pairs_[count_++] = pair;
}

// From the newest pair and one far enough before it.
double SteadyTimeBase::LastSlope() const {
  const CrossTimestamp<Raw>& last = pairs().back();
  for (size_t i = count_ - 1; i-- > 0;) {
    if (last.local - pairs_[i].local >= kSlopeBase) return Slope(pairs_[i], last);
  }
  return 1;
}

std::optional<RawTime> SteadyTimeBase::Carry(UtcTime stamp) const {
  if (count_ == 0) return std::nullopt;
  const CrossTimestamp<Raw>& first = pairs().front();
  const CrossTimestamp<Raw>& last = pairs().back();
  if (stamp > last.system + kFarthest || stamp < first.system - kFarthest) {
    return std::nullopt;
  }
  if (old_era_end_) {
    if (stamp < era_start_) return std::nullopt;
    // After a step back the old era's last stamps are ahead of us.
    if (stamp > last.system && stamp <= *old_era_end_) return std::nullopt;
  }
  if (stamp >= last.system) {
    return last.local + Scale(stamp - last.system, LastSlope());
  }
  if (stamp < first.system) return first.local - (first.system - stamp);
  size_t later = 1;
  while (pairs_[later].system <= stamp) ++later;
  const double slope = Slope(pairs_[later - 1], pairs_[later]);
  return pairs_[later].local - Scale(pairs_[later].system - stamp, slope);
}

Era SteadyTimeBase::system_era() const { return era_; }

void SteadyTimeBase::Reset() {
  const Era next = count_ == 0 ? era_ : era_.Next();
  *this = SteadyTimeBase();
  era_ = next;
}

}  // namespace bridge
