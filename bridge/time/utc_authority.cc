#include "bridge/time/utc_authority.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"

namespace bridge {
namespace {

using Claims = std::array<std::optional<UtcClaim>, kUtcSourceCount>;

const std::optional<UtcClaim>& Of(const Claims& claims, UtcSource source) {
  return claims[static_cast<size_t>(source)];
}

// Sources that can be wrong together are one party: whoever sets the kernel's TAI
// offset has it from the leap file.
unsigned Party(UtcSource source) {
  if (source == UtcSource::kKernel) source = UtcSource::kLeapFile;
  return 1u << static_cast<unsigned>(source);
}

// How many independent parties claim `offset`.
int Vouchers(const Claims& claims, int offset) {
  unsigned parties = 0;
  for (const auto& claim : claims) {
    if (claim && claim->offset == offset) parties |= Party(claim->source);
  }
  return std::popcount(parties);
}

bool AnyDiffers(const Claims& claims, int offset) {
  for (const auto& claim : claims) {
    if (claim && claim->offset != offset) return true;
  }
  return false;
}

// An Announce that disclaims its offset and a table that cannot know of a later
// leap second may confirm others, but not contradict others who agree.
bool AnyValidDiffers(const Claims& claims, int offset) {
  for (const auto& claim : claims) {
    if (claim && claim->valid && claim->offset != offset) return true;
  }
  return false;
}

struct Judgement {
  UtcVerdict verdict;
  std::optional<int> offset = std::nullopt;  // With kValidated.
};

// No offset is confirmed and undisputed: why.
Judgement JudgeUnagreed(const Claims& claims) {
  const UtcClaim* first = nullptr;
  bool only_expired_table = true;
  for (const auto& claim : claims) {
    if (!claim) continue;
    if (first == nullptr) first = &*claim;
    only_expired_table &= claim->source == UtcSource::kLeapFile && !claim->valid;
  }
  if (first == nullptr) return {UtcVerdict::kUnknown};
  if (AnyDiffers(claims, first->offset)) return {UtcVerdict::kContested};
  if (only_expired_table) return {UtcVerdict::kExpired};
  return {UtcVerdict::kProvisional};
}

Judgement JudgeAgree(const Claims& claims) {
  std::optional<int> agreed;
  for (const auto& claim : claims) {
    if (!claim || claim->offset == agreed) continue;
    if (Vouchers(claims, claim->offset) < 2) continue;
    if (AnyValidDiffers(claims, claim->offset)) continue;
    if (agreed) return {UtcVerdict::kContested};  // Two camps, nobody in them valid.
    agreed = claim->offset;
  }
  if (agreed) return {UtcVerdict::kValidated, agreed};
  return JudgeUnagreed(claims);
}

Judgement JudgeTrustGrandmaster(const Claims& claims, bool announce_jumped) {
  const auto& announce = Of(claims, UtcSource::kAnnounce);
  if (announce && announce->valid && !announce_jumped &&
      !AnyDiffers(claims, announce->offset)) {
    return {UtcVerdict::kValidated, announce->offset};
  }
  return JudgeAgree(claims);
}

Judgement JudgePin(const Claims& claims) {
  const auto& pin = Of(claims, UtcSource::kPin);
  if (!pin) return {UtcVerdict::kUnknown};
  if (AnyValidDiffers(claims, pin->offset)) return {UtcVerdict::kContested};
  return {UtcVerdict::kValidated, pin->offset};
}

// The wire carries UTC, by the operator's word: claims about TAI-UTC do not matter.
Judgement JudgeWireIsUtc(const Claims& claims) {
  const auto& system = Of(claims, UtcSource::kSystemClock);
  if (system && system->offset != 0) return {UtcVerdict::kContested};
  return {UtcVerdict::kValidated, 0};
}

Judgement Judge(const UtcAuthority::Settings& settings, const Claims& claims,
                bool ptp_timescale, bool announce_jumped) {
  if (!ptp_timescale && settings.arbitrary == ArbitraryTimescale::kRefuse) {
    return {UtcVerdict::kArbitrary};
  }
  if (!ptp_timescale && settings.arbitrary == ArbitraryTimescale::kUtc) {
    return JudgeWireIsUtc(claims);
  }
  switch (settings.policy) {
    case UtcPolicy::kAgree:
      return JudgeAgree(claims);
    case UtcPolicy::kTrustGrandmaster:
      return JudgeTrustGrandmaster(claims, announce_jumped);
    case UtcPolicy::kPin:
      return JudgePin(claims);
  }
  return {UtcVerdict::kUnknown};
}

// What a leap second does to TAI-UTC.
int StepOf(LeapIndicator leap) {
  switch (leap) {
    case LeapIndicator::kInsert:
      return 1;
    case LeapIndicator::kDelete:
      return -1;
    case LeapIndicator::kNone:
      break;
  }
  return 0;
}

}  // namespace

const char* UtcSourceName(UtcSource source) {
  switch (source) {
    case UtcSource::kAnnounce:
      return "announce";
    case UtcSource::kLeapFile:
      return "leap-file";
    case UtcSource::kKernel:
      return "kernel";
    case UtcSource::kSystemClock:
      return "system-clock";
    case UtcSource::kGnss:
      return "gnss";
    case UtcSource::kPin:
      return "pin";
  }
  return "?";
}

const char* UtcVerdictName(UtcVerdict verdict) {
  switch (verdict) {
    case UtcVerdict::kUnknown:
      return "unknown";
    case UtcVerdict::kProvisional:
      return "provisional";
    case UtcVerdict::kValidated:
      return "validated";
    case UtcVerdict::kContested:
      return "contested";
    case UtcVerdict::kExpired:
      return "expired";
    case UtcVerdict::kArbitrary:
      return "arbitrary";
  }
  return "?";
}

UtcAuthority::UtcAuthority(const Settings& settings) : settings_(settings) {
  if (settings_.policy == UtcPolicy::kPin && settings_.pin) {
    Set(UtcClaim{.source = UtcSource::kPin, .offset = *settings_.pin});
  }
}

void UtcAuthority::Set(const UtcClaim& claim) {
  std::optional<UtcClaim>& old = claims_[static_cast<size_t>(claim.source)];
  if (old && claim.offset != old->offset) {
    if (claim.offset - old->offset == StepOf(old->pending)) {
      leap_happened_ = true;
    } else if (claim.source == UtcSource::kAnnounce && old->valid) {
      announce_jumped_ = true;
    }
  }
  old = claim;
}

void UtcAuthority::Withdraw(UtcSource source) {
  claims_[static_cast<size_t>(source)].reset();
  if (source == UtcSource::kAnnounce) announce_jumped_ = false;
}

void UtcAuthority::SetPtpTimescale(bool ptp_timescale) {
  ptp_timescale_ = ptp_timescale;
}

UtcVerdict UtcAuthority::verdict() const {
  return Judge(settings_, claims_, ptp_timescale_, announce_jumped_).verdict;
}

std::optional<ValidatedUtcOffset> UtcAuthority::offset() const {
  const Judgement judgement =
      Judge(settings_, claims_, ptp_timescale_, announce_jumped_);
  if (!judgement.offset) return std::nullopt;
  return ValidatedUtcOffset(*judgement.offset);
}

LeapIndicator UtcAuthority::leap() const {
  // Who can know of a leap second. Not the kernel: its flags come from the NTP
  // daemon, which has them from us.
  constexpr UtcSource kVoters[] = {UtcSource::kAnnounce, UtcSource::kLeapFile,
                                   UtcSource::kGnss};
  int inserts = 0;
  int deletes = 0;
  for (const UtcSource source : kVoters) {
    const auto& claim = Of(claims_, source);
    if (!claim) continue;
    inserts += claim->pending == LeapIndicator::kInsert;
    deletes += claim->pending == LeapIndicator::kDelete;
  }
  const auto& table = Of(claims_, UtcSource::kLeapFile);
  const bool table_excludes =
      table && table->valid && table->pending == LeapIndicator::kNone;
  if (table_excludes || (inserts > 0 && deletes > 0)) return LeapIndicator::kNone;
  if (inserts >= 2) return LeapIndicator::kInsert;
  if (deletes >= 2) return LeapIndicator::kDelete;
  return LeapIndicator::kNone;
}

std::vector<UtcClaim> UtcAuthority::claims() const {
  std::vector<UtcClaim> present;
  for (const auto& claim : claims_) {
    if (claim) present.push_back(*claim);
  }
  return present;
}

std::optional<UtcClaim> UtcAuthority::claim(UtcSource source) const {
  return Of(claims_, source);
}

std::string UtcAuthority::Contradiction() const {
  std::string text;
  if (verdict() != UtcVerdict::kContested) return text;
  const auto say = [&text](const char* who, int offset) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", who, " says ", offset);
  };
  if (!ptp_timescale_ && settings_.arbitrary == ArbitraryTimescale::kUtc) {
    say("arbitrary-timescale", 0);
    say(UtcSourceName(UtcSource::kSystemClock),
        Of(claims_, UtcSource::kSystemClock)->offset);
    return text;
  }
  for (const auto& claim : claims_) {
    if (claim) say(UtcSourceName(claim->source), claim->offset);
  }
  return text;
}

