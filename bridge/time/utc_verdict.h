// bridge/time/utc_verdict.h
//
// The table of verdicts: which TAI-UTC to believe, given who claims what. A pure
// function of the claims; the reasons for each rule are in README.md.
//
//   UtcJudgement judged = Judge({.policy = UtcPolicy::kAgree}, claims, {});
//   if (judged.offset) ...      // judged.verdict is kValidated
#pragma once

#include <optional>

#include "bridge/time/utc_claim.h"

namespace bridge {

enum class UtcPolicy {
  kAgree,             // Two independent parties.
  kTrustGrandmaster,  // The Announce is believed alone if it says it is valid and
                      // no other source differs; else as kAgree.
  kPin,               // The operator's offset is used, unless a valid claim differs.
};

// What the timescale of an Announce with ptpTimescale = 0 carries.
enum class ArbitraryTimescale { kRefuse, kUtc, kTai };

enum class UtcVerdict {
  kUnknown,      // No source has claimed anything.
  kProvisional,  // One independent source only.
  kValidated,
  kContested,  // Sources contradict each other, and none can be overruled.
  kExpired,    // A table alone, and it has expired.
  kArbitrary,  // ptpTimescale = 0 and utc.arbitrary_timescale = "refuse".
};
const char* UtcVerdictName(UtcVerdict verdict);

struct UtcRules {
  UtcPolicy policy = UtcPolicy::kAgree;
  ArbitraryTimescale arbitrary = ArbitraryTimescale::kRefuse;
};

// What is known of the master beyond its claim.
struct MasterTimescale {
  bool ptp = true;  // The flag ptpTimescale of its Announce.
  // It changed a valid offset with no leap second pending, which is a fault: it
  // is not believed alone any more.
  bool offset_jumped = false;
};

struct UtcJudgement {
  UtcVerdict verdict;
  std::optional<int> offset = std::nullopt;  // With kValidated.
};

UtcJudgement Judge(const UtcRules& rules, const UtcClaims& claims,
                   const MasterTimescale& master);

// The part a claim has in a judgement.
enum class ClaimPart {
  kVouches,      // For the validated offset.
  kOverruled,    // Differs from the validated offset, and is not believed.
  kContradicts,  // Differs from somebody; neither can be overruled.
  kAlone,        // Nobody differs, but nobody independent agrees.
  kNotUsed,      // The wire does not carry TAI.
};
const char* ClaimPartName(ClaimPart part);
ClaimPart PartOf(const UtcClaim& claim, const UtcRules& rules,
                 const UtcJudgement& judged, const MasterTimescale& master);

}  // namespace bridge
