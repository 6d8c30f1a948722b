#include "bridge/time/utc_authority.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bridge {

UtcAuthority::UtcAuthority(const Settings& settings)
    : rules_{.policy = settings.policy, .arbitrary = settings.arbitrary} {
  Judge();
  if (settings.policy == UtcPolicy::kPin && settings.pin) {
    Set({.source = UtcSource::kPin, .offset = *settings.pin}, MonoTime());
  }
}

void UtcAuthority::Set(const UtcClaim& claim, MonoTime now) {
  const auto index = static_cast<size_t>(claim.source);
  const std::optional<UtcClaim>& old = claims_[index];
  if (claim.source == UtcSource::kAnnounce && old && old->valid) {
    const int change = claim.offset - old->offset;
    master_.offset_jumped |= change != 0 && change != StepOf(old->pending);
  }
  claims_[index] = claim;
  heard_[index] = now;
  Judge();
}

void UtcAuthority::Withdraw(UtcSource source) {
  claims_[static_cast<size_t>(source)].reset();
  if (source == UtcSource::kAnnounce) master_.offset_jumped = false;
  Judge();
}

void UtcAuthority::SetPtpTimescale(bool ptp_timescale) {
  master_.ptp = ptp_timescale;
  Judge();
}

void UtcAuthority::SetAnnounceInterval(absl::Duration interval) {
  watch_.SetAnnounceInterval(interval);
}

void UtcAuthority::Advance(TaiTime now) { watch_.Observe(now, OpinionOf()); }

std::optional<ValidatedUtcOffset> UtcAuthority::offset() const {
  if (!judged_.offset) return std::nullopt;
  return ValidatedUtcOffset(*judged_.offset);
}

bool UtcAuthority::wire_is_utc() const {
  return !master_.ptp && rules_.arbitrary == ArbitraryTimescale::kUtc;
}

std::optional<UtcTime> UtcAuthority::ToUtc(TaiTime instant) const {
  const auto in_use = offset();
  if (!in_use) return std::nullopt;
  return UtcTime() + (instant.SinceEpoch() - TimeDelta::FromSeconds(in_use->seconds()));
}

LeapHold UtcAuthority::Hold(TaiTime instant) const {
  const LeapWatch::Opinion opinion = OpinionOf();
  if (watch_.Near(instant, opinion)) return LeapHold::kNear;
  // UTC on the wire has no offset that could be confirmed.
  if (wire_is_utc()) return LeapHold::kNone;
  if (watch_.Unconfirmed(instant, opinion)) return LeapHold::kUnconfirmed;
  return LeapHold::kNone;
}

std::optional<TaiTime> UtcAuthority::NextSilence(TaiTime now) const {
  return watch_.NextSilence(now, OpinionOf());
}

LeapIndicator UtcAuthority::LeapAt(TaiTime instant) const {
  // Who can know of a leap second. Not the kernel: its flags come from the NTP
  // daemon, which has them from us.
  int inserts = 0;
  int deletes = 0;
  const auto count = [&](const std::optional<UtcClaim>& claim) {
    if (!claim) return;
    inserts += claim->pending == LeapIndicator::kInsert;
    deletes += claim->pending == LeapIndicator::kDelete;
  };
  count(Of(claims_, UtcSource::kAnnounce));
  count(Of(claims_, UtcSource::kGnss));
  const auto& file = Of(claims_, UtcSource::kLeapFile);
  count(file ? file : Of(claims_, UtcSource::kRelease));

  if (std::max(inserts, deletes) < 2) return LeapIndicator::kNone;
  const LeapWatch::Opinion opinion = OpinionOf();
  if (!watch_.Armed(instant, opinion)) return LeapIndicator::kNone;
  if (opinion.flagged == LeapIndicator::kNone) return LeapIndicator::kNone;
  if (inserts > 0 && deletes > 0) return LeapIndicator::kNone;
  return inserts > 0 ? LeapIndicator::kInsert : LeapIndicator::kDelete;
}

std::vector<UtcAuthority::Witness> UtcAuthority::Witnesses() const {
  std::vector<Witness> present;
  for (size_t i = 0; i < claims_.size(); ++i) {
    if (!claims_[i]) continue;
    present.push_back(
        {*claims_[i], heard_[i], PartOf(*claims_[i], rules_, judged_, master_)});
  }
  return present;
}

const std::optional<UtcClaim>& UtcAuthority::claim(UtcSource source) const {
  return Of(claims_, source);
}

std::string UtcAuthority::Dissent() const {
  std::string text;
  const auto say = [&text](const char* who, int offset) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", who, " says ", offset);
  };
  if (wire_is_utc()) {
    const auto& system = Of(claims_, UtcSource::kSystemClock);
    if (!system || system->offset == 0) return text;
    say("arbitrary-timescale", 0);
    say(UtcSourceName(UtcSource::kSystemClock), system->offset);
    return text;
  }
  std::optional<int> first;
  bool of_one_mind = true;
  for (const auto& claim : claims_) {
    if (!claim) continue;
    first = first.value_or(claim->offset);
    of_one_mind &= claim->offset == *first;
  }
  if (of_one_mind) return text;  // As always: without allocation.
  for (const auto& claim : claims_) {
    if (claim) say(UtcSourceName(claim->source), claim->offset);
  }
  return text;
}

void UtcAuthority::Judge() { judged_ = bridge::Judge(rules_, claims_, master_); }

// The leap second that somebody announces. A table that has not expired knows of
// every one; without it any flag counts.
LeapIndicator UtcAuthority::Flagged() const {
  for (const auto& claim : claims_) {
    if (claim && IsCurrentTable(*claim)) return claim->pending;
  }
  for (const auto& claim : claims_) {
    if (claim && claim->pending != LeapIndicator::kNone) return claim->pending;
  }
  return LeapIndicator::kNone;
}

LeapWatch::Opinion UtcAuthority::OpinionOf() const {
  LeapWatch::Opinion opinion{.offset = judged_.offset, .flagged = Flagged()};
  bool table = false;
  bool anybody = false;
  for (const auto& claim : claims_) {
    if (!claim) continue;
    table |= IsCurrentTable(*claim);
    anybody |= claim->pending != LeapIndicator::kNone || claim->just_leapt;
    // One who still expects the leap second does not know that it is over.
    const bool knows = claim->pending == LeapIndicator::kNone &&
                       (IsCurrentTable(*claim) || claim->source == UtcSource::kGnss);
    opinion.informed |= knows && claim->offset == opinion.offset;
  }
  opinion.excluded = table && !anybody;
  return opinion;
}

}  // namespace bridge