std::optional<UtcTime> UtcAuthority::ToUtc(TaiTime instant) const {
  const auto in_use = offset();
  if (!in_use) return std::nullopt;
  return UtcTime() + instant.SinceEpoch() - TimeDelta::FromSeconds(in_use->seconds());
}

bool UtcAuthority::NearLeap(TaiTime instant) const {
  bool leap = leap_happened_;
  for (const auto& claim : claims_) {
    leap |= claim && claim->pending != LeapIndicator::kNone;
  }
  const auto utc = leap ? ToUtc(instant) : std::nullopt;
  if (!utc) return false;

  constexpr int64_t kSecondsPerDay = 86'400;
  // In the old offset an inserted leap second is the first second of the month, so
  // 5 s after its end are 6 s after the month's start.
  constexpr int64_t kBefore = 5;
  constexpr int64_t kAfter = 6;
  const int64_t shifted = (*utc + TimeDelta::FromSeconds(kBefore)).Split().seconds;
  const int64_t second_of_day =
      ((shifted % kSecondsPerDay) + kSecondsPerDay) % kSecondsPerDay;
  const int64_t day = (shifted - second_of_day) / kSecondsPerDay;
  return second_of_day < kBefore + kAfter &&
         (absl::CivilDay(1970, 1, 1) + day).day() == 1;
}

}  // namespace bridge
