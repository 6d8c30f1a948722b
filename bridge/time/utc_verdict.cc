#include "bridge/time/utc_verdict.h"

#include <bit>

namespace bridge {
namespace {

// Sources that can be wrong together are one party: whoever sets the kernel's TAI
// offset has it from a leap second table.
unsigned Party(UtcSource source) {
  if (source == UtcSource::kKernel || source == UtcSource::kRelease) {
    source = UtcSource::kLeapFile;
  }
  return 1u << static_cast<unsigned>(source);
}

// An anchor knows of today without the master. Not the kernel's offset, which may
// have been set from an old table, or by a PTP program from the Announce.
bool IsAnchor(const UtcClaim& claim) {
  return IsCurrentTable(claim) || claim.source == UtcSource::kGnss ||
         (claim.source == UtcSource::kSystemClock && claim.valid);
}

// Those who claim one offset.
struct Camp {
  int parties = 0;  // Independent of each other.
  bool anchored = false;
};

Camp CampOf(const UtcClaims& claims, int offset) {
  Camp camp;
  unsigned parties = 0;
  for (const auto& claim : claims) {
    if (!claim || claim->offset != offset) continue;
    parties |= Party(claim->source);
    camp.anchored |= IsAnchor(*claim);
  }
  camp.parties = std::popcount(parties);
  return camp;
}

// Whether a claim that `counts` differs from `offset`.
template <typename Predicate>
bool Differs(const UtcClaims& claims, int offset, Predicate counts) {
  for (const auto& claim : claims) {
    if (claim && claim->offset != offset && counts(*claim)) return true;
  }
  return false;
}

constexpr auto kAny = [](const UtcClaim&) { return true; };
constexpr auto kValid = [](const UtcClaim& claim) { return claim.valid; };

// Two parties, and nobody who may know better differs: from a camp that has an
// anchor only another anchor can, from one without any anybody.
bool IsAgreed(const UtcClaims& claims, int offset) {
  const Camp camp = CampOf(claims, offset);
  if (camp.parties < 2) return false;
  return camp.anchored ? !Differs(claims, offset, IsAnchor)
                       : !Differs(claims, offset, kAny);
}

// At most one offset can be: a second camp would hold a claim that differs.
std::optional<int> Agreed(const UtcClaims& claims) {
  for (const auto& claim : claims) {
    if (claim && IsAgreed(claims, claim->offset)) return claim->offset;
  }
  return std::nullopt;
}

// No offset is confirmed and undisputed: why.
UtcVerdict WhyNot(const UtcClaims& claims) {
  const UtcClaim* first = nullptr;
  bool only_expired_table = true;
  for (const auto& claim : claims) {
    if (!claim) continue;
    if (first == nullptr) first = &*claim;
    const bool table = Party(claim->source) == Party(UtcSource::kLeapFile);
    only_expired_table &= table && claim->source != UtcSource::kKernel && !claim->valid;
  }
  if (first == nullptr) return UtcVerdict::kUnknown;
  if (Differs(claims, first->offset, kAny)) return UtcVerdict::kContested;
  return only_expired_table ? UtcVerdict::kExpired : UtcVerdict::kProvisional;
}

UtcJudgement JudgeAgree(const UtcClaims& claims) {
  if (const auto agreed = Agreed(claims)) return {UtcVerdict::kValidated, agreed};
  return {WhyNot(claims)};
}

UtcJudgement JudgeTrustGrandmaster(const UtcClaims& claims, bool offset_jumped) {
  const auto& announce = Of(claims, UtcSource::kAnnounce);
  if (announce && announce->valid && !offset_jumped &&
      !Differs(claims, announce->offset, kAny)) {
    return {UtcVerdict::kValidated, announce->offset};
  }
  return JudgeAgree(claims);
}

UtcJudgement JudgePin(const UtcClaims& claims) {
  const auto& pin = Of(claims, UtcSource::kPin);
  if (!pin) return {UtcVerdict::kUnknown};
  UtcClaims others = claims;
  others[static_cast<size_t>(UtcSource::kPin)].reset();
  const auto otherwise = Agreed(others);
  const bool outvoted = otherwise && otherwise != pin->offset;
  const bool confirmed = Agreed(claims) == pin->offset;
  if (!outvoted && (confirmed || !Differs(claims, pin->offset, kValid))) {
    return {UtcVerdict::kValidated, pin->offset};
  }
  return {UtcVerdict::kContested};
}

// The wire carries UTC, by the operator's word: claims about TAI-UTC do not matter.
UtcJudgement JudgeWireIsUtc(const UtcClaims& claims) {
  const auto& system = Of(claims, UtcSource::kSystemClock);
  if (system && system->offset != 0) return {UtcVerdict::kContested};
  return {UtcVerdict::kValidated, 0};
}

bool WireIsUtc(const UtcRules& rules, const MasterTimescale& master) {
  return !master.ptp && rules.arbitrary == ArbitraryTimescale::kUtc;
}

}  // namespace

UtcJudgement Judge(const UtcRules& rules, const UtcClaims& claims,
                   const MasterTimescale& master) {
  if (!master.ptp && rules.arbitrary == ArbitraryTimescale::kRefuse) {
    return {UtcVerdict::kArbitrary};
  }
  if (WireIsUtc(rules, master)) return JudgeWireIsUtc(claims);
  switch (rules.policy) {
    case UtcPolicy::kAgree:
      return JudgeAgree(claims);
    case UtcPolicy::kTrustGrandmaster:
      return JudgeTrustGrandmaster(claims, master.offset_jumped);
    case UtcPolicy::kPin:
      return JudgePin(claims);
  }
  return {UtcVerdict::kUnknown};
}

ClaimPart PartOf(const UtcClaim& claim, const UtcRules& rules,
                 const UtcJudgement& judged, const MasterTimescale& master) {
  if (WireIsUtc(rules, master) && claim.source != UtcSource::kSystemClock) {
    return ClaimPart::kNotUsed;
  }
  switch (judged.verdict) {
    case UtcVerdict::kValidated:
      return claim.offset == judged.offset ? ClaimPart::kVouches
                                           : ClaimPart::kOverruled;
    case UtcVerdict::kContested:
      return ClaimPart::kContradicts;
    case UtcVerdict::kArbitrary:
      return ClaimPart::kNotUsed;
    case UtcVerdict::kUnknown:
    case UtcVerdict::kProvisional:
    case UtcVerdict::kExpired:
      break;
  }
  return ClaimPart::kAlone;
}

const char* UtcSourceName(UtcSource source) {
  switch (source) {
    case UtcSource::kAnnounce:
      return "announce";
    case UtcSource::kLeapFile:
      return "leap-file";
    case UtcSource::kRelease:
      return "release";
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

const char* ClaimPartName(ClaimPart part) {
  switch (part) {
    case ClaimPart::kVouches:
      return "vouches";
    case ClaimPart::kOverruled:
      return "overruled";
    case ClaimPart::kContradicts:
      return "contradicts";
    case ClaimPart::kAlone:
      return "alone";
    case ClaimPart::kNotUsed:
      return "not-used";
  }
  return "?";
}

}  // namespace bridge
